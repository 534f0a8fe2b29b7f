"""What the last deployment recorded, read without an engine: both keep it in the same files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from components.lazy import Lazy

if TYPE_CHECKING:
    from collections.abc import Mapping

    import psutil

    from operations.workspace import Workspace
    from pulumi_embedded.state import ResourceState, Store
    from pulumi_embedded.state.lock import LockHolder
    from pulumi_embedded.values import Secret
else:
    psutil = Lazy("psutil")

PROVIDERS = "pulumi:providers:"
CREATING = "creating"
SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d"  # noqa: S105 - the key by which Pulumi marks a secret


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One recorded resource, as far as deciding about its deletion needs it.

    Attributes:
        name: Its name in the program.
        kind: The end of its type, such as `xata:Branch`.
        called: What the thing itself is called, such as the branch's name; empty where it has no name.
        api: The server it was made at; empty where none was recorded.
        protect: Whether the engine refuses to delete it.
        retain: Whether deleting it only forgets it.
        id: Its id; empty for a component.
        properties: Its outputs, of a creation that was cut off its inputs, but for the secret ones.
    """

    name: str
    kind: str
    called: str = ""
    api: str = ""
    protect: bool = False
    retain: bool = False
    id: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict, repr=False)


def resources(workspace: Workspace, passphrase: str) -> list[ResourceState]:
    """The recorded resources of a file backend in the order they were made, default providers left out.

    Raises:
        pulumi_embedded.errors.EngineError: The state cannot be read, or the passphrase does not open it.
    """
    return [one for one in store(workspace, passphrase).load().resources if not one.type.startswith(PROVIDERS)]


def configuration(workspace: Workspace, passphrase: str) -> Mapping[str, str | Secret]:
    """The values of this run, "namespace:name" to text; the state is opened only where some are encrypted.

    Raises:
        pulumi_embedded.errors.EngineError: They cannot be read, or the passphrase does not open them.
    """
    from pulumi_embedded.project import load_config, load_project

    def crypter(ciphertext: str) -> str:
        opened = store(workspace, passphrase)
        opened.load()
        return opened.decrypt_text(ciphertext)

    project = load_project(workspace.folder)
    return load_config(project, workspace.stack, overrides=workspace.overrides, crypter=crypter).values


def store(workspace: Workspace, passphrase: str) -> Store:
    """The stack in its file backend; the passphrase is needed only where a secret is opened."""
    from pulumi_embedded.project import load_project, read_salt
    from pulumi_embedded.state import Store

    project = load_project(workspace.folder)
    return Store(
        workspace.backend_url,
        project.name,
        workspace.stack,
        passphrase,
        folder=workspace.folder,
        config_salt=read_salt(project, workspace.stack),
    )


def held(workspace: Workspace, *, settled: bool) -> list[str] | None:
    """The names of what the state holds or may have lost sight of; None without such a stack, or without a folder.

    Args:
        workspace: The stack.
        settled: Whether somebody has looked for what creations that were cut off have left.

    Raises:
        pulumi_embedded.errors.EngineError: The state cannot be read.
    """
    return None if workspace.state_folder is None else store(workspace, "").held(settled=settled)


def recorded(workspace: Workspace) -> tuple[Recorded, ...]:
    """The same, in short; none where the backend is no folder, which only the Pulumi CLI can read."""
    if workspace.state_folder is None or workspace.passphrase is None:
        return ()
    return tuple(_in_short(one, one.outputs) for one in resources(workspace, workspace.passphrase))


def secret(workspace: Workspace, kind: str, output: str) -> str:
    """A secret output of the one resource of a kind, such as `postgres:AppLogin`; empty where there is none to read.

    Raises:
        pulumi_embedded.errors.EngineError: The state cannot be read, or the passphrase does not open it.
    """
    from pulumi_embedded.values import Secret

    if workspace.state_folder is None or workspace.passphrase is None:
        return ""
    held = [one.outputs.get(output) for one in resources(workspace, workspace.passphrase) if one.type.endswith(kind)]
    return str(held[0].value) if held and isinstance(held[0], Secret) else ""


def unsettled(workspace: Workspace) -> tuple[Recorded, ...]:
    """The creations that earlier runs were cut off in; none where the backend is no folder."""
    if workspace.state_folder is None or workspace.passphrase is None:
        return ()
    pending = store(workspace, workspace.passphrase).load().pending_operations
    return tuple(_in_short(one.resource, one.resource.inputs) for one in pending if one.type == CREATING)


def drop(workspace: Workspace, passphrase: str, package: str, *, lock_timeout: float) -> None:
    """Take what a provider plugin has made out of a state in a folder.

    Raises:
        pulumi_embedded.errors.EngineError: The state cannot be read, or somebody else works on it.
    """
    from pulumi_embedded.planner import repair

    opened = store(workspace, passphrase)
    with opened.lock(timeout=lock_timeout, on_wait=lambda _holder: None):
        found = opened.load()
        found.resources = repair((one, None if is_of(one.type, package) else one) for one in found.resources)
        found.pending_operations = [one for one in found.pending_operations if not is_of(one.resource.type, package)]
        opened.save(found)


