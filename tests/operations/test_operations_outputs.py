"""./infra outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from operations.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

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
