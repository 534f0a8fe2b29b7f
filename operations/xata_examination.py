"""What `./infra doctor` looks at where a stack is a Xata branch: the key, what it may do, what it finds. Only reads.

What a key may change cannot be seen without changing something, so those lines say that they were not tested.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from components.errors import InfraError, MissingError, NotFoundError, NotOfferedError, PermissionDeniedError
from components.xata.api.client import CREATE_BRANCH, CREATE_PROJECT, KEY_VARIABLE, ROTATE_CREDENTIALS, connect
from components.xata.branches.find import resolve_branch
from components.xata.branches.image import is_any_minor_of
from components.xata.branches.place import find_organization, find_project
from operations.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from components.http.service import Operation
    from components.xata.api.client import Client
    from components.xata.api.models import BranchSummary, Project
    from operations.findings import Verdict

T = TypeVar("T")
PATIENCE_SECONDS = 15.0
NEARLY_FULL = 0.9
KEY = "xata key"
SANDBOX_HINT = "or try everything without an account: ./infra sandbox start, then add --sandbox"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a stack asks of Xata.

    Attributes:
        stack: The stack's name.
        branch: The branch's name.
        organization: The organization's id; empty for the only one that the key sees.
        project: The project's id or name.
        parent: The name or id of the branch it is a copy of; empty for the root branch.
        region: Where it lives.
        image: The Postgres image; empty for the parent's.
        instance_type: Likewise.
    """

    stack: str
    branch: str
    organization: str
    project: str
    parent: str
    region: str
    image: str
    instance_type: str

    @property
    def founds(self) -> bool:
        """Whether the stack makes the project itself."""
        return not self.parent


class NotLookedAtError(InfraError):
    """A check that has nothing to look at, because an earlier one found nothing."""


def examine(environ: Mapping[str, str], wanted: Wanted, *, named: bool) -> list[Finding]:
    """Look at everything that a stack needs of Xata.

    Args:
        environ: Holds the key.
        wanted: What the stack asks for.
        named: Whether the user asked about this very stack: then a missing key is a failure.
    """
    if not environ.get(KEY_VARIABLE):
        step = f"export {KEY_VARIABLE}=… (docs/xata.md names the permissions it needs); {SANDBOX_HINT}"
        verdict: Verdict = "failure" if named else "warning"
        return [Finding(check=KEY, verdict=verdict, found=f"{KEY_VARIABLE} is not set", next_step=step)]
    try:
        seen = Seen(connect(environ).within(PATIENCE_SECONDS), wanted)
    except InfraError as error:
        return [Finding(check=KEY, verdict="failure", found=error.message, next_step=error.next_step)]
    first = look_at(KEY, key, seen)
    if first.verdict == "failure":
        return [first]
    return [first, *(look_at(name, check, seen) for name, check in CHECKS.items())]


def look_at(name: str, check: Callable[[str, Seen], Finding], seen: Seen) -> Finding:
    """Look at one thing; that it cannot be looked at is a finding, too."""
    try:
        return check(name, seen)
    except NotLookedAtError as error:
        return Finding(check=name, verdict="warning", found=error.message, next_step=error.next_step)
    except NotOfferedError:
        return Finding(check=name, verdict="ok", found="this version of the service does not tell")
    except InfraError as error:
        return Finding(check=name, verdict="failure", found=error.message, next_step=error.next_step)


class Seen:
    """What was read so far; everything is read once, when a check first needs it."""

    def __init__(self, client: Client, wanted: Wanted) -> None:
        self.client, self.wanted = client, wanted

    @cached_property
    def organization(self) -> str:
        """The organization's id."""
        return find_organization(self.client, self.wanted.organization)

    @cached_property
    def project(self) -> Project:
        """The project.

        Raises:
            NotLookedAtError: It is not there yet, and the stack makes it.
        """
        try:
            return find_project(self.client, self.organization, self.wanted.project)
        except MissingError:
            if not self.wanted.founds:
                raise
        raise NotLookedAtError(
            f"the project {self.wanted.project!r} is not there yet", next_step="./infra up foundation makes it"
        )

    @cached_property
    def branches(self) -> list[BranchSummary]:
        """All branches of the project."""
        return self.client.branches(self.organization, self.project.id)

    @cached_property
    def images(self) -> list[str]:
        """The names of the images that the region offers."""
        return [image.name for image in self.client.images(self.organization, self.wanted.region)]


