"""From a resource's properties to the life cycle and back: what the Xata providers do, without Pulumi.

Loads the HTTP client and the models, so the providers import it only when the API is to be talked to.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from components.errors import RefusedError
from components.http.address import same_server
from components.worker import told
from components.xata import rules
from components.xata.api.client import connect
from components.xata.api.errors import NotFoundError, PermissionDeniedError
from components.xata.branches import credentials, settings
from components.xata.branches.create import ensure_branch
from components.xata.branches.errors import MissingError, NotReadyError
from components.xata.branches.place import Place, find_project
from components.xata.branches.projects import (
    ProjectSpec,
    delete_project,
    ensure_project,
    project_differences,
    update_project,
)
from components.xata.branches.ready import wait_until_healthy
from components.xata.branches.remove import delete_branch
from components.xata.branches.rename import give_back
from components.xata.branches.restore import restore_points
from components.xata.branches.specs import BranchSpec, RootConfiguration, parse_image

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.xata.api.client import Client
    from components.xata.api.models import Branch, BranchSummary, Project

Properties = dict[str, Any]


def client_for(recorded: Mapping[str, Any]) -> Client:
    """The client of this run, for a resource that was made at the server it talks to.

    Raises:
        MissingKeyError: There is no API key.
        RefusedError: The resource was made at another server, where its id means something else or nothing.
    """
    client = connect(os.environ)
    require_server(client, str(recorded.get("api") or ""))
    return client


def require_server(client: Client, there: str) -> None:
    """Refuse to use what was made at one server at another; `there` is empty where nothing was recorded.

    Raises:
        RefusedError: The client talks to another server.
    """
    if there and not same_server(there, client.base_url):
        raise RefusedError(
            f"this state was made at {there}, and this run talks to {client.base_url}: "
            "nothing was looked at or changed",
            next_step="give XATA_API_BASE_URL as it was, or use a state of its own for each server (--sandbox does)",
        )


def place_of(properties: Mapping[str, Any]) -> Place:
    """Where a recorded branch lives."""
    return Place(organization=properties["organization"], project=properties["projectId"])


# Project.


def make_project(news: Properties) -> tuple[str, Properties]:
    """Make or adopt the project; its id and outputs."""
    client = connect(os.environ)
    ensured = ensure_project(client, news["organization"], _project_spec(news))
    return ensured.project.id, {**_project_outputs(client, ensured.project), "adopted": ensured.adopted}


def change_project(resource_id: str, olds: Properties, news: Properties) -> Properties:
    """Rename and set the project; its outputs."""
    client = client_for(olds)
    found = update_project(client, olds["organization"], resource_id, _project_spec(news))
    return {**_project_outputs(client, found), "adopted": olds["adopted"]}


def look_at_project(resource_id: str, olds: Properties) -> Properties | None:
    """The project's properties as they are; None when it is gone."""
    try:
        found = client_for(olds).project(olds["organization"], resource_id)
    except NotFoundError:
        return None
    drift = project_differences(_project_spec(olds), found)
    return {**olds, **{key: seen for key, (_, seen) in drift.items()}}


def remove_project(resource_id: str, olds: Properties) -> None:
    """Delete the project, if it may be."""
    delete_project(client_for(olds), olds["organization"], resource_id, name=olds["name"], environment=os.environ)


def _project_spec(properties: Mapping[str, Any]) -> ProjectSpec:
    return ProjectSpec(
        name=properties["name"],
        base_enabled=properties.get("scaleToZeroBaseEnabled"),
        base_minutes=properties.get("scaleToZeroBaseMinutes"),
        child_enabled=properties.get("scaleToZeroChildEnabled"),
        child_minutes=properties.get("scaleToZeroChildMinutes"),
        adopt=properties.get("adopt") or "",
    )


def _project_outputs(client: Client, found: Project) -> Properties:
    return {"projectId": found.id, "createdAt": found.created_at.isoformat(), "api": client.base_url}


# Branch.


def make_branch(news: Properties) -> tuple[str, Properties]:
    """Make or adopt the branch; its id and outputs, without waiting for anything."""
    client = connect(os.environ)
    project = find_project(client, news["organization"], news["project"])
    place = Place(organization=news["organization"], project=project.id)
    ensured = ensure_branch(client, place, _branch_spec(client, news))
    branch = ensured.branch
    return branch.id, {
        "branchId": branch.id,
        "projectId": project.id,
        "projectName": project.name,
        "parentId": branch.parent_id or "",
        "parentName": _parent_name(client, place, news, branch),
        "currentName": branch.name,
        "createdAt": branch.created_at.isoformat(),
        "adopted": ensured.adopted,
        "api": client.base_url,
    }


def change_branch(resource_id: str, olds: Properties, news: Properties) -> Properties:
    """Give a branch that was renamed its name back; its outputs. Nothing else of its identity can change."""
    client = client_for(olds)
    if olds["currentName"] != news["name"]:
        found = olds["currentName"]
        give_back(client, place_of(olds), resource_id, news["name"], found=found, environment=os.environ)
    kept = ("branchId", "projectId", "projectName", "parentId", "parentName", "createdAt", "adopted", "api")
    return {**{key: olds[key] for key in kept}, "currentName": news["name"]}


