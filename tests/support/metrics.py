"""Reads metrics from log lines and dashboards as CloudWatch does; the local cloud does not."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_SEARCH = re.compile(
    r"SEARCH\('\{(?P<schema>[^}]+)\} (?P<terms>.*)', '(?P<stat>\w+)', (?P<period>\d+)\)"
)


@dataclass(frozen=True)
class Point:
    """One value that was published, at an aware time."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    time: datetime
    value: float


@dataclass(frozen=True)
class Metric:
    """A metric that a widget shows. A dimension of None means every value."""

    namespace: str
    name: str
    dimensions: Mapping[str, str | None]
    stat: str
    period: int


def embedded_metrics(line: str) -> Iterator[tuple[Mapping[str, Any], Point]]:
    """The points of a log line in the embedded metric format, each with the line's document.

    Source: "Specification: Embedded metric format", docs.aws.amazon.com.
    """
    try:
        document = json.loads(line)
    except ValueError:
        return
    if not isinstance(document, dict) or "_aws" not in document:
        return
    time = datetime.fromtimestamp(document["_aws"]["Timestamp"] / 1000, UTC)
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = {name: document[name] for name in names}
            for metric in directive["Metrics"]:
                values = document[metric["Name"]]
                for value in values if isinstance(values, list) else [values]:
                    yield (
                        document,
                        Point(directive["Namespace"], metric["Name"], dimensions, time, value),
                    )


def metrics_of(widget: Mapping[str, Any]) -> Iterator[Metric]:
    """The metrics of a dashboard's widget, without its abbreviations.

    Source: "Dashboard body structure and syntax", docs.aws.amazon.com.
    """
    properties = widget["properties"]
    before: list[str] = []
    for given in properties.get("metrics", ()):
        options = given[-1] if isinstance(given[-1], dict) else {}
        if "expression" in options:
            yield _searched(options)
            continue
        words = [word for word in given if isinstance(word, str)]
        before = [
            old if word == "." else word for word, old in zip(words, before or words, strict=True)
        ]
        yield Metric(
            namespace=before[0],
            name=before[1],
            dimensions=dict(zip(before[2::2], before[3::2], strict=True)),
            stat=options.get("stat", properties.get("stat", "Average")),
            period=properties["period"],
        )


def _searched(options: Mapping[str, Any]) -> Metric:
    found = _SEARCH.fullmatch(options["expression"])
    if not found:
        raise ValueError(f"No such expression is understood here: {options['expression']}")
    namespace, *names = found["schema"].split(",")
    terms = dict(re.findall(r'(\w+)="([^"]*)"', found["terms"]))
    name = terms.pop("MetricName")
    dimensions = {dimension: terms.get(dimension) for dimension in names}
    return Metric(namespace, name, dimensions, found["stat"], int(found["period"]))