def key(name: str, seen: Seen) -> Finding:
    """The key is accepted."""
    try:
        there = [f"{one.id} ({one.name})" for one in seen.client.organizations()]
        found = f"accepted by {seen.client.base_url}; it sees the organization {', '.join(there) or '(none)'}"
    except PermissionDeniedError:
        found = f"accepted by {seen.client.base_url}"
    return Finding(check=name, verdict="ok", found=found)


def organization(name: str, seen: Seen) -> Finding:
    """Which organization is meant."""
    told = "as configured" if seen.wanted.organization else "the only one; set XATA_ORGANIZATION_ID to it"
    verdict: Verdict = "ok" if seen.wanted.organization else "warning"
    step = "" if seen.wanted.organization else f"export XATA_ORGANIZATION_ID={seen.organization}"
    return Finding(check=name, verdict=verdict, found=f"{seen.organization} ({told})", next_step=step)


def may_read_organization(name: str, seen: Seen) -> Finding:
    """The key may read what the organization offers; only the foundation cannot do without."""
    try:
        count = len(seen.images)
    except PermissionDeniedError as error:
        verdict: Verdict = "failure" if seen.wanted.founds else "warning"
        found = f"denied: images, instance types and limits cannot be read ({error.server_message or 'no reason'})"
        return Finding(check=name, verdict=verdict, found=found, next_step=error.next_step)
    return Finding(check=name, verdict="ok", found=f"granted: {count} images can be seen")


def may_read_projects(name: str, seen: Seen) -> Finding:
    """The key may read projects."""
    found = seen.client.projects(seen.organization)
    return Finding(check=name, verdict="ok", found=f"granted: {_counted(len(found), 'project')} can be seen")


def may_read_branches(name: str, seen: Seen) -> Finding:
    """The key may read branches."""
    _needed(lambda: seen.project, "the project")
    return Finding(check=name, verdict="ok", found=f"granted: {_counted(len(seen.branches), 'branch')} can be seen")


def may_read_credentials(name: str, seen: Seen) -> Finding:
    """The key may read credentials: tried on the stack's branch, else on its parent, else on any."""
    order = {seen.wanted.branch: 0, seen.wanted.parent: 1}
    tried = min(
        _needed(lambda: seen.branches, "the project's branches"),
        key=lambda branch: order.get(branch.name, 2),
        default=None,
    )
    if tried is None:
        raise NotLookedAtError("not tested: there is no branch to read them of")
    try:
        seen.client.credentials(seen.organization, seen.project.id, tried.id)
    except NotFoundError:
        return Finding(check=name, verdict="ok", found=f"granted; the branch {tried.name} has none at the moment")
    return Finding(check=name, verdict="ok", found=f"granted: those of the branch {tried.name} can be read")


def _may_write(operation: Operation, use: str) -> Callable[[str, Seen], Finding]:
    def check(name: str, seen: Seen) -> Finding:
        del seen
        limit = f", and must not be limited to some {operation.unlimited}" if operation.unlimited else ""
        return Finding(
            check=name,
            verdict="warning",
            found=f"not tested, because only a change would tell; {use} needs it{limit}",
            next_step="look at the key's permissions in Xata's console",
        )

    return check


def project(name: str, seen: Seen) -> Finding:
    """The project is there."""
    return Finding(check=name, verdict="ok", found=f"{seen.project.name} ({seen.project.id})")


def parent(name: str, seen: Seen) -> Finding:
    """The branch that the stack's is a copy of is there."""
    if seen.wanted.founds:
        return Finding(check=name, verdict="ok", found=f"none is needed: {seen.wanted.branch} is a root branch")
    there = resolve_branch(_needed(lambda: seen.branches, "the project's branches"), seen.wanted.parent)
    return Finding(check=name, verdict="ok", found=f"{there.name} ({there.id}) in {there.region}")


