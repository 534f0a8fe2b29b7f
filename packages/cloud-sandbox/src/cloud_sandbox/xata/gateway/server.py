"""Who is let in, when, and until when."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from cloud_sandbox.xata.databases import OWNER, is_role_of_branch, role_of
from cloud_sandbox.xata.gateway import door
from cloud_sandbox.xata.gateway.hosts import READ_ONLY
from cloud_sandbox.xata.gateway.messages import (
    CANNOT_CONNECT_NOW,
    INTERNAL_ERROR,
    INVALID_PASSWORD,
    NO_DATABASE,
    REJECTED,
    SHUTDOWN,
    RefusalError,
    Startup,
    fatal,
)
from cloud_sandbox.xata.gateway.relay import LAST_WORDS_SECONDS, close, relay

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path

    from cloud_sandbox.xata.databases import Holds
    from cloud_sandbox.xata.gateway.hosts import Hosts, Target

START_SECONDS = 60.0
"""How long a client may take from the connection to the start-up message (Postgres' `authentication_timeout`)."""
HOLD_SECONDS = 50.0
"""How long a connection is held while its branch wakes, as on the service."""
LOOK_SECONDS = 0.1
TOUCH_SECONDS = 1.0
"""How often a branch in use is said to be: an open session keeps it awake, whether it asks something or not."""
THREADS = 8

_LOG = logging.getLogger(__name__)

State = Literal["gone", "not-ready", "asleep", "manually-asleep", "ready"]
_Answer = TypeVar("_Answer")


class Routes(Protocol):
    """What the gateway asks about branches. Every call may block, and is made in a thread of the gateway's."""

    def route(self, branch_id: str) -> State:
        """Say how a branch is."""
        ...

    def wake(self, branch_id: str) -> None:
        """Begin to wake a branch that sleeps for want of use."""
        ...

    def touch(self, branch_id: str) -> None:
        """Note that a branch is in use."""
        ...


class Gateway:
    """A TLS server in front of one Postgres, with as many branches as there are."""

    def __init__(
        self,
        *,
        routes: Routes,
        postgres: tuple[str, int],
        certificate: Path,
        hosts: Hosts,
        holds: Holds,
        hold_seconds: float = HOLD_SECONDS,
    ) -> None:
        self._routes = routes
        self._postgres = postgres
        self._tls = door.Tls(certificate)
        self._hosts = hosts
        self._holds = holds
        self._hold_seconds = hold_seconds
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="gateway")
        self._tasks: set[asyncio.Task[None]] = set()
        self._sessions: dict[asyncio.Task[Any] | None, str] = {}

    async def start(self, listening: socket.socket) -> None:
        """Take connections from a socket that listens."""
        self._listening = listening
        self._spawn(self._accept())
        self._spawn(self._touch())

    async def stop(self) -> None:
        """End every session and listen no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._listening.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def end(self, branch_id: str) -> None:
        """End the sessions of a branch."""
        for task, serves in self._sessions.items():
            if task is not None and serves == branch_id:
                asyncio.get_running_loop().call_later(LAST_WORDS_SECONDS, task.cancel)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, _ = await loop.sock_accept(self._listening)
            except OSError:  # no more open files: those that close make room
                await asyncio.sleep(LOOK_SECONDS)
                continue
            sock.setblocking(False)  # noqa: FBT003 - that is how the standard library has it
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._spawn(self._serve(sock))

    async def _touch(self) -> None:
        while True:
            await asyncio.sleep(TOUCH_SECONDS)
            for branch_id in set(self._sessions.values()):
                with _logged("a branch in use could not be noted"):
                    await self._ask(self._routes.touch, branch_id)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, question: Callable[[str], _Answer], branch_id: str) -> _Answer:
        return await asyncio.get_running_loop().run_in_executor(self._threads, question, branch_id)

    async def _serve(self, sock: socket.socket) -> None:
        """One connection, from its first byte to its last."""
        entered = await self._enter(sock)
        if entered is None:
            return
        try:
            await self._talk(entered)
        except RefusalError as refusal:
            entered.writer.write(fatal(refusal))
        except (OSError, EOFError, TimeoutError):
            pass  # the client left, or took too long to begin
        except Exception:  # noqa: BLE001 - whatever it is, the others go on
            _LOG.exception("a connection failed")
            entered.writer.write(fatal(RefusalError(INTERNAL_ERROR, "the sandbox failed; its log says how")))
        finally:
            await close(entered.writer)

    async def _enter(self, sock: socket.socket) -> door.Client | None:
        """A client over TLS, whose streams own the socket; None when the connection is done with, and closed."""
        entered: door.Client | door.Cancel | None = None
        try:
            async with asyncio.timeout(START_SECONDS):
                entered = await door.enter(sock, self._tls)
            if isinstance(entered, door.Client):
                return entered
            await self._cancel(entered)
        except RefusalError as refusal:
            with contextlib.suppress(OSError):
                await asyncio.get_running_loop().sock_sendall(sock, fatal(refusal))
        except (OSError, EOFError, TimeoutError):
            pass
        finally:
            if not isinstance(entered, door.Client):
                sock.close()
        return None

    async def _talk(self, client: door.Client) -> None:
        async with asyncio.timeout(START_SECONDS):
            first = await door.begin(client)
        if isinstance(first, door.Cancel):
            await self._cancel(first)
            return
        target = self._hosts.target(client.host)
        if target is None:
            raise _not_found(client.host)
        startup = _rewritten(Startup.of(*first), target)
        await self._wait_until_ready(client, target.branch_id)
        await self._session(client, target.branch_id, startup)

    async def _session(self, client: door.Client, branch_id: str, startup: Startup) -> None:
        reader, writer = await self._connected()
        task = asyncio.current_task()
        self._sessions[task] = branch_id
        try:
            await self._ask(self._routes.touch, branch_id)
            writer.write(startup.message())
            names = {role_of(branch_id).encode(): OWNER.encode(), branch_id.encode(): OWNER.encode()}
            await relay((client.reader, client.writer), (reader, writer), names)
        finally:
            del self._sessions[task]
            await close(writer)

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self._postgres
        try:
            return await asyncio.open_connection(host, port, limit=door.BUFFER_BYTES)
        except OSError:
            raise RefusalError(CANNOT_CONNECT_NOW, "the Postgres below the sandbox does not answer") from None

    async def _wait_until_ready(self, client: door.Client, branch_id: str) -> None:
        """Hold a connection until its branch can take it."""
        deadline = asyncio.get_running_loop().time() + self._hold_seconds
        while True:
            state = await self._ask(self._routes.route, branch_id)
            if state == "gone":
                raise _not_found(branch_id)
            if state == "manually-asleep":
                raise RefusalError(SHUTDOWN, "branch is hibernated, reactivate it to continue")
            if state == "asleep":
                await self._ask(self._routes.wake, branch_id)
            elif state == "ready" and not self._holds.held(branch_id):
                return
            if asyncio.get_running_loop().time() > deadline:
                raise RefusalError(CANNOT_CONNECT_NOW, "branch is reactivating, please retry")
            if client.reader.at_eof():
                raise EOFError
            await asyncio.sleep(LOOK_SECONDS)

    async def _cancel(self, cancel: door.Cancel) -> None:
        """Hand a request to Postgres. It knows the keys, which clients got from it, and answers nothing."""
        reader, writer = await self._connected()
        writer.write(cancel.message)
        async with asyncio.timeout(START_SECONDS):
            await reader.read()  # the end of the connection says that it is done
        await close(writer)


@contextlib.contextmanager
def _logged(what: str) -> Iterator[None]:
    try:
        yield
    except Exception:  # noqa: BLE001 - whatever it is, the others go on
        _LOG.exception(what)


def _not_found(name: str) -> RefusalError:
    safe = "".join(character if character.isprintable() else "?" for character in name)
    return RefusalError(REJECTED, f"branch not found: {safe}" if safe else "branch not found: the client sent no SNI")


def _rewritten(startup: Startup, target: Target) -> Startup:
    """The same, for the role and the database that stand for `xata` here.

    A role that a program has made goes by its own name: Postgres says whether it may enter this branch.

    Raises:
        RefusalError: It is for another database, or for a role that stands for a branch's owner.
    """
    user = startup.parameters.get("user", "")
    database = startup.parameters.get("database") or user
    if not user or is_role_of_branch(user):
        raise RefusalError(INVALID_PASSWORD, f'password authentication failed for user "{user}"')
    if database != OWNER:
        raise RefusalError(NO_DATABASE, f'database "{database}" does not exist')
    changed = {"user": role_of(target.branch_id) if user == OWNER else user, "database": target.branch_id}
    if target.endpoint == READ_ONLY:  # a replica takes no writes
        changed["default_transaction_read_only"] = "on"
    return replace(startup, parameters={**startup.parameters, **changed})
