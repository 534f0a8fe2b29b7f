"""The expressions of workflows, evaluated as GitHub does."""

from __future__ import annotations

from typing import Any

import pytest

from tests.workflows.expressions import UnknownExpressionError, World, condition, evaluated, filled

EVENT = {"number": 7, "pull_request": {"head": {"repo": {"full_name": "Sandbox/App"}, "ref": "it's"}}}


def _world(event: Any = None, *, well: bool = True) -> World:
    contexts = {
        "github": {"event": EVENT if event is None else event, "repository": "sandbox/app"},
        "secrets": {"KEY": "s3cret"},
        "vars": {},
        "steps": {},
    }
    return World(contexts=contexts, functions={"success": lambda: well, "cancelled": lambda: False})


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'it''s'", "it's"),
        ("github.event.number", 7),
        ("secrets.KEY", "s3cret"),
        ("secrets.MISSING", None),
        ("github.event.no.such.thing", None),
        ("github.event.pull_request.head.repo.full_name == github.repository", True),
        ("github.event.pull_request.head.repo.full_name != github.repository", False),
        ("vars.MISSING == ''", True),
        ("vars.MISSING == 'x'", False),
        ("!cancelled()", True),
        ("!(cancelled() || success())", False),
        ("vars.MISSING || github.event.number", 7),
        ("secrets.KEY && 'there'", "there"),
        ('fromJSON(\'["a", "b"]\')', ["a", "b"]),
        ("'a' == 'b' || 'c' == 'C'", True),
    ],
)
def test_expressions_have_githubs_values(expression: str, value: Any) -> None:
    """Paths, texts, comparison without regard to case, and the three operators."""
    assert evaluated(expression, _world()) == value


@pytest.mark.parametrize("gone", [{"pull_request": {"head": {"repo": None}}}, {}])
def test_a_deleted_fork_is_another_repository(gone: dict[str, Any]) -> None:
    """What is not there is null, which no repository's name equals."""
    repository = "github.event.pull_request.head.repo.full_name"
    assert evaluated(f"{repository} == github.repository", _world(gone)) is False
    assert evaluated(f"{repository} != github.repository", _world(gone)) is True


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "github",
        "env.X",
        "needs.a.result",
        "runner.os",
        "fromJSON()",
        "contains(github.event, 'x')",
        "success(1)",
        "1",
        "github.event.number == '7'",
        "secrets['KEY']",
        "github.event.number >",
        "'open",
        "(success()",
        "success() success()",
    ],
)
def test_what_is_not_understood_fails(expression: str) -> None:
    """Nothing is guessed: another function, context, operator or shape ends the run."""
    with pytest.raises(UnknownExpressionError):
        evaluated(expression, _world())


def test_a_text_is_filled() -> None:
    """Null is nothing, a number is its digits."""
    assert filled("a-${{ github.event.number }}-${{ vars.MISSING }}-${{ secrets.KEY }}", _world()) == "a-7--s3cret"


@pytest.mark.parametrize(
    ("text", "well", "holds"),
    [
        ("github.event.number", True, True),
        ("github.event.number", False, False),
        ("${{ !cancelled() }}", False, True),
        ("success()", False, False),
    ],
)
def test_a_condition_wants_success_unless_it_asks(text: str, well: bool, holds: bool) -> None:  # noqa: FBT001 - parameters of the table
    """As on GitHub, a condition that asks for no status also wants that nothing failed so far."""
    assert condition(text, _world(well=well)) is holds