def region(name: str, seen: Seen) -> Finding:
    """The region is offered, with backups."""
    offered = {one.id: one for one in seen.client.regions(seen.organization)}
    wanted = offered.get(seen.wanted.region)
    if wanted is None:
        found = f"{seen.wanted.region} is not offered; offered: {', '.join(sorted(offered)) or 'none'}"
        return Finding(check=name, verdict="failure", found=found, next_step="set infra:region to one of those")
    if not wanted.backups_enabled:
        found = f"{wanted.id} is offered, but without backups, which every stack declares"
        return Finding(check=name, verdict="failure", found=found, next_step="set infra:region to another one")
    return Finding(check=name, verdict="ok", found=f"{wanted.id} is offered, with backups")


def image(name: str, seen: Seen) -> Finding:
    """The Postgres image is offered."""
    if not seen.wanted.image:
        return Finding(check=name, verdict="ok", found=f"that of the parent {seen.wanted.parent}")
    wanted, offered = seen.wanted.image, _needed(lambda: seen.images, "the list of images")
    fitting = [one for one in offered if one == wanted or is_any_minor_of(wanted, one)]
    if fitting:
        return Finding(check=name, verdict="ok", found=f"{wanted} is offered ({', '.join(sorted(fitting))})")
    found = f"{wanted} is not offered; offered: {', '.join(sorted(offered)) or 'none'}"
    return Finding(check=name, verdict="failure", found=found, next_step="set infra:postgresImage to one of those")


def instance_type(name: str, seen: Seen) -> Finding:
    """The instance type is offered."""
    wanted = seen.wanted.instance_type
    if not wanted:
        return Finding(check=name, verdict="ok", found=f"that of the parent {seen.wanted.parent}")
    offered = [one.name for one in seen.client.instance_types(seen.organization, seen.wanted.region)]
    if wanted in offered:
        return Finding(check=name, verdict="ok", found=f"{wanted} is offered")
    found = f"{wanted} is not offered in {seen.wanted.region}; offered: {', '.join(offered) or 'none'}"
    return Finding(check=name, verdict="failure", found=found, next_step="set infra:instanceType to one of those")


def limits(name: str, seen: Seen) -> Finding:
    """There is room for the stack's branch."""
    used, most = len(_needed(lambda: seen.branches, "the project's branches")), _most_branches(seen)
    found = f"{used} of {most} branches of the project are used"
    there = any(branch.name == seen.wanted.branch for branch in seen.branches)
    if used < NEARLY_FULL * most or (there and used < most):
        return Finding(check=name, verdict="ok", found=found)
    verdict: Verdict = "failure" if used >= most and not there else "warning"
    step = "delete branches that nobody needs (expired previews first), or ask Xata to raise the limit"
    return Finding(check=name, verdict=verdict, found=found, next_step=step)


def _needed(read: Callable[[], T], what: str) -> T:
    """What a check needs and another check is about: its failure is told once, there.

    Raises:
        NotLookedAtError: It cannot be read.
    """
    try:
        return read()
    except NotLookedAtError:
        raise
    except InfraError as error:
        raise NotLookedAtError(f"not looked at, because {what} cannot be read") from error


def _most_branches(seen: Seen) -> int:
    try:
        return seen.client.project_limits(seen.organization, seen.project.id).max_branches_per_project
    except (NotOfferedError, PermissionDeniedError):  # how a limited key hears of an unknown route
        return seen.client.default_project_limits(seen.organization).max_branches


def _counted(count: int, word: str) -> str:
    plural = f"{word}es" if word.endswith("ch") else f"{word}s"
    return f"{count} {word if count == 1 else plural}"


CHECKS: Mapping[str, Callable[[str, Seen], Finding]] = {
    "xata organization": organization,
    "xata permission org:read": may_read_organization,
    "xata permission project:read": may_read_projects,
    "xata permission branch:read": may_read_branches,
    "xata permission credentials:read": may_read_credentials,
    "xata permission branch:write": _may_write(CREATE_BRANCH, "up"),
    "xata permission credentials:write": _may_write(ROTATE_CREDENTIALS, "rotate, and a new preview,"),
    "xata permission project:write": _may_write(CREATE_PROJECT, "up foundation, and nothing else,"),
    "xata project": project,
    "xata parent branch": parent,
    "xata region": region,
    "xata image": image,
    "xata instance type": instance_type,
    "xata limits": limits,
}
