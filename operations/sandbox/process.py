"""The sandbox's process: started so that it outlives us, found by the lock it holds, stopped with a limit.

The lock is a file that the process inherits open, so it is held for exactly as long as the process lives. A number
alone could belong to any process after a crash or a reboot.
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import json
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from operations.errors import MachineError
from operations.workspace import NOT_FOR_CHILDREN, PROJECT, private_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from operations.sandbox.place import Place

COMMAND: tuple[str, ...] = ("-s", "-m", "cloud_sandbox")
"""What our interpreter is asked to run."""
READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0
ABORT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 5.0
PAUSE_SECONDS: Final = 0.02
LOCK_SECONDS: Final = 2.0
LONGEST_READY_LINE: Final = 65536
NEXT: Final = "next: "
"""What the last line of an error begins with when it says what to do."""
FOREIGN: Final = ("XATA_", "CLOUDFLARE_", "CF_", "GITHUB_", "GH_", "PULUMI_", "INFRA_", "PG")
"""Beginnings of variables that are the user's business with real services, not the sandbox's."""


@dataclass(frozen=True, kw_only=True)
class Ready:
    """What the process says when it serves.

    Attributes:
        pid: The process.
        api: Where the API answers, such as `http://127.0.0.1:40001`.
        gateway_port: Where branches take connections.
        authority: The file with the certificate of the gateway's authority.
        cloudflare_api: Where Cloudflare's API is stood in for; empty where Workers are not run.
        github_api: Where GitHub's API is stood in for.
    """

    pid: int
    api: str
    gateway_port: int
    authority: str
    cloudflare_api: str = ""
    github_api: str = ""


def running(place: Place) -> int | None:
    """The process's number; None when it does not run, 0 when it runs and its number was never written down."""
    try:
        handle = os.open(place.process_lock, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.read(handle, 32).decode("ascii", "replace").strip()
        return int(text) if text.isdecimal() else 0
    finally:
        os.close(handle)
    return None


def answers(port: int) -> bool:
    """Whether something speaks HTTP on this port of this machine; no proxy is asked."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/_hello")
        # What it says to a path that no service has does not matter: GitHub's stand-in answers 501.
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    else:
        return True
    finally:
        connection.close()


def start(place: Place, orders: Mapping[str, Any]) -> Ready:
    """Start the process and wait until it serves.

    Args:
        place: Whose process.
        orders: What it is told, on its standard input: secrets have no place in a process list.

    Raises:
        MachineError: It ended, or did not serve in time; nothing of it is left running.
    """
    with _locked(place) as lock, _log(place) as log:
        begun = os.fstat(log).st_size
        child = subprocess.Popen(  # noqa: S603 - our own interpreter and our own module
            [sys.executable, *COMMAND],
            cwd=PROJECT,
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            pass_fds=(lock,),
            start_new_session=True,  # Ctrl-C is for us
        )
        try:
            os.pwrite(lock, str(child.pid).encode(), 0)
            return _ready(child, orders) or _failed(place, begun)
        except BaseException:
            child.kill()
            child.wait()
            raise
        finally:
            for stream in filter(None, (child.stdin, child.stdout)):
                with contextlib.suppress(OSError):
                    stream.close()
            # Reaped while we live, for it may end before we do; afterwards it is the system's.
            threading.Thread(target=child.wait, daemon=True).start()


def stop(place: Place) -> None:
    """End the process: politely, then at once.

    Raises:
        MachineError: It would not go.
    """
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, ABORT_SECONDS)):
        pid = running(place)
        if pid is None:
            return
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while running(place) is not None and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
    pid = running(place)
    if pid is not None:
        raise MachineError(
            f"the sandbox's process {pid or '(its number is not known)'} does not end",
            next_step=f"find who holds {place.process_lock} and end it (lsof, fuser), then call again",
        )


def _ready(child: subprocess.Popen[bytes], orders: Mapping[str, Any]) -> Ready | None:
    assert child.stdin is not None  # noqa: S101 - opened as a pipe by start
    with contextlib.suppress(BrokenPipeError):  # it has died; the missing answer says so
        child.stdin.write(json.dumps(orders).encode() + b"\n")
        child.stdin.close()
    try:
        said = json.loads(_line(child, time.monotonic() + READY_SECONDS))
        return Ready(
            pid=child.pid,
            api=str(said["api"]),
            gateway_port=int(said["gatewayPort"]),
            authority=str(said["authority"]),
            cloudflare_api=str(said.get("cloudflareApi", "")),
            github_api=str(said.get("githubApi", "")),
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def _failed(place: Place, begun: int) -> NoReturn:
    """Say that it did not start, with what it said last in this attempt."""
    with place.log.open("rb") as file:
        file.seek(begun)
        lines = file.read().decode("utf-8", "replace").splitlines()
    words = [line.strip() for line in lines if line.strip()]
    step = words.pop().removeprefix(NEXT) if words and words[-1].startswith(NEXT) else ""
    raise MachineError(
        f"the sandbox's process did not start; it said last: {words[-1] if words else 'nothing'}",
        next_step=step or f"look at {place.log}; ./infra doctor looks at the machine",
    )


def _line(child: subprocess.Popen[bytes], deadline: float) -> bytes:
    """The first line that the process prints; empty when it ends or takes too long."""
    assert child.stdout is not None  # noqa: S101 - opened as a pipe by start
    line = b""
    while not line.endswith(b"\n") and len(line) < LONGEST_READY_LINE:
        if not select.select([child.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
            return b""
        piece = os.read(child.stdout.fileno(), LONGEST_READY_LINE)
        if not piece:
            return b""
        line += piece
    return line


@contextlib.contextmanager
def _locked(place: Place) -> Iterator[int]:
    """The lock, for the process to inherit; nobody else's number is left in it."""
    handle = os.open(place.process_lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:  # another call is looking, or a process does run
                if time.monotonic() > deadline:
                    raise MachineError(
                        "the sandbox's process runs already", next_step="./infra sandbox status"
                    ) from None
                time.sleep(PAUSE_SECONDS)
        os.ftruncate(handle, 0)
        yield handle
    finally:
        os.close(handle)


@contextlib.contextmanager
def _log(place: Place) -> Iterator[int]:
    handle = os.open(place.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)


def _environment() -> dict[str, str]:
    """What the process is told beyond its orders: nothing of the user's business with real services."""
    dropped = (*FOREIGN, *NOT_FOR_CHILDREN)
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}


FIND_TOOLS: tuple[str, ...] = ("-s", "-m", "cloud_sandbox.node")
"""What our interpreter is asked to run."""
NEXT_LINE = "next:"


@dataclass(frozen=True, kw_only=True)
class Tools:
    """Programs, as paths; all empty where Workers are not run, and `without_workers` says why."""

    node: str = ""
    wrangler: str = ""
    workerd: str = ""
    without_workers: str = ""


NOT_WANTED = Tools(without_workers="they were not wanted (--without-workers)")


def find_tools(say: Callable[[str], None]) -> Tools:
    """The tools, fetched when they are missing; what takes long is said. None where no registry can be reached."""
    child = subprocess.Popen(  # noqa: S603 - our own interpreter and our own module
        [sys.executable, *FIND_TOOLS],
        cwd=PROJECT,
        env={name: value for name, value in os.environ.items() if name not in NOT_FOR_CHILDREN},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None  # noqa: S101 - opened as a pipe
    lines = []
    for line in child.stderr:
        say(line.rstrip())
        lines.append(line.strip())
    answer, _ = child.communicate()
    try:
        found = json.loads(answer)
        return Tools(node=found["node"], wrangler=found["wrangler"], workerd=found["workerd"])
    except (ValueError, LookupError, TypeError):
        reasons = [line for line in lines if line and not line.startswith(NEXT_LINE)]
        return Tools(without_workers=reasons[-1] if reasons else "wrangler and workerd were not found")


def write_commands(folder: Path, tools: Tools) -> None:
    """Put `node`, `wrangler` and `npx`, and `npm` where it came with Node, into a folder for somebody's PATH.

    `npx wrangler` is the app's own where that is installed, else this one: it never asks a registry.
    """
    shutil.rmtree(folder, ignore_errors=True)
    private_folder(folder)
    (folder / "node").symlink_to(tools.node)
    wrangler = shlex.join([tools.node, tools.wrangler])
    _write(folder / "wrangler", f'exec {wrangler} "$@"')
    beside = Path(tools.node).parent.parent / "lib" / "node_modules" / "npm" / "bin"
    own = (beside / "npm-cli.js").is_file()
    if own:
        _write(folder / "npm", f'exec {shlex.join([tools.node, str(beside / "npm-cli.js")])} "$@"')
    npx = shlex.join([tools.node, str(beside / "npx-cli.js")] if own else [shutil.which("npx") or "npx"])
    other = (
        'if [ "${1-}" = wrangler ] && [ ! -e node_modules/.bin/wrangler ]; then shift; ' + f'exec {wrangler} "$@"; fi'
    )
    _write(folder / "npx", f'{other}\nexec {npx} "$@"')


def _write(file: Path, text: str) -> None:
    file.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    file.chmod(0o700)
