"""Fixtures of the engine's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pulumi_embedded import processes
from pulumi_embedded.state import crypto
from tests.engine.stack import Things, make_things

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def things(tmp_path: Path) -> Things:
    """A new stack of the program `things`."""
    return make_things(tmp_path)


@pytest.fixture
def quick_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keys of ten rounds: what is tested here is not how slowly they are made."""
    crypto.derive_key.cache_clear()
    monkeypatch.setattr(crypto, "_ROUNDS", 10)
    yield
    crypto.derive_key.cache_clear()


@pytest.fixture
def own_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """The children of a run are its own, as they are for a user, and not of the server that the tests share."""
    monkeypatch.delenv(processes.SHARED, raising=False)
