"""What `./infra doctor` says about one thing. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeVar

from components.errors import (
    ConfigurationError,
    InfraError,
    MissingError,
    NotFoundError,
    NotOfferedError,
    PermissionDeniedError,
)
from components.worker.api import client as workers
from components.worker.api.client import ACCOUNT_VARIABLE, READ, TOKEN_VARIABLE
from components.worker.api.models import HYPERDRIVE, SECRETS_STORE
from components.worker.wrangler.findings import errors
from components.xata.api import client as xata
from components.xata.api.client import CREATE_BRANCH, CREATE_PROJECT, KEY_VARIABLE, ROTATE_CREDENTIALS
from components.xata.branches.find import resolve_branch
from components.xata.branches.image import is_any_minor_of
from components.xata.branches.place import find_organization, find_project
from operations import wrangler
from operations.errors import CommandError
from stacks import worker_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from components.http.service import Operation
    from components.worker.api.models import Named
    from components.xata.api.models import BranchSummary, Project
    from stacks.settings import CloudSettings

Verdict = Literal["ok", "warning", "failure"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found about one thing.

    Attributes:
        check: What was looked at.
        verdict: A warning does not keep the main job from working; a failure does.
        found: What was seen.
        next_step: What to do; empty when there is nothing to do.
    """

    check: str
    verdict: Verdict
    found: str
    next_step: str = ""


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


class NotReadError(InfraError):
    """A check that has nothing to look at, because an earlier one found nothing."""


def examine_xata(environ: Mapping[str, str], wanted: Wanted, *, named: bool) -> list[Finding]:
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
        seen = SeenXata(xata.connect(environ).within(PATIENCE_SECONDS), wanted)
    except InfraError as error:
        return [Finding(check=KEY, verdict="failure", found=error.message, next_step=error.next_step)]
    first = check_xata(KEY, xata_key, seen)
    if first.verdict == "failure":
        return [first]
    return [first, *(check_xata(name, check, seen) for name, check in XATA_CHECKS.items())]


def check_xata(name: str, check: Callable[[str, SeenXata], Finding], seen: SeenXata) -> Finding:
    """Look at one thing; that it cannot be looked at is a finding, too."""
    try:
        return check(name, seen)
    except NotReadError as error:
        return Finding(check=name, verdict="warning", found=error.message, next_step=error.next_step)
    except NotOfferedError:
        return Finding(check=name, verdict="ok", found="this version of the service does not tell")
    except InfraError as error:
        return Finding(check=name, verdict="failure", found=error.message, next_step=error.next_step)


