"""The address of a Worker, which stays while the process behind it changes."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import aiohttp
import pytest

from cloud_sandbox.cloudflare.front import Front

if TYPE_CHECKING:
    from pathlib import Path

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnew"


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("POST", 502)])
def test_a_request_whose_process_is_replaced_before_it_answers(tmp_path: Path, method: str, status: int) -> None:
    """What only reads is asked of the next one; whether anything else was carried out nobody knows."""

    async def asked() -> int:
        front, old, new = Front(folder=tmp_path, is_on=lambda _: True), tmp_path / "old", tmp_path / "new"

        async def replaced(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            front.point("app", new)
            writer.close()

        async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(ANSWER)
            writer.close()

        async with contextlib.AsyncExitStack() as stack:
            for handler, path in ((replaced, old), (answered, new)):
                await stack.enter_async_context(await asyncio.start_unix_server(handler, path))
            stack.push_async_callback(front.stop)
            front.point("app", old)
            address = await asyncio.to_thread(front.open, "app")
            session = await stack.enter_async_context(aiohttp.ClientSession())
            async with session.request(method, address) as answer:
                return answer.status

    assert asyncio.run(asked()) == status
