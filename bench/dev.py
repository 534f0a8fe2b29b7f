"""The whole command: a no-op `up` of the dev stack, and the first set-up of a clone."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from bench.measure import Comparison, Run, compare, run_command

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clone import Clone

PROBE_RUNS = 15


def no_op_up(clone: Clone) -> list[Comparison]:
    """A second `up`, embedded engine against the Pulumi CLI, on the same deployed stack. Nothing without a CLI."""
    pulumi = shutil.which("pulumi")
    if pulumi is None:
        return []
    environment = clone.environment(
        PULUMI_CONFIG_PASSPHRASE_FILE=str(clone.folder / ".infra/passphrase"),
        PULUMI_SKIP_UPDATE_CHECK="true",
        PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION="true",
    )

    def run(*command: str | Path) -> Run:
        return run_command(command, folder=clone.folder, environment=environment)

    def embedded() -> Run:
        return run(clone.folder / "infra", "up", "dev", "--yes", "--engine", "embedded")

    plain = (pulumi, "up", "--stack", "dev", "--yes", "--non-interactive")
    return [
        compare(
            "no-op up of dev, embedded engine against pulumi up", ours=embedded, theirs=lambda: run(*plain), limit=0.35
        ),
        compare(
            "the same against pulumi up --skip-preview",
            ours=embedded,
            theirs=lambda: run(*plain, "--skip-preview"),
            limit=1.0,
        ),
    ]


def fresh_set_up(clone: Clone, folder: Path) -> Comparison:
    """The first call of ./infra in a clone against pip installing the same requirements, both with warm caches."""
    environment = clone.environment(PIP_CACHE_DIR=str(folder / "pip"), UV_CACHE_DIR=str(folder / "uv"))
    environments = folder / "environments"

    def ours() -> Run:
        link = clone.folder / ".venv"
        link.unlink() if link.is_symlink() else shutil.rmtree(link, ignore_errors=True)
        return run_command((clone.folder / "infra", "--help"), folder=clone.folder, environment=environment)

    def theirs() -> Run:
        shutil.rmtree(environments, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", environments], check=True)
        pip = (environments / "bin" / "python", "-m", "pip", "install", "--quiet", "--require-hashes")
        requirements = ("-r", clone.folder / "requirements.txt")
        return run_command((*pip, *requirements), folder=clone.folder, environment=environment)

    return compare(
        "first call of ./infra against pip install, warm caches", ours=ours, theirs=theirs, limit=0.5, runs=3
    )


def probe(url: str) -> Comparison:
    """The probe against a bare connect and query, in one process, on a database that answers."""
    import time  # noqa: PLC0415 - only this measurement is within a process

    import psycopg  # noqa: PLC0415 - the others do not need the driver

    from components.connection import Connection  # noqa: PLC0415 - as above
    from components.connectivity.probe import probe as ask  # noqa: PLC0415 - as above

    connection = Connection.parse(url)

    def timed(call: object) -> Run:
        started = time.perf_counter()
        assert callable(call)  # noqa: S101 - tells the type checker
        call()
        return Run(seconds=time.perf_counter() - started, megabytes=0)

    def bare() -> None:
        with psycopg.connect(url) as server:
            server.execute("select 1").fetchone()

    def probed() -> None:
        report = ask(connection, expected_branch="dev", expected_major=18, budget_seconds=5)
        if not report.ok:
            raise RuntimeError(str(report))

    return compare(
        "the probe against a bare connect and query",
        ours=lambda: timed(probed),
        theirs=lambda: timed(bare),
        limit=1.3,
        runs=PROBE_RUNS,
    )