class SeenXata:
    """What was read so far; everything is read once, when a check first needs it."""

    def __init__(self, client: xata.Client, wanted: Wanted) -> None:
        self.client, self.wanted = client, wanted

    @cached_property
    def organization(self) -> str:
        """The organization's id."""
        return find_organization(self.client, self.wanted.organization)

    @cached_property
    def project(self) -> Project:
        """The project.

        Raises:
            NotReadError: It is not there yet, and the stack makes it.
        """
        try:
            return find_project(self.client, self.organization, self.wanted.project)
        except MissingError:
            if not self.wanted.founds:
                raise
        raise NotReadError(
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


def xata_key(name: str, seen: SeenXata) -> Finding:
    """The key is accepted."""
    try:
        there = [f"{one.id} ({one.name})" for one in seen.client.organizations()]
        found = f"accepted by {seen.client.base_url}; it sees the organization {', '.join(there) or '(none)'}"
    except PermissionDeniedError:
        found = f"accepted by {seen.client.base_url}"
    return Finding(check=name, verdict="ok", found=found)


def organization(name: str, seen: SeenXata) -> Finding:
    """Which organization is meant."""
    told = "as configured" if seen.wanted.organization else "the only one; set XATA_ORGANIZATION_ID to it"
    verdict: Verdict = "ok" if seen.wanted.organization else "warning"
    step = "" if seen.wanted.organization else f"export XATA_ORGANIZATION_ID={seen.organization}"
    return Finding(check=name, verdict=verdict, found=f"{seen.organization} ({told})", next_step=step)


def may_read_organization(name: str, seen: SeenXata) -> Finding:
    """The key may read what the organization offers; only the foundation cannot do without."""
    try:
        count = len(seen.images)
    except PermissionDeniedError as error:
        verdict: Verdict = "failure" if seen.wanted.founds else "warning"
        found = f"denied: images, instance types and limits cannot be read ({error.server_message or 'no reason'})"
        return Finding(check=name, verdict=verdict, found=found, next_step=error.next_step)
    return Finding(check=name, verdict="ok", found=f"granted: {count} images can be seen")


def may_read_projects(name: str, seen: SeenXata) -> Finding:
    """The key may read projects."""
    found = seen.client.projects(seen.organization)
    return Finding(check=name, verdict="ok", found=f"granted: {_counted(len(found), 'project')} can be seen")


def may_read_branches(name: str, seen: SeenXata) -> Finding:
    """The key may read branches."""
    _needed(lambda: seen.project, "the project")
    return Finding(check=name, verdict="ok", found=f"granted: {_counted(len(seen.branches), 'branch')} can be seen")


def may_read_credentials(name: str, seen: SeenXata) -> Finding:
    """The key may read credentials: tried on the stack's branch, else on its parent, else on any."""
    order = {seen.wanted.branch: 0, seen.wanted.parent: 1}
    tried = min(
        _needed(lambda: seen.branches, "the project's branches"),
        key=lambda branch: order.get(branch.name, 2),
        default=None,
    )
    if tried is None:
        raise NotReadError("not tested: there is no branch to read them of")
    try:
        seen.client.credentials(seen.organization, seen.project.id, tried.id)
    except NotFoundError:
        return Finding(check=name, verdict="ok", found=f"granted; the branch {tried.name} has none at the moment")
    return Finding(check=name, verdict="ok", found=f"granted: those of the branch {tried.name} can be read")


def _may_write(operation: Operation, use: str) -> Callable[[str, SeenXata], Finding]:
    def check(name: str, seen: SeenXata) -> Finding:
        del seen
        limit = f", and must not be limited to some {operation.unlimited}" if operation.unlimited else ""
        return Finding(
            check=name,
            verdict="warning",
            found=f"not tested, because only a change would tell; {use} needs it{limit}",
            next_step="look at the key's permissions in Xata's console",
        )

    return check


def project(name: str, seen: SeenXata) -> Finding:
    """The project is there."""
    return Finding(check=name, verdict="ok", found=f"{seen.project.name} ({seen.project.id})")


def parent(name: str, seen: SeenXata) -> Finding:
    """The branch that the stack's is a copy of is there."""
    if seen.wanted.founds:
        return Finding(check=name, verdict="ok", found=f"none is needed: {seen.wanted.branch} is a root branch")
    there = resolve_branch(_needed(lambda: seen.branches, "the project's branches"), seen.wanted.parent)
    return Finding(check=name, verdict="ok", found=f"{there.name} ({there.id}) in {there.region}")


def region(name: str, seen: SeenXata) -> Finding:
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


def image(name: str, seen: SeenXata) -> Finding:
    """The Postgres image is offered."""
    if not seen.wanted.image:
        return Finding(check=name, verdict="ok", found=f"that of the parent {seen.wanted.parent}")
    wanted, offered = seen.wanted.image, _needed(lambda: seen.images, "the list of images")
    fitting = [one for one in offered if one == wanted or is_any_minor_of(wanted, one)]
    if fitting:
        return Finding(check=name, verdict="ok", found=f"{wanted} is offered ({', '.join(sorted(fitting))})")
    found = f"{wanted} is not offered; offered: {', '.join(sorted(offered)) or 'none'}"
    return Finding(check=name, verdict="failure", found=found, next_step="set infra:postgresImage to one of those")


def instance_type(name: str, seen: SeenXata) -> Finding:
    """The instance type is offered."""
    wanted = seen.wanted.instance_type
    if not wanted:
        return Finding(check=name, verdict="ok", found=f"that of the parent {seen.wanted.parent}")
    offered = [one.name for one in seen.client.instance_types(seen.organization, seen.wanted.region)]
    if wanted in offered:
        return Finding(check=name, verdict="ok", found=f"{wanted} is offered")
    found = f"{wanted} is not offered in {seen.wanted.region}; offered: {', '.join(offered) or 'none'}"
    return Finding(check=name, verdict="failure", found=found, next_step="set infra:instanceType to one of those")


def xata_limits(name: str, seen: SeenXata) -> Finding:
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
        NotReadError: It cannot be read.
    """
    try:
        return read()
    except NotReadError:
        raise
    except InfraError as error:
        raise NotReadError(f"not looked at, because {what} cannot be read") from error


def _most_branches(seen: SeenXata) -> int:
    try:
        return seen.client.project_limits(seen.organization, seen.project.id).max_branches_per_project
    except (NotOfferedError, PermissionDeniedError):  # how a limited key hears of an unknown route
        return seen.client.default_project_limits(seen.organization).max_branches


def _counted(count: int, word: str) -> str:
    plural = f"{word}es" if word.endswith("ch") else f"{word}s"
    return f"{count} {word if count == 1 else plural}"


XATA_CHECKS: Mapping[str, Callable[[str, SeenXata], Finding]] = {
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
    "xata limits": xata_limits,
}


TOKEN, ACCOUNT, FILE = "cloudflare token", "cloudflare account", "wrangler.jsonc"


@dataclass(frozen=True, kw_only=True)
class SeenCloudflare:
    """What the checks look at: a Worker of an account, through a client; and what a program is told."""

    client: workers.Client
    account: str
    script: str
    settings: CloudSettings
    environ: Mapping[str, str]


def examine_cloudflare(
    environ: Mapping[str, str],
    settings: CloudSettings,
    *,
    stack: str,
    folder: Path,
    open_client: Callable[[Mapping[str, str]], workers.Client] = workers.connect,
) -> list[Finding]:
    """Look at everything that a stack needs of Cloudflare; nothing for one that is to do without a Worker.

    Args:
        environ: Holds the token.
        settings: The stack's configuration.
        stack: Its name.
        folder: The project's folder.
        open_client: Makes the client.
    """
    if settings.worker == "off":
        return []
    found = [_file(stack, folder, environ)]
    try:
        account = worker_plan.account(settings, environ)
        if not account:
            left_out = f"no account is known, so {stack} leaves its Worker out"
            return [*found, _warning(ACCOUNT, left_out, f"export {ACCOUNT_VARIABLE}=…, or set infra:cloudflareAccount")]
        if not environ.get(TOKEN_VARIABLE, "").strip():
            step = worker_plan.how_to_get_token(settings)
            return [*found, _warning(TOKEN, f"{TOKEN_VARIABLE} is not set", f"{step}; docs/worker.md")]
        script = worker_plan.script(settings, worker_plan.wrangler_file(settings, folder))
        seen = SeenCloudflare(
            client=open_client(environ), account=account, script=script, settings=settings, environ=environ
        )
    except ConfigurationError as error:
        return [*found, Finding(check=ACCOUNT, verdict="failure", found=error.message, next_step=error.next_step)]
    except InfraError as error:
        return [*found, Finding(check=TOKEN, verdict="failure", found=error.message, next_step=error.next_step)]
    return [*found, *_asked(seen)]


def _asked(seen: SeenCloudflare) -> list[Finding]:
    """What the service says; a token that is refused, or an account that is not reached, ends the questions."""
    try:
        workers = {one.id for one in seen.client.scripts(seen.account)}
    except InfraError as error:  # an unknown token, one without the permission and a strange account look alike
        return [Finding(check=TOKEN, verdict="failure", found=error.message, next_step=error.next_step)]
    reads = f"cloudflare permission {READ}"
    return [
        Finding(check=TOKEN, verdict="ok", found=f"accepted by {seen.client.base_url}"),
        Finding(check=ACCOUNT, verdict="ok", found=seen.account),
        Finding(check=reads, verdict="ok", found=f"granted: {_counted_workers(len(workers))} can be seen"),
        *_provider(seen),
        *(_untested(name) for name in worker_plan.permissions(seen.settings)),
        _worker(seen, workers),
        _address(seen),
    ]


def _untested(name: str) -> Finding:
    found = "not tested, because only a change would tell; up needs it"
    return _warning(f"cloudflare permission {name} Write", found, "look at the token's permissions in the dashboard")


def _provider(seen: SeenCloudflare) -> list[Finding]:
    """Whether what Cloudflare's own provider makes can be made: first of all where, then with this token."""
    asked = worker_plan.of_the_provider(seen.settings)
    if not asked:
        return []
    check = "cloudflare provider"
    try:
        worker_plan.require_provider(seen.settings, seen.environ, may_download=True)
    except ConfigurationError as error:
        return [Finding(check=check, verdict="failure", found=error.message, next_step=error.next_step)]
    found = [Finding(check=check, verdict="ok", found=f"{asked}: it is there")]
    if seen.settings.hyperdrive:
        found.append(_read(HYPERDRIVE, lambda: _told(seen.client.hyperdrives(seen.account))))
    if seen.settings.secrets_store:
        found.append(_read(SECRETS_STORE, lambda: _store(seen)))
    return found


def _read(name: str, found: Callable[[], str]) -> Finding:
    check = f"cloudflare permission {name} Read"
    try:
        return Finding(check=check, verdict="ok", found=f"granted: {found()}")
    except InfraError as error:
        return Finding(check=check, verdict="failure", found=error.message, next_step=error.next_step)


def _store(seen: SeenCloudflare) -> str:
    stores = seen.client.stores(seen.account)
    worker_plan.store_id(stores, seen.settings.secrets_store)
    return f"the store {seen.settings.secrets_store} is there"


def _told(there: Sequence[Named]) -> str:
    return f"{len(there)} {'is' if len(there) == 1 else 'are'} there"


def _worker(seen: SeenCloudflare, workers: set[str]) -> Finding:
    there = seen.script in workers
    found = seen.script if there else f"{seen.script} is not there yet; up makes a draft of it for its secrets"
    return Finding(check="cloudflare worker", verdict="ok", found=found)


def _address(seen: SeenCloudflare) -> Finding:
    name = "cloudflare workers.dev"
    if seen.settings.worker_url:
        return Finding(check=name, verdict="ok", found=f"not needed: the Worker is asked at {seen.settings.worker_url}")
    try:
        subdomain = seen.client.account_subdomain(seen.account)
    except InfraError as error:
        return _warning(name, error.message, error.next_step)
    if subdomain:
        return Finding(check=name, verdict="ok", found=f"{subdomain}.workers.dev")
    step = "choose a name in the dashboard (Workers & Pages), or set infra:workerUrl to the Worker's own address"
    return _warning(name, "the account has no name below workers.dev, so no Worker can be asked", step)


def _file(stack: str, folder: Path, environ: Mapping[str, str]) -> Finding:
    """The app's file, in one line; `./infra wrangler check` tells all of it."""
    try:
        file = wrangler.asked(stack, {}, folder=folder, environ=environ)
    except (CommandError, InfraError) as error:
        return _warning(FILE, error.message, error.next_step)
    if not file.path.is_file():
        return _warning(FILE, f"there is no {file.path}", "set infra:appPath to the app's folder")
    found = wrangler.findings(file)
    if not found:
        return Finding(check=FILE, verdict="ok", found=f"{file.path} fits {stack}")
    said = f"{file.path}: {len(errors(found))} errors and {len(found) - len(errors(found))} warnings"
    return _warning(FILE, said, f"./infra wrangler check {stack}")


def _warning(check: str, found: str, next_step: str) -> Finding:
    return Finding(check=check, verdict="warning", found=found, next_step=next_step)


def _counted_workers(count: int) -> str:
    return f"{count} Worker{'' if count == 1 else 's'}"
