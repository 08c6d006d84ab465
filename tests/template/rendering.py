"""What CloudFormation makes of a template: for given parameters, the resources that it creates.

Conditions are evaluated, what they leave out is gone, and every text is as its service gets it. A
reference to a resource stays, because no service has answered with its value yet.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.template import as_list

_NOTHING = object()
_PLACEHOLDER = re.compile(r"\$\{(!?)([\w:.]+)\}")

Template = dict[str, Any]

STACK = "my-reports"
"""The name of every stack, the one thing that a condition may ask of a place."""


@dataclass(frozen=True)
class Place:
    """Where a stack is deployed."""

    partition: str
    region: str
    suffix: str

    @property
    def pseudo_parameters(self) -> dict[str, str]:
        """What CloudFormation knows by itself."""
        return {
            "AWS::Partition": self.partition,
            "AWS::Region": self.region,
            "AWS::URLSuffix": self.suffix,
            "AWS::AccountId": "123456789012",
            "AWS::StackName": STACK,
        }


HERE = Place("aws", "eu-central-1", "amazonaws.com")


@dataclass(frozen=True)
class Rendered:
    """The resources and outputs that are created, by name."""

    resources: Mapping[str, dict[str, Any]]
    outputs: Mapping[str, Any]

    def of_type(self, *resource_types: str) -> dict[str, dict[str, Any]]:
        """The properties of the resources of these types."""
        return {
            name: item["Properties"]
            for name, item in self.resources.items()
            if item["Type"] in resource_types
        }

    def needed_by(self, name: str) -> set[str]:
        """The resources that this one names: CloudFormation creates them before it."""
        # It passes over a DependsOn on what a condition leaves out.
        depends_on = set(as_list(self.resources[name].get("DependsOn", [])))
        return references(self.resources[name]) | depends_on & set(self.resources)


def conditions_of(template: Template, parameters: Mapping[str, str]) -> dict[str, bool]:
    """The template's conditions; parameters that are not given have their defaults."""
    conditions, values = template.get("Conditions", {}), _values(template, parameters)
    return {name: _holds(item, values, conditions) for name, item in conditions.items()}


def refusals(template: Template, parameters: Mapping[str, str]) -> list[str]:
    """What the template's rules say against these parameters, before anything is created."""
    values = _values(template, parameters)
    return [
        assertion["AssertDescription"]
        for rule in template["Rules"].values()
        if _holds(rule["RuleCondition"], values)
        for assertion in rule["Assertions"]
        if not _holds(assertion["Assert"], values)
    ]


def render(template: Template, parameters: Mapping[str, str], place: Place = HERE) -> Rendered:
    """The template as these parameters make it; those that are not given have their defaults."""
    values = _values(template, parameters) | place.pseudo_parameters
    conditions = conditions_of(template, parameters)

    def created(section: str) -> dict[str, Any]:
        return {
            name: _rendered(item, values, conditions)
            for name, item in template.get(section, {}).items()
            if conditions.get(item.get("Condition"), True)
        }

    return Rendered(created("Resources"), created("Outputs"))


def references(value: Any) -> set[str]:
    """The resources that a rendered value refers to."""
    match value:
        case {"Ref": str() as name} | {"Fn::GetAtt": [str() as name, *_]}:
            return {name}
        case {"Fn::Sub": [_, variables]}:
            return references(variables)
        case dict():
            return set().union(*map(references, value.values()))
        case list():
            return set().union(*map(references, value))
        case _:
            return set()


def texts(value: Any) -> Iterator[str]:
    """Every text of a rendered value."""
    match value:
        case str():
            yield value
        case dict():
            for item in value.values():
                yield from texts(item)
        case list():
            for item in value:
                yield from texts(item)


def _values(template: Template, parameters: Mapping[str, str]) -> dict[str, str]:
    defaults = {
        name: str(item.get("Default", "")) for name, item in template.get("Parameters", {}).items()
    }
    return defaults | {"AWS::StackName": STACK} | dict(parameters)


def _holds(
    condition: Any, values: Mapping[str, str], named: Mapping[str, Any] | None = None
) -> bool:
    """Rules have no `named` conditions."""
    match condition:
        case {"Fn::Equals": [one, other]}:
            return str(_text(one, values)) == str(_text(other, values))
        case {"Fn::Not": [inner]}:
            return not _holds(inner, values, named)
        case {"Fn::And": [*inner]}:
            return all(_holds(item, values, named) for item in inner)
        case {"Fn::Or": [*inner]}:
            return any(_holds(item, values, named) for item in inner)
        case {"Condition": name} if named:
            return _holds(named[name], values, named)
        case _:
            raise AssertionError(f"A condition that this does not know: {condition}")


def _text(value: Any, values: Mapping[str, str]) -> Any:
    return values[value["Ref"]] if isinstance(value, dict) else value


def _rendered(value: Any, values: Mapping[str, str], conditions: Mapping[str, bool]) -> Any:
    match value:
        case {"Ref": "AWS::NoValue"}:
            return _NOTHING
        case {"Ref": name}:
            return values.get(name, value)
        case {"Fn::If": [condition, then, otherwise]}:
            return _rendered(then if conditions[condition] else otherwise, values, conditions)
        case {"Fn::Sub": str() as text}:
            return _substituted(text, {}, values)
        case {"Fn::Sub": [text, variables]}:
            return _substituted(text, _rendered(variables, values, conditions), values)
        case {"Fn::Split": [separator, text]}:
            return str(_rendered(text, values, conditions)).split(separator)
        case {"Fn::Join": [separator, parts]}:
            return separator.join(_rendered(parts, values, conditions))
        case dict():
            items = {name: _rendered(item, values, conditions) for name, item in value.items()}
            return {name: item for name, item in items.items() if item is not _NOTHING}
        case list():
            found = [_rendered(item, values, conditions) for item in value]
            return [item for item in found if item is not _NOTHING]
        case _:
            return value


def _substituted(text: str, variables: Mapping[str, Any], values: Mapping[str, str]) -> Any:
    """The text with what is known; what is not stays a placeholder of a resource's value."""
    unknown: dict[str, Any] = {}

    def known(match: re.Match[str]) -> str:
        literal, name = match.groups()
        if literal:
            return match[0]
        value = variables.get(name, values.get(name))
        if value is None:
            resource, _, attribute = name.partition(".")
            value = {"Fn::GetAtt": [resource, attribute]} if attribute else {"Ref": resource}
        if isinstance(value, str):
            return value
        unknown[name] = value
        return match[0]

    filled = _PLACEHOLDER.sub(known, text)
    return {"Fn::Sub": [filled, unknown]} if unknown else filled
