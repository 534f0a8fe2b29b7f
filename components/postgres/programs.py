"""Postgres' own programs (psql, pg_dump, pg_restore), run on any database of this program's.

Those that come with the embedded server cannot speak TLS. So where a session is to be verified, the program talks to a
port of this process on loopback, and this process to the server, whom it trusts as all sessions of ours do.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

from components.connection import LOOPBACK, loopback_address
from components.libpq import program_environment, tls_context
from components.postgres.server.binaries import MAJOR, installed

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Sequence

    from components.connection import Connection

SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""SSLRequest, and the server's yes: https://www.postgresql.org/docs/18/protocol-message-formats.html."""
AGREED = b"S"
CONNECT_SECONDS = 20
_CHUNK = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a program ended.

    Attributes:
        code: Its exit code; below zero the signal that ended it.
        errors: What it said on standard error, where that was asked for.
        unreached: Why no verified session came about, in words; empty if none was missed.
    """

    code: int
    errors: str = ""
    unreached: str = ""


def found(name: str) -> Path:
    """A program: the machine's, which edits lines where the packaged one does not, if it is of this major or newer."""
    there = shutil.which(name)
    if there:
        ask = [there, "--version"]
        told = subprocess.run(ask, capture_output=True, text=True, check=False)  # noqa: S603 - the user's own PATH
        version = re.search(r" ([0-9]+)", told.stdout)
        if told.returncode == 0 and version and int(version[1]) >= MAJOR:
            return Path(there)
    return installed().programs / name


def run(
    program: str,
    arguments: Sequence[str],
    connection: Connection,
    *,
    options: str = "",
    output: IO[bytes] | None = None,
    quiet: bool = False,
) -> Ended:
    """Run a program until it ends; Ctrl-C is for it alone, as psql wants it.

    Args:
        program: Its name.
        arguments: Nothing of the connection is among them.
        connection: The database.
        options: What the session's server is told besides (PGOPTIONS).
        output: Where standard output goes, if not to this process's.
        quiet: Whether what it says on standard error is kept instead of shown.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return asyncio.run(_run([str(found(program)), *arguments], connection, options, output, quiet=quiet))
    finally:
        signal.signal(signal.SIGINT, before)


async def _run(
    command: Sequence[str], connection: Connection, options: str, output: IO[bytes] | None, *, quiet: bool
) -> Ended:
    unreached: list[str] = []
    async with _relayed(connection, unreached) as reached:
        environment = program_environment(reached, seconds=CONNECT_SECONDS)
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environment | {"PGOPTIONS": options},
            stdout=output,
            stderr=subprocess.PIPE if quiet else None,
        )
        try:
            _, said = await process.communicate()
        finally:
            if process.returncode is None:
                process.terminate()
                await process.wait()
    errors = (said or b"").decode(errors="replace")
    return Ended(code=process.returncode or 0, errors=errors, unreached="; ".join(dict.fromkeys(unreached)))


@contextlib.asynccontextmanager
async def _relayed(connection: Connection, unreached: list[str]) -> AsyncIterator[Connection]:
    """Where a program reaches the database in the clear: itself, or a port here that leads there over TLS."""
    if not connection.verified:
        yield connection
        return
    trusted = tls_context()
    writers: list[asyncio.StreamWriter] = []
    sockets: list[asyncio.WriteTransport] = []  # below TLS: 3.11.2 cannot abort a TLS transport that was closed

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        sockets.append(writer.transport)
        try:
            server, requests = await asyncio.wait_for(_opened(connection, trusted, writers, sockets), CONNECT_SECONDS)
        except (OSError, EOFError, TimeoutError) as error:
            unreached.append(str(error) or "no answer")
            writer.close()
        else:
            await asyncio.gather(_passed_on(reader, requests), _passed_on(server, writer))

    listener = await asyncio.start_server(relay, LOOPBACK, 0)
    try:
        yield replace(connection, host=LOOPBACK, port=listener.sockets[0].getsockname()[1], sslmode="disable")
    finally:
        listener.close()
        for one in sockets:
            one.abort()
        await asyncio.gather(*(one.wait_closed() for one in writers), return_exceptions=True)


async def _opened(
    connection: Connection,
    trusted: ssl.SSLContext,
    writers: list[asyncio.StreamWriter],
    sockets: list[asyncio.WriteTransport],
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the server, encrypted and verified, in which nothing has been said yet."""
    reader, writer = await asyncio.open_connection(
        loopback_address(connection.host) or connection.host, connection.port
    )
    writers.append(writer)
    sockets.append(writer.transport)
    writer.write(SSL_REQUEST)
    if await reader.readexactly(1) != AGREED:
        raise ConnectionError("the server does without TLS")
    await writer.start_tls(trusted, server_hostname=connection.host)
    return reader, writer


async def _passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass everything on until one side ends."""
    with contextlib.suppress(ConnectionError):
        while content := await reader.read(_CHUNK):
            writer.write(content)
            await writer.drain()
    writer.close()
