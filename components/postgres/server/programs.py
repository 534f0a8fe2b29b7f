"""Running Postgres's programs: as the right account, with nothing of this process's environment or open files."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import IO

    from components.postgres.server.account import Account
    from components.postgres.server.binaries import Install

PRIVATE = 0o077
"""The umask of everything started here."""


@dataclass(frozen=True, kw_only=True)
class Programs:
    """Postgres's programs, and who runs them."""

    install: Install
    account: Account

    def run(self, name: str, *arguments: str, text: str = "", limit_seconds: float) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, with `text` on its standard input; its own messages come back in English."""
        return subprocess.run(  # noqa: S603 - a program of the install, arguments as a list
            self.command(name, *arguments),
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=limit_seconds,
            check=False,
            cwd="/",
            env=clean_environment(),
            umask=PRIVATE,
            start_new_session=True,
        )

    def start(self, name: str, *arguments: str, output: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a program that outlives us: its own session, no open file of ours but its output."""
        return subprocess.Popen(  # noqa: S603 - a program of the install, arguments as a list
            self.command(name, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=clean_environment(),
            umask=PRIVATE,
            start_new_session=True,
        )

    def command(self, name: str, *arguments: str) -> list[str]:
        """The program's full path and its arguments, under the right account."""
        return self.account.command([str(self.install.programs / name), *arguments])


def clean_environment() -> dict[str, str]:
    """What a server may know of our environment: no PG settings of the user's, and none of our secrets."""
    kept = {name: os.environ[name] for name in ("PATH", "TZ", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C"}
