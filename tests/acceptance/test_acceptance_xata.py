"""Staging and production in the sandbox, as a user sees them: real `./infra`, real Postgres 18, TLS."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.clone import SECONDS
from tests.sandboxed import NOTHING, Sandboxed, changes, connect, password_of

if TYPE_CHECKING:
    from collections.abc import Mapping

STACKS = ("foundation", "staging", "production")
LAYERS = {"branch", "name resolution", "TCP", "TLS", "authentication", "database", "query and identity"}
BRANCHES = {"foundation": "main", "staging": "staging", "production": "production"}


def _ask(sandboxed: Sandboxed, outputs: Mapping[str, Any], statement: str) -> list[Any]:
    with connect(outputs["databaseUrl"], authority=sandboxed.record["authority"]) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_a_branch_whose_authority_is_not_named_is_not_trusted(sandboxed: Sandboxed) -> None:
    """In the shell of `env` without INFRA_DATABASE_CA `verify` fails at TLS, although psql has its PGSSLROOTCERT."""
    shell = 'eval "$(./infra sandbox env)" && unset INFRA_DATABASE_CA && ./infra verify foundation --json'
    answer = subprocess.run(
        ["sh", "-c", shell],
        cwd=sandboxed.clone.folder,
        env=sandboxed.clone.environment(XDG_CACHE_HOME=sandboxed.cache),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert answer.returncode != 0
    (failed,) = (layer for layer in json.loads(answer.stdout)["layers"] if layer["ok"] is False)
    assert failed["layer"] == "TLS"
    assert "certificate" in failed["cause"]
    assert "INFRA_DATABASE_CA" in failed["next"]


@pytest.mark.thorough
def test_three_stacks_come_up_and_keep_their_data_apart(sandboxed: Sandboxed) -> None:
    """[A1][A2][A10] Each stack's check passes over TLS, a second up changes nothing, and no row goes astray."""
    outputs = {"foundation": sandboxed.outputs("foundation")}
    _ask(sandboxed, outputs["foundation"], "create table seed as select 1 as number")
    for stack in STACKS[1:]:
        sandboxed.begin_anew(stack)
        assert sandboxed.up(stack)["changes"]["create"] > 0
        outputs[stack] = sandboxed.outputs(stack)
    for stack in STACKS:
        document = sandboxed.up(stack)
        assert changes(document) == NOTHING
        check = document["outputs"]["checks"]["database"]
        assert (check["ok"], check["mode"], check["branch"]) == (True, "enforce", BRANCHES[stack])
        assert check["serverVersion"].startswith("18.")
        assert (outputs[stack]["backupRetentionDays"], outputs[stack]["backupTime"]) == (7, "*:02:30")
        assert "sslmode=require" in outputs[stack]["databaseUrl"]
        assert _ask(sandboxed, outputs[stack], "select number from seed") == [(1,)]
    _ask(sandboxed, outputs["staging"], "create table written as select 'staging' as by")
    _ask(sandboxed, outputs["staging"], "update seed set number = 2")
    for other in ("foundation", "production"):
        assert _ask(sandboxed, outputs[other], "select number from seed") == [(1,)]
        with pytest.raises(psycopg.errors.UndefinedTable):
            _ask(sandboxed, outputs[other], "select by from written")


@pytest.mark.parametrize(
    "command",
    [
        ("up", "staging", "--yes", "--config", "rotation=later"),
        pytest.param(("verify", "staging"), marks=pytest.mark.thorough),
        pytest.param(("doctor", "staging"), marks=pytest.mark.thorough),
        pytest.param(("drift", "staging"), marks=pytest.mark.thorough),
    ],
)
def test_a_dead_service_behind_the_api_is_told_at_the_first_answer(
    sandboxed: Sandboxed, command: tuple[str, ...]
) -> None:
    """A 401 that took 11 s is called an outage, not a bad key, and nobody waits for it twice."""
    sandboxed.up("staging")
    sandboxed.fault(status=401, message="invalid token", delay=11, times=0)
    answer = sandboxed.clone.infra(*command, "--sandbox")
    said = answer.stdout + answer.stderr
    assert "an outage of its own, not a bad key" in said
    assert "the key is unknown" not in said
    assert "attempts)" not in said
    assert answer.returncode == 0 if command[0] == "verify" else answer.returncode != 0


