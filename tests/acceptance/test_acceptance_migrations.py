"""The app's own migration command in whole deployments, as a user meets it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psutil
import pytest

from tests.acceptance.test_acceptance_dev import _encodings, _query, _url
from tests.clone import SECONDS, with_own_children
from tests.sandboxed import NOTHING, changes, connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.clone import Clone
    from tests.sandboxed import Sandboxed

ENGINE = ("--engine", "embedded")
COMMAND = f"{sys.executable} tests/acceptance/migrate.py db"


def _configure(clone: Clone, stack: str, then: str) -> None:
    """Have the stack apply the folder `db`."""
    (clone.folder / "db").mkdir(exist_ok=True)
    file = clone.folder / f"Pulumi.{stack}.yaml"
    kept = re.sub(r"  infra:migrat.*\n", "", file.read_text())
    file.write_text(f"{kept}  infra:migrate: {json.dumps(f'{COMMAND} {then}'.strip())}\n  infra:migrations: db\n")


def test_dev_has_its_migrations_before_the_app_has_its_url(clone: Clone) -> None:
    """One that hangs or fails leaves the app untold, is said without the password, and is run by the next `up`."""
    _configure(clone, "dev", "hang")
    (clone.folder / "db" / "1.sql").write_text("create table orders (id int); select nonsense")
    _ended_while_it_hangs(clone)
    _configure(clone, "dev", "tell")
    failed = clone.infra("up", "dev", "--yes", "--verbose", *ENGINE, timeout=SECONDS)
    assert failed.returncode != 0
    assert 'column "nonsense" does not exist' in failed.stderr
    assert not (clone.folder / ".dev.vars").exists()
    (clone.folder / "db" / "1.sql").write_text("create table orders (id int)")
    answer = clone.infra("up", "dev", "--yes", "--verbose", *ENGINE, timeout=SECONDS)
    assert answer.returncode == 0, answer.stderr
    assert "applied 1.sql" in answer.stderr
    assert _query(clone, "table orders") == []
    password = urlsplit(_url(clone)).password
    assert password
    said = failed.stdout + failed.stderr + answer.stdout + answer.stderr
    assert [spelling for spelling in _encodings(password) if spelling in said] == []
    assert not {"XATA_API_KEY", "PULUMI_CONFIG_PASSPHRASE", "PGHOST"} & set(answer.stderr.split())
    (clone.folder / "db" / "2.sql").write_text("alter table orders add column at date")
    plan = clone.infra("preview", "dev", *ENGINE, timeout=SECONDS)
    assert '+ files["2.sql"]' in plan.stdout + plan.stderr
    assert "1 to update, 8 unchanged" in plan.stdout + plan.stderr


def _ended_while_it_hangs(clone: Clone) -> None:
    """SIGTERM in the middle ends the command's whole group, and soon."""
    process = subprocess.Popen(
        [clone.folder / "infra", "up", "dev", "--yes", *ENGINE],
        cwd=clone.folder,
        env=clone.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    hangs, until = clone.folder / "hangs", time.monotonic() + SECONDS
    while not (hangs.is_file() and hangs.read_text()) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    hanging = psutil.Process(int(hangs.read_text()))
    process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS) != 0
    psutil.wait_procs([hanging], timeout=SECONDS)
    assert not hanging.is_running() or hanging.status() == psutil.STATUS_ZOMBIE


PEOPLE = "create table people as select 'ada' as name"
CLEAN = "update people set name = 'nobody'"
SEEN = "create table seen as table people"
MIGRATED = ("--config", f"migrate={COMMAND}", "--config", "migrations=db", "--config", "appPath=.")
SANITIZED = (*MIGRATED, "--config", "sanitize=clean.sql")


@pytest.fixture
def staged(sandboxed: Sandboxed) -> Iterator[Sandboxed]:
    """A sandbox with a staging that has its first migration, which goes with its previews."""
    folder = sandboxed.clone.folder
    (folder / "db").mkdir(exist_ok=True)
    (folder / "db" / "1.sql").write_text(PEOPLE)
    sandboxed.begin_anew("staging")
    sandboxed.up("staging", *MIGRATED)
    yield sandboxed
    for stack in ("pr-41", "staging"):
        sandboxed.begin_anew(stack)


def _ask(sandboxed: Sandboxed, outputs: Mapping[str, Any], statement: str) -> list[Any]:
    with connect(outputs["databaseUrl"], authority=sandboxed.record["authority"]) as connection:
        return connection.execute(statement).fetchall()


