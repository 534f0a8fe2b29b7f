"""Branches, their settings and their connections: the providers, and what a program declares of them.

Module path and class names are a contract with recorded state: never change them. The API key comes from the
environment alone, and only where the API is talked to: a preview that refreshes nothing works without one. Every
resource records the address of the API that it was made at, because an id means nothing to another server.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pulumi
from typing_extensions import override

from components import moved
from components.errors import MissingError, NotReadyError, PermissionDeniedError
from components.fingerprint import matches
from components.resource import Properties, Provider, Resource, is_known, state
from components.worker import told
from components.xata.api.client import connect
from components.xata.branches import credentials, settings
from components.xata.branches.create import ensure_branch
from components.xata.branches.image import has_same_major, image_refusal, is_any_minor_of, parse_image
from components.xata.branches.names import is_preview, may_descend
from components.xata.branches.ownership import marked_stack, require_replaceable
from components.xata.branches.place import Place, find_project
from components.xata.branches.ready import wait_until_healthy
from components.xata.branches.remove import delete_branch
from components.xata.branches.rename import give_back
from components.xata.branches.restore import restore_points
from components.xata.inputs import (
    ONLY_PREVIEWED,
    BranchConnectionInputs,
    BranchConnectionState,
    BranchInputs,
    BranchSettingsInputs,
    BranchSettingsState,
    BranchState,
    Located,
    RootConfiguration,
    Settings,
)
from components.xata.reading import forget, read_branch, read_living_branch, require_readable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi.dynamic import DiffResult

    from components.xata.api.client import Client
    from components.xata.api.models import BranchSummary

ENDPOINTS: Final = ("url", "pooler_url", "read_only_url", "host", "port", "database", "user", "password")
"""What the state of a connection tells."""

MADE_HERE: Final[set[str]] = set()
"""The ids of the branches that this process has made: nobody else can have used one before its run is over."""

PLACE: Final = frozenset({"organization", "projectId", "branchId"})

_SPELLINGS: Final = {"project": ("projectId", "projectName"), "parent": ("parentId", "parentName")}
"""Inputs that are given by id or by name, and the outputs that record both."""


def client_for(api: str, environment: Mapping[str, str] = os.environ) -> Client:
    """The client of this run, for a resource that was made at the server it talks to.

    Args:
        api: The recorded address; empty where nothing was recorded.
        environment: Holds the key and the server's address.

    Raises:
        InputError: There is no API key.
        RefusedError: The resource was made at another server, where its id means something else or nothing.
    """
    return connect(environment).at_home(api)


class BranchProvider(Provider[BranchInputs, BranchState]):
    """A branch's identity. It returns as soon as there is an id: who needs the database waits in BranchConnection.

    `adopt`, `allowParent` and the root configuration speak about the moment of birth; a later change of them is
    recorded and changes nothing on the server (what a root branch runs on is changed by BranchSettings); that of
    `mostPreviews` is no change at all. `insteadOf` is one while it is the id of this very branch: a fresh copy is then
    made beside it, and it goes last, when nobody uses it any more. The name a branch really has is told as
    `currentName`: one that was renamed behind our back gets its name back.
    """

    delete_before_replace = True  # names are unique in a project

    @override
    def validate(self, known: Properties) -> Mapping[str, str]:
        found = {"parent": _parent_reason(known), "root": _root_reason(known)}
        return {name: reason for name, reason in found.items() if reason}

    @override
    def require_replaceable(self, olds: Properties, news: Properties, replaces: list[str]) -> None:
        require_replaceable("branch", olds, news, replaces)

    @override
    def diff(self, _id: str, _olds: Any, _news: Any) -> DiffResult:
        result = super().diff(_id, _olds, _news)
        if result.replaces == ["insteadOf"]:
            result.delete_before_replace = False  # the old one has given its name away
        return result

    @override
    def is_same(self, name: str, olds: Properties, news: Properties) -> bool:
        before, after = olds.get(name), news.get(name)
        if before == after or name == "mostPreviews":
            return True
        if name == "insteadOf":
            return not after or after != olds.get("branchId")
        if name in _SPELLINGS:
            return bool(after) and after in {olds.get(spelling) for spelling in _SPELLINGS[name]}
        if name == "root" and isinstance(before, dict) and isinstance(after, dict):
            return has_same_major(before.get("image"), after.get("image"))
        return False

    @override
    def needs_update(self, old: BranchState, news: Properties) -> bool:
        return old.current_name != old.name

    @override
    def create_resource(self, new: BranchInputs) -> tuple[str, BranchState]:
        client = client_for("")
        project = find_project(client, new.organization, new.project)
        place = Place(organization=new.organization, project=project.id)
        ensured = ensure_branch(client, place, replace(new, root=_exact_root(client, new)))
        branch = ensured.branch
        if not ensured.adopted:
            MADE_HERE.add(branch.id)
        return branch.id, state(
            BranchState,
            new,
            branch_id=branch.id,
            project_id=project.id,
            project_name=project.name,
            parent_id=branch.parent_id or "",
            parent_name=_parent_name(client, place, new, branch),
            current_name=branch.name,
            created_at=branch.created_at.isoformat(),
            adopted=ensured.adopted,
            api=client.base_url,
        )

    @override
    def update_resource(self, resource_id: str, old: BranchState, new: BranchInputs) -> BranchState:
        """Give a branch that was renamed its name back. Nothing else of its identity can change."""
        forget()
        client = client_for(old.api)
        if old.current_name != new.name:
            found = old.current_name
            give_back(client, _place_of(old), resource_id, new.name, found=found, environment=os.environ)
        return replace(old, **new.attributes(), current_name=new.name)

    @override
    def read_resource(self, resource_id: str, old: BranchState) -> BranchState | None:
        branch = read_branch(client_for(old.api), _place_of(old), resource_id)
        return None if branch is None else replace(old, current_name=branch.name)

    @override
    def delete_resource(self, resource_id: str, old: BranchState) -> None:
        delete_branch(client_for(old.api), _place_of(old), resource_id, name=old.name, environment=os.environ)


class BranchSettingsProvider(Provider[BranchSettingsInputs, BranchSettingsState]):
    """What can change on a branch, which keeps it when this goes.

    An instance type that is not given any more goes back to the parent's; storage and image cannot go back, so taking
    them out is refused, but for the storage of a preview. The others have no default here: what declares them says
    theirs.
    """

    @override
    def validate_change(self, old: BranchSettingsState, known: Properties) -> Mapping[str, str]:
        """Which changes of a branch's settings can never be carried out."""
        if old.branch_id != known.get("branchId"):
            return {}
        reasons = {
            "storage": _storage_refusal(old, known.get("storage")),
            "image": image_refusal(old.image, known.get("image")),
        }
        return {name: reason for name, reason in reasons.items() if reason}

    @override
    def is_same(self, name: str, olds: Properties, news: Properties) -> bool:
        if name in PLACE or news.get(name) is not None:
            return _is_same_place(name, olds, news)
        default = (olds.get("defaults") or {}).get(name)
        return name not in (olds.get("declared") or ()) and default in (None, olds.get(name))

    @override
    def needs_update(self, old: BranchSettingsState, news: Properties) -> bool:
        return old.asleep

    @override
    def create_resource(self, new: BranchSettingsInputs) -> tuple[str, BranchSettingsState]:
        return new.branch_id, self._applied(None, new)

    @override
    def update_resource(
        self, resource_id: str, old: BranchSettingsState, new: BranchSettingsInputs
    ) -> BranchSettingsState:
        return self._applied(old, new)

    @override
    def read_resource(self, resource_id: str, old: BranchSettingsState) -> BranchSettingsState | None:
        """What the branch has of the declared settings.

        The restore points move all the time, so they are read until there are any, and again with every change.
        """
        client, place = client_for(old.api), _place_of(old)
        branch = read_branch(client, place, resource_id)
        if branch is None:
            return None
        recorded, defaults = old.properties(), old.defaults or {}
        wanted = Settings.of({**defaults, **{name: recorded[name] for name in old.declared if name in recorded}})
        seen = {name: found for name, (_, found) in settings.differences(wanted, branch).items()}
        found = replace(
            BranchSettingsState.of({**recorded, **defaults, **seen}),
            backups_enabled=branch.backups_enabled,
            asleep=branch.status.kind == "hibernated" and not branch.scale_to_zero.enabled,
        )
        if found.earliest_restore_point:
            return found
        points = restore_points(client, place, branch)
        return replace(found, earliest_restore_point=points.earliest, latest_restore_point=points.latest)

    @override
    def read_inputs(self, found: BranchSettingsState) -> Properties:
        return {name: value for name, value in found.properties().items() if name in PLACE or name in found.declared}

    @staticmethod
    def _applied(old: BranchSettingsState | None, new: BranchSettingsInputs) -> BranchSettingsState:
        """Bring the branch to what is declared, and read it back.

        A branch that was found asleep although nothing would ever wake it is woken.
        """
        forget()
        client, place = client_for(old.api if old else ""), _place_of(new)
        given = Settings.of(new.properties()).properties()
        wanted = Settings.of({**_defaults(client, place, old), **given})
        branch = settings.apply(client, place, new.branch_id, wanted)
        if old and old.asleep:
            branch = wait_until_healthy(client, place, new.branch_id)
        points, found = restore_points(client, place, branch), settings.read_settings(branch)
        told = {"backupRetentionDays": found.backup_retention_days or 0, "backupTime": found.backup_time or ""}
        defaults = {} if "instanceType" in given else {"instanceType": found.instance_type}
        return replace(
            BranchSettingsState.of({**told, **defaults, **new.properties()}),
            declared=sorted(given),
            defaults=defaults,
            backups_enabled=branch.backups_enabled,
            earliest_restore_point=points.earliest,
            latest_restore_point=points.latest,
            api=client.base_url,
        )


