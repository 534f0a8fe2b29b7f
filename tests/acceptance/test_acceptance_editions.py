"""The whole life of a project's branches with every edition of the service, each with a sandbox of its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.sandboxed import connect, password_of, sandbox_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clone import Clone
    from tests.sandboxed import Sandboxed

EDITIONS: dict[str, dict[str, Any]] = {
    "april": {},
    "june": {"status_prefix": False},
    "august": {},
    "current": {"cell": "c1"},
}
"""What else each is told: every setting that a service may have either way comes up once."""


def _ask(sandboxed: Sandboxed, url: str, statement: str) -> list[Any]:
    with connect(url, authority=sandboxed.record["authority"]) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def _url(sandboxed: Sandboxed, stack: str) -> str:
    found: str = sandboxed.outputs(stack)["databaseUrl"]
    return found


@pytest.mark.timeout(600)
@pytest.mark.parametrize("edition", EDITIONS)
def test_every_edition_is_lived_with_from_the_first_branch_to_the_last(
    untouched: Clone, tmp_path: Path, edition: str
) -> None:
    """Foundation, staging, a pull request, rotate, restore, destroy: data arrive, old passwords end, nothing stays."""
    told = tmp_path / "settings.json"
    told.write_text(json.dumps({"edition": edition} | EDITIONS[edition]))
    with sandbox_of(untouched, "--settings", str(told)) as sandboxed:
        _live(sandboxed)


UNPROTECTED = ("--config", "protect=false")


def _live(sandboxed: Sandboxed) -> None:
    sandboxed.up("foundation", *UNPROTECTED)
    sandboxed.up("staging", *UNPROTECTED)
    old = _url(sandboxed, "staging")
    _ask(sandboxed, old, "create table orders as select 1 as number")
    assert sandboxed.up("pr-7")["outputs"]["checks"]["database"]["ok"] is True
    sandboxed.must("rotate", "staging", "--yes", *UNPROTECTED)
    new = _url(sandboxed, "staging")
    assert new.replace(password_of(new), "") == old.replace(password_of(old), "")
    with pytest.raises(psycopg.OperationalError, match="password"):
        _ask(sandboxed, old, "select 1")
    _restore(sandboxed)
    sandboxed.must("destroy", "pr-7", "--yes")
    sandboxed.must("destroy", "staging", "--yes", INFRA_ALLOW_DELETE="staging")
    sandboxed.must("destroy", "foundation", "--yes", INFRA_ALLOW_DELETE=f"main,{_project(sandboxed)}")
    assert sandboxed.branches() == {}


def _restore(sandboxed: Sandboxed) -> None:
    """Bring staging's backup back beside it, see its data, and delete what no stack owns."""
    answer = sandboxed.must("restore", "staging", "--into", "rescue", "--yes", "--json", "--show-secrets")
    assert _ask(sandboxed, json.loads(answer.stdout)["databaseUrl"], "select number from orders") == [(1,)]
    rescue = sandboxed.branches()["rescue"]
    path = f"/organizations/{sandboxed.record['organization']}/projects/{rescue['project']}/branches/{rescue['id']}"
    sandboxed.control.delete(path).raise_for_status()


def _project(sandboxed: Sandboxed) -> str:
    (found,) = sandboxed.control.get("/sandbox/state").json()["projects"]
    name: str = found["name"]
    return name
