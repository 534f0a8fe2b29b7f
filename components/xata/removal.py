"""What is asked before a stack's branch goes, and what is looked for afterwards. Loads the HTTP client."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from components.errors import MissingError
from components.xata.api.client import connect
from components.xata.branches import remove
from components.xata.branches.adopt import read_named
from components.xata.branches.ownership import marked_stack
from components.xata.branches.place import Place, find_project
from components.xata.provider import client_for

if TYPE_CHECKING:
    from collections.abc import Mapping

Properties = dict[str, Any]


def require_removable(things: Mapping[str, Mapping[str, Any]]) -> None:
    """Ask whether a stack's branch may be deleted, and the key may do it, for the guard of the stack's deletion.

    Raises:
        RefusedError: It may not go.
        PermissionDeniedError: The key may not delete it.
        ApiError: The API does not answer, so nothing is known.
    """
    branch = things["branch"]
    client, place = client_for(branch["api"]), Place(organization=branch["organization"], project=branch["projectId"])
    if remove.require_removable(client, place, branch["id"], name=branch["name"], environment=os.environ):
        client.require_changeable(place.organization, place.project, branch["id"])


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