class BranchConnectionProvider(Provider[BranchConnectionInputs, BranchConnectionState]):
    """A branch that can be logged in to, and how. A changed `rotation` gives it a new password.

    So does `insteadOfPassword`, while it is the fingerprint of the recorded one. With `ownPassword` it gets one when
    this is made. A run that is killed in between makes it again, and gives it yet another one: whatever is recorded is
    not what the branch was born with. `told` says whose secret the URL is; another one is no change by itself.
    """

    @override
    def is_same(self, name: str, olds: Properties, news: Properties) -> bool:
        if name == "insteadOfPassword":
            return not matches(olds.get("password"), news.get(name))
        return name == "told" or _is_same_place(name, olds, news)

    @override
    def needs_update(self, old: BranchConnectionState, news: Properties) -> bool:
        return not _is_complete(old)

    @override
    def create_resource(self, new: BranchConnectionInputs) -> tuple[str, BranchConnectionState]:
        """Wait until the branch is healthy and can be logged in to, and give it a password of its own."""
        client = client_for("")
        ready = _until_ready(client, new)
        if new.own_password:
            _require_tellable(new)
            timeout = new.ready_timeout_seconds
            ready = credentials.renew(client, _place_of(new), ready, timeout_seconds=timeout)
        return new.branch_id, _connected(client, new, ready)

    @override
    def update_resource(
        self, resource_id: str, old: BranchConnectionState, new: BranchConnectionInputs
    ) -> BranchConnectionState:
        """Rotate when a new password is wanted, read again what is not up to date, or leave the API alone."""
        client = client_for(old.api)
        becomes_own = new.own_password and not old.own_password
        rotates = old.rotation != new.rotation and not new.app_login
        if becomes_own or rotates or matches(old.password, new.instead_of_password):
            return _connected(client, new, _rotated(client, new, old))
        if not _is_complete(old):
            return _connected(client, new, _until_ready(client, new, last_host=old.host))
        return replace(old, **new.attributes())

    @override
    def read_resource(self, resource_id: str, old: BranchConnectionState) -> BranchConnectionState | None:
        """The credentials as they are. Never wakes the branch: credentials of sleepers can be read.

        Others than the recorded ones, or none for the moment, leave `current` false until an update has caught up. A
        preview whose key may not read them goes by the recorded ones, and says so.
        """
        client = client_for(old.api)
        try:
            ready = credentials.current(
                client, _place_of(old), resource_id, last_host=old.host, read=read_living_branch
            )
        except NotReadyError:
            return replace(old, current=False)
        except PermissionDeniedError as error:
            if ONLY_PREVIEWED not in os.environ:
                raise
            return _unread(client, resource_id, old, error)
        if ready is None:
            require_readable(client, _place_of(old))
            return None
        found = _connected(client, old, ready)
        same = all(getattr(found, name) == getattr(old, name) for name in ENDPOINTS)
        return replace(found, current=same and old.current, api=old.api)


