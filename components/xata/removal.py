"""What is asked before a stack's branch and project go, and what is looked for afterwards. Loads the HTTP client."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from components.errors import MissingError
from components.xata.api.client import connect
from components.xata.branches import remove
from components.xata.branches.adopt import read_named
from components.xata.branches.ownership import marked_stack
from components.xata.branches.place import Place, find_project
from components.xata.branches.projects import require_project_removable
from components.xata.provider import client_for

if TYPE_CHECKING:
    from collections.abc import Collection

Properties = dict[str, Any]


def require_removable(branch: Properties, project: Properties) -> None:
    """Ask whether a stack's branch, and its project where it has one, may be deleted, and the key may do it.

    Args:
        branch: `id`, `organization`, `projectId`, `name` and `api` as recorded; empty where there is none.
        project: `id`, `organization`, `name` and `api` as recorded; empty where there is none.

    Raises:
        RefusedError: One of them may not go.
        PermissionDeniedError: The key may not delete it.
        ApiError: The API does not answer, so nothing is known.
    """
    if project:  # first: who names the children of its root branch has not emptied it
        _require_project_removable(project, leaving=[branch["id"]] if branch else [])
    if branch:
        client = client_for(branch["api"])
        place = Place(organization=branch["organization"], project=branch["projectId"])
        if remove.require_removable(client, place, branch["id"], name=branch["name"], environment=os.environ):
            client.require_changeable(place.organization, place.project, branch["id"])


def _require_project_removable(project: Properties, *, leaving: Collection[str]) -> None:
    client, organization, id_ = client_for(project["api"]), project["organization"], project["id"]
    if require_project_removable(
        client, organization, id_, name=project["name"], environment=os.environ, leaving=leaving
    ):
        client.require_changeable(organization, id_)


def remove_lost_branch(inputs: Properties) -> None:
    """Delete the branch of a creation that was cut off, if it is there and carries the stack's mark."""
    client = connect(os.environ)
    try:
        project = find_project(client, inputs["organization"], inputs["project"])
    except MissingError:
        return
    place = Place(organization=inputs["organization"], project=project.id)
    found = read_named(client, place, inputs["name"]).branch
    if found is not None and marked_stack(found.description) == inputs["stack"]:
        remove.delete_branch(client, place, found.id, name=inputs["name"], environment=os.environ)
