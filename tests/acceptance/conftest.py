"""Clones, brought up for real and taken down afterwards."""

from __future__ import annotations

import contextlib
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.clone import OTHER_SERVERS, SECONDS, Clone, make_clone
from tests.sandboxed import Sandboxed, sandbox_of

if TYPE_CHECKING:
    from collections.abc import Iterator


STOP_SECONDS = 120


@contextlib.contextmanager
def cloned() -> Iterator[Clone]:
    """A fresh clone; its dev database, where there is one, goes with it."""
    parent = Path(tempfile.mkdtemp(prefix="infra-test-"))
    parent.chmod(0o755)  # the account that runs Postgres must be able to enter
    try:
        yield make_clone(parent)
    finally:
        for notes in (parent / "data").rglob("postmaster.pid"):
            _end_server(int(notes.read_text().splitlines()[0]))
        shutil.rmtree(parent, ignore_errors=True)


def _end_server(pid: int) -> None:
    """End a server whose folder is removed next: at once, without the five seconds that a whole destroy takes."""
    with contextlib.suppress(psutil.NoSuchProcess):
        server = psutil.Process(pid)
        if server.name() == "postgres":  # the number of a killed server may be somebody else's by now
            server.send_signal(signal.SIGQUIT)
            psutil.wait_procs([server], timeout=STOP_SECONDS)


@pytest.fixture
def clone() -> Iterator[Clone]:
    """A fresh clone whose dev database lives and dies with the test."""
    with cloned() as made:
        yield made


@pytest.fixture(scope="module")
def untouched() -> Iterator[Clone]:
    """A clone for the tests of a module in which nothing is ever made."""
    with cloned() as made:
        yield made


@pytest.fixture(scope="module")
def deployed() -> Iterator[Clone]:
    """A clone after its first `./infra up dev --yes`, for the tests of a module that leave it in step.

    The shell is one of somebody who works with other servers, too: nothing of it may reach ours.
    """
    with cloned() as made:
        answer = made.infra("up", "dev", "--yes", "--engine", "embedded", timeout=SECONDS, **OTHER_SERVERS)
        assert answer.returncode == 0, answer.stderr
        yield made


@pytest.fixture
def fresh_sandbox(clone: Clone) -> Iterator[Sandboxed]:
    """A clone with a running sandbox in which there is nothing yet."""
    with sandbox_of(clone) as made:
        yield made


@pytest.fixture(scope="session")
def founded() -> Iterator[Sandboxed]:
    """A clone with a running sandbox and the foundation in it, for all tests of this process: what they leave stays."""
    with cloned() as clone, sandbox_of(clone) as made:
        made.up("foundation")
        yield made


@pytest.fixture
def sandboxed(founded: Sandboxed) -> Iterator[Sandboxed]:
    """The shared sandbox without faults and with an empty log of calls."""
    founded.forget_calls()
    yield founded
    founded.end_faults()
