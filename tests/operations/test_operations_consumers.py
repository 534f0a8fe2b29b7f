"""./infra consumer: another project, on our state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from operations.changes import Target
from operations.commands import consumer
from operations.engines import choice
from operations.errors import ExitCode, UsageError
from pulumi_embedded import api
from tests.operations.doubles import FakeEngine, result

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another project with one stack."""
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text("name: other\nruntime: python\n")
    (folder / "Pulumi.staging.yaml").write_text("config: {}\n")
    return folder


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """Whatever project is opened, an engine that only remembers works on it."""
    made = FakeEngine()
    monkeypatch.setattr(consumer, "opened", lambda _target, _folder: made)
    return made


def test_it_works_on_our_state_with_our_passphrase(project: Path, other: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own folder holds the program, ours the state: a stack reference finds our stacks."""
    monkeypatch.setattr(choice, "installed", lambda: (None, []))
    workspace = consumer.opened(Target(stack="staging", engine="embedded", folder=project), other).workspace  # type: ignore[attr-defined] # the embedded engine's own
    assert (workspace.folder, workspace.stack) == (other, "staging")
    assert workspace.state_folder == project / ".infra" / "state"
    assert workspace.passphrase == (project / ".infra" / "passphrase").read_text().strip()
    assert workspace.environ["PULUMI_BACKEND_URL"] == workspace.backend_url
    assert not (other / ".infra" / "passphrase").exists()


@pytest.mark.parametrize(
    ("file", "text", "stack", "said"),
    [
        ("Pulumi.yaml", None, "staging", "is no Pulumi project: it has no Pulumi.yaml"),
        ("Pulumi.yaml", "name: infra\nruntime: python\n", "staging", "is the project 'infra', as this one is"),
        ("Pulumi.yaml", "name: other\nruntime: python\n", "../x", "'../x' is no name of a stack"),
        ("Pulumi.yaml", "name: other\nruntime: python\n", "later", "has no Pulumi.later.yaml in"),
    ],
)
def test_what_is_no_other_project_is_refused(
    project: Path, other: Path, file: str, text: str | None, stack: str, said: str
) -> None:
    """Above all one of our own name, whose stacks would be ours."""
    (other / file).unlink()
    if text is not None:
        (other / file).write_text(text)
    with pytest.raises(UsageError, match=said):
        consumer.opened(Target(stack=stack, engine="embedded", folder=project), other)
    assert not (project / ".infra").exists()


@pytest.mark.parametrize("action", ["up", "destroy"])
def test_a_change_wants_agreement(action: str, infra: Callable[..., Any], engine: FakeEngine) -> None:
    """Without --yes, and nobody to ask, the plan is shown and nothing is done; with it there is no plan."""
    answer = infra("consumer", action, "examples/consumer", "staging")
    assert (answer.code, engine.asked) == (ExitCode.CHANGES_REFUSED, [f"plan {action}"])
    assert "--yes carries it out" in answer.err
    answer = infra("consumer", action, "examples/consumer", "staging", "--yes", "--json")
    assert (answer.code, engine.asked[1:], answer.document["result"]) == (ExitCode.SUCCESS, [action], "succeeded")


def test_a_plan_that_fails_is_not_carried_out(infra: Callable[..., Any], engine: FakeEngine) -> None:
    """Its exit code says so."""
    engine.answers["plan"] = result("preview", succeeded=False, errors=("no",))
    assert infra("consumer", "up", "examples/consumer", "staging").code == ExitCode.RESOURCE_FAILED
    assert engine.asked == ["plan up"]


def test_a_preview_names_the_next_step(infra: Callable[..., Any], engine: FakeEngine) -> None:
    """As a person sees it, and as a document."""
    answer = infra("consumer", "preview", "examples/consumer", "staging", "--sandbox")
    assert "next: ./infra consumer up examples/consumer staging --sandbox" in answer.err
    assert infra("consumer", "preview", "examples/consumer", "staging", "--json").document["steps"] == []
    assert engine.asked == ["plan up", "plan up"]


def test_its_outputs_are_shown_as_ours_are(infra: Callable[..., Any], engine: FakeEngine) -> None:
    """In every format; a stack that was never brought up has a next step."""
    engine.values = {"url": api.Output(value="s3cret", secret=True), "place": api.Output(value="x", secret=False)}
    ask = ("consumer", "outputs", "examples/consumer", "staging")
    assert infra(*ask, "--json").document == {"place": "x", "url": "[secret]"}
    assert infra(*ask, "--format", "env").out == "unset URL\nexport PLACE='x'\n"
    engine.values = {}
    assert "./infra consumer up examples/consumer staging" in infra(*ask).err


def test_a_wrong_action_is_refused(infra: Callable[..., Any]) -> None:
    """With the ones there are."""
    answer = infra("consumer", "refresh", "examples/consumer", "staging")
    assert answer.code == ExitCode.BAD_CONFIGURATION
    assert "outputs" in answer.err
