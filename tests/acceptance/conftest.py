"""Clones, brought up for real and taken down afterwards."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clone import Clone, make_clone
from tests.sandboxed import Sandboxed, sandbox_of

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def cloned() -> Iterator[Clone]:
    """A fresh clone; its dev database, where there is one, goes with it."""
    parent = Path(tempfile.mkdtemp(prefix="infra-test-"))
    parent.chmod(0o755)  # the account that runs Postgres must be able to enter
    made = make_clone(parent)
    try:
        yield made
    finally:
        if (parent / "data").exists():
            made.infra("destroy", "dev", "--yes", "--engine", "embedded", "--config", "retainData=false")
        shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture
def clone() -> Iterator[Clone]:
    """A fresh clone whose dev database lives and dies with the test."""
    with cloned() as made:
        yield made


@pytest.fixture
def deployed(clone: Clone) -> Clone:
    """A clone after its first `./infra up dev --yes`."""
    answer = clone.infra("up", "dev", "--yes", "--engine", "embedded")
    assert answer.returncode == 0, answer.stderr
    return clone


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
