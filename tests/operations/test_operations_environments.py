"""./infra environments, and what the jobs of a workflow are told of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from operations import stack_names

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ALL = {"": "infra:app: acme-shop", "dev": "", "foundation": "", "preview": "", "pr-7": ""}


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, infra: Callable[..., Any]) -> Callable[..., Any]:
    """What the command answers, and a step's outputs, in a project with more stack files: name to a line."""
    monkeypatch.setattr(stack_names, "PROJECT", tmp_path)
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "put-out"))

    def ask(*options: str, **files: str) -> Any:
        for name, line in {**ALL, **files}.items():
            (tmp_path / f"Pulumi{f'.{name}' * bool(name)}.yaml").write_text(f"config:\n  {line}\n" if line else "")
        answer = infra("environments", *options)
        lines = (tmp_path / "put-out").read_text().splitlines() if (tmp_path / "put-out").exists() else []
        return answer, dict(line.split("=", 1) for line in lines)

    return ask


def test_each_file_is_an_environment_and_production_is_told_apart(told: Callable[..., Any]) -> None:
    """By what its file says; dev, the foundation and pull requests are none."""
    answer, put_out = told("--json", qa="", production="", live="infra:environment: production")
    assert answer.document["environments"] == [
        {"name": "live", "production": True},
        {"name": "qa", "production": False},
        {"name": "production", "production": True},
    ]
    assert {name: json.loads(text) for name, text in put_out.items()} == {
        "usual": ["qa"],
        "production": ["live", "production"],
        "all": ["live", "qa", "production"],
    }


def test_where_there_is_none_an_output_is_empty(told: Callable[..., Any]) -> None:
    """A matrix of nothing would fail its job; a condition can ask for an empty text."""
    answer, put_out = told(production="")
    assert answer.out == "production (production's data)\n"
    assert put_out == {"usual": "", "production": '["production"]', "all": '["production"]'}


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("Production", "git mv Pulumi.Production.yaml Pulumi.production.yaml"),
        ("q$(a)", "a stack's name is a lower-case letter"),
        ("drift", "an environment cannot be called 'drift'"),
        ("plan-production", "taken are plan, plan-production, drift"),
    ],
)
def test_a_file_that_is_no_environments_is_refused(told: Callable[..., Any], file: str, said: str) -> None:
    """Passed over in silence it would never be deployed; and a name that GitHub has for other keys is none."""
    answer, put_out = told(staging="", **{file: ""})
    assert (answer.code, put_out) == (2, {})
    assert said in answer.err
