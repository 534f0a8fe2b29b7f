"""./infra rotate: an `up` with a new password."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from components.fingerprint import matches
from operations import console
from operations.engines.recorded import Recorded
from operations.errors import ExitCode
from tests.operations.doubles import FakeEngine, result

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.operations.xata_double import Xata


@pytest.fixture
def staging(fake_engine: FakeEngine, xata: Xata) -> FakeEngine:
    """The stack staging, deployed."""
    fake_engine.values = xata.outputs()
    return fake_engine


def test_it_is_an_up_that_names_the_password_to_be_replaced(
    infra: Callable[..., Any], staging: FakeEngine, xata: Xata, valid: Callable[[str, Any], None]
) -> None:
    """By its fingerprint: neither the password nor anything else changes outside of that run."""
    before = xata.password()
    answer = infra("rotate", "staging", "--yes", "--json", "--config", "rotation=2026-Q4")
    assert answer.code == ExitCode.SUCCESS
    valid("change", answer.document)
    assert staging.asked == ["up"]
    assert staging.previewed == [False]
    assert staging.config["infra:rotation"] == "2026-Q4"
    assert matches(before, staging.config["infra:insteadOfPassword"])
    assert before not in answer.out + answer.err
    assert xata.methods == {"GET"}


@pytest.mark.parametrize("rotated", [True, False])
def test_the_last_line_says_what_became_of_the_password(
    infra: Callable[..., Any],
    staging: FakeEngine,
    xata: Xata,
    rotated: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    """As Xata has it after the run, however that ended."""
    if rotated:
        xata.rotate()
    staging.answers["up"] = result(succeeded=False, errors=("no",))
    answer = infra("rotate", "staging", "--yes")
    assert answer.code == ExitCode.RESOURCE_FAILED
    kept = "the branch staging has the password that it had: nothing was rotated"
    assert ("the branch staging has a new password" if rotated else kept) in answer.err


@pytest.mark.parametrize(("said", "rotated"), [("y\n", True), ("n\n", False), ("", False)])
def test_a_person_is_asked(
    infra: Callable[..., Any],
    staging: FakeEngine,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    rotated: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    """The question names the branch; anything but a yes changes nothing."""
    monkeypatch.setattr(console, "can_ask", lambda: True)
    monkeypatch.setattr("sys.stdin", io.StringIO(said))
    answer = infra("rotate", "staging")
    assert "give the branch staging a new password?" in answer.err
    assert answer.code == (ExitCode.SUCCESS if rotated else ExitCode.CHANGES_REFUSED)
    assert staging.asked == (["up"] if rotated else [])


def test_without_terminal_and_consent_nothing_changes(infra: Callable[..., Any], staging: FakeEngine) -> None:
    """Where nobody can be asked, the next step says how."""
    answer = infra("rotate", "staging")
    assert answer.code == ExitCode.CHANGES_REFUSED
    assert "./infra rotate staging --yes" in answer.err
    assert staging.asked == []


def test_a_local_database_has_nothing_to_rotate(infra: Callable[..., Any], fake_engine: FakeEngine) -> None:
    """The developer's own database is refused in words that say how it gets a new password."""
    answer = infra("rotate", "dev", "--yes")
    assert answer.code == ExitCode.BAD_CONFIGURATION
    assert "./infra destroy dev, then ./infra up dev" in answer.err
    assert fake_engine.asked == []


def test_a_stack_never_deployed_is_told_to_be(infra: Callable[..., Any], fake_engine: FakeEngine) -> None:
    """Without outputs there is no branch to rotate the password of."""
    fake_engine.values = {}
    answer = infra("rotate", "staging", "--yes")
    assert answer.code == ExitCode.BAD_CONFIGURATION
    assert "./infra up staging" in answer.err


def test_a_branch_that_is_gone_is_told_with_the_next_step(
    infra: Callable[..., Any], staging: FakeEngine, xata: Xata
) -> None:
    """Deleted outside: the failure says so, and nothing is run."""
    xata.delete_branch()
    answer = infra("rotate", "staging", "--yes")
    assert answer.code == ExitCode.RESOURCE_FAILED
    assert "is gone" in answer.err
    assert "./infra refresh" in answer.err
    assert staging.asked == []


def test_a_branch_made_at_another_server_is_not_rotated_here(
    infra: Callable[..., Any], staging: FakeEngine, xata: Xata
) -> None:
    """State of one server is never used at another: not one request is made, and the answer names both."""
    staging.there = (
        Recorded(name="database-branch", kind="xata:Branch", called="staging", api="https://api.xata.tech"),
    )
    xata.service.log.entries.clear()
    answer = infra("rotate", "staging", "--yes")
    assert answer.code == ExitCode.CHANGES_REFUSED
    assert "was made at https://api.xata.tech, and this run talks to http://127.0.0.1:1" in answer.err
    assert "XATA_API_BASE_URL" in answer.err
    assert xata.methods == set()
    assert staging.asked == []
