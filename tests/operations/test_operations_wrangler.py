"""./infra wrangler: what it finds, what it edits, and what it leaves alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from operations import wrangler
from operations.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GOOD = """\
{
  "name": "app", // a comment that stays
  "main": "src/index.ts",
  "env": {
    "staging": {
      "vars": { "ENVIRONMENT": "staging", "XATA_BRANCH": "staging" },
      "secrets": { "required": ["DATABASE_URL"] },
    },
  },
}
"""


@pytest.fixture
def app(tmp_path: Path, infra: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The command on an app's file of a text; none for no file. The file is `app/wrangler.jsonc`."""
    monkeypatch.delenv("CLOUDFLARE_ACCOUNT_ID", raising=False)
    folder = tmp_path / "app"
    folder.mkdir()

    def run(text: str | None, *words: str) -> Any:
        if text is not None:
            (folder / "wrangler.jsonc").write_text(text)
        return infra("wrangler", *words, "--config", f"appPath={folder}")

    return run


@pytest.mark.parametrize("words", [["check", "staging"], ["write", "staging"], ["write", "staging", "--yes"]])
def test_a_file_that_fits_is_left_alone(app: Callable[..., Any], tmp_path: Path, words: list[str]) -> None:
    """Nothing is found, nothing asked, nothing written."""
    answer = app(GOOD, *words)
    assert (answer.code, "as staging expects it" in answer.out) == (ExitCode.SUCCESS, True)
    assert (tmp_path / "app/wrangler.jsonc").read_text() == GOOD


def test_a_difference_is_told_with_its_place(app: Callable[..., Any], valid: Callable[[str, Any], None]) -> None:
    """Line, column and next step, as text and as one document; errors end with the code of a failed verification."""
    wrong = GOOD.replace('"XATA_BRANCH": "staging"', '"XATA_BRANCH": "production"')
    answer = app(wrong, "check", "staging")
    assert answer.code == ExitCode.VERIFICATION_FAILED
    assert "wrangler.jsonc:6:58: error: env.staging.vars.XATA_BRANCH is wrong" in answer.out
    document = app(None, "check", "staging", "--json").document
    valid("wrangler", document)
    assert [(one["line"], one["severity"]) for one in document["findings"]] == [(6, "error")]
    assert document["ok"] is False


def test_writing_is_agreed_to_and_changes_what_must(
    app: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, valid: Callable[[str, Any], None]
) -> None:
    """Without a yes nothing is written; with one a block is made, another stays, and so do comments."""
    monkeypatch.setattr("operations.console.can_ask", lambda: False)
    refused = app(GOOD, "write", "production")
    assert (refused.code, "set env.production.vars.ENVIRONMENT" in refused.err) == (ExitCode.CHANGES_REFUSED, True)
    assert (tmp_path / "app/wrangler.jsonc").read_text() == GOOD
    answer = app(None, "write", "production", "--yes", "--json")
    valid("wrangler", answer.document)
    assert (answer.code, len(answer.document["changes"]), answer.document["findings"]) == (ExitCode.SUCCESS, 3, [])
    written = (tmp_path / "app/wrangler.jsonc").read_text()
    assert [line for line in GOOD.splitlines() if line not in written.splitlines()] == []
    assert app(None, "check", "staging").code == ExitCode.SUCCESS


def test_a_missing_file_is_found_and_begun(app: Callable[..., Any], tmp_path: Path) -> None:
    """Check says how to begin one; write makes one that names the Worker as the stack does."""
    missing = app(None, "check", "staging")
    assert (missing.code, "./infra wrangler write staging" in missing.out) == (ExitCode.VERIFICATION_FAILED, True)
    assert app(None, "write", "staging", "--yes", "--config", "app=Acme Shop").code == ExitCode.SUCCESS
    assert json.loads((tmp_path / "app/wrangler.jsonc").read_text())["name"] == "acme-shop"


@pytest.mark.parametrize("action", ["check", "write"])
@pytest.mark.parametrize("text", ["{", '{"name": "app",, }', "", "[1"])
def test_a_malformed_file_is_told_with_line_and_column(app: Callable[..., Any], action: str, text: str) -> None:
    """It is neither judged nor written."""
    answer = app(text, action, "staging", "--yes")
    assert answer.code == ExitCode.BAD_CONFIGURATION
    assert "wrangler.jsonc:1:" in answer.err


def test_a_stack_without_an_app_has_no_file(infra: Callable[..., Any]) -> None:
    """The foundation is a database alone."""
    answer = infra("wrangler", "check", "foundation")
    assert (answer.code, "has no app" in answer.err) == (ExitCode.BAD_CONFIGURATION, True)


def test_what_is_expected_comes_from_the_configuration(project: Path) -> None:
    """Further secrets, the Worker's name and the account are those of the stack."""
    told = {"infra:workerSecrets": '["SESSION_KEY"]', "infra:workerName": "shop", "infra:cloudflareAccount": "a" * 32}
    expected = wrangler.asked("staging", told, folder=project, environ={}).expectation
    assert expected.secrets == ("DATABASE_URL", "SESSION_KEY")
    assert (expected.expected_name, expected.account_id) == ("shop", "a" * 32)
    elsewhere = {"CLOUDFLARE_ACCOUNT_ID": "b" * 32}
    other = wrangler.asked("staging", {"infra:app": "acme-shop"}, folder=project, environ=elsewhere).expectation
    assert (other.expected_name, other.account_id) == ("acme-shop-staging", "b" * 32)
