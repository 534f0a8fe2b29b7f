"""./infra verify."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from components.connectivity import probe
from components.connectivity.report import Finding, Layer, Report
from operations.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.connection import Connection
    from tests.operations.doubles import FakeEngine

GOOD = Report(
    findings=tuple(Finding(layer=layer, ok=True, milliseconds=1.25) for layer in Layer),
    server_version="18.6",
    branch="dev",
)
BAD = Report(
    findings=(
        Finding(layer=Layer.NAME, ok=True, milliseconds=0.5),
        Finding(layer=Layer.TCP, ok=False, cause="refused", next_step="./infra up dev", milliseconds=2.0),
        *(Finding(layer=layer, ok=None) for layer in list(Layer)[2:]),
    )
)


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Let the probe answer what `report` says, and remember what it was asked."""
    seen: dict[str, Any] = {"report": GOOD}

    def fake(connection: Connection, **asked: Any) -> Report:
        seen.update(asked, connection=connection)
        report: Report = seen["report"]
        return report

    monkeypatch.setattr(probe, "probe", fake)
    return seen


def test_the_probe_is_asked_for_what_the_outputs_name(
    infra: Callable[..., Any], fake_engine: FakeEngine, probed: dict[str, Any], valid: Callable[[str, Any], None]
) -> None:
    """The URL, the branch and Postgres 18 come from the stack; a passing report is one document and success."""
    del fake_engine
    answer = infra("verify", "dev", "--json", "--budget", "3")
    assert answer.code == ExitCode.SUCCESS
    valid("verify", answer.document)
    assert probed["connection"].password == "s3cret"
    assert (probed["expected_branch"], probed["expected_major"], probed["budget_seconds"]) == ("dev", 18, 3.0)
    assert "s3cret" not in answer.out + answer.err


def test_the_layer_at_fault_is_named(
    infra: Callable[..., Any], fake_engine: FakeEngine, probed: dict[str, Any], valid: Callable[[str, Any], None]
) -> None:
    """A failing layer has its own exit code; layers behind it are not reached."""
    del fake_engine
    probed["report"] = BAD
    answer = infra("verify", "dev", "--json")
    assert answer.code == ExitCode.VERIFICATION_FAILED
    valid("verify", answer.document)
    assert answer.document["ok"] is False
    assert [layer["ok"] for layer in answer.document["layers"]] == [True, False, None, None, None, None]


def test_a_person_gets_a_table(infra: Callable[..., Any], fake_engine: FakeEngine, probed: dict[str, Any]) -> None:
    """One line per layer, and the next step under the one at fault."""
    del fake_engine
    probed["report"] = BAD
    assert infra("verify", "dev").out.splitlines() == [
        "name resolution     ok               0.5 ms",
        "TCP                 FAILED           2.0 ms  refused",
        "                    next: ./infra up dev",
        "TLS                 not reached",
        "authentication      not reached",
        "database            not reached",
        "query and identity  not reached",
    ]


def test_a_stack_never_deployed_is_told_to_be(infra: Callable[..., Any], fake_engine: FakeEngine) -> None:
    """Without outputs there is nothing to verify: the next step is up."""
    fake_engine.values = {}
    answer = infra("verify", "dev")
    assert answer.code == ExitCode.BAD_CONFIGURATION
    assert "./infra up dev" in answer.err