class Branch(Resource, provider=BranchProvider, module="xata", name="Branch"):
    """A branch's identity. Its id is the resource's id, and known in previews whatever else changes."""

    project_id: pulumi.Output[str]
    region: pulumi.Output[str]


class BranchSettings(Resource, provider=BranchSettingsProvider, module="xata", name="BranchSettings"):
    """What can change on a branch, set and read back."""

    backup_retention_days: pulumi.Output[int]
    backup_time: pulumi.Output[str]
    earliest_restore_point: pulumi.Output[str]
    latest_restore_point: pulumi.Output[str]


class BranchConnection(Resource, provider=BranchConnectionProvider, module="xata", name="BranchConnection"):
    """A healthy branch and how to log in to it: directly, through the pooler, and to read only."""

    url: pulumi.Output[str]
    pooler_url: pulumi.Output[str]
    read_only_url: pulumi.Output[str]
    host: pulumi.Output[str]
    port: pulumi.Output[int]
    database: pulumi.Output[str]
    user: pulumi.Output[str]


def _place_of(where: Located | BranchState) -> Place:
    return Place(organization=where.organization, project=where.project_id)


def _is_same_place(name: str, olds: Properties, news: Properties) -> bool:
    """Whether an input is unchanged.

    Branches have ids of their own: the project of the same branch is the same, also where a preview does not know it.
    """
    if name in PLACE and not is_known(news.get(name)) and is_known(news.get("branchId")):
        return bool(olds.get("branchId") == news.get("branchId"))
    return bool(olds.get(name) == news.get(name))