@pytest.mark.thorough
def test_production_is_deleted_in_two_steps_only(sandboxed: Sandboxed) -> None:
    """[F1][A8][A9] Destroy and a program without the branch leave it alone; two steps delete it, and again is fine."""
    sandboxed.up("production")
    before = sandboxed.branches()["production"]["id"]
    sandboxed.forget_calls()
    refused = sandboxed.run("destroy", "production", "--yes")
    assert refused.returncode == 3
    assert "protect=false" in refused.stderr
    assert "INFRA_ALLOW_DELETE=production" in refused.stderr
    program = sandboxed.clone.folder / "stacks/cloud.py"
    text = program.read_text()
    program.write_text(f"{text}\n\ndef program(settings, folder):\n    del settings, folder\n")
    for command in (("preview", "production"), ("up", "production", "--yes")):
        answer = sandboxed.run(*command)
        assert answer.returncode != 0
        assert "protected" in answer.stdout + answer.stderr
    program.write_text(text)
    assert not [call for call in sandboxed.calls() if call["method"] == "DELETE"]
    assert sandboxed.branches()["production"]["id"] == before
    sandboxed.up("production")
    sandboxed.up("production", "--config", "protect=false")
    assert sandboxed.run("destroy", "production", "--yes").returncode != 0
    assert sandboxed.branches()["production"]["id"] == before
    sandboxed.must("destroy", "production", "--yes", INFRA_ALLOW_DELETE="production")
    assert "production" not in sandboxed.branches()
    sandboxed.must("destroy", "production", "--yes", INFRA_ALLOW_DELETE="production")


@pytest.mark.thorough
def test_a_branch_deleted_by_others_is_named_shown_and_made_again(sandboxed: Sandboxed) -> None:
    """[B1] Verify says that the branch is gone, refresh shows it, up makes it again, and verify names every layer."""
    sandboxed.up("staging")
    outputs = sandboxed.outputs("staging")
    assert sandboxed.control.delete(sandboxed.api(outputs)).status_code == 204
    verdict = sandboxed.run("verify", "staging", "--json")
    layers = {layer["layer"]: layer for layer in json.loads(verdict.stdout)["layers"]}
    assert verdict.returncode == 5
    assert outputs["branchId"] in json.dumps(layers)
    shown = sandboxed.must("refresh", "staging", "--yes")
    assert "database-branch" in shown.stdout + shown.stderr
    document = sandboxed.up("staging")
    assert changes(document) != NOTHING
    assert sandboxed.branches()["staging"]["id"] != outputs["branchId"]
    verdict = sandboxed.must("verify", "staging", "--json")
    layers = {layer["layer"]: layer for layer in json.loads(verdict.stdout)["layers"]}
    assert {
        "branch",
        "name resolution",
        "TCP",
        "TLS",
        "authentication",
        "database",
        "query and identity",
    } <= layers.keys()
    assert all(layer["ok"] for layer in layers.values())
    assert changes(sandboxed.up("staging")) == NOTHING


@pytest.mark.thorough
def test_rotating_replaces_the_password_everywhere(sandboxed: Sandboxed) -> None:
    """[B6] After rotate the old password is refused and the new one works; what others rotate is named, then healed."""
    sandboxed.up("staging")
    authority = sandboxed.record["authority"]
    old = sandboxed.outputs("staging")
    sandboxed.must("rotate", "staging", "--yes")
    new = sandboxed.outputs("staging")
    assert password_of(new["databaseUrl"]) != password_of(old["databaseUrl"])
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(old["databaseUrl"], authority=authority)
    with connect(new["databaseUrl"], authority=authority) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert changes(sandboxed.up("staging")) == NOTHING
    answer = sandboxed.control.post(sandboxed.api(new, "/credentials/rotate"), json={"username": "xata"})
    assert answer.status_code == 204
    verdict = sandboxed.run("verify", "staging", "--json")
    failed = [layer["layer"] for layer in json.loads(verdict.stdout)["layers"] if layer["ok"] is False]
    assert failed == ["authentication"]
    assert changes(sandboxed.up("staging")) != NOTHING
    sandboxed.must("verify", "staging")
    assert changes(sandboxed.up("staging")) == NOTHING
