"""Every HTTP server of the sandbox: it answers programs of this machine, and no page that a browser shows.

A page can send requests to the loopback: by its address, which the browser marks with the page's `Origin`, or by a name
of the page's own that it has made to mean 127.0.0.1 (DNS rebinding), which leaves that name in `Host`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def application(
    answer: Handler,
    *,
    body_limit: int,
    any_origin: bool = False,
    before: Callable[[web.Application], None] = lambda _: None,
) -> web.Application:
    """An application that gives every request to `answer` but those that are not for this machine.

    Args:
        answer: Takes all methods and paths.
        body_limit: In bytes.
        any_origin: Whether pages of other origins may ask, which is for a Worker itself to decide.
        before: Adds what is not for `answer`.
    """
    guards = [_own_host] if any_origin else [_own_host, _own_origin]
    app = web.Application(client_max_size=body_limit, middlewares=guards)
    before(app)
    app.router.add_route("*", "/{path:.*}", answer)
    return app


@web.middleware
async def _own_host(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse every name but the loopback's, with the port that was asked."""
    hosts = request.headers.getall("Host", [])
    if len(hosts) != 1 or not _here(request, f"http://{hosts[0]}"):
        return _refused(request, "Host", hosts)
    return await handler(request)


@web.middleware
async def _own_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what a page of another origin sends. Programs send no `Origin`."""
    origins = request.headers.getall("Origin", [])
    if not all(_here(request, origin) for origin in origins):
        return _refused(request, "Origin", origins)
    return await handler(request)


def _here(request: web.Request, address: str) -> bool:
    """Whether this is `http://`, a name of the loopback, and the port that the request came to; nothing else."""
    try:
        url = URL(address)
        return (url.scheme, url.port) == ("http", _port(request)) and url.host in NAMES and url == url.origin()
    except ValueError:
        return False


def _port(request: web.Request) -> int:
    port: int = request.transport.get_extra_info("sockname")[1] if request.transport else 0
    return port


def _refused(request: web.Request, header: str, got: list[str]) -> web.Response:
    allowed = ", ".join(f"{name}:{_port(request)}" for name in ("127.0.0.1", "localhost", "[::1]"))
    text = f"refused: the header {header} says {got}; the sandbox answers programs of this machine, at {allowed}\n"
    return web.Response(status=403, text=text)