def look_at_branch(resource_id: str, olds: Properties) -> Properties | None:
    """The branch's properties as they are; None when it is gone."""
    branch = _read_branch(client_for(olds), place_of(olds), resource_id)
    return None if branch is None else {**olds, "currentName": branch.name}


def remove_branch(resource_id: str, olds: Properties) -> None:
    """Delete the branch, if it may be."""
    delete_branch(client_for(olds), place_of(olds), resource_id, name=olds["name"], environment=os.environ)


def _branch_spec(client: Client, news: Mapping[str, Any]) -> BranchSpec:
    root = news.get("root")
    return BranchSpec(
        name=news["name"],
        stack=news["stack"],
        region=news["region"],
        parent=news.get("parent"),
        root=_root(client, news, root) if root else None,
        adopt=news.get("adopt") or "",
        allow_parent=news.get("allowParent") or "",
        most_previews=news.get("mostPreviews") or 0,
        instead_of=news.get("insteadOf") or "",
    )


def _root(client: Client, news: Mapping[str, Any], root: Mapping[str, Any]) -> RootConfiguration:
    return RootConfiguration(
        image=_exact_image(client, news["organization"], news["region"], root["image"]),
        instance_type=root["instanceType"],
        replicas=root.get("replicas", 0),
    )


def _exact_image(client: Client, organization: str, region: str, wanted: str) -> str:
    """The image as the API wants it: of `postgres:18` the newest minor version that the region offers."""
    image = parse_image(wanted)
    if image is None or image.minor is not None:
        return wanted
    on_offer = [one.name for one in client.images(organization, region)]
    parsed = {name: parse_image(name) for name in on_offer}
    minors = {
        found.minor: name
        for name, found in parsed.items()
        if found and (found.offering, found.major) == (image.offering, image.major) and found.minor is not None
    }
    if not minors:
        raise MissingError(
            f"the region {region} offers no image {wanted}; it offers {', '.join(sorted(on_offer)) or 'none'}",
            next_step="set infra:postgresImage to one of those",
        )
    return minors[max(minors)]


def _parent_name(client: Client, place: Place, news: Mapping[str, Any], branch: BranchSummary) -> str:
    """The parent's name, whichever of name and id was given: switching between them later is then no change."""
    given = news.get("parent") or ""
    if not branch.parent_id or given != branch.parent_id:
        return given
    parent = _read_branch(client, place, branch.parent_id)
    return parent.name if parent else ""


def _read_branch(client: Client, place: Place, branch_id: str) -> Branch | None:
    """The branch, or None when the API says that it is gone. Nothing else means gone."""
    try:
        return client.branch(place.organization, place.project, branch_id)
    except NotFoundError:
        _require_readable(client, place)
    return None


def _require_readable(client: Client, place: Place) -> None:
    """Let whatever but "not found" about the project through: a branch that may not be seen is not gone."""
    with suppress(NotFoundError):
        client.project(place.organization, place.project)


# BranchSettings.


def apply_settings(olds: Properties, news: Properties) -> Properties:
    """Bring the branch to what is declared, and read it back; the outputs besides the inputs.

    A branch that was found asleep although nothing would ever wake it is woken.
    """
    client, place, given = client_for(olds), place_of(news), rules.declared(news)
    wanted = {**_defaults(client, place, olds), **given}
    branch = settings.apply(client, place, news["branchId"], settings.settings_from(wanted))
    if olds.get("asleep"):
        branch = wait_until_healthy(client, place, news["branchId"])
    points = restore_points(client, place, branch)
    found = settings.read_settings(branch)
    kept = {"backupRetentionDays": found.backup_retention_days or 0, "backupTime": found.backup_time or ""}
    defaults = {} if "instanceType" in given else {"instanceType": found.instance_type}
    return {
        **{key: value for key, value in kept.items() if key not in given},
        **defaults,
        "declared": sorted(given),
        "defaults": defaults,
        "backupsEnabled": branch.backups_enabled,
        "earliestRestorePoint": points.earliest,
        "latestRestorePoint": points.latest,
        "asleep": False,
        "api": client.base_url,
    }


def _defaults(client: Client, place: Place, olds: Properties) -> Properties:
    """What an undeclared instance type is to be: what it was last time, else the parent's when the line has just gone.

    Empty where neither is known: it is then what the branch has, which a new branch has from its parent.
    """
    if "instanceType" not in (olds.get("declared") or ()):
        return olds.get("defaults") or {}
    branch = _read_branch(client, place, olds["branchId"])
    parent = _read_branch(client, place, branch.parent_id) if branch and branch.parent_id else None
    return {"instanceType": parent.configuration.instance_type} if parent else {}


