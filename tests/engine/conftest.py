"""Fixtures of the engine's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.engine.stack import Things, make_things

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def things(tmp_path: Path) -> Things:
    """A new stack of the program `things`."""
    return make_things(tmp_path)
