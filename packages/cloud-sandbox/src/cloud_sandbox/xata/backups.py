"""Backups: the list that is not built, and the restore points of one branch."""

from __future__ import annotations

from typing import Any

from cloud_sandbox.wire import moment
from cloud_sandbox.xata import life, messages
from cloud_sandbox.xata.branches import other_wording
from cloud_sandbox.xata.messages import RefusedError
from cloud_sandbox.xata.world import MICRO, Answer, Call, World


def list_backups(world: World, call: Call) -> Answer:
    """GET …/backups: not built, whatever is asked for."""
    del world, call
    raise messages.not_implemented()


def get_backup(world: World, call: Call) -> Answer:
    """GET …/backups/{backupID}: the backup of a branch has its id. Fails (500) in a region without backups."""
    backup = call.values["backupID"]
    with world.mutex:
        try:
            branch = world.branch(call.organization, call.project, backup)
        except RefusedError as refusal:
            missing = str(other_wording(refusal, backup)) != str(refusal)
            raise (messages.backup_not_found(backup) if missing else refusal) from refusal
        if branch.cluster.backup is None or branch.life.gone:
            raise messages.internal("no object store for this branch")
        body: dict[str, Any] = {"branchID": branch.id, "description": f"Continuous backup for branch {branch.id}"}
        now = world.now
        if life.is_restorable(branch, now):
            first = branch.life.restorable_since // MICRO * MICRO  # whole seconds, as the backup tool writes them
            body["earliestRestore"] = moment(first)
        body["id"] = branch.id
        if "earliestRestore" in body:
            body["latestRestore"] = moment(max(first, now // MICRO * MICRO))
        if not branch.life.blocked:
            branch.life.restorable.read()
        return Answer(body=body)
