"""JSONata by its reference implementation, and a state machine's way as its expressions decide it.

Step Functions implements JSONata 2.0.6, as its guide says under "Transforming data with JSONata".
"""

import atexit
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any

from local.paths import ENVIRONMENTS, program_of

Definition = Mapping[str, Any]


class QueryEvaluationError(Exception):
    """Raised for an expression that fails or has no value: Step Functions' error of that name."""


@cache
def _node() -> tuple[IO[str], IO[str]]:
    """What a process of Node.js reads and writes, which ends with this one."""
    process = subprocess.Popen(
        [program_of("node", "node"), Path(__file__).with_suffix(".js")],
        env=os.environ | {"NODE_PATH": str(ENVIRONMENTS / "node" / "node_modules")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    atexit.register(process.communicate)
    assert process.stdin
    assert process.stdout
    return process.stdin, process.stdout


def evaluate(expression: str, variables: Mapping[str, Any]) -> Any:
    """The value of what stands between `{%` and `%}`."""
    questions, answers = _node()
    asked = json.dumps({"expression": expression, "variables": variables}, allow_nan=False)
    print(asked, file=questions, flush=True)
    answer = json.loads(answers.readline())
    if "value" not in answer:
        raise QueryEvaluationError(f"{expression}: {answer.get('error', 'undefined')}")
    return answer["value"]


def rendered(template: Any, variables: Mapping[str, Any]) -> Any:
    """A field of a state, with values in place of its expressions."""
    match template:
        case dict():
            return {name: rendered(value, variables) for name, value in template.items()}
        case list():
            return [rendered(value, variables) for value in template]
        case str() if is_expression(template):
            return evaluate(template[2:-2].strip(), variables)
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

    `answers` are what each task answers in turn: `Failure`s and results, of a function its payload.
    """

    machine: Definition
    context: Mapping[str, Any]
    answers: Mapping[str, list[Any]]
    """Those of a task that is not here are empty, and it is asked once."""
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
        answer = self.answers.get(name, [{}])[len(self.arguments[name]) - 1]
        if isinstance(answer, Failure):
            caught = next(rule for rule in state["Catch"] if _catches(rule, answer.error))
            return caught, {**bound, "errorOutput": answer.output}
        is_payload = state["Resource"].endswith(":lambda:invoke")
        result = {"StatusCode": 200, "Payload": answer} if is_payload else answer
        return state, {**bound, "result": result}

    def _chosen(self, state: Definition, bound: Mapping[str, Any]) -> Definition:
        chosen = [rule for rule in state["Choices"] if self._rendered(rule["Condition"], bound)]
        return chosen[0] if chosen else {"Next": state["Default"]}

    def _rendered(self, template: Any, bound: Mapping[str, Any]) -> Any:
        self.evaluated |= set(expressions(template))
        return rendered(template, {**self.variables, "states": bound})


def _catches(rule: Definition, error: str) -> bool:
    """As AWS's guide has it, under "Handling errors": two errors escape `States.ALL`."""
    escapes = error in ("States.DataLimitExceeded", "States.Runtime")
    names = rule["ErrorEquals"]
    return error in names or (names == ["States.ALL"] and not escapes)