def is_of(kind: str, package: str) -> bool:
    """Whether a resource's type is one of a provider plugin's, or that provider itself."""
    return kind.startswith(f"{package}:") or kind == f"{PROVIDERS}{package}"


def _in_short(resource: ResourceState, properties: Mapping[str, Any]) -> Recorded:
    from pulumi_embedded.values import Secret

    return Recorded(
        name=resource.urn.rpartition("::")[2],
        kind=resource.type.rpartition("/")[2],
        called=str(resource.outputs.get("name") or ""),
        api=str(resource.outputs.get("api") or ""),
        protect=resource.protect,
        retain=resource.retain_on_delete,
        id=resource.id,
        properties={key: value for key, value in properties.items() if not isinstance(value, Secret)},
    )


def exported(deployment: Mapping[str, Any]) -> tuple[Recorded, ...]:
    """The same of what `pulumi stack export` prints, where secrets are encrypted; names and addresses are none.

    Args:
        deployment: Its `deployment`.
    """
    return tuple(
        _of_export(one, "outputs")
        for one in deployment.get("resources") or ()
        if not str(one["type"]).startswith(PROVIDERS)
    )


def exported_unsettled(deployment: Mapping[str, Any]) -> tuple[Recorded, ...]:
    """The creations that earlier runs were cut off in, of the same."""
    pending = deployment.get("pending_operations") or ()
    return tuple(_of_export(one["resource"], "inputs") for one in pending if one.get("type") == CREATING)


def _of_export(resource: Mapping[str, Any], properties: str) -> Recorded:
    return Recorded(
        name=str(resource["urn"]).rpartition("::")[2],
        kind=str(resource["type"]).rpartition("/")[2],
        called=_plain(resource, "name"),
        api=_plain(resource, "api"),
        protect=bool(resource.get("protect")),
        retain=bool(resource.get("retainOnDelete")),
        id=str(resource.get("id") or ""),
        properties={key: value for key, value in (resource.get(properties) or {}).items() if not is_secret(value)},
    )


def _plain(resource: Mapping[str, Any], output: str) -> str:
    value = (resource.get("outputs") or {}).get(output)
    return value if isinstance(value, str) else ""


def is_secret(value: Any) -> bool:
    """Whether a value of an exported state is an encrypted one."""
    return isinstance(value, dict) and SECRET_SIGNATURE in value


SLACK_SECONDS = 2.0
"""How much a file's clock and a process's may differ."""


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who holds a stack's lock.

    Attributes:
        user: The account's name.
        host: The machine's name.
        pid: The process.
        since: When it was taken.
        here: Whether it was taken on this machine.
        running: Whether the process that took it still runs; None where that cannot be seen from here.
        program: What that process runs; empty where it cannot be seen.
        lock: Its file.
    """

    user: str
    host: str
    pid: int
    since: str
    here: bool
    running: bool | None
    program: str = ""
    lock: LockHolder = field(repr=False)

    def __str__(self) -> str:
        who = f"{self.user}@{self.host}, process {self.pid}, since {self.since}"
        if self.running:
            return f"{who}: it runs ({self.program})"
        if self.running is None:
            return f"{who}: on another machine, so whether it still runs cannot be seen from here"
        return f"{who}: it does not run any more"

    def to_json(self) -> dict[str, Any]:
        """One entry of `holders`."""
        told = {"user": self.user, "host": self.host, "pid": self.pid, "since": self.since}
        return {**told, "here": self.here, "running": self.running}


def holders(workspace: Workspace) -> tuple[Holder, ...] | None:
    """Who holds the lock; None where the state is in no folder, and nobody can be seen.

    Raises:
        pulumi_embedded.errors.EngineError: The folder of the locks cannot be read.
    """
    if workspace.state_folder is None:
        return None
    return tuple(_holder(lock) for lock in store(workspace, "").holders())


def _holder(lock: LockHolder) -> Holder:
    process = _maker(lock) if lock.local else None
    return Holder(
        user=lock.username,
        host=lock.hostname,
        pid=lock.pid,
        since=lock.since,
        here=lock.local,
        running=process is not None if lock.local else None,
        program=process or "",
        lock=lock,
    )


def _maker(lock: LockHolder) -> str | None:
    """What the process runs that took the lock; None when it has ended, also when another one has its number now."""
    try:
        process = psutil.Process(lock.pid)
        taken = lock.file.stat().st_mtime
        if process.status() == psutil.STATUS_ZOMBIE or process.create_time() > taken + SLACK_SECONDS:
            return None
        return process.name()
    except (psutil.NoSuchProcess, FileNotFoundError, ValueError):
        return None
    except psutil.Error:
        return "not to be looked at"
