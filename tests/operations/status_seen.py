"""Environments as `./infra status` sees them, for its tests and for the picture in the README.

The picture is made anew by `.venv/bin/python -m tests.operations.status_seen`, which needs a chromium.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from components.xata.api.models import Branch, Configuration, ScaleToZero, Status
from components.xata.branches.ownership import mark, until
from operations.status.facts import Facts, Found, Health, Seen, Stored, Twig, Update
from operations.status.page import page
from operations.status.rows import rows
from tests.browser import opened

PICTURE = Path(__file__).resolve().parents[2] / "docs/images/status.png"
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
HEALTHY = Health(state="ok", says="the app is healthy")


def branch(name: str = "staging", *, kind: str = "HEALTHY", sleeps: bool = True, description: str = "") -> Branch:
    """A branch as Xata tells it."""
    return Branch(
        id=f"br_{name}",
        name=name,
        created_at=NOW,
        updated_at=NOW,
        region="us-east-1",
        parent_id="br_main",
        description=description,
        status=Status(text=kind.lower(), type_text=kind, instance_count=1, instance_ready_count=1, instances=()),
        backups_enabled=True,
        scale_to_zero=ScaleToZero(enabled=sleeps, minutes=30),
        configuration=Configuration(image="postgres:18.1", instance_type="xata.small", replicas=1, storage=250),
    )


def stored(name: str = "staging", **more: Any) -> Stored:
    """What a state says of an environment with a Worker."""
    outputs = {"branchName": name, "branchId": f"br_{name}", "environment": name, "workerName": f"app-{name}"}
    outputs["healthUrl"] = f"https://app-{name}.example.workers.dev/api/health"
    up = Update(kind="update", at=NOW - timedelta(hours=3), by="ada@laptop")
    return Stored(**{"outputs": outputs, "updates": (up,), "password_since": NOW - timedelta(days=41), **more})


def facts(name: str = "staging", **more: Any) -> Facts:
    """An environment of which everything is known, and well."""
    known: dict[str, Any] = {
        "branch_name": name,
        "parent_name": "main",
        "state": Found(value=stored(name)),
        "branch": Found(value=branch(name)),
        "restore_point": Found(value=NOW - timedelta(minutes=4)),
        "health": Found(value=HEALTHY),
    }
    return Facts(name=name, **{**known, **more})


LATE: Found[Any] = Found(why="no answer in 10 s")
GONE: Found[Any] = Found()
LOCAL = stored("dev", outputs={"branchName": "dev", "branchId": "local"})


def everything() -> Seen:
    """One look at an environment of each kind."""
    preview = branch("pr-7", description=mark("pr-7", until(NOW.date() + timedelta(days=5))))
    return Seen(
        at=NOW,
        facts=[
            facts("dev", state=Found(value=LOCAL), branch=GONE, restore_point=GONE, parent_name=""),
            facts(restore_point=LATE, drift=Found(value="drifted")),
            facts("production", state=GONE, branch=GONE, restore_point=GONE, health=GONE),
            facts("pr-7", branch=Found(value=preview), parent_name="staging", health=LATE),
        ],
        branches=[Twig(id="br_main", name="main"), Twig(id="br_staging", name="staging", parent="br_main")],
        calls=7,
    )


def picture() -> Seen:
    """The look that the README shows."""
    runs = tuple(
        Update(kind="update", at=NOW - timedelta(hours=3 + 20 * n), by="ada@laptop", database=True, app="passed")
        for n in range(3)
    )
    asleep = branch("pr-8", kind="HIBERNATED", description=mark("pr-8", until(NOW.date() + timedelta(days=2))))
    failing = Health(state="failing", says="the Worker answers 503, database: unreachable", next_step="look at its log")
    found = [
        replace(everything().facts[0], health=Found(value=Health(state="ok", says="Postgres 18.6 answers"))),
        facts(state=Found(value=stored(updates=runs))),
        facts("production", branch=Found(value=branch("production", sleeps=False))),
        facts("pr-7", parent_name="staging", health=Found(value=failing)),
        facts("pr-8", parent_name="staging", branch=Found(value=asleep), health=Found(why="not asked")),
    ]
    twigs = [Twig(id="br_main", name="main")]
    twigs += [Twig(id=f"br_{name}", name=name, parent="br_main") for name in ("staging", "production")]
    twigs += [Twig(id=f"br_{name}", name=name, parent="br_staging") for name in ("pr-7", "pr-8")]
    return Seen(at=NOW, facts=found, branches=twigs, app="acme-shop")


def main() -> None:
    """Make the picture."""
    with opened() as browser:
        seen = picture()
        browser.show(page(seen, rows(seen)), width=1080, height=1210)
        PICTURE.write_bytes(browser.screenshot())


if __name__ == "__main__":
    main()
