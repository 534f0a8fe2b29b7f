"""`./infra psql`, `dump` and `load` as one types them, on a branch behind TLS."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess

    from tests.sandboxed import Sandboxed

STACK = "foundation"
FAILED, UNAGREED, BAD = 4, 3, 2


def _psql(sandboxed: Sandboxed, *arguments: str) -> subprocess.CompletedProcess[str]:
    return sandboxed.run("psql", STACK, "--", "--no-psqlrc", "-At", *arguments)


def test_data_go_into_a_file_and_come_back(sandboxed: Sandboxed) -> None:
    """Psql's own exit code and output; a file for this user alone; in one transaction, or not at all."""
    assert _psql(sandboxed, "-c", "create table kept as select generate_series(1, 5) as number").returncode == 0
    wrong = _psql(sandboxed, "-c", "select nothing")
    assert (wrong.returncode, 'column "nothing" does not exist' in wrong.stderr) == (1, True)
    file = sandboxed.clone.folder / "kept.dump"
    sandboxed.must("dump", STACK, str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = sandboxed.run("dump", STACK, str(file))
    assert (again.returncode, "is there already" in again.stderr) == (BAD, True)

    assert _psql(sandboxed, "-c", "delete from kept where number > 1").returncode == 0
    assert sandboxed.run("load", STACK, str(file)).returncode == UNAGREED
    there = sandboxed.run("load", STACK, str(file), "--yes")
    assert (there.returncode, 'relation "kept" already exists' in there.stderr) == (FAILED, True)
    assert "--clean" in there.stderr
    assert _psql(sandboxed, "-c", "select count(*) from kept").stdout == "1\n"
    sandboxed.must("load", STACK, str(file), "--clean", "--yes")
    assert _psql(sandboxed, "-c", "select count(*) from kept").stdout == "5\n"
    assert _psql(sandboxed, "-c", "drop table kept").returncode == 0
    file.unlink()
