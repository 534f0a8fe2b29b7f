"""From a new connection to one over TLS, with the name it was made for.

Bytes are read from the socket itself until TLS begins, and looked at before they are taken: a client may ask for TLS
first, as Postgres' clients always did, or begin with it.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from cloud_sandbox.xata.gateway.messages import (
    ALPN,
    CANCEL_REQUEST,
    GSS_REQUEST,
    HEAD_BYTES,
    INVALID_AUTHORIZATION,
    PROTOCOL_VIOLATION,
    SSL_REQUEST,
    TLS_HANDSHAKE,
    Head,
    RefusalError,
    first_message,
)

if TYPE_CHECKING:
    from pathlib import Path

BUFFER_BYTES = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Client:
    """A client over TLS. `host` is the name it asked for, empty when it named none."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    host: str


@dataclass(frozen=True, kw_only=True)
class Cancel:
    """A request to cancel another session's query, to be handed to Postgres as it is."""

    message: bytes


class Tls:
    """The gateway's side of TLS, which notes down the name that each client asks for."""

    def __init__(self, certificate: Path) -> None:
        self._hosts: WeakKeyDictionary[object, str] = WeakKeyDictionary()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.load_cert_chain(certificate)
        self.context.set_alpn_protocols([ALPN])
        self.context.sni_callback = self._note

    def _note(self, connection: ssl.SSLSocket | ssl.SSLObject, host: str | None, _: ssl.SSLContext) -> None:
        self._hosts[connection] = host or ""

    def host(self, connection: ssl.SSLObject) -> str:
        """The name of a connection that is made."""
        return self._hosts.get(connection, "")


async def enter(sock: socket.socket, tls: Tls) -> Client | Cancel:
    """Take a new connection as far as TLS.

    Raises:
        RefusalError: It goes on without TLS. What is to be said must be said in the clear.
        EOFError: The client left.
        OSError: The connection broke, or the handshake failed.
    """
    while await _peek(sock) != TLS_HANDSHAKE:
        head = Head.of(await _receive(sock, HEAD_BYTES))
        if head.code == SSL_REQUEST:
            await asyncio.get_running_loop().sock_sendall(sock, b"S")
            return await _encrypt(sock, tls)
        if head.code == GSS_REQUEST:
            await asyncio.get_running_loop().sock_sendall(sock, b"N")
            continue
        if head.code == CANCEL_REQUEST:
            return Cancel(message=first_message(head.code, await _receive(sock, head.rest)))
        raise RefusalError(INVALID_AUTHORIZATION, "connections without TLS are refused: use sslmode=require")
    client = await _encrypt(sock, tls)
    if client.writer.get_extra_info("ssl_object").selected_alpn_protocol() != ALPN:
        client.writer.transport.abort()
        raise EOFError  # as Postgres does: whoever begins with TLS must name the protocol
    return client


async def begin(client: Client) -> Cancel | tuple[int, bytes]:
    """The first message within TLS: a start-up message's code and what follows it, or a request to cancel.

    Raises:
        RefusalError: It is neither.
        EOFError: The client left.
    """
    head = Head.of(await client.reader.readexactly(HEAD_BYTES))
    rest = await client.reader.readexactly(head.rest)
    if head.code == CANCEL_REQUEST:
        return Cancel(message=first_message(head.code, rest))
    if head.code in {SSL_REQUEST, GSS_REQUEST}:
        raise RefusalError(PROTOCOL_VIOLATION, "the connection is encrypted already")
    return head.code, rest


async def _encrypt(sock: socket.socket, tls: Tls) -> Client:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=BUFFER_BYTES)
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock, ssl=tls.context)
    writer = asyncio.StreamWriter(transport, protocol, reader, loop)
    return Client(reader=reader, writer=writer, host=tls.host(writer.get_extra_info("ssl_object")))


async def _peek(sock: socket.socket) -> bytes:
    """The next byte, which stays where it is."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(sock, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(sock)
    first = sock.recv(1, socket.MSG_PEEK)
    if not first:
        raise EOFError
    return first


async def _receive(sock: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        piece = await asyncio.get_running_loop().sock_recv(sock, size - len(received))
        if not piece:
            raise EOFError
        received += piece
    return received
