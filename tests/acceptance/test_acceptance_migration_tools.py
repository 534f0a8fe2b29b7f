"""The real dbmate and the real drizzle-kit as `infra:migrate`, on dev, staging and a pull request's environment."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.acceptance.test_acceptance_dev import _encodings
from tests.examples.health_worker import npm, run_in
from tests.sandboxed import ENGINE, NOTHING, changes, connect, password_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.sandboxed import Sandboxed

pytestmark = pytest.mark.thorough

APP = "tests/acceptance/migrating"


def _dbmate(app: Path, number: int, statement: str) -> str:
    """A migration of dbmate's, as one writes it; its file's name."""
    file = app / "db" / "migrations" / f"2026010100000{number}_step.sql"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"-- migrate:up\n{statement};\n-- migrate:down\n")
    return file.name


def _drizzle(app: Path, number: int, statement: str) -> str:
    """A migration that drizzle-kit makes for one to fill in; its file's name."""
    file = app / "drizzle" / f"{number:04}_step.sql"
    if not file.exists():
        (app / "schema.ts").touch()
        program = shutil.which("npx") or ""
        run_in(app, [program, "drizzle-kit", "generate", "--custom", "--name", "step"])
    file.write_text(statement)
    return file.name


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool: its command, its folder, and how one more migration is written, the first one being number 0."""

    command: str
    folder: str
    write: Callable[[Path, int, str], str]

    @property
    def options(self) -> tuple[str, ...]:
        """The three settings."""
        told = {"migrate": self.command, "migrations": f"{APP}/{self.folder}", "appPath": APP}
        return tuple(word for key, value in told.items() for word in ("--config", f"{key}={value}"))


DBMATE = Tool(
    command="npx dbmate --migrations-dir db/migrations --no-dump-schema up", folder="db/migrations", write=_dbmate
)
DRIZZLE = Tool(command="npx drizzle-kit migrate", folder="drizzle", write=_drizzle)


def _tables(sandboxed: Sandboxed, stack: str) -> set[str]:
    """The app's tables there."""
    listed = "select tablename from pg_tables where schemaname = 'public' and tablename not like '%migrations'"
    if stack == "dev":
        told = sandboxed.clone.infra("outputs", "dev", "--json", "--show-secrets", *ENGINE)
        with psycopg.connect(json.loads(told.stdout)["databaseUrl"]) as session:
            return {name for (name,) in session.execute(listed).fetchall()}
    with connect(sandboxed.outputs(stack)["databaseUrl"], authority=sandboxed.record["authority"]) as session:
        return {name for (name,) in session.execute(listed).fetchall()}


def _up(sandboxed: Sandboxed, stack: str, tool: Tool) -> dict[str, int]:
    """`up`, which must end well; what it changed."""
    if stack != "dev":
        return changes(sandboxed.up(stack, *tool.options))
    answer = sandboxed.clone.infra("up", "dev", "--yes", "--json", *ENGINE, *tool.options)
    assert answer.returncode == 0, answer.stderr
    document: Mapping[str, Any] = json.loads(answer.stdout)
    return changes(document)


@pytest.mark.parametrize("tool", [DBMATE, DRIZZLE], ids=["dbmate", "drizzle-kit"])
def test_a_real_tool_migrates_every_environment(fresh_sandbox: Sandboxed, tool: Tool) -> None:
    """Each has what its files say; a pull request's has more, and staging has it when its turn comes."""
    if shutil.which("npx") is None:
        pytest.skip("there is no npx on the PATH")
    app = fresh_sandbox.clone.folder / APP
    npm(app, "install")  # by the lock file; `ci` wants what dbmate has for other platforms, which not every mirror has
    tool.write(app, 0, "create table orders (id int primary key)")
    for stack in ("dev", "staging"):
        _up(fresh_sandbox, stack, tool)
        assert _tables(fresh_sandbox, stack) == {"orders"}
    new = tool.write(app, 1, "create table items (id int primary key)")
    plan = fresh_sandbox.must("preview", "staging", *tool.options)
    assert re.findall(r'\+ files\["(.*sql)"\]', plan.stdout + plan.stderr) == [new]
    _up(fresh_sandbox, "pr-41", tool)
    assert [_tables(fresh_sandbox, stack) for stack in ("pr-41", "staging")] == [{"orders", "items"}, {"orders"}]
    for stack in ("dev", "staging"):
        _up(fresh_sandbox, stack, tool)
        assert _tables(fresh_sandbox, stack) == {"orders", "items"}
    assert [_up(fresh_sandbox, stack, tool) for stack in ("dev", "staging", "pr-41")] == [NOTHING] * 3
    _fails_halfway(fresh_sandbox, tool, app)


def _fails_halfway(sandboxed: Sandboxed, tool: Tool, app: Path) -> None:
    """The tool undoes it, `up` fails with its words and without the password, and the next one does it again."""
    tool.write(app, 2, "create table notes (id int); select nonsense")
    failed = sandboxed.run("up", "staging", "--yes", "--verbose", *tool.options)
    assert (failed.returncode, "ended with 1" in failed.stderr or "ended with 2" in failed.stderr) == (4, True)
    assert (tool is DRIZZLE) or 'column "nonsense" does not exist' in failed.stderr
    assert _tables(sandboxed, "staging") == {"orders", "items"}
    password = password_of(sandboxed.outputs("staging")["databaseUrl"])
    assert [one for one in _encodings(password) if one in failed.stdout + failed.stderr] == []
    tool.write(app, 2, "create table notes (id int)")
    _up(sandboxed, "staging", tool)
    assert _tables(sandboxed, "staging") == {"orders", "items", "notes"}
    hidden = os.pathsep.join(folder for folder in os.environ["PATH"].split(os.pathsep) if not _has_npx(folder))
    assert changes(sandboxed.up("staging", *tool.options, PATH=hidden)) == NOTHING
    tool.write(app, 3, "select 1")
    refused = sandboxed.run("preview", "staging", *tool.options, PATH=hidden)
    assert "npx is not there: it is neither on the PATH nor a program in" in refused.stderr


def _has_npx(folder: str) -> bool:
    return shutil.which("npx", path=folder) is not None