def test_a_pull_request_has_a_sanitized_copy_and_its_own_migrations(staged: Sandboxed) -> None:
    """First the file, then the migrations, on every fresh copy; one that cannot be sanitized goes again."""
    folder = staged.clone.folder
    assert _ask(staged, staged.outputs("staging"), "table people") == [("ada",)]
    (folder / "db" / "2.sql").write_text(SEEN)
    (folder / "clean.sql").write_text(f"{CLEAN};\nselect nonsense")
    failed = staged.run("up", "pr-41", "--yes", *SANITIZED)
    assert failed.returncode != 0
    assert "the SQL file clean.sql was refused at line 2" in failed.stderr
    assert "the branch pr-41, a copy that is not sanitized, was removed again" in failed.stderr
    assert "pr-41" not in staged.branches()
    (folder / "clean.sql").write_text(CLEAN)
    staged.up("pr-41", *SANITIZED)
    first = staged.outputs("pr-41")
    assert _ask(staged, first, "table seen") == [("nobody",)]
    staged.must("reset", "pr-41", "--yes", *SANITIZED)
    second = staged.outputs("pr-41")
    assert second["branchId"] != first["branchId"]
    assert _ask(staged, second, "table seen") == [("nobody",)]
    assert _ask(staged, staged.outputs("staging"), "select to_regclass('seen')") == [(None,)]


@pytest.mark.thorough
def test_a_reset_whose_copy_cannot_be_sanitized_leaves_the_branch_that_is_used(staged: Sandboxed) -> None:
    """The copy goes again, the old branch stays in use, and the next `up` ends with one branch, a clean one."""
    folder = staged.clone.folder
    (folder / "clean.sql").write_text(CLEAN)
    staged.up("pr-41", *SANITIZED)
    first = staged.outputs("pr-41")
    (folder / "clean.sql").write_text("select nonsense")
    failed = staged.run("reset", "pr-41", "--yes", *SANITIZED)
    assert failed.returncode != 0
    assert "a copy that is not sanitized, was removed again" in failed.stderr
    assert _ask(staged, first, "table people") == [("nobody",)]
    (folder / "clean.sql").write_text(CLEAN)
    staged.up("pr-41", *SANITIZED)
    assert _ask(staged, staged.outputs("pr-41"), "table people") == [("nobody",)]
    assert [name for name in staged.branches() if name.startswith("pr-41")] == ["pr-41"]


@pytest.mark.thorough
def test_a_run_that_is_killed_while_it_sanitizes_is_finished_by_the_next(staged: Sandboxed) -> None:
    """On the same copy, and once: what is on it afterwards is left alone, by another file too."""
    folder = staged.clone.folder
    (folder / "clean.sql").write_text(f"{CLEAN};\nselect pg_advisory_xact_lock({HALFWAY}), pg_sleep(3600)")
    _killed_halfway(staged)
    copy = staged.branches()["pr-41"]["id"]
    (folder / "clean.sql").write_text(CLEAN)
    staged.up("pr-41", *SANITIZED)
    found = staged.outputs("pr-41")
    assert found["branchId"] == copy
    assert _ask(staged, found, "insert into people values ('grace') returning name") == [("grace",)]
    assert changes(staged.up("pr-41", *SANITIZED)) == NOTHING
    (folder / "clean.sql").write_text("truncate people")
    assert changes(staged.up("pr-41", *SANITIZED)) == NOTHING
    assert _ask(staged, found, "table people") == [("nobody",), ("grace",)]


HALFWAY = 41


def _killed_halfway(staged: Sandboxed) -> None:
    """A run that is killed, with all that it started, while its file holds the lock."""
    url = staged.outputs("foundation")["databaseUrl"]  # to copy staging ends the sessions there
    killed = subprocess.Popen(
        [staged.clone.folder / "infra", "up", "pr-41", "--sandbox", *ENGINE, "--yes", *SANITIZED],
        cwd=staged.clone.folder,
        env=with_own_children(staged.clone.environment()),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + SECONDS
    with connect(url, authority=staged.record["authority"]) as anywhere:
        held = f"select from pg_locks where locktype = 'advisory' and objid = {HALFWAY} and granted"
        while not anywhere.execute(held).fetchall():
            assert killed.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
    for process in (*psutil.Process(killed.pid).children(recursive=True), psutil.Process(killed.pid)):
        process.kill()
    killed.wait(SECONDS)