# A branch's identity.


def _parent_reason(known: Properties) -> str:
    parent, name = known.get("parent"), str(known.get("name", ""))
    if parent is None:
        return ""
    if parent == name:
        return f"{parent!r} cannot be the parent of {name!r}; name another branch, such as main"
    if may_descend(name, parent, allowed=known.get("allowParent") or "", production=known.get("production") or ()):
        return ""
    return (
        f"the branch {name} would be a copy of all of production's data; set infra:parent to staging or main, or, if "
        f"that copy is meant, infra:allowParent to {parent}"
    )


def _root_reason(known: Properties) -> str:
    root = known.get("root")
    if root is None:
        return ""
    if known.get("parent"):
        return "a branch has a parent or a root configuration, not both"
    wrong = RootConfiguration.validate(root) if isinstance(root, dict) else {"root": "it is no map"}
    return "; ".join(f"{name}: {reason}" for name, reason in wrong.items())


def _exact_root(client: Client, new: BranchInputs) -> dict[str, Any] | None:
    """The root configuration with the image as the API wants it."""
    if not new.root:
        return None
    return {**new.root, "image": _exact_image(client, new.organization, new.region, new.root["image"])}


def _exact_image(client: Client, organization: str, region: str, wanted: str) -> str:
    """Of `postgres:18` the newest minor version that the region offers."""
    image = parse_image(wanted)
    if image is None or image.minor is not None:
        return wanted
    on_offer = [one.name for one in client.images(organization, region)]
    parsed = {name: parse_image(name) for name in on_offer if is_any_minor_of(wanted, name)}
    minors = {found.minor: name for name, found in parsed.items() if found and found.minor is not None}
    if not minors:
        raise MissingError(
            f"the region {region} offers no image {wanted}; it offers {', '.join(sorted(on_offer)) or 'none'}",
            next_step="set infra:postgresImage to one of those",
        )
    return minors[max(minors)]


