"""./infra outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from operations.errors import ExitCode
from pulumi_embedded.api import Output
from tests.operations.outputs import readers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from tests.operations.doubles import FakeEngine


def test_secrets_are_masked_unless_asked_for(infra: Callable[..., Any], fake_engine: FakeEngine) -> None:
    """The URL is shown only with --show-secrets, as a document and as text."""
    del fake_engine
    assert infra("outputs", "dev", "--json").document == {"branchName": "dev", "databaseUrl": "[secret]"}
    assert "s3cret" in infra("outputs", "dev", "--json", "--show-secrets").document["databaseUrl"]
    assert infra("outputs", "dev").out == "branchName   dev\ndatabaseUrl  [secret]\n"
    assert "s3cret" in infra("outputs", "dev", "--show-secrets").out


def test_a_stack_never_deployed_has_a_next_step(infra: Callable[..., Any], fake_engine: FakeEngine) -> None:
    """No outputs is not an empty answer but a sentence with what to do."""
    fake_engine.values = {}
    answer = infra("outputs", "dev")
    assert answer.code == ExitCode.BAD_CONFIGURATION
    assert "./infra up dev" in answer.err


def _stacks_values(fake_engine: FakeEngine, **values: str) -> None:
    fake_engine.values = {
        "branchName": Output(value="dev", secret=False),
        **{name: Output(value=value, secret=True) for name, value in values.items()},
    }


def test_a_masked_secret_becomes_no_value(infra: Callable[..., Any], fake_engine: FakeEngine) -> None:
    """The formats for programs leave a secret out and say so, unless it is asked for."""
    del fake_engine
    for name, text in (("env", "unset DATABASE_URL\nexport BRANCH_NAME='dev'\n"), ("dotenv", "BRANCH_NAME=dev\n")):
        answer = infra("outputs", "dev", "--format", name)
        assert (answer.code, answer.out) == (ExitCode.SUCCESS, text)
        assert "left out, because secret: DATABASE_URL (--show-secrets" in answer.err
        assert "s3cret" in infra("outputs", "dev", "--format", name, "--show-secrets").out


def test_format_json_is_the_document(infra: Callable[..., Any], fake_engine: FakeEngine) -> None:
    """It is another spelling of --json, also when there is nothing to show."""
    assert infra("outputs", "dev", "--format", "json").out == infra("outputs", "dev", "--json").out
    fake_engine.values = {}
    for spelling in (("--format", "json"), ("--format=json",)):
        assert infra("outputs", "dev", *spelling).document["error"]["next"] == "./infra up dev"
    assert infra("outputs", "dev", "--format", "env").out == ""


def test_two_formats_at_once_are_refused(infra: Callable[..., Any], fake_engine: FakeEngine) -> None:
    """Only one can be written."""
    del fake_engine
    answer = infra("outputs", "dev", "--json", "--format", "env")
    assert (answer.code, answer.document["error"]["next"]) == (ExitCode.BAD_CONFIGURATION, "leave one out")


def test_github_masks_before_it_writes(
    infra: Callable[..., Any], fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The runner is told on standard output what to mask; the values go behind what its file holds already."""
    file = tmp_path / "output"
    file.write_text("earlier=1\n")
    monkeypatch.setenv("GITHUB_OUTPUT", str(file))
    answer = infra("outputs", "dev", "--format", "github", "--show-secrets")
    url = fake_engine.values["databaseUrl"].value
    assert answer.out == f"::add-mask::{url}\n::add-mask::s3cret\n"
    assert file.read_text().startswith("earlier=1\nBRANCH_NAME<<")
    assert readers.runner(file.read_text().removeprefix("earlier=1\n")) == {"BRANCH_NAME": "dev", "DATABASE_URL": url}


def test_github_without_a_runner_writes_all_to_standard_output(
    infra: Callable[..., Any], fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The masks stand before the first value; without --show-secrets there is neither."""
    del fake_engine
    monkeypatch.delenv("GITHUB_OUTPUT", raising=False)
    answer = infra("outputs", "dev", "--format", "github", "--show-secrets")
    assert answer.out.rindex("::add-mask::") < answer.out.index("BRANCH_NAME<<")
    assert set(readers.runner(infra("outputs", "dev", "--format", "github").out)) == {"BRANCH_NAME"}


def test_a_new_output_file_is_private(
    infra: Callable[..., Any], fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where the runner's file is not there yet, nobody else may read the one that is made."""
    del fake_engine
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    infra("outputs", "dev", "--format", "github", "--show-secrets")
    assert (tmp_path / "output").stat().st_mode & 0o777 == 0o600


def test_a_value_that_no_format_carries_writes_nothing(
    infra: Callable[..., Any], fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A refusal comes before the first line, and names the output without its value."""
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "output"))
    _stacks_values(fake_engine, databaseUrl="pa$$word\0")
    for name in ("env", "dotenv", "github"):
        answer = infra("outputs", "dev", "--format", name, "--show-secrets")
        assert (answer.code, answer.out) == (ExitCode.BAD_CONFIGURATION, "")
        assert "the output databaseUrl holds a zero byte" in answer.err
        assert "word" not in answer.err
    assert not (tmp_path / "output").exists()
