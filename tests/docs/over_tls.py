"""Postgres' own psql and pg_dump, which the packaged binaries bring without TLS, for servers that insist on it.

    python over_tls.py PROGRAM URL [ARGUMENT ...]

The program talks to a port of this process in the clear, and this process to the server over TLS, as the program of a
reader's own installation does by itself. Trusts what PGSSLROOTCERT names.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import sys
from urllib.parse import urlsplit, urlunsplit

LOOPBACK = "127.0.0.1"
SSL_REQUEST = bytes.fromhex("0000000804d2162f")
YES = b"S"


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass everything on until one side ends."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def run(program: str, url: str, arguments: list[str]) -> int:
    """Run the program against the server that the URL names; its exit code."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    trusted = ssl.create_default_context(cafile=os.environ["PGSSLROOTCERT"])

    async def relay(client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        server, requests = await asyncio.open_connection(LOOPBACK, parts.port)
        requests.write(SSL_REQUEST)
        assert await server.readexactly(1) == YES, "the server does without TLS"
        await requests.start_tls(trusted, server_hostname=host)
        await asyncio.gather(_pump(client, requests), _pump(server, answers))

    listener = await asyncio.start_server(relay, LOOPBACK, 0)
    port = listener.sockets[0].getsockname()[1]
    plain = urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition('@')[0]}@{LOOPBACK}:{port}", query=""))
    process = await asyncio.create_subprocess_exec(program, plain, *arguments)
    return await process.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(run(sys.argv[1], sys.argv[2], sys.argv[3:])))
