"""A file that git would let be committed is refused, and so is one that git cannot be asked about."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from components.errors import RefusedError
from components.local import ignored
from components.local.ignored import require_ignored

if TYPE_CHECKING:
    from pathlib import Path


def _program(folder: Path, text: str) -> None:
    folder.mkdir()
    (folder / "git").write_text(f"#!/bin/sh\n{text}\n")
    (folder / "git").chmod(0o755)


def test_an_ignored_file_passes(repository: Path) -> None:
    """What git ignores may be written, in a folder below too."""
    (repository / "app").mkdir()
    require_ignored(repository / ".dev.vars")
    require_ignored(repository / "app" / ".dev.vars")


def test_a_folder_outside_of_any_repository_passes(tmp_path: Path) -> None:
    """Without a repository nothing can be committed."""
    require_ignored(tmp_path / ".dev.vars")


def test_a_file_that_git_does_not_ignore_is_refused(repository: Path) -> None:
    """The refusal names the file, the line to add, and where."""
    (repository / ".gitignore").write_text("node_modules\n")
    with pytest.raises(RefusedError, match="git does not ignore") as caught:
        require_ignored(repository / ".dev.vars")
    assert str(repository / ".dev.vars") in caught.value.message
    assert caught.value.next_step.startswith(f"add the line .dev.vars* to {repository / '.gitignore'}")


def test_an_exception_from_the_ignore_rules_is_refused(repository: Path) -> None:
    """A pattern that takes the file out again counts."""
    with pytest.raises(RefusedError, match="git does not ignore"):
        require_ignored(repository / ".dev.vars.example")


def test_a_committed_file_is_refused_although_a_rule_matches(repository: Path) -> None:
    """A tracked file is committed on, whatever .gitignore says; the remedy untracks it."""
    (repository / ".dev.vars").write_text("A=1\n")
    subprocess.run(["git", "add", "-f", ".dev.vars"], cwd=repository, check=True)
    with pytest.raises(RefusedError, match="is committed to git") as caught:
        require_ignored(repository / ".dev.vars")
    assert caught.value.next_step.startswith(f"git rm --cached {repository / '.dev.vars'}")


def test_a_git_that_is_missing_is_no_permission(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a repository without the git program nobody can tell, so the file is not written."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RefusedError, match="git is not installed"):
        require_ignored(repository / ".dev.vars")


def test_a_git_that_fails_is_no_permission(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A git that refuses the repository, as with a foreign owner, is quoted."""
    _program(tmp_path / "bin", "echo 'fatal: detected dubious ownership' >&2; exit 128")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    with pytest.raises(RefusedError, match="detected dubious ownership"):
        require_ignored(repository / ".dev.vars")


def test_a_git_that_hangs_is_no_permission(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The git program gets a limit, not the whole deployment."""
    _program(tmp_path / "bin", "exec sleep 20")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    monkeypatch.setattr(ignored, "TIMEOUT_SECONDS", 0.2)
    with pytest.raises(RefusedError, match="did not answer"):
        require_ignored(repository / ".dev.vars")


def test_a_hooks_environment_does_not_mislead(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Called from another repository's hook, the file's own repository is asked."""
    subprocess.run(["git", "init", "-q", tmp_path / "other"], check=True)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path / "other"))
    require_ignored(repository / ".dev.vars")
