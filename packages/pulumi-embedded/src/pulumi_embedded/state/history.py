"""The record of finished updates: what `pulumi stack history` shows."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final, Literal

from pulumi_embedded.state import files, lock
from pulumi_embedded.state.checkpoint import dump
from pulumi_embedded.values import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from pulumi_embedded.state.layout import Layout

UpdateKind = Literal["up", "refresh", "destroy"]
UpdateResult = Literal["succeeded", "failed"]

_KINDS: Final = {"up": "update", "refresh": "refresh", "destroy": "destroy"}


def record(
    layout: Layout,
    *,
    kind: UpdateKind,
    started: datetime,
    result: UpdateResult,
    changes: Mapping[str, int],
    config: Mapping[str, str | Secret],
    encrypt: Callable[[str], str],
) -> None:
    """Write the pair of files of one update and a copy of the state."""
    update: dict[str, Any] = {
        "kind": _KINDS[kind],
        "startTime": int(started.timestamp()),
        "message": "",
        "environment": {"exec.kind": "infra.embedded", "exec.user": lock.whoami()},
        "config": {
            key: {"secure": encrypt(value.value)} if isinstance(value, Secret) else value
            for key, value in sorted(config.items())
        },
        "version": 0,
        "result": result,
        "endTime": int(time.time()),
        "resourceChanges": {name: count for name, count in sorted(changes.items()) if count},
    }
    moment = time.time_ns()
    prefix = f"{layout.stack}-{moment}"
    files.write_with_attributes(layout.history / f"{prefix}.history.json", dump(update))
    if layout.checkpoint.exists():
        state = files.read(layout.checkpoint)
        files.write_with_attributes(layout.history / f"{prefix}.checkpoint.json", state)
        if not _is_set("DISABLE_CHECKPOINT_BACKUPS"):
            files.write_with_attributes(layout.backups / f"{layout.stack}.{moment}.json", state)


def retain(layout: Layout, state: bytes) -> None:
    """Keep every state that was ever written, for those who ask for it as in the CLI."""
    if _is_set("RETAIN_CHECKPOINTS"):
        name = f"{layout.checkpoint.name}.{time.time_ns()}"
        files.write_with_attributes(layout.checkpoint.with_name(name), state)


def _is_set(name: str) -> bool:
    """Whether one of the CLI's switches is on, by its present or its earlier name."""
    values = (os.environ.get(f"PULUMI_{prefix}{name}", "") for prefix in ("DIY_BACKEND_", "SELF_MANAGED_STATE_", ""))
    return next((value.lower() in ("1", "true") for value in values if value), False)
