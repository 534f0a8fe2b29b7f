"""WranglerConfig as Pulumi meets it: told at preview, blocking or not, checked again when the file changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pulumi.runtime.rpc import UNKNOWN

from components.resource import ProviderError
from components.worker.wrangler.check import WranglerConfigProvider
from components.worker.wrangler.file import digest
from operations.wrangler_edit import write
from tests.components.worker.wrangler_world import STAGING, sample

if TYPE_CHECKING:
    from pathlib import Path

PROVIDER = WranglerConfigProvider()


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A right file in the folder that the provider runs in."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "wrangler.jsonc"
    path.write_text(sample("right"))
    return path


def _inputs(file: Path, **changes: Any) -> dict[str, Any]:
    return {
        "path": "wrangler.jsonc",
        "stack": "staging",
        "environment": "staging",
        "branch": "staging",
        "secrets": ["DATABASE_URL"],
        "expectedName": "warehouse-manager-staging",
        "accountId": "",
        "mode": "enforce",
        "digest": digest(file),
        **changes,
    }


def _outs(inputs: dict[str, Any]) -> dict[str, Any]:
    outs = PROVIDER.create(inputs).outs
    assert outs is not None
    return outs


def _wrong(file: Path) -> None:
    file.write_text(sample("right").replace('"XATA_BRANCH": "staging"', '"XATA_BRANCH": "production"'))


def test_a_right_file_passes(file: Path) -> None:
    """With the name that wrangler will deploy under."""
    assert PROVIDER.check({}, _inputs(file)).failures == []
    created = PROVIDER.create(_inputs(file))
    assert created.id == "wrangler-staging"
    assert _outs(_inputs(file)) == {
        **_inputs(file),
        "ok": True,
        "workerName": "warehouse-manager-staging",
        "findings": [],
    }


def test_enforce_refuses_at_preview_and_at_up(file: Path) -> None:
    """Each finding stands on a line of its own, with its place in the file."""
    _wrong(file)
    (failure,) = PROVIDER.check({}, _inputs(file)).failures
    assert failure.property == "path"
    assert failure.reason == (
        "the app's wrangler file does not fit the stack\n"
        "wrangler.jsonc:16:58: error: env.staging.vars.XATA_BRANCH is wrong: found 'production', expected 'staging'; "
        "next: ./infra wrangler write staging"
    )
    with pytest.raises(ProviderError, match=r"wrangler\.jsonc:16:58: error"):
        PROVIDER.create(_inputs(file))


def test_warn_tells_and_lets_pass(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At every preview; the findings are among the outputs."""
    _wrong(file)
    assert PROVIDER.check({}, _inputs(file, mode="warn")).failures == []
    assert "wrangler.jsonc:16:58: error: env.staging.vars.XATA_BRANCH is wrong" in capsys.readouterr().err
    outs = _outs(_inputs(file, mode="warn"))
    assert (outs["ok"], len(outs["findings"])) == (False, 1)


def test_a_warning_does_not_block(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In mode enforce it is told all the same."""
    file.write_text(sample("right").replace('"main"', '"keep_vars": true, "main"'))
    assert PROVIDER.check({}, _inputs(file)).failures == []
    assert "warning: keep_vars" in capsys.readouterr().err
    outs = _outs(_inputs(file))
    assert (outs["ok"], len(outs["findings"])) == (True, 1)


def test_off_does_not_look(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not even at whether the file is there."""
    file.unlink()
    inputs = _inputs(file, mode="off")
    assert PROVIDER.check({}, inputs).failures == []
    assert _outs(inputs) == {**inputs, "ok": False, "workerName": "", "findings": []}
    assert PROVIDER.read("wrangler-staging", _outs(inputs)).outs == _outs(inputs)
    assert capsys.readouterr().err == ""


def test_a_missing_file_says_what_to_run(file: Path) -> None:
    """In the words of the command."""
    file.unlink()
    (failure,) = PROVIDER.check({}, _inputs(file)).failures
    assert "there is no wrangler.jsonc" in failure.reason
    assert failure.reason.endswith("next: ./infra wrangler write staging")
    write(file, STAGING)
    assert PROVIDER.check({}, _inputs(file)).failures == []


def test_the_apps_folder_may_be_named(file: Path) -> None:
    """The findings name the file in it."""
    _wrong(file)
    (failure,) = PROVIDER.check({}, _inputs(file, path=".")).failures
    assert "\nwrangler.jsonc:16:58: error" in failure.reason


def test_a_changed_file_is_checked_again(file: Path) -> None:
    """Its digest is an input; nothing is replaced, and a second time nothing changes."""
    outs = _outs(_inputs(file))
    assert not PROVIDER.diff("id", outs, _inputs(file)).changes
    file.write_text(file.read_text() + "\n")
    diff = PROVIDER.diff("id", outs, _inputs(file))
    assert (diff.changes, diff.replaces) == (True, [])
    updated = PROVIDER.update("id", outs, _inputs(file)).outs
    assert updated == {**outs, "digest": digest(file)}
    _wrong(file)
    with pytest.raises(ProviderError, match="XATA_BRANCH is wrong"):
        PROVIDER.update("id", outs, _inputs(file))


def test_refresh_sees_a_changed_file_without_failing(file: Path) -> None:
    """The outputs tell what is found now."""
    outs = _outs(_inputs(file))
    assert PROVIDER.read("id", outs).outs == outs
    _wrong(file)
    found = PROVIDER.read("id", outs)
    assert found.outs is not None
    assert found.outs["digest"] == digest(file) != outs["digest"]
    assert (found.outs["ok"], len(found.outs["findings"]), found.outs["mode"]) == (False, 1, "enforce")
    assert found.inputs == _inputs(file)


def test_destroy_leaves_the_file(file: Path) -> None:
    """It is the app's."""
    PROVIDER.delete("id", _outs(_inputs(file)))
    assert file.read_text() == sample("right")


def test_unknown_inputs_are_waited_for(file: Path) -> None:
    """A name that a preview does not know yet is not looked at."""
    assert PROVIDER.check({}, _inputs(file, expectedName=UNKNOWN)).failures == []
    _wrong(file)
    assert PROVIDER.check({}, _inputs(file, branch=UNKNOWN)).failures == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"mode": "strict"}, "got 'strict'; allowed: enforce, warn or off"),
        ({"path": ""}, "got an empty text; allowed: a text that is not empty"),
        ({"stack": ""}, "got an empty text; allowed: a text that is not empty"),
    ],
)
def test_bad_inputs_are_refused(file: Path, change: dict[str, Any], reason: str) -> None:
    """Before the file is looked at."""
    (failure,) = PROVIDER.check({}, _inputs(file, **change)).failures
    assert (failure.property, failure.reason) == (next(iter(change)), reason)


def test_no_value_of_a_variable_reaches_the_state(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not in findings, outputs or messages."""
    file.write_text(sample("wrong_block").replace("postgresql://", "postgresql://app:hunter2@"))
    PROVIDER.check({}, _inputs(file, mode="warn"))
    (failure,) = PROVIDER.check({}, _inputs(file)).failures
    shown = failure.reason + str(_outs(_inputs(file, mode="warn"))) + capsys.readouterr().err
    assert "DATABASE_URL stands in" in shown
    assert "hunter2" not in shown