def _parent_name(client: Client, place: Place, new: BranchInputs, branch: BranchSummary) -> str:
    """The parent's name, whichever of name and id was given: switching between them later is then no change."""
    given = new.parent or ""
    if not branch.parent_id or given != branch.parent_id:
        return given
    parent = read_branch(client, place, branch.parent_id)
    return parent.name if parent else ""


# Settings.


def _storage_refusal(old: BranchSettingsState, after: int | None) -> str:
    before = old.storage
    if before and after and after < before:
        return f"it is {before} GB and can only grow; {after} GB would be less"
    if before and not after and not is_preview(marked_stack(old.description) or ""):  # a preview just keeps what it has
        return f"it is {before} GB and can only grow: leave infra:storageGigabytes at {before}"
    return ""


def _defaults(client: Client, place: Place, old: BranchSettingsState | None) -> Properties:
    """What an undeclared instance type is to be: what it was last time, else the parent's when the line has just gone.

    Empty where neither is known: it is then what the branch has, which a new branch has from its parent.
    """
    if old is None or "instanceType" not in old.declared:
        return dict(old.defaults or {}) if old else {}
    branch = read_branch(client, place, old.branch_id)
    parent = read_branch(client, place, branch.parent_id) if branch and branch.parent_id else None
    return {"instanceType": parent.configuration.instance_type} if parent else {}


# Connections.


def _is_complete(old: BranchConnectionState) -> bool:
    """Whether the state holds a whole connection, and one that a deployment has passed on."""
    return old.current and all(getattr(old, name) for name in ENDPOINTS)


def _until_ready(client: Client, new: BranchConnectionInputs, *, last_host: str = "") -> credentials.Ready:
    return credentials.connect_when_ready(
        client,
        _place_of(new),
        new.branch_id,
        last_host=last_host,
        timeout_seconds=new.ready_timeout_seconds,
    )


def _rotated(client: Client, new: BranchConnectionInputs, old: BranchConnectionState) -> credentials.Ready:
    """A new password. Until the app is told it has no database: so it is known before that it can be, and told first.

    What follows may fail (the SQL files, the check, the state): the app goes on.
    """
    tellable = _require_tellable(new)
    ready = credentials.rotate(
        client,
        _place_of(new),
        new.branch_id,
        old_password=old.password,
        last_host=old.host,
        timeout_seconds=new.ready_timeout_seconds,
    )
    if new.told and tellable:
        told.tell(new.told, ready.endpoints.direct.url)
    return ready


def _require_tellable(new: BranchConnectionInputs) -> bool:
    """Whether there is an app that uses the password.

    Raises:
        InfraError: There is, and it could not be told of another one now.
    """
    return new.told is not None and told.require(new.told)


def _unread(
    client: Client, resource_id: str, old: BranchConnectionState, error: PermissionDeniedError
) -> BranchConnectionState | None:
    """The recorded connection of a branch that is there, and a line that says what was not read."""
    branch = read_branch(client, _place_of(old), resource_id)
    if branch is None:
        return None
    sys.stderr.write(
        f"warning: the credentials of the branch {branch.name!r} were not read (Xata answers this key {error.status} "
        f'"{error.server_message}"; it takes the scope credentials:read): the plan goes by the recorded ones, so a '
        "password that was changed outside is not seen\n"
    )
    return old


def _connected(client: Client, inputs: BranchConnectionInputs, ready: credentials.Ready) -> BranchConnectionState:
    endpoints = ready.endpoints
    direct = endpoints.direct
    return state(
        BranchConnectionState,
        inputs,
        url=direct.url,
        pooler_url=endpoints.pooler.url,
        read_only_url=endpoints.read_only.url,
        host=direct.host,
        port=direct.port,
        database=direct.database,
        user=direct.user,
        password=direct.password,
        current=True,
        api=client.base_url,
    )


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Classes that moved from here, for state that names them here."""
        return moved(__name__, name)
