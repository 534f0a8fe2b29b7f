"""Making a new data folder, as a whole or not at all."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import PostgresError
from components.postgres.server.faults import disk_full, says_disk_full
from components.postgres.server.settings import SUPERUSER

if TYPE_CHECKING:
    from components.postgres.server.binaries import Programs
    from components.postgres.server.folder import Layout

LIMIT_SECONDS = 300
_HALF = "data.new-"
_REMOVED = "data.removed-"


def make_cluster(layout: Layout, programs: Programs) -> None:
    """Make the data folder beside its place and rename it: whatever stops us, there is either all of it or none.

    The superuser gets no password and every way in is `reject`, so no copy of these data trusts anybody.
    """
    clear_leftovers(layout)
    half = Path(tempfile.mkdtemp(prefix=_HALF, dir=layout.root))
    try:
        programs.account.give(half)
        _initdb(half, programs, layout)
        half.rename(layout.data)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def remove_cluster(layout: Layout) -> None:
    """Remove the data: out of their place at once, then piece by piece."""
    if layout.data.exists():
        layout.data.rename(Path(tempfile.mkdtemp(prefix=_REMOVED, dir=layout.root)) / "data")
    clear_leftovers(layout)


def clear_leftovers(layout: Layout) -> None:
    """Remove what an interrupted run left behind."""
    for leftover in (*layout.root.glob(f"{_HALF}*"), *layout.root.glob(f"{_REMOVED}*")):
        shutil.rmtree(leftover, ignore_errors=True)


def _initdb(half: Path, programs: Programs, layout: Layout) -> None:
    try:
        done = programs.run(
            "initdb",
            f"--pgdata={half}",
            f"--username={SUPERUSER}",
            "--auth=reject",
            "--encoding=UTF8",
            "--locale-provider=builtin",  # the same on every machine, whatever locales it has
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--no-instructions",
            limit_seconds=LIMIT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise PostgresError(
            f"initdb did not finish within {LIMIT_SECONDS} seconds in {layout.root}",
            next_step="run the command again when the machine is less busy",
        ) from None
    if done.returncode == 0:
        return
    if says_disk_full(done.stderr):
        raise disk_full(layout.root)
    raise PostgresError(
        f"initdb could not make a database in {layout.root}: {_last_error(done.stderr) or f'exit {done.returncode}'}",
        next_step="look at that reason; nothing is left behind, so the command can be run again",
    )


def _last_error(text: str) -> str:
    errors = [line.strip() for line in text.splitlines() if "error:" in line or "FATAL:" in line]
    return errors[0] if errors else text.strip()[-300:]
