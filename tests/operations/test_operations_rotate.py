"""./infra rotate: the password changes at Xata, then `up` carries it on."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from operations import console
from operations.engines.recorded import Recorded
from operations.exit_codes import ExitCode
from tests.operations.doubles import FakeEngine, result

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.operations.xata_double import Xata


@pytest.fixture
def staging(fake_engine: FakeEngine, xata: Xata) -> FakeEngine:
    """The stack staging, deployed."""
    fake_engine.values = xata.outputs()
    return fake_engine


def test_the_password_changes_and_up_follows(
    infra: Callable[..., Any], staging: FakeEngine, xata: Xata, valid: Callable[[str, Any], None]
) -> None:
    """One command: a new password at Xata, then one `up`; neither password is shown."""
    before = xata.password()
    answer = infra("rotate", "staging", "--yes", "--json")
    after = xata.password()
    assert answer.code == ExitCode.SUCCESS
    valid("change", answer.document)
    assert before != after
    assert staging.asked == ["up"]
    assert before not in answer.out + answer.err
    assert after not in answer.out + answer.err
    assert "./infra up staging completes it" in answer.err


def test_a_run_that_died_before_up_is_completed_and_not_rotated_twice(
    infra: Callable[..., Any], staging: FakeEngine, xata: Xata
) -> None:
    """When the password is no longer the recorded one, the rotation has happened: only `up` is left to do."""
    staging.answers["up"] = result(succeeded=False, interrupted=True, errors=("interrupted",))
    assert infra("rotate", "staging", "--yes").code == ExitCode.INTERRUPTED
    once = xata.password()
    del staging.answers["up"]
    assert infra("rotate", "staging", "--yes").code == ExitCode.SUCCESS
    assert xata.password() == once
    assert staging.asked == ["up", "up"]


@pytest.mark.parametrize(("said", "rotated"), [("y\n", True), ("n\n", False), ("", False)])
def test_a_person_is_asked(
    infra: Callable[..., Any],
    staging: FakeEngine,
    xata: Xata,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    rotated: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    """The question names the branch; anything but a yes changes nothing."""
    monkeypatch.setattr(console, "can_ask", lambda: True)
    monkeypatch.setattr("sys.stdin", io.StringIO(said))
    before = xata.password()
    answer = infra("rotate", "staging")
    assert "give the branch staging a new password?" in answer.err
    assert (xata.password() != before) == rotated
    assert answer.code == (ExitCode.SUCCESS if rotated else ExitCode.CHANGES_REFUSED)
    assert staging.asked == (["up"] if rotated else [])


def test_without_terminal_and_consent_nothing_changes(
    infra: Callable[..., Any], staging: FakeEngine, xata: Xata
) -> None:
    """Where nobody can be asked, the next step says how."""
    before = xata.password()
    answer = infra("rotate", "staging")
    assert answer.code == ExitCode.CHANGES_REFUSED
    assert "./infra rotate staging --yes" in answer.err
    assert xata.password() == before
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
