"""Which ports the sandbox listens on. They stay the same, because connection strings and states have them."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import socket
from typing import TYPE_CHECKING

from cloud_sandbox.errors import SetupError

if TYPE_CHECKING:
    from pathlib import Path

LOOPBACK = "127.0.0.1"
BACKLOG = 128
FIRST_FREE, LAST_FREE = 30000, 32767
"""Below the ports that systems hand out for outgoing connections, so that a port is still free after a reboot."""


def listen_on(port: int, what: str) -> socket.socket:
    """A socket that listens on this port of the loopback.

    Args:
        port: From 1 to 65535.
        what: Who listens, for the error's text.

    Raises:
        SetupError: Somebody else has the port.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of an earlier run do not count
    try:
        listening.bind((LOOPBACK, port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise SetupError(
            f"{what} cannot listen on port {port} of {LOOPBACK}: {os.strerror(error.errno or 0)}",
            next_step="stop the program that has the port, then start the sandbox again",
        ) from None
    listening.setblocking(False)  # noqa: FBT003 - that is how the standard library has it
    return listening


def listen_on_any(folder: Path, what: str) -> socket.socket:
    """A socket that listens on a free port: the same for a folder as long as it is free.

    Raises:
        SetupError: Every port of the range is taken.
    """
    span = LAST_FREE - FIRST_FREE + 1
    start = int.from_bytes(hashlib.sha256(os.fsencode(folder) + what.encode()).digest()[:4])
    for offset in range(span):
        port = FIRST_FREE + (start + offset) % span
        if _answers(port):
            continue
        try:
            return listen_on(port, what)
        except SetupError:
            continue
    raise SetupError(f"{what} finds no free port between {FIRST_FREE} and {LAST_FREE}", next_step="name a port")


def _answers(port: int) -> bool:
    """Whether a server is there that would share the port with us, as some systems let it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as asking:
        asking.settimeout(1)
        return asking.connect_ex((LOOPBACK, port)) not in {errno.ECONNREFUSED, errno.EAGAIN}


def listen_again(folder: Path, what: str, wanted: int, before: int) -> socket.socket:
    """A socket that listens on the port asked for, else on that of the last run, else on a free one; 0 is none.

    Raises:
        SetupError: Somebody else has the port that was asked for.
    """
    if wanted:
        return listen_on(wanted, what)
    with contextlib.suppress(SetupError):
        if before:
            return listen_on(before, what)
    return listen_on_any(folder, what)
