"""Log lines and widgets are read as CloudWatch reads them."""

import json
from datetime import UTC, datetime

import pytest

from local.metrics import Metric, embedded_metrics, metrics_of


class TestLines:
    def test_every_value_of_every_metric_is_a_point(self) -> None:
        directive = {
            "Namespace": "Ours",
            "Dimensions": [["report"]],
            "Metrics": [{"Name": "Bytes"}, {"Name": "Records"}],
        }
        document = {
            "_aws": {"Timestamp": 1000, "CloudWatchMetrics": [directive]},
            "report": "devices",
            "Bytes": [1.0, 2.0],
            "Records": 3,
        }
        points = [found for _, found in embedded_metrics(json.dumps(document))]
        assert [(found.name, found.value) for found in points] == [
            ("Bytes", 1.0),
            ("Bytes", 2.0),
            ("Records", 3),
        ]
        assert {found.time for found in points} == {datetime.fromtimestamp(1, UTC)}


class TestWidgets:
    def test_dots_in_a_widget_stand_for_the_values_above(self) -> None:
        given = [
            ["Ours", "Bytes", "report", "devices"],
            [".", "Records", ".", ".", {"stat": "Sum"}],
        ]
        widget = {"properties": {"period": 300, "stat": "Maximum", "metrics": given}}
        bytes_, records = metrics_of(widget)
        assert bytes_ == Metric("Ours", "Bytes", {"report": "devices"}, "Maximum", 300)
        assert records.name == "Records"
        assert records.dimensions == {"report": "devices"}
        assert records.stat == "Sum"

    def test_a_search_asks_for_every_value_of_a_dimension(self) -> None:
        search = "SEARCH('{Ours,error,service} MetricName=\"Failed\" service=\"a\"', 'Sum', 60)"
        (metric,) = metrics_of({"properties": {"metrics": [[{"expression": search}]]}})
        assert (metric.namespace, metric.name) == ("Ours", "Failed")
        assert metric.dimensions == {"error": None, "service": "a"}
        assert (metric.stat, metric.period) == ("Sum", 60)

    def test_an_expression_that_is_not_understood_is_refused(self) -> None:
        with pytest.raises(ValueError, match="No such expression"):
            list(metrics_of({"properties": {"metrics": [[{"expression": "FILL(a, 0)"}]]}}))
