"""The stand-in as an httpx transport: a client and the service in one process, without a socket.

service = Service(Settings(tokens=(Token(token="t" * 40),)), runtime=NoRuntime())
client = httpx.Client(base_url="http://cloudflare.localhost/client/v4", transport=httpx.MockTransport(handler(service)))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloud_sandbox.xata import transport

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from cloud_sandbox.cloudflare.service import Service


def handler(
    service: Service, *, sleep: Callable[[float], None] = lambda _: None
) -> Callable[[httpx.Request], httpx.Response]:
    """Answers requests as `service` does, with cuts as the errors httpx raises for them."""
    return transport.handler(service, sleep=sleep)
