"""Pages that a program of the sandbox's owner makes, each time one is looked at: `GET /sandbox/pages/NAME`.

The program prints the page on its standard output, whatever its exit code; a browser asks again by itself.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PATH: Final = "/sandbox/pages/{name}"
AGAIN_SECONDS: Final = 10
PROGRAM_SECONDS: Final = 60.0
HEADERS: Final = {"Refresh": str(AGAIN_SECONDS), "Cache-Control": "no-store"}
HTML: Final = "text/html"


def add(app: web.Application, programs: Mapping[str, Sequence[str]]) -> None:
    """Show a page for each program; one is made at a time, however many look."""
    one_at_a_time = asyncio.Lock()

    async def show(request: web.Request) -> web.Response:
        program = programs.get(request.match_info["name"])
        if program is None:
            return web.Response(status=404, text=f"pages: {', '.join(programs) or 'none'}\n")
        async with one_at_a_time:
            page, said = await _made(program)
        if not page:
            return web.Response(status=502, text=f"{program[0]} made no page; it said last: {said}\n", headers=HEADERS)
        return web.Response(body=page, content_type=HTML, charset="utf-8", headers=HEADERS)

    app.router.add_get(PATH, show)


async def _made(program: Sequence[str]) -> tuple[bytes, str]:
    """What it printed, and the last line of what it said besides; it is ended when it takes too long."""
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    try:
        child = await asyncio.create_subprocess_exec(*program, stdin=nothing, stdout=pipe, stderr=pipe)
    except OSError as error:
        return b"", str(error)
    try:
        page, said = await asyncio.wait_for(child.communicate(), PROGRAM_SECONDS)
    except TimeoutError:
        return b"", f"nothing within {PROGRAM_SECONDS:.0f} s"
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    lines = said.decode("utf-8", "replace").split("\n")
    return page, next((line.strip() for line in reversed(lines) if line.strip()), "nothing")
