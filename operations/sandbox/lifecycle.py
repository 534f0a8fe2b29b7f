"""The life of the sandbox: started as far as it is not running, looked at, stopped, and its data removed."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from components.postgres.server import folder as data_folders
from components.postgres.server import lifecycle as servers
from components.postgres.server import process as server_processes
from components.postgres.server.folder import Layout
from components.postgres.server.settings import ServerSettings
from operations.errors import ChangesRefusedError, MachineError
from operations.sandbox import process
from operations.sandbox.place import STACK, DamagedRecordError, Record, new_record, read_record, write_record
from operations.sandbox.process import NOT_WANTED, write_commands
from operations.workspace import private_folder
from stacks.stack_names import is_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from operations.sandbox.place import Place
    from operations.sandbox.process import Tools

State = Literal["running", "stopped", "damaged"]
START = "./infra sandbox start"
STATUS_PAGE = ("status", "--sandbox", "--html", "-")
"""The command that makes the page of all environments there."""
BEGIN_ANEW = "./infra sandbox stop --delete-data, then start: everything in the sandbox begins anew"
LOCK_SECONDS = 120
DATABASE = USER = "sandbox"


@dataclass(frozen=True, kw_only=True)
class Status:
    """How the sandbox is.

    Attributes:
        state: One word on it.
        found: The same in a sentence.
        next_step: What to do about it; empty when there is nothing to do.
        record: How it was started; None when it never was, or the record is damaged.
        data: Where its Postgres data lie, or will.
    """

    state: State
    found: str
    next_step: str = ""
    record: Record | None = None
    data: Path


def start(place: Place, *, settings: Mapping[str, Any] | None = None, tools: Tools = NOT_WANTED) -> Status:
    """Start what does not run; what runs is left alone, and the data are those of before.

    Args:
        place: Whose sandbox.
        settings: What it is to behave like; None for as before. Others than before begin a new process.
        tools: What runs Workers.

    Raises:
        MachineError: It does not start, or its data are gone.
        components.errors.InfraError: Postgres does not start.
    """
    private_folder(place.root)
    with _locked(place):
        record = replace(_known(place), **asdict(tools))
        if settings is not None:
            record = replace(record, settings=dict(settings))
        _refuse_lost_data(place, record)
        fresh = record != _recorded(place)
        if fresh:
            write_record(place, record)  # before anything is made with it, so that no password is lost
        alive = server_processes.find(_layout(place)) is not None
        report = servers.ensure(_server(place, record))
        if fresh or not alive or not _serves(place, record):
            process.stop(place)
            private_folder(place.service)
            if record.workerd:
                write_commands(place.commands, tools)
            ready = process.start(place, _orders(place, record, report.port))
            write_record(place, _started(record, ready, report))
    return read_status(place)


def read_status(place: Place) -> Status:
    """See how the sandbox is, touching nothing."""
    data = data_folders.server_folder(_server(place, None))
    try:
        record = read_record(place)
    except DamagedRecordError as error:
        return Status(state="damaged", found=error.message, next_step=error.next_step, data=data)
    up = process.running(place) is not None
    if record is None:
        if up:
            return Status(state="damaged", found="it runs, but its record is missing", next_step=START, data=data)
        return Status(state="stopped", found="it was never started here", next_step=START, data=data)
    state, found, step = _read_parts(place, record, up=up)
    return Status(state=state, found=found, next_step=step, record=record, data=data)


def stop(place: Place) -> None:
    """End process and server; the data stay.

    Raises:
        MachineError: The process would not go.
    """
    if not place.root.is_dir():
        return
    with _locked(place):
        _stop(place)


def remove(place: Place) -> None:
    """End process and server, and remove all that is the sandbox's own: data, record, and the state of its stacks.

    Raises:
        ChangesRefusedError: There is something that is not the sandbox's own; nothing was removed.
        components.errors.RefusedError: The Postgres data are not those that the sandbox made.
    """
    if not place.root.is_dir():
        return
    _refuse_foreign(place)
    with _locked(place):
        record = _stop(place)
        server = _server(place, record)
        report = servers.read(server, _layout(place).root, record.postgres_port if record else 0)
        identifier = record.system_identifier if record else ""
        if report is not None:
            known = identifier or report.system_identifier
            servers.take_down(server, report.folder, system_identifier=known, retain=False)
        for folder in (place.service, place.state, place.commands):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (place.record, place.log, place.process_lock):
            file.unlink(missing_ok=True)
    place.lock.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        place.root.rmdir()


def require_running(place: Place) -> Record:
    """The record of a sandbox that runs.

    Raises:
        MachineError: It does not run.
    """
    record = require_process(place)
    if server_processes.find(_layout(place)) is None:
        raise _not_running()
    return record


def require_process(place: Place) -> Record:
    """The same for whoever only looks: that Postgres does not answer is for them to find.

    Raises:
        MachineError: Not even the process runs.
    """
    record = read_record(place)
    if record is None or process.running(place) is None:
        raise _not_running()
    return record


def _not_running() -> MachineError:
    return MachineError("the sandbox does not run, and --sandbox works against nothing else", next_step=START)


def _read_parts(place: Place, record: Record, *, up: bool) -> tuple[State, str, str]:
    """State, sentence and next step for a record that can be read."""
    report = servers.read(_server(place, record), _layout(place).root, record.postgres_port)
    if report is None and record.system_identifier:
        return "damaged", f"its Postgres data in {_layout(place).root} are gone", BEGIN_ANEW
    server = report is not None and report.running
    if not up and not server and not record.pid:
        return "stopped", "it was stopped; the data are kept", START
    parts = (
        ("process", up),
        ("API", up and process.answers(record.api_port)),
        ("Cloudflare's API", up and _serves_workers(record)),
        ("GitHub's API", up and _serves_pulls(record)),
        ("Postgres server", server),
    )
    missing = [name for name, there in parts if not there]
    if missing:
        found = f"these of it do not answer: {', '.join(missing)}"
        return "damaged", found, f"{START} heals it; the data are kept"
    workers = f"Workers are not run: {record.without_workers}" if record.without_workers else "Workers are run"
    return "running", f"it serves on {record.api}, branches on port {record.gateway_port}; {workers}", ""


def _known(place: Place) -> Record:
    """The record, or a new one where there is none that can be used: then no process that runs can be ours."""
    fresh, record = new_record(), _recorded(place)
    if record is None:
        return fresh
    return replace(  # one of before there was a stand-in lacks its token
        record,
        cloudflare_token=record.cloudflare_token or fresh.cloudflare_token,
        github_token=record.github_token or fresh.github_token,
    )


def _recorded(place: Place) -> Record | None:
    try:
        return read_record(place)
    except DamagedRecordError:
        return None


def _refuse_lost_data(place: Place, record: Record) -> None:
    report = servers.read(_server(place, record), _layout(place).root, record.postgres_port)
    found = report.system_identifier if report else ""
    if record.system_identifier and found != record.system_identifier:
        raise MachineError(
            f"the sandbox's Postgres data in {_layout(place).root} are {'others' if found else 'gone'}: "
            f"the branches that its process remembers have no databases any more",
            next_step=BEGIN_ANEW,
        )


def _refuse_foreign(place: Place) -> None:
    own = {place.record, place.log, place.process_lock, place.lock, place.service, place.state}
    own |= {place.commands, place.record.with_name(f"{place.record.name}.new")}
    foreign = sorted(path.name for path in place.root.iterdir() if path not in own or path.is_symlink())
    if foreign or place.root.is_symlink():
        raise ChangesRefusedError(
            f"nothing was removed: {place.root} holds what is not the sandbox's own: {', '.join(foreign)}",
            next_step="move it elsewhere, then call again",
        )


def _serves(place: Place, record: Record) -> bool:
    """Whether all that the process is to answer does."""
    ours = process.running(place) == record.pid and bool(record.pid)
    return ours and process.answers(record.api_port) and _serves_workers(record) and _serves_pulls(record)


def _serves_workers(record: Record) -> bool:
    return not record.cloudflare_api or process.answers(record.cloudflare_port)


def _serves_pulls(record: Record) -> bool:
    return not record.github_api or process.answers(record.github_port)


def _stop(place: Place) -> Record | None:
    process.stop(place)
    record = _recorded(place)
    layout = _layout(place)
    servers.take_down(_server(place, record), layout.root, system_identifier="", retain=True)
    if record is not None and record.pid:
        record = replace(record, pid=0)
        write_record(place, record)
    return record


def _orders(place: Place, record: Record, port: int) -> dict[str, Any]:
    """What the process is told."""
    cloudflare = {
        "account": record.cloudflare_account,
        "token": record.cloudflare_token,
        "workerd": record.workerd,
        "port": record.cloudflare_port,
    }
    return {
        "folder": str(place.service.resolve()),
        "postgres": {
            "host": "127.0.0.1",
            "port": port,
            "user": USER,
            "password": record.postgres_password,
            "database": DATABASE,
        },
        "apiPort": record.api_port,
        "gatewayPort": record.gateway_port,
        "key": record.key,
        "organization": record.organization,
        "settings": record.settings,
        "github": {"token": record.github_token, "port": record.github_port},
        "pages": {"status": [str(place.folder / "infra"), *STATUS_PAGE]},
        **({"cloudflare": cloudflare} if record.workerd else {}),
    }


def _started(record: Record, ready: process.Ready, report: servers.Report) -> Record:
    return replace(
        record,
        pid=ready.pid,
        api=ready.api,
        api_port=urlsplit(ready.api).port or 0,
        gateway_port=ready.gateway_port,
        cloudflare_api=ready.cloudflare_api,
        cloudflare_port=urlsplit(ready.cloudflare_api).port or record.cloudflare_port,
        github_api=ready.github_api,
        github_port=urlsplit(ready.github_api).port or record.github_port,
        authority=ready.authority,
        postgres_port=report.port,
        system_identifier=report.system_identifier,
    )


def _server(place: Place, record: Record | None) -> ServerSettings:
    return ServerSettings(
        stack=STACK,
        project_folder=str(place.folder),
        data_folder=place.data_folder,
        database=DATABASE,
        user=USER,
        password=record.postgres_password if record else "",
    )


def _layout(place: Place) -> Layout:
    return Layout(root=data_folders.server_folder(_server(place, None)))


@contextlib.contextmanager
def _locked(place: Place) -> Iterator[None]:
    try:
        with FileLock(place.lock, timeout=LOCK_SECONDS, mode=0o600):
            yield
    except Timeout:
        raise MachineError(
            f"another call has been starting or stopping the sandbox for more than {LOCK_SECONDS} seconds",
            next_step="wait for it to end, then ./infra sandbox status",
        ) from None


ANSWER_SECONDS = 10.0


def is_missing(place: Place, stack: str) -> bool:
    """Whether this is an environment that was never brought up there, and there is no project at all.

    A sandbox that does not run or answer is for the run itself to tell. The question is in no log of calls.
    """
    if not is_environment(stack) or any(place.state.glob(f".pulumi/stacks/*/{stack}.json*")):
        return False
    try:
        port = require_running(place).api_port
    except MachineError:
        return False
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/sandbox/state")
        return bool(json.loads(connection.getresponse().read()).get("projects") == [])
    except (OSError, http.client.HTTPException, ValueError, AttributeError):
        return False
    finally:
        connection.close()
