"""A data folder is made as a whole or not at all."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from components.errors import LocalError, PostgresError
from components.postgres.server import cluster, lifecycle
from components.postgres.server.account import choose_account
from components.postgres.server.binaries import Install, Programs
from components.postgres.server.folder import Layout

if TYPE_CHECKING:
    from components.postgres.server.settings import ServerSettings


@pytest.fixture
def scripts(enterable: Path) -> Path:
    """A folder for programs: the servers' own may not let programs run."""
    made = Path(tempfile.mkdtemp(dir=enterable))
    made.chmod(0o755)
    return made


@pytest.fixture
def layout(place: Path) -> Layout:
    """A server's folder, empty."""
    (place / "server").mkdir()
    (place / "server").chmod(0o755)
    return Layout(root=place / "server")


def initdb_that(scripts: Path, script: str) -> Programs:
    """Programs whose initdb is a shell script; `$data` is the folder it is to fill."""
    install = Install(site=scripts / "site", version="18.0.0")
    install.programs.mkdir(parents=True)
    program = install.programs / "initdb"
    program.write_text(f'#!/bin/sh\ndata="${{1#--pgdata=}}"\n{script}\n')
    program.chmod(0o755)
    return Programs(install=install, account=choose_account())


@pytest.mark.parametrize(
    "said",
    [
        "initdb: error: could not write: No space left on device",
        "FATAL:  could not extend file: wrote only 4096 of 8192 bytes at block 10\nHINT:  Check free disk space.",
    ],
)
def test_a_full_disk_leaves_nothing_behind(layout: Layout, scripts: Path, said: str) -> None:
    """The half-made folder is removed, and the message says what to do."""
    programs = initdb_that(scripts, f'mkdir "$data/base"; echo "{said}" >&2; exit 1')
    with pytest.raises(LocalError, match=r"the disk of .* is full") as caught:
        cluster.make_cluster(layout, programs)
    assert "free some space" in caught.value.next_step
    assert list(layout.root.iterdir()) == []


def test_another_failure_is_quoted(layout: Layout, scripts: Path) -> None:
    """The first of initdb's errors is the reason."""
    programs = initdb_that(scripts, 'echo "doing things"; echo "initdb: error: no such thing" >&2; exit 1')
    with pytest.raises(PostgresError, match=r"initdb: error: no such thing"):
        cluster.make_cluster(layout, programs)
    assert list(layout.root.iterdir()) == []


def test_leftovers_of_a_killed_run_are_cleared(layout: Layout, scripts: Path) -> None:
    """What an earlier run could not remove any more goes with the next."""
    (layout.root / "data.new-abc" / "base").mkdir(parents=True)
    (layout.root / "data.removed-abc" / "data").mkdir(parents=True)
    cluster.make_cluster(layout, initdb_that(scripts, 'echo 18 > "$data/PG_VERSION"'))
    assert [path.name for path in layout.root.iterdir()] == ["data"]
    assert layout.version_file.read_text() == "18\n"


def test_initdb_gets_nothing_of_our_environment(layout: Layout, scripts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither secrets nor settings of another Postgres, no folder of ours, and a private umask."""
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "geheim")
    monkeypatch.setenv("PGDATA", "/elsewhere")
    cluster.make_cluster(layout, initdb_that(scripts, 'env > "$data/env"; pwd > "$data/pwd"; umask > "$data/umask"'))
    environment = (layout.data / "env").read_text()
    assert "geheim" not in environment
    assert "PGDATA" not in environment
    assert "LC_ALL=C\n" in environment
    assert (layout.data / "pwd").read_text() == "/\n"
    assert (layout.data / "umask").read_text() == "0077\n"


def test_a_new_server_trusts_nobody(settings: ServerSettings) -> None:
    """No file that says who may log in knows the word trust, and the loopback asks for a password."""
    report = lifecycle.ensure(settings)
    layout = Layout(root=report.folder)
    entries = [line.split() for line in layout.hba.read_text().splitlines() if not line.startswith("#")]
    assert entries == [
        ["host", "all", "infra_admin", "127.0.0.1/32", "reject"],
        ["host", "all", "all", "127.0.0.1/32", "scram-sha-256"],
    ]
    made = [
        line.split() for line in (layout.data / "pg_hba.conf").read_text().splitlines() if line[:1] not in {"", "#"}
    ]
    assert {entry[-1] for entry in made} == {"reject"}
