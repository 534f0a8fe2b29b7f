"""The app's own login on a developer's machine: what it may not do shows there, and not first in the cloud."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from components.connection import Connection
from components.local.dev_vars import parse
from tests.killing_infra import killed

if TYPE_CHECKING:
    from tests.clone import Clone

ENGINE = ("--engine", "embedded")
FILES = ("--config", 'sqlFiles=["notes.sql"]')
ROLE = (*ENGINE, *FILES, "--config", "appRole=readwrite")
NOTES = "CREATE TABLE notes (id serial PRIMARY KEY, text text);\n"


def _up(clone: Clone, *words: str) -> dict[str, Any]:
    answer = clone.infra("up", "dev", "--yes", "--json", *words)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def _url(clone: Clone) -> str:
    return parse((clone.folder / ".dev.vars").read_text())["DATABASE_URL"]


def _one(url: str, statement: str) -> Any:
    with psycopg.connect(url, autocommit=True) as session:
        found = session.execute(statement)
        return found.fetchone() if found.description else None


def test_the_app_may_what_it_will_be_allowed_in_the_cloud(clone: Clone) -> None:
    """Data, also of tables that the owner makes later; no schema. `dump` and `load` still have all of it."""
    (clone.folder / "notes.sql").write_text(NOTES)
    outputs = _up(clone, *ROLE)["outputs"]
    app = _url(clone)
    assert outputs["databaseUser"] == Connection.parse(app).user
    assert re.fullmatch(r"\w+_[0-9a-z]{8}_[ab]", outputs["databaseUser"])
    assert _one(app, "INSERT INTO notes (text) VALUES ('one') RETURNING id") == (1,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        _one(app, "CREATE TABLE more ()")
    archive = clone.folder / "dev.dump"
    assert clone.infra("dump", "dev", str(archive), *ENGINE).returncode == 0
    assert clone.infra("load", "dev", str(archive), "--clean", "--yes", *ENGINE).returncode == 0
    assert _one(app, "SELECT count(*) FROM notes") == (1,)
    assert clone.infra("verify", "dev", *ENGINE).returncode == 0
    assert not any(count for what, count in _up(clone, *ROLE)["changes"].items() if what != "same")


def test_a_change_that_is_killed_is_completed_and_the_owners_login_comes_back(clone: Clone) -> None:
    """Whichever URL is in .dev.vars lets the app in. Without the setting that is the owner's; both others are shut."""
    (clone.folder / "notes.sql").write_text(NOTES)
    _up(clone, *ROLE)
    first = _url(clone)
    words = ("up", "dev", "--yes", *ROLE, "--config", "rotation=another")
    assert killed(lambda: _url(clone) != first, clone.folder, words, clone.environment())
    assert _one(_url(clone), "SELECT count(*) FROM notes") == (0,)
    _up(clone, *words[3:])
    second = _url(clone)
    assert _one(second, "SELECT count(*) FROM notes") == (0,)
    with pytest.raises(psycopg.OperationalError):
        _one(first, "SELECT 1")
    _up(clone, *ENGINE, *FILES)
    owners = _url(clone)
    assert Connection.parse(owners).user != Connection.parse(second).user
    assert _one(owners, r"SELECT count(*) FROM pg_roles WHERE rolcanlogin AND rolname ~ '_[ab]$'") == (0,)
