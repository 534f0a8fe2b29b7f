"""Small states, and stores for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pulumi_embedded.state import ResourceState, Store

if TYPE_CHECKING:
    from pathlib import Path

PASSPHRASE = "correct horse"
ROOT = "urn:pulumi:dev::sample::pulumi:pulumi:Stack::sample-dev"


def make_store(folder: Path, passphrase: str = PASSPHRASE, config_salt: str | None = None) -> Store:
    """A store of the stack `dev`, whose backend may not be there yet."""
    return Store(f"file://{folder}?create_dir=1", "sample", "dev", passphrase, folder=folder, config_salt=config_salt)


def root(**outputs: Any) -> ResourceState:
    """The stack itself."""
    return ResourceState(urn=ROOT, type="pulumi:pulumi:Stack", custom=False, outputs=outputs)


def thing(name: str, **more: Any) -> ResourceState:
    """A resource of the stack."""
    urn = f"urn:pulumi:dev::sample::x:y:Z::{name}"
    return ResourceState(urn=urn, type="x:y:Z", id=f"id-{name}", parent=ROOT, **more)


def document(store: Store) -> dict[str, Any]:
    """What the state's file holds."""
    found = json.loads(store.file.read_bytes())
    assert isinstance(found, dict)
    return found


def latest(store: Store) -> dict[str, Any]:
    """The deployment that the state's file holds."""
    found = document(store)["checkpoint"]["latest"]
    assert isinstance(found, dict)
    return found
