"""JSONata by its reference implementation, and a state machine's way as its expressions decide it.

Step Functions implements JSONata 2.0.6, as its guide says under "Transforming data with JSONata".
"""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local.paths import ENVIRONMENTS, program_of

Definition = Mapping[str, Any]


class QueryEvaluationError(Exception):
    """Raised for an expression that fails or has no value: Step Functions' error of that name."""


class Jsonata:
    """Evaluates expressions in one process of Node.js, until it is left as a context manager."""

    def __init__(self) -> None:
        self._node = subprocess.Popen(
            [program_of("node", "node"), Path(__file__).with_suffix(".js")],
            env=os.environ | {"NODE_PATH": str(ENVIRONMENTS / "node" / "node_modules")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._node.communicate()

    def evaluate(self, expression: str, variables: Mapping[str, Any]) -> Any:
        """The value of what stands between `{%` and `%}`."""
        assert self._node.stdin
        assert self._node.stdout
        print(
            json.dumps({"expression": expression, "variables": variables}, allow_nan=False),
            file=self._node.stdin,
            flush=True,
        )
        answer = json.loads(self._node.stdout.readline())
        if "value" not in answer:
            raise QueryEvaluationError(f"{expression}: {answer.get('error', 'undefined')}")
        return answer["value"]

    def rendered(self, template: Any, variables: Mapping[str, Any]) -> Any:
        """A field of a state, with values in place of its expressions."""
        match template:
            case dict():
                return {name: self.rendered(value, variables) for name, value in template.items()}
            case list():
                return [self.rendered(value, variables) for value in template]
            case str() if is_expression(template):
                return self.evaluate(template[2:-2].strip(), variables)
            case _:
                return template


def is_expression(text: str) -> bool:
    return text.startswith("{%") and text.endswith("%}")


def expressions(template: Any) -> Iterator[str]:
    """Every expression in a definition or a part of it."""
    match template:
        case dict():
            for value in template.values():
                yield from expressions(value)
        case list():
            for value in template:
                yield from expressions(value)
        case str() if is_expression(template):
            yield template


@dataclass(frozen=True)
class Failure:
    """How a task fails after all its tries, as a Catch sees it."""

    error: str
    cause: Any = ""

    @property
    def output(self) -> dict[str, Any]:
        return {"Error": self.error, "Cause": self.cause}


@dataclass
class Walk:
    """An execution of a machine; no time passes, and a map does nothing.

    `answers` are what each task answers in turn: results and `Failure`s.
    """

    jsonata: Jsonata
    machine: Definition
    context: Mapping[str, Any]
    answers: Mapping[str, list[Any]]
    variables: dict[str, Any] = field(default_factory=dict)
    states: list[str] = field(default_factory=list)
    arguments: dict[str, list[Any]] = field(default_factory=dict)
    evaluated: set[str] = field(default_factory=set)

    def run(self, document: Any) -> Any:
        """Go to the end; returns the output, or the `Failure` that the execution ends with."""
        name = self.machine["StartAt"]
        while True:
            self.states.append(name)
            state = self.machine["States"][name]
            bound = {"input": document, "context": self.context}
            match state["Type"]:
                case "Fail":
                    fields = self._rendered({"e": state["Error"], "c": state["Cause"]}, bound)
                    return Failure(fields["e"], fields["c"])
                case "Task":
                    rule, bound = self._task(name, state, bound)
                case "Choice":
                    rule = self._chosen(state, bound)
                case _:
                    of_maps = ("ItemReader", "ItemSelector", "MaxConcurrency")
                    for field_ in ("Seconds", *of_maps):
                        self._rendered(state.get(field_), bound)
                    rule = state
            default = bound.get("errorOutput", bound.get("result", document))
            assigned = self._rendered(rule.get("Assign", {}), bound)
            document = self._rendered(rule["Output"], bound) if "Output" in rule else default
            self.variables |= assigned
            if rule.get("End"):
                return document
            name = rule["Next"]

    def _task(
        self, name: str, state: Definition, bound: Mapping[str, Any]
    ) -> tuple[Definition, dict[str, Any]]:
        arguments = self._rendered(state["Arguments"], bound)
        self.arguments.setdefault(name, []).append(arguments)
        answer = self.answers[name][len(self.arguments[name]) - 1]
        if not isinstance(answer, Failure):
            return state, {**bound, "result": answer}
        caught = next(rule for rule in state["Catch"] if _catches(rule, answer.error))
        return caught, {**bound, "errorOutput": answer.output}

    def _chosen(self, state: Definition, bound: Mapping[str, Any]) -> Definition:
        chosen = [rule for rule in state["Choices"] if self._rendered(rule["Condition"], bound)]
        return chosen[0] if chosen else {"Next": state["Default"]}

    def _rendered(self, template: Any, bound: Mapping[str, Any]) -> Any:
        self.evaluated |= set(expressions(template))
        return self.jsonata.rendered(template, {**self.variables, "states": bound})


def _catches(rule: Definition, error: str) -> bool:
    """As AWS's guide has it, under "Handling errors": two errors escape `States.ALL`."""
    escapes = error in ("States.DataLimitExceeded", "States.Runtime")
    names = rule["ErrorEquals"]
    return error in names or (names == ["States.ALL"] and not escapes)
