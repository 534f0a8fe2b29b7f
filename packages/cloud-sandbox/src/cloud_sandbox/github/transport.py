"""The stand-in as an httpx transport: a client and the service in one process, without a socket.

service = Service(Settings(tokens=(Token(token="ghs_test"),)))
client = httpx.Client(base_url="http://github.localhost", transport=httpx.MockTransport(handler(service)))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloud_sandbox.xata import transport

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from cloud_sandbox.github.service import Service


def handler(
    service: Service, *, sleep: Callable[[float], None] = lambda _: None
) -> Callable[[httpx.Request], httpx.Response]:
    """Answers requests as `service` does, with cuts as the errors httpx raises for them."""
    return transport.handler(service, sleep=sleep)
