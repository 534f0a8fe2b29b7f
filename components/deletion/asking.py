"""Everything that may refuse to be deleted is asked before anything goes.

What is deleted first needs no question: it refuses by itself, and nothing is gone then. That is the Worker's secrets,
or `.dev.vars`. What follows is the branch and its project, or the server of this machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS: Final = {"xata:Branch": "branch", "xata:Project": "project", "postgres:EmbeddedServer": "server"}
"""What may refuse after others went: the end of a resource's type, and what it is called here."""

RECORDED: Final = {
    "branch": ("organization", "projectId", "name", "api"),
    "project": ("organization", "name", "api"),
    "server": ("stack", "projectFolder", "folder", "systemIdentifier", "retainData"),
}
"""Which of its outputs are needed to ask, besides the `id`."""


def require_removable(things: Mapping[str, Mapping[str, Any]]) -> None:
    """Ask whether all of it may be deleted. Changes nothing.

    Args:
        things: What is to go: branch, project, server, each with its `id` and the outputs that `RECORDED` names.

    Raises:
        InfraError: Something may not go, or whoever decides about it does not answer.
    """
    server = things.get("server")
    if server and not server["retainData"]:
        from components.postgres.server import lifecycle  # noqa: PLC0415 - for who has one

        lifecycle.require_removable(
            server["stack"],
            Path(server["projectFolder"]),
            Path(server["folder"]),
            system_identifier=server["systemIdentifier"],
        )
    branch, project = things.get("branch"), things.get("project")
    if branch or project:
        from components.xata import removal  # noqa: PLC0415 - loads the HTTP client

        removal.require_removable(dict(branch or {}), dict(project or {}))
