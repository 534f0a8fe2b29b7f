"""./infra restore: the newest backup comes back in a branch of its own."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from operations import console
from operations.errors import ExitCode
from pulumi_embedded import api

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.operations.doubles import FakeEngine
    from tests.operations.xata_double import Xata


@pytest.fixture
def staging(fake_engine: FakeEngine, xata: Xata) -> FakeEngine:
    """The stack staging, deployed."""
    fake_engine.values = xata.outputs()
    return fake_engine


def _branches(xata: Xata) -> dict[str, str]:
    """Ids of the branches that are there, by name."""
    found = xata.client().branches(xata.place.organization, xata.place.project)
    return {branch.name: branch.id for branch in found}


def test_the_backup_comes_back_beside_the_branch(
    infra: Callable[..., Any], staging: FakeEngine, xata: Xata, valid: Callable[[str, Any], None]
) -> None:
    """A child of the stack's branch with our mark; the stack itself is not touched, and no password is shown."""
    answer = infra("restore", "staging", "--into", "staging-restored", "--yes", "--json")
    assert answer.code == ExitCode.SUCCESS
    valid("restore", answer.document)
    made = xata.client().branch(xata.place.organization, xata.place.project, _branches(xata)["staging-restored"])
    assert (made.parent_id, made.description) == (xata.branch_id, "infra stack staging")
    assert answer.document == {
        "stack": "staging",
        "source": "staging",
        "branch": "staging-restored",
        "branchId": made.id,
        "databaseUrl": "[secret]",
    }
    assert staging.asked == []
    assert xata.password() not in answer.out + answer.err


def test_the_url_is_shown_when_asked_for(infra: Callable[..., Any], staging: FakeEngine, xata: Xata) -> None:
    """With --show-secrets a person can log in at once."""
    answer = infra("restore", "staging", "--into", "staging-restored", "--yes", "--show-secrets")
    url = next(line for line in answer.out.splitlines() if line.startswith("databaseUrl")).split()[1]
    assert url.startswith("postgresql://")
    assert _branches(xata)["staging-restored"] in url
    assert staging.asked == []


@pytest.mark.parametrize("sslmode", ["require", "verify-full"])
def test_the_url_has_the_sslmode_of_the_stack_s_own(
    infra: Callable[..., Any], staging: FakeEngine, sslmode: str
) -> None:
    """What infra:databaseSslmode has put into the environment's URL stands in the restored branch's, too."""
    url = str(staging.values["databaseUrl"].value).replace("sslmode=require", f"sslmode={sslmode}")
    staging.values = {**staging.values, "databaseUrl": api.Output(value=url, secret=True)}
    answer = infra("restore", "staging", "--into", "staging-restored", "--yes", "--show-secrets", "--json")
    assert answer.document["databaseUrl"].endswith(f"?sslmode={sslmode}")


@pytest.mark.parametrize("name", ["staging", "production", "main", "dev", "pr-7"])
def test_no_restored_branch_bears_a_stack_s_name(
    infra: Callable[..., Any], staging: FakeEngine, xata: Xata, name: str
) -> None:
    """It would be taken for that stack's own: refused before anything is asked."""
    before = _branches(xata)
    answer = infra("restore", "staging", "--into", name, "--yes")
    assert answer.code == ExitCode.BAD_CONFIGURATION
    assert "./infra restore staging --into staging-restored" in answer.err
    assert _branches(xata) == before
    assert staging.asked == []


@pytest.mark.parametrize("name", ["", "a/b", "x" * 64, "a\nb", "$(id)"])
def test_a_name_that_no_branch_has_is_refused(
    infra: Callable[..., Any], staging: FakeEngine, xata: Xata, name: str
) -> None:
    """What is allowed is said, and nothing is made."""
    before = _branches(xata)
    answer = infra("restore", "staging", "--into", name, "--yes")
    assert answer.code == ExitCode.BAD_CONFIGURATION
    assert "letters, digits, hyphens" in answer.err
    assert _branches(xata) == before
    assert staging.asked == []


def test_a_taken_name_is_refused(infra: Callable[..., Any], staging: FakeEngine, xata: Xata) -> None:
    """Nothing is written over: the second restore needs another name."""
    assert infra("restore", "staging", "--into", "again", "--yes").code == ExitCode.SUCCESS
    before = _branches(xata)
    answer = infra("restore", "staging", "--into", "again", "--yes")
    assert answer.code == ExitCode.CHANGES_REFUSED
    assert "restore under another name" in answer.err
    assert _branches(xata) == before
    assert staging.asked == []


@pytest.mark.parametrize(("said", "made"), [("y\n", True), ("n\n", False)])
def test_a_person_is_asked_before_a_branch_is_made(
    infra: Callable[..., Any],
    staging: FakeEngine,
    xata: Xata,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    made: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    """The question names both branches; anything but a yes makes nothing."""
    monkeypatch.setattr(console, "can_ask", lambda: True)
    monkeypatch.setattr("sys.stdin", io.StringIO(said))
    answer = infra("restore", "staging", "--into", "rescue")
    assert "the branch staging into a new branch rescue?" in answer.err
    assert ("rescue" in _branches(xata)) == made
    assert answer.code == (ExitCode.SUCCESS if made else ExitCode.CHANGES_REFUSED)
    assert staging.asked == []


def test_a_local_database_has_no_backup(infra: Callable[..., Any], fake_engine: FakeEngine) -> None:
    """The developer's own database is refused in words."""
    answer = infra("restore", "dev", "--into", "rescue", "--yes")
    assert answer.code == ExitCode.BAD_CONFIGURATION
    assert "no backups are kept" in answer.err
    assert fake_engine.asked == []


def test_nothing_to_restore_is_said(infra: Callable[..., Any], staging: FakeEngine, xata: Xata) -> None:
    """A branch deleted outside has no backup any more: the failure names it."""
    xata.delete_branch()
    answer = infra("restore", "staging", "--into", "rescue", "--yes")
    assert answer.code == ExitCode.RESOURCE_FAILED
    assert "cannot be restored" in answer.err
    assert staging.asked == []
