"""What the tests of the Xata room share."""

from __future__ import annotations

import pytest

from components.xata import provider, removal
from tests.components.xata.branches_world import World


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """An organization with the project warehouse-manager and its root branch main; nothing may be deleted."""
    made = World()
    made.root()
    for module in (provider, removal):
        monkeypatch.setattr(module, "connect", lambda _environment: made.client)
    monkeypatch.delenv("INFRA_ALLOW_DELETE", raising=False)
    return made
