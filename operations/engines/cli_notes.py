"""Notes of creations that were cut off. The Pulumi CLI keeps them for ever; here they go once they are settled."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operations.engines.recorded import CREATING, is_of, is_secret
from operations.workspace import private_folder
from pulumi_embedded.project import load_project

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping, Sequence

    from operations.workspace import Workspace


def are_there(workspace: Workspace) -> bool:
    """Whether a state in a folder has such notes; of others nothing is known before they are asked for."""
    if workspace.state_folder is None:
        return False
    from pulumi_embedded.state import files  # noqa: PLC0415 - loads cryptography

    stacks = workspace.state_folder / ".pulumi" / "stacks" / load_project(workspace.folder).name
    try:
        latest = json.loads(files.content(stacks / f"{workspace.stack}.json"))["checkpoint"]["latest"]
        return any(one["type"] == CREATING for one in latest.get("pending_operations") or ())
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False


def drop_settled(
    workspace: Workspace, call: Callable[[Sequence[str]], subprocess.CompletedProcess[str]]
) -> subprocess.CompletedProcess[str]:
    """Take the notes out of the state whose things an `up` has made or found since.

    Args:
        workspace: The stack.
        call: Calls the CLI.

    Returns:
        How the last call ended.
    """
    return _rewritten(
        workspace,
        call,
        lambda deployment: {
            "pending_operations": [
                one for one in deployment.get("pending_operations") or () if not _is_settled(one, deployment)
            ]
        },
    )


def drop_package(
    workspace: Workspace, call: Callable[[Sequence[str]], subprocess.CompletedProcess[str]], package: str
) -> subprocess.CompletedProcess[str]:
    """Take what a provider plugin has made out of the state, and every mention of it; the same arguments and answer."""
    return _rewritten(workspace, call, lambda deployment: without(deployment, package))


def without(deployment: Mapping[str, Any], package: str) -> dict[str, Any]:
    """What is left of a deployment without what a provider plugin has made."""
    there = deployment.get("resources") or ()
    gone = {one["urn"] for one in there if is_of(str(one["type"]), package)}

    def left(urns: Sequence[str] | None) -> list[str]:
        return [urn for urn in urns or () if urn not in gone]

    resources = [
        {
            **one,
            "dependencies": left(one.get("dependencies")),
            "propertyDependencies": {key: left(urns) for key, urns in (one.get("propertyDependencies") or {}).items()},
        }
        for one in there
        if one["urn"] not in gone
    ]
    pending = deployment.get("pending_operations") or ()
    return {
        "resources": resources,
        "pending_operations": [one for one in pending if not is_of(str(one["resource"]["type"]), package)],
    }


def _rewritten(
    workspace: Workspace,
    call: Callable[[Sequence[str]], subprocess.CompletedProcess[str]],
    change: Callable[[Mapping[str, Any]], Mapping[str, Any]],
) -> subprocess.CompletedProcess[str]:
    """Export the state, change some fields of it, and import it."""
    stack = ["--stack", workspace.stack]
    answer = call(["stack", "export", *stack])
    if answer.returncode:
        return answer
    document = json.loads(answer.stdout)
    deployment = document["deployment"]
    with tempfile.TemporaryDirectory(dir=private_folder(workspace.private)) as folder:
        file = Path(folder) / "state.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps({**document, "deployment": {**deployment, **change(deployment)}}))
        return call(["stack", "import", *stack, "--file", str(file)])


def _is_settled(note: Mapping[str, Any], deployment: Mapping[str, Any]) -> bool:
    """Whether what was to be created is recorded now. A secret is encrypted anew each time, so it is not compared."""
    wanted = note["resource"]
    return note["type"] == CREATING and any(
        one["urn"] == wanted["urn"] and not one.get("delete") and _plain(one) == _plain(wanted)
        for one in deployment.get("resources") or ()
    )


def _plain(resource: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in (resource.get("inputs") or {}).items() if not is_secret(value)}
