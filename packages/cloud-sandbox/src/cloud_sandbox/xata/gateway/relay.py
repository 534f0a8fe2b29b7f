"""Bytes in both directions, at the pace of the slower side."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from cloud_sandbox.xata.gateway.messages import NUMBER_BYTES, message

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import Mapping

CHUNK_BYTES = 64 * 1024
CLOSE_SECONDS = 1.0
"""How long the last bytes may take to a client that does not fetch them."""
LAST_WORDS_SECONDS = 0.2
"""What Postgres still has to say to a session that ends gets this long to pass."""

PARAMETER_STATUS, ERROR, READY = b"S", b"E", b"Z"
SPOKEN = (PARAMETER_STATUS, ERROR)
"""The messages before a session is ready that can name its role or its database."""


async def relay(
    client: tuple[StreamReader, StreamWriter], server: tuple[StreamReader, StreamWriter], names: Mapping[bytes, bytes]
) -> None:
    """Carry a session until one side ends it.

    Args:
        client: Whoever connected.
        server: Postgres, with the start-up message sent.
        names: What Postgres calls things, and what the client is to read instead while it logs in.
    """
    up = asyncio.create_task(_pump(client[0], server[1]))
    down = asyncio.create_task(_answer(server[0], client[1], names))
    try:
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({down}, timeout=LAST_WORDS_SECONDS)
    finally:
        for task in (up, down):
            task.cancel()
        await asyncio.gather(up, down, return_exceptions=True)


async def close(writer: StreamWriter) -> None:
    """Send what is left, and close; a client that does not fetch it is cut off."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            writer.close()
            await writer.wait_closed()
            return
    with contextlib.suppress(AttributeError):  # of 3.11.2, when both ends closed a TLS connection
        writer.transport.abort()


async def _pump(reader: StreamReader, writer: StreamWriter) -> None:
    with contextlib.suppress(OSError):  # a broken connection is an end like any other
        while content := await reader.read(CHUNK_BYTES):
            writer.write(content)
            await writer.drain()


async def _answer(reader: StreamReader, writer: StreamWriter, names: Mapping[bytes, bytes]) -> None:
    with contextlib.suppress(OSError, EOFError):
        kind = b""
        while kind != READY:
            kind = await reader.readexactly(1)
            length = int.from_bytes(await reader.readexactly(NUMBER_BYTES))
            body = await reader.readexactly(length - NUMBER_BYTES)
            if kind in SPOKEN:
                for name, spoken in names.items():
                    body = body.replace(name, spoken)
            writer.write(message(kind, body))
            await writer.drain()
        await _pump(reader, writer)
