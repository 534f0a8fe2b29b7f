"""A project folder to work on, and the command line as a function."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from operations import __main__ as entry
from operations import changes
from tests.operations.doubles import FakeEngine
from tests.operations.xata_double import KEY, Xata
from tests.own_project import PROJECT, write_stacks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


SCHEMAS = PROJECT / "docs" / "schemas"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)


@pytest.fixture
def infra(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """Run a command line in this process."""

    def run(*arguments: str) -> Answer:
        code = entry.main(arguments)
        captured = capsys.readouterr()
        return Answer(code=code, out=captured.out, err=captured.err)

    return run


@pytest.fixture
def fake_engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """Let every command work with an engine that only remembers."""
    engine = FakeEngine()

    def opened(target: changes.Target, *, deploys: bool, changes: bool = False, **_more: object) -> FakeEngine:
        del deploys, changes
        engine.config = target.config
        return engine

    monkeypatch.setattr(changes, "opened", opened)
    return engine


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder of its own, with nothing set in the environment."""
    foreign = ("PULUMI_", "XATA_", "INFRA_", "CLOUDFLARE_", "GITHUB_")
    for name in [name for name in os.environ if name.startswith(foreign)]:
        monkeypatch.delenv(name)
    folder = tmp_path / "a project"
    folder.mkdir()
    write_stacks(folder)
    shutil.copy(PROJECT / ".gitignore", folder)
    (folder / "examples" / "health-worker").mkdir(parents=True)  # the stack files name it
    return folder


@pytest.fixture
def valid() -> Callable[[str, Any], None]:
    """Judge a document by a schema of docs/schemas."""

    def check(name: str, document: Any) -> None:
        schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(document, schema)

    return check


@pytest.fixture
def xata(monkeypatch: pytest.MonkeyPatch) -> Xata:
    """Xata in this process, in the place of the network, with a key of all rights in the environment."""
    made = Xata()
    for module in ("components.xata.api.client", "components.xata.provider", "components.xata.removal"):
        monkeypatch.setattr(f"{module}.connect", made.connect)
    monkeypatch.setenv("XATA_API_KEY", KEY)
    return made
