"""A small program with the files that a project is made by, beside the clone of an app."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from operations import cli
from operations.commands import init
from operations.init import answers, fitting, template

PROJECT = Path(__file__).resolve().parents[2]
MADE_BY = (
    "copier.yml",
    "Pulumi.yaml.jinja",
    ".copier-answers.yml.jinja",
    *(f"Pulumi.{stack}yaml" for stack in ("", "dev.", "foundation.", "preview.", "staging.", "production.")),
)
PERSON = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com")


def git(folder: Path, *words: str) -> str:
    """Run git, and wait for its answer."""
    done = subprocess.run(["git", *PERSON, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder: Path, **texts: str) -> None:
    """Write files (`__` stands for a dot) and commit all that there is."""
    for name, text in texts.items():
        (folder / name.replace("__", ".")).write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "-q", "--message", "as it is")


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A program that is a template, and the app's clone.

    Attributes:
        program: The template; commands run as its own.
        app: The app's clone, with a wrangler file.
        patch: Makes the commands those of another folder.
    """

    program: Path
    app: Path
    patch: pytest.MonkeyPatch

    @property
    def infra(self) -> Path:
        """Where the project of the layout `folder` goes."""
        return self.app / "infra"

    def work_in(self, folder: Path) -> None:
        """From now on commands are those of this project."""
        for module in (answers, fitting, init, template):
            self.patch.setattr(module, "PROJECT", folder)
        self.patch.setattr(answers, "QUESTIONS", folder / "copier.yml")

    def call(self, *words: str) -> int:
        """Run a command as a user types it."""
        command = cli.parse(words)
        return int(command.run(command))

    def make(self, *words: str) -> Path:
        """Make the project in the app's clone, commit it, and go on in it."""
        assert self.call("init", "--into", str(self.infra), *words, "--yes") == 0
        commit(self.app)
        self.work_in(self.infra)
        return self.infra


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Both are committed, and nothing has been made."""
    program, app = tmp_path / "program", tmp_path / "acme-shop"
    for folder in (program, app):
        folder.mkdir()
        git(folder, "init", "-q", "--initial-branch", "main")
    for name in MADE_BY:
        shutil.copy(PROJECT / name, program / name)
    shutil.copytree(PROJECT / ".github", program / ".github")
    (program / "tests/template").mkdir(parents=True)
    (program / "tests/template/test_made.py").touch()
    (program / "bench").mkdir()
    (program / "bench/README.md").touch()
    commit(program, README__md="# infra\n\nOne.\n\nTwo.\n\nThree.\n", infra="#!/bin/sh\n")
    commit(app, wrangler__jsonc='{\n  "name": "acme-shop"\n}\n')
    monkeypatch.chdir(program)
    made = Shop(program=program, app=app, patch=monkeypatch)
    made.work_in(program)
    return made
