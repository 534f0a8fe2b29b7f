"""./infra rotate STACK --due, and the quarter it is about."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from operations.commands.rotate import due, quarter
from operations.status.facts import Found, Stored
from operations.status.stored import States

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TODAY = date(2026, 11, 28)
NOW = quarter(datetime.now(tz=UTC).date())


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (date(2026, 1, 1), "2026-Q1"),
        (date(2026, 3, 31), "2026-Q1"),
        (date(2026, 4, 1), "2026-Q2"),
        (date(2026, 9, 30), "2026-Q3"),
        (date(2026, 12, 31), "2026-Q4"),
        (date(2027, 1, 1), "2027-Q1"),
    ],
)
def test_a_day_has_a_quarter(day: date, name: str) -> None:
    """Three months each, from January on."""
    assert quarter(day) == name


@pytest.mark.parametrize(
    ("rotation", "why"),
    [
        ("2026-Q4", ""),
        ("2027-Q1", ""),
        ("2026-Q3", "has a password of 2026-Q3, and this is 2026-Q4"),
        ("2025-Q4", "has a password of 2025-Q4, and this is 2026-Q4"),
        ("", "has no infra:rotation, so nothing tells when its password was made"),
        ("after the leak", "has the infra:rotation 'after the leak', which is no quarter such as 2026-Q4"),
        ("2026-Q5", "has the infra:rotation '2026-Q5', which is no quarter such as 2026-Q4"),
    ],
)
def test_a_password_of_an_earlier_quarter_is_due(rotation: str, why: str) -> None:
    """This quarter and a later one are not due; what does not tell its quarter is."""
    assert due(rotation, TODAY) == why


@pytest.mark.parametrize(("rotation", "code"), [(NOW, 0), ("2020-Q1", 5), ("", 5)])
def test_due_is_told_by_the_exit_code_and_in_the_jobs_summary(
    infra: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rotation: str, code: int
) -> None:
    """Nobody is asked, no key is needed, and the next step names the file and the value."""
    monkeypatch.delenv("XATA_API_KEY", raising=False)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    answer = infra("rotate", "staging", "--due", "--config", f"rotation={rotation}")
    assert answer.code == code
    assert (tmp_path / "summary").read_text() == f"{answer.out.strip()}.\n\n"
    step = f"  next: set infra:rotation: {NOW} in Pulumi.staging.yaml; the next `up` rotates it\n"
    assert answer.err == (step if code else "")


def test_the_age_of_each_password_is_told_where_the_state_can_be_read(
    infra: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the app's own login and of the owner's; the quarter alone decides."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    then = datetime.now(tz=UTC) - timedelta(days=3, hours=1)
    known = Stored(outputs={}, password_since=then - timedelta(days=40), app_password_since=then)
    monkeypatch.setattr(States, "read", lambda *_, **__: Found(value=known))
    answer = infra("rotate", "staging", "--due", "--config", f"rotation={NOW}")
    ages = "(app's password 3 d old, owner's password 43 d old)"
    assert (answer.code, answer.out) == (0, f"the environment staging has a password of {NOW} {ages}\n")


def test_without_a_name_every_environment_is_looked_at(
    infra: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that have a file, and one that is late is enough; nothing else works without a name."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    answer = infra("rotate", "--due", "--config", f"rotation={NOW}")
    words = f"has a password of {NOW}\n"
    assert (answer.code, answer.out) == (0, f"the environment staging {words}the environment production {words}")
    assert infra("rotate", "--due").code == 5
    nameless = infra("rotate", "--yes")
    assert (nameless.code, "next: ./infra rotate staging" in nameless.err) == (2, True)


@pytest.mark.parametrize("arguments", [["dev", "--due"], ["staging", "--due", "--json"]])
def test_due_is_refused_where_it_means_nothing(infra: Callable[..., Any], arguments: list[str]) -> None:
    """A database on this machine has no password to rotate, and there is no document."""
    answer = infra("rotate", *arguments)
    assert answer.code == 2
    assert "--due answers with its exit code" in answer.err
