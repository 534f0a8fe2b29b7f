"""A fresh copy of this repository, as a stranger's clone: what acceptance tests and benchmarks work in."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import pq

from pulumi_embedded.processes import SHARED
from tests.own_project import PROJECT, copy_project

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["OTHER_SERVERS", "PROJECT", "SECONDS", "Clone", "make_clone", "with_own_children"]

SECONDS = 500.0
"""For one command. It says that something hangs, not how fast a machine is: a busy one may give a tenth of a core."""
OTHER_SERVERS = {
    **{option.envvar.decode(): "nonsense" for option in pq.Conninfo.get_defaults() if option.envvar},
    **dict.fromkeys(
        ("PGSERVICEFILE", "PGSYSCONFDIR", "PGDATESTYLE", "PGTZ", "PGGEQO", "PGREQUIRESSL", "PGDATA"), "nonsense"
    ),
}
"""Every variable of a shell that libpq or Postgres' programs would read, saying what no server understands."""


@dataclass(frozen=True, kw_only=True)
class Clone:
    """A copy of the tracked files with state, data and app folder of its own.

    Attributes:
        folder: The copy. Its `.venv` is this repository's, because the set-up is tested by itself.
        home: Takes the user's folders, so that nothing of the machine is read or written.
    """

    folder: Path
    home: Path

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a user who has set nothing; `more` is added."""
        dropped = ("PULUMI_", "INFRA_", "XATA_", "CLOUDFLARE_", "GITHUB_", "GH_", "XDG_", "PG", "PYTEST_", "VIRTUAL_")
        kept = {key: value for key, value in os.environ.items() if key == SHARED or not key.startswith(dropped)}
        return {**kept, "HOME": str(self.home), "NO_COLOR": "1", **more}

    def infra(self, *arguments: str, timeout: float = SECONDS, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `./infra` as a user does and wait for its end."""
        return subprocess.run(
            [self.folder / "infra", *arguments],
            cwd=self.folder,
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


def with_own_children(environment: Mapping[str, str]) -> dict[str, str]:
    """For a test that looks at a run's processes, or ends them: they are the run's own, as they are for a user."""
    return {key: value for key, value in environment.items() if key != SHARED}


def make_clone(parent: Path, *, settings: str = "") -> Clone:
    """Copy the repository below `parent`, with the tests' own stacks, and point dev at an embedded database there.

    Args:
        parent: An existing folder that an unprivileged account may enter, because Postgres never runs as root.
        settings: More lines for the `config:` of Pulumi.dev.yaml, each indented by two spaces.
    """
    folder, home = parent / "clone", parent / "home"
    home.mkdir()
    copy_project(folder)
    stack = folder / "Pulumi.dev.yaml"
    stack.write_text(f"config:\n  infra:database: embedded\n  infra:dataFolder: {parent / 'data'}\n{settings}")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    return Clone(folder=folder, home=home)
