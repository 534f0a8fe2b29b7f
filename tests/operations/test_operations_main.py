"""The one place that catches."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

import components.errors
import operations.errors
import pulumi_embedded.errors
from operations import __main__ as entry
from operations import changes
from operations.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def _family(base: type[Exception]) -> Iterator[type[Exception]]:
    yield base
    for child in base.__subclasses__():
        yield from _family(child)


TREES = {"components.errors", "pulumi_embedded.errors", "operations.errors"}
"""Errors defined elsewhere stay inside their room."""

OURS = [
    kind
    for root in (components.errors.InfraError, pulumi_embedded.errors.EngineError, operations.errors.CommandError)
    for kind in _family(root)
    if kind.__module__ in TREES
]
UNCLASSIFIED = {components.errors.InfraError, operations.errors.CommandError}


def _raising(error: BaseException) -> Callable[..., Any]:
    def opened(_target: object, *, deploys: bool, changes: bool = False, **_more: object) -> None:
        del deploys, changes
        raise error

    return opened


@pytest.mark.parametrize("kind", [kind for kind in OURS if kind not in UNCLASSIFIED], ids=lambda kind: kind.__name__)
def test_every_error_of_ours_has_a_code(
    kind: type[Any], infra: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, valid: Callable[[str, Any], None]
) -> None:
    """Every class of the three trees becomes its sentence, its next step and a code that is not the one for defects."""
    error = kind("what is wrong", next_step="do this")
    monkeypatch.setattr(changes, "opened", _raising(error))
    answer = infra("up", "dev", "--yes", "--json")
    assert answer.code not in {ExitCode.SUCCESS, ExitCode.UNEXPECTED}
    assert "error: what is wrong\n  next: do this\n" in answer.err
    valid("error", answer.document)
    assert answer.document["error"]["code"] == answer.code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (components.errors.ConfigurationError("x"), ExitCode.BAD_CONFIGURATION),
        (components.errors.LocalError("x"), ExitCode.MACHINE_NOT_READY),
        (components.errors.RefusedError("x"), ExitCode.CHANGES_REFUSED),
        (components.errors.PostgresError("x"), ExitCode.RESOURCE_FAILED),
        (pulumi_embedded.errors.ProjectError("x"), ExitCode.BAD_CONFIGURATION),
        (pulumi_embedded.errors.PassphraseError("x"), ExitCode.BAD_CONFIGURATION),
        (pulumi_embedded.errors.LockedError("x"), ExitCode.LOCKED),
        (operations.errors.StateLockedError("x"), ExitCode.LOCKED),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (OSError(28, "No space left on device"), ExitCode.MACHINE_NOT_READY),
        (ZeroDivisionError("x"), ExitCode.UNEXPECTED),
    ],
    ids=lambda value: getattr(value, "name", type(value).__name__),
)
def test_errors_have_the_documented_code(
    error: BaseException, code: ExitCode, infra: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What docs/exit-codes.md promises, for one error of each kind; never a traceback."""
    monkeypatch.setattr(changes, "opened", _raising(error))
    answer = infra("up", "dev", "--yes")
    assert answer.code == code
    assert "Traceback" not in answer.err
    assert answer.out == ""


def test_verbose_shows_where_a_defect_is(infra: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """With --verbose an unexpected error comes with its traceback, on standard error."""
    monkeypatch.setattr(changes, "opened", _raising(ZeroDivisionError("a defect")))
    assert "Traceback" in infra("up", "dev", "--yes", "--verbose").err


def test_sigterm_ends_as_ctrl_c_does(infra: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM unwinds the command, so that nothing half-done is lost, and gives the code of an interruption."""

    def opened(_target: object, *, deploys: bool, changes: bool = False, **_more: object) -> None:
        del deploys, changes
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(changes, "opened", opened)
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert infra("up", "dev", "--yes").code == ExitCode.INTERRUPTED
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_error_is_told_by_name_without_loading_its_tree() -> None:
    """A subclass made elsewhere has the code of its nearest known ancestor."""

    class NewError(pulumi_embedded.errors.LockedError):
        """Not known to the table."""

    assert entry.explained(NewError("x"))[2] is ExitCode.LOCKED
