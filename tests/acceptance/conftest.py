"""A clone per test, brought up for real and taken down afterwards."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.clone import Clone, make_clone

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def clone() -> Iterator[Clone]:
    """A fresh clone whose dev database lives and dies with the test."""
    parent = Path(tempfile.mkdtemp(prefix="infra-test-"))
    parent.chmod(0o755)  # the account that runs Postgres must be able to enter
    made = make_clone(parent)
    yield made
    if (parent / "data").exists():
        made.infra("destroy", "dev", "--yes", "--engine", "embedded", "--config", "retainData=false")
    shutil.rmtree(parent, ignore_errors=True)


@pytest.fixture
def deployed(clone: Clone) -> Clone:
    """A clone after its first `./infra up dev --yes`."""
    answer = clone.infra("up", "dev", "--yes", "--engine", "embedded")
    assert answer.returncode == 0, answer.stderr
    return clone
