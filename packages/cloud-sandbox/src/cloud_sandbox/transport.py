"""A stand-in as an httpx transport: a client and the service in one process, without a socket.

service = xata.service.Service(Settings(keys=(Key(token="xau_test"),)), databases=NoDatabases())
client = httpx.Client(base_url="http://xata.localhost", transport=httpx.MockTransport(handler(service)))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from cloud_sandbox.wire import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud_sandbox.standin import StandIn


def _request(request: httpx.Request) -> Request:
    path, _, query = request.url.raw_path.decode("ascii").partition("?")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Request(method=request.method, path=path, query=query, headers=headers, body=request.read())


def handler(
    service: StandIn, *, sleep: Callable[[float], None] = lambda _: None
) -> Callable[[httpx.Request], httpx.Response]:
    """Answers requests as `service` does, with cuts as the errors httpx raises for them.

    `sleep` is called with an ordered delay, when there is one; a read timeout shorter than it raises ReadTimeout.
    """

    def handle(request: httpx.Request) -> httpx.Response:
        response = service.handle(_request(request))
        timeout = request.extensions.get("timeout", {}).get("read")
        if response.delay:
            sleep(response.delay if timeout is None else min(response.delay, timeout))
            if timeout is not None and response.delay > timeout:
                raise httpx.ReadTimeout("the answer took too long", request=request)
        if response.cut == "before":
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)
        if response.cut == "in":
            raise httpx.RemoteProtocolError(
                "peer closed connection without sending complete message body", request=request
            )
        return httpx.Response(response.status, headers=dict(response.headers), content=response.body, request=request)

    return handle
