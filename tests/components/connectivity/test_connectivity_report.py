"""The report's forms: JSON for programs, text for people."""

from __future__ import annotations

from components.connectivity.report import Finding, Layer, Report

PASSED = tuple(Finding(layer=layer, ok=True, milliseconds=1.26) for layer in Layer)
FAILED = (
    Finding(layer=Layer.NAME, ok=True, milliseconds=0.04),
    Finding(layer=Layer.TCP, ok=False, cause="nothing listens", next_step="start it"),
    *(Finding(layer=layer, ok=None) for layer in list(Layer)[2:]),
)


def test_layers_are_numbered_from_one_in_order() -> None:
    """Six layers lead to the right database; those of the Worker follow them."""
    assert [(layer.number, layer.value) for layer in Layer] == [
        (1, "name resolution"),
        (2, "TCP"),
        (3, "TLS"),
        (4, "authentication"),
        (5, "database"),
        (6, "query and identity"),
    ]


def test_report_becomes_the_document_of_verify() -> None:
    """Every layer has ok, cause, next and milliseconds; what was not reached or not measured is null."""
    document = Report(findings=FAILED).to_json()
    assert document["ok"] is False
    assert document["layers"][:3] == [
        {"layer": "name resolution", "ok": True, "cause": "", "next": "", "milliseconds": 0.0},
        {"layer": "TCP", "ok": False, "cause": "nothing listens", "next": "start it", "milliseconds": None},
        {"layer": "TLS", "ok": None, "cause": "", "next": "", "milliseconds": None},
    ]


def test_report_of_success_is_one_line() -> None:
    """Success says version and branch."""
    report = Report(findings=PASSED, server_version="18.6", branch="dev")
    assert report.ok
    assert report.failed is None
    assert str(report) == "database reached: Postgres 18.6, branch dev"
    assert report.to_json()["layers"][0]["milliseconds"] == 1.3


def test_report_of_failure_names_layer_cause_and_next_step() -> None:
    """Failure says which layer, after how many attempts, why, and what to do."""
    report = Report(findings=FAILED, attempts=3)
    assert not report.ok
    assert str(report) == "layer 2, TCP, after 3 attempts: nothing listens\n  next: start it"
