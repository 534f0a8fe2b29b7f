"""Which port a server listens on, and who has it when it is taken."""

from __future__ import annotations

import errno
import hashlib
import os
import socket
from typing import TYPE_CHECKING

import psutil

from components.errors import LocalError

if TYPE_CHECKING:
    from pathlib import Path

HOST = "127.0.0.1"

FIRST_FREE, LAST_FREE = 20000, 29999
"""Below the ports that systems hand out for outgoing connections, so that a port is still free after a reboot."""


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as asking:
        asking.settimeout(1)
        if asking.connect_ex((HOST, port)) == 0:
            return False
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as Postgres does: old connections do not count
        try:
            listening.bind((HOST, port))
            listening.listen(1)
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True


def free_port(folder: Path) -> int:
    """A free port for the server in a folder: the same one as long as it is free.

    Raises:
        LocalError: Every port of the range is taken.
    """
    span = LAST_FREE - FIRST_FREE + 1
    start = int.from_bytes(hashlib.sha256(os.fsencode(folder)).digest()[:4], "big")
    for offset in range(span):
        port = FIRST_FREE + (start + offset) % span
        if is_free(port):
            return port
    raise LocalError(
        f"no port between {FIRST_FREE} and {LAST_FREE} is free",
        next_step="stop some servers, or name a port in the stack's configuration",
    )


def taken(port: int) -> LocalError:
    """The error for a port that somebody else has."""
    who = holder(port)
    return LocalError(
        f"port {port} of {HOST} is taken by {who or 'a program of another user'}",
        next_step=f"stop {who.split(' (')[0] if who else 'that program'}, "
        f"or name another port in the stack's configuration",
    )


def holder(port: int) -> str:
    """The program that listens on a port, as far as this account may see it: `name (pid 123)`, or empty."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.Error:  # some systems show this to root alone
        return ""
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            return _program(connection.pid)
    return ""


def _program(pid: int | None) -> str:
    if pid is None:
        return ""
    try:
        return f"{psutil.Process(pid).name()} (pid {pid})"
    except psutil.Error:
        return f"a program (pid {pid})"