def look_at_settings(resource_id: str, olds: Properties) -> Properties | None:
    """What the branch has of the declared settings; None when the branch is gone.

    The restore points move all the time, so they are read until there are any, and again with every change.
    """
    client, place = client_for(olds), place_of(olds)
    branch = _read_branch(client, place, resource_id)
    if branch is None:
        return None
    defaults = olds.get("defaults") or {}
    given = {**defaults, **{key: olds[key] for key in olds["declared"] if olds.get(key) is not None}}
    drift = settings.differences(settings.settings_from(given), branch)
    found = {
        **olds,
        **defaults,
        **{key: seen for key, (_, seen) in drift.items()},
        "backupsEnabled": branch.backups_enabled,
    }
    found["asleep"] = branch.status.kind == "hibernated" and not branch.scale_to_zero.enabled
    if not olds["earliestRestorePoint"]:
        points = restore_points(client, place, branch)
        found |= {"earliestRestorePoint": points.earliest, "latestRestorePoint": points.latest}
    return found


# BranchConnection.


def make_connection(news: Properties) -> Properties:
    """Wait until the branch is healthy and can be logged in to, and give it a password of its own; the outputs."""
    client = client_for({})
    ready = _until_ready(client, news)
    if news.get("ownPassword"):
        _require_tellable(news)
        ready = credentials.renew(client, place_of(news), ready, timeout_seconds=news["readyTimeoutSeconds"])
    return _connection_outputs(client, ready)


def change_connection(olds: Properties, news: Properties) -> Properties:
    """Rotate when a new password is wanted, read again what is not up to date, or leave the API alone; the outputs."""
    client = client_for(olds)
    becomes_own = news.get("ownPassword") and not olds.get("ownPassword")
    if becomes_own or olds.get("rotation") != news.get("rotation") or rules.is_to_be_replaced(olds, news):
        return _connection_outputs(client, _rotated(client, news, olds))
    if not rules.is_complete(olds):
        return _connection_outputs(client, _until_ready(client, news, last_host=olds.get("host") or ""))
    return {**{key: olds[key] for key in rules.ENDPOINTS}, "current": True, "api": olds["api"]}


def _until_ready(client: Client, news: Properties, *, last_host: str = "") -> credentials.Ready:
    return credentials.connect_when_ready(
        client,
        place_of(news),
        news["branchId"],
        last_host=last_host,
        timeout_seconds=news["readyTimeoutSeconds"],
    )


def _rotated(client: Client, news: Properties, olds: Properties) -> credentials.Ready:
    """A new password. Until the app is told it has no database: so it is known before that it can be, and told first.

    What follows may fail (the SQL files, the check, the state): the app goes on.
    """
    tellable = _require_tellable(news)
    ready = credentials.rotate(
        client,
        place_of(news),
        news["branchId"],
        old_password=olds["password"],
        last_host=olds.get("host") or "",
        timeout_seconds=news["readyTimeoutSeconds"],
    )
    if tellable:
        told.tell(news["told"], ready.endpoints.direct.url)
    return ready


def _require_tellable(news: Properties) -> bool:
    """Whether there is an app that uses the password.

    Raises:
        InfraError: There is, and it could not be told of another one now.
    """
    return bool(news.get("told")) and told.require(news["told"])


def look_at_connection(resource_id: str, olds: Properties) -> Properties | None:
    """The credentials as they are; None when the branch is gone. Never wakes it: credentials of sleepers can be read.

    Others than the recorded ones, or none for the moment, leave `current` false until an update has caught up.
    A preview whose key may not read them goes by the recorded ones, and says so.
    """
    client = client_for(olds)
    try:
        ready = credentials.current(client, place_of(olds), resource_id, last_host=olds.get("host") or "")
    except NotReadyError:
        return {**olds, "current": False}
    except PermissionDeniedError as error:
        if rules.ONLY_PREVIEWED not in os.environ:
            raise
        return _unread(client, resource_id, olds, error)
    if ready is None:
        _require_readable(client, place_of(olds))
        return None
    found = _connection_outputs(client, ready)
    same = all(found[key] == olds.get(key) for key in rules.ENDPOINTS)
    return {**olds, **found, "current": same and bool(olds.get("current")), "api": olds["api"]}


def _unread(client: Client, resource_id: str, olds: Properties, error: PermissionDeniedError) -> Properties | None:
    """The recorded connection of a branch that is there, and a line that says what was not read."""
    branch = _read_branch(client, place_of(olds), resource_id)
    if branch is None:
        return None
    sys.stderr.write(
        f"warning: the credentials of the branch {branch.name!r} were not read (Xata answers this key {error.status} "
        f'"{error.server_message}"; it takes the scope credentials:read): the plan goes by the recorded ones, so a '
        "password that was changed outside is not seen\n"
    )
    return olds


def _connection_outputs(client: Client, ready: credentials.Ready) -> Properties:
    endpoints = ready.endpoints
    direct = endpoints.direct
    return {
        "url": direct.url,
        "poolerUrl": endpoints.pooler.url,
        "readOnlyUrl": endpoints.read_only.url,
        "host": direct.host,
        "port": direct.port,
        "database": direct.database,
        "user": direct.user,
        "password": direct.password,
        "current": True,
        "api": client.base_url,
    }
