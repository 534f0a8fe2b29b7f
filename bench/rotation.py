"""A new password for staging's database while its Worker is asked 20 times a second, in the sandbox."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bench.worker import PROPAGATION_SECONDS, deploy
from bench.xata import STACK, Measured
from tests.load import Load
from tests.sandboxed import sandbox_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clone import Clone

APP_ROLE = ("--config", "appRole=readwrite")
SLACK_SECONDS = 10.0
"""How much longer than the edge takes a change in place may be felt."""


def measure(clone: Clone, folder: Path) -> list[Measured]:
    """`rotate` in place, then with logins of the app's own; the edge has a new secret after some seconds."""
    settings = folder / "slow.json"
    settings.write_text(json.dumps({"cloudflare": {"propagation": PROPAGATION_SECONDS}}), encoding="utf-8")
    with sandbox_of(clone, "--settings", str(settings), workers=True) as sandboxed:
        sandboxed.up(STACK)
        deploy(sandboxed)
        found = []
        for options in ((), APP_ROLE):
            sandboxed.up(STACK, *options)
            with Load(sandboxed.outputs(STACK)["healthUrl"]) as load:
                sandboxed.must("rotate", STACK, "--yes", *options)
            found.append(load)
    in_place, own = found
    what = f"requests that fail during rotate, the edge knows after {PROPAGATION_SECONDS:.0f} s"
    return [
        Measured(
            claim=f"{what}: in place",
            found=f"{len(in_place.failed)} of {in_place.answers.total()}, within {in_place.window:.1f} s",
            best=f"{PROPAGATION_SECONDS:.0f} s",
            limit=f"{PROPAGATION_SECONDS + SLACK_SECONDS:.0f} s",
            holds=in_place.window <= PROPAGATION_SECONDS + SLACK_SECONDS,
        ),
        Measured(
            claim=f"{what}: with infra:appRole",
            found=f"{len(own.failed)} of {own.answers.total()}",
            best="0",
            limit="0",
            holds=not own.failed,
        ),
    ]
