"""A shell of `./infra sandbox env`: other clients reach the sandbox, and the dev database keeps its own state."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from tests.clone import SECONDS

if TYPE_CHECKING:
    from tests.sandboxed import Sandboxed

SANDBOXS = ".infra/sandbox/state/.pulumi/stacks/infra/dev.json"


def typed(sandboxed: Sandboxed, *lines: str, **environment: str) -> str:
    """Type lines into a new shell, the first of which makes it the sandbox's; what they printed."""
    done = subprocess.run(
        ["bash", "-c", "\n".join(["set -eu", 'eval "$(./infra sandbox env)"', *lines])],
        cwd=sandboxed.clone.folder,
        env=sandboxed.clone.environment(**environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_dev_database_keeps_its_own_state_in_the_sandboxs_shell(sandboxed: Sandboxed) -> None:
    """Made, proven and removed there, it is in the state that the user's own variable named, never in the sandbox's."""
    own = sandboxed.clone.folder.parent / "own state"
    own.mkdir()
    engine = "--engine embedded"
    said = typed(
        sandboxed,
        f"./infra up dev --yes {engine}",
        "./infra verify dev",
        "./infra doctor dev",
        f"ls {SANDBOXS} || ls '{own}/.pulumi/stacks/infra'",
        f"./infra destroy dev --yes --config retainData=false {engine}",
        PULUMI_BACKEND_URL=f"file://{own}",
    )
    assert "dev.json" in said.splitlines()
    assert re.search(rf"^ok +state +{re.escape(str(own))}$", said, re.MULTILINE)
    assert not (sandboxed.clone.folder / SANDBOXS).exists()
    assert not list((sandboxed.clone.folder.parent / "data").rglob("PG_VERSION"))


def test_another_clients_libpq_reaches_a_branch_from_the_sandboxs_shell(sandboxed: Sandboxed) -> None:
    """A program made of libpq, such as psql, finds the host of a branch, with its certificate verified."""
    text = "import psycopg, sys; print(psycopg.connect(sys.argv[1]).execute('SHOW ssl').fetchone())"
    url = sandboxed.outputs("foundation")["databaseUrl"].replace("sslmode=require", "sslmode=verify-full")
    assert "verify-full" in url
    assert typed(sandboxed, f'.venv/bin/python -c "{text}" "$URL"', URL=url)
