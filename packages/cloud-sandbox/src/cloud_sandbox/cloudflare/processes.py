"""One workerd, from its start to its end, and those that an interrupted stand-in left behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from cloud_sandbox.cloudflare.runtime import ScriptError
from cloud_sandbox.errors import SetupError
from cloud_sandbox.files import write_private

if TYPE_CHECKING:
    from pathlib import Path

START_SECONDS, END_SECONDS = 30.0, 10.0
CONTROL_BYTES = 4096
SAID_LINES = 20
CONFIG = "/dev/stdin"
"""workerd wants a regular file: it gets one that has no name any more."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A workerd that listens on a socket of its own."""

    process: subprocess.Popen[bytes] = field(repr=False)
    socket: Path

    def end(self) -> None:
        """End it: what it is answering it may finish, for a moment."""
        self.process.terminate()
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.socket.unlink(missing_ok=True)


def date_of(binary: Path) -> str:
    """The date of a workerd, which is its version: `2026-10-23`.

    Raises:
        SetupError: It does not run on this machine.
    """
    try:
        done = subprocess.run(  # noqa: S603 - the program is the one from our own lock file
            [str(binary), "--version"], capture_output=True, text=True, timeout=START_SECONDS, check=False
        )
        found = re.search(r"\d{4}-\d{2}-\d{2}", done.stdout)
    except (OSError, subprocess.TimeoutExpired):
        found = None
    if found is None:
        raise SetupError(
            f"{binary} does not run on this machine", next_step="fetch it anew: python -m cloud_sandbox.node"
        )
    return found[0]


def start(binary: Path, config: str, *, listens: Path, log: Path, hidden: list[str]) -> Running:
    """Start workerd and wait until it listens.

    Args:
        binary: The program.
        config: Its configuration, which it reads from its standard input.
        listens: The socket that the configuration names.
        log: What it says goes there; the file is private.
        hidden: Values that are left out of what it says in an error.

    Raises:
        ScriptError: It ended, or did not listen in time.
    """
    write_private(log, b"")
    control, theirs = os.pipe()
    try:
        with log.open("ab") as said, tempfile.TemporaryFile(dir=listens.parent) as nameless:
            nameless.write(config.encode("utf-8", "replace"))
            nameless.seek(0)
            process = subprocess.Popen(  # noqa: S603 - the program is the one from our own lock file
                [str(binary), "serve", f"--control-fd={theirs}", CONFIG],
                stdin=nameless,
                stdout=said,
                stderr=said,
                cwd=listens.parent,
                env={},
                pass_fds=(theirs,),
                start_new_session=True,
            )
        os.close(theirs)
        theirs = -1
        if not _tells(control):
            process.kill()
            process.wait()
            raise ScriptError(_said(log, hidden))
    finally:
        for end in (control, theirs):
            if end >= 0:
                os.close(end)
    return Running(process=process, socket=listens)


def _tells(control: int) -> bool:
    """Whether workerd says in time that it listens: it does once the script was loaded, and ends when it was not."""
    readable, _, _ = select.select([control], [], [], START_SECONDS)
    return bool(readable) and b"listen" in os.read(control, CONTROL_BYTES)


def _said(log: Path, hidden: list[str]) -> str:
    lines = log.read_text(errors="replace").splitlines()[:SAID_LINES]
    text = "\n".join(lines) or "the script did not start"
    for value in sorted(hidden, key=len, reverse=True):
        text = text.replace(value, "***") if value else text
    return text


def record(file: Path, sockets: Path, running: list[Running]) -> None:
    """Write down what is ours, for the next start should this one be cut off: processes, and the sockets' folder."""
    found = []
    for one in running:
        with contextlib.suppress(psutil.Error):
            found.append({"pid": one.process.pid, "started": psutil.Process(one.process.pid).create_time()})
    write_private(file, json.dumps({"sockets": str(sockets), "processes": found}).encode())


def end_leftovers(file: Path) -> None:
    """End what a record names and still runs; a number that another program has by now is left alone."""
    try:
        recorded = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return
    for item in recorded["processes"]:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(item["pid"])
            if process.create_time() == item["started"]:
                process.kill()
    shutil.rmtree(recorded["sockets"], ignore_errors=True)
    file.unlink(missing_ok=True)
