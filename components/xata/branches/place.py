"""Where branches live: an organization and one of its projects, given by id or by name."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.errors import MissingError, NotFoundError, RefusedError
from components.xata.branches.names import is_project_id

if TYPE_CHECKING:
    from components.xata.api.client import Client
    from components.xata.api.models import Project


@dataclass(frozen=True, kw_only=True)
class Place:
    """A project of an organization, both by id."""

    organization: str
    project: str


def find_organization(client: Client, organization: str = "") -> str:
    """The organization's id: the given one, or the only one the key sees.

    Raises:
        MissingError: None is given, and the key sees none or several.
    """
    if organization:
        return organization
    seen = client.organizations()
    if len(seen) == 1:
        return seen[0].id
    there = ", ".join(sorted(f"{one.id} ({one.name})" for one in seen)) or "none"
    raise MissingError(
        f"no organization is given, and the API key sees {len(seen)}: {there}",
        next_step="set infra:organization or XATA_ORGANIZATION_ID to the one that is meant",
    )


def find_project(client: Client, organization: str, project: str) -> Project:
    """The project with this id (`prj_…`) or this name.

    Raises:
        MissingError: There is none; the message lists those there are.
        RefusedError: Several bear the name.
    """
    if is_project_id(project):
        with suppress(NotFoundError):
            return client.project(organization, project)
    there = client.projects(organization)
    named = [one for one in there if one.name == project]
    if len(named) == 1:
        return named[0]
    if named:
        ids = ", ".join(sorted(one.id for one in named))
        raise RefusedError(
            f"{len(named)} projects are called {project!r} ({ids}), and which one is meant cannot be told",
            next_step="set infra:project to the id of the one that is meant",
        )
    names = ", ".join(sorted(f"{one.name!r} ({one.id})" for one in there)) or "none"
    raise MissingError(
        f"there is no project of the name or id {project!r} in the organization {organization}; "
        f"the API key sees: {names}",
        next_step="make it with ./infra up foundation, or set infra:project to one of those",
    )
