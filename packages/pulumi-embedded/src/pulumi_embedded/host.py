"""Runs the user's program, or the server of dynamic providers, as a child of the engine.

Started by path in the project's own Python (see forkserver.py), so it imports nothing but the standard library and
`pulumi`. Its first line of standard input tells it what to do; when standard input ends, the engine is gone, and so is
this process.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import json
import logging
import os
import runpy
import sys
import threading
import time
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi.dynamic
import pulumi.runtime
from pulumi.runtime import config as pulumi_config

if TYPE_CHECKING:
    from collections.abc import Callable

_STDIN = 0  # read without Python's buffers, which a thread must not hold at exit

_LOOKS = 3  # how often, a second apart, a program must be found waiting for nothing


def _read_orders() -> dict[str, Any]:
    text = b""
    while not text.endswith(b"\n"):
        piece = os.read(_STDIN, 1 << 16)
        if not piece:
            sys.exit(1)
        text += piece
    orders: dict[str, Any] = json.loads(text)
    return orders


def _end_with_engine() -> None:
    while os.read(_STDIN, 1 << 16):
        pass
    os._exit(1)


def _users_own(error: BaseException, folder: Path) -> str:
    """The traceback without the frames of Pulumi, of Python's machinery and of this file."""
    whole = traceback.TracebackException.from_exception(error)
    part: traceback.TracebackException | None = whole
    anything = False
    while part is not None:
        own = [
            frame
            for frame in part.stack
            if folder in Path(frame.filename).parents and "site-packages" not in frame.filename
        ]
        if own or isinstance(error, SyntaxError):
            part.stack = traceback.StackSummary.from_list(own)
            anything = True
        part = part.__cause__ or (None if part.__suppress_context__ else part.__context__)
    return "".join(whole.format() if anything else whole.format_exception_only())


def _said(error: Exception, folder: Path, *, verbose: bool) -> str:
    """What a user reads about an exception that has ended the program."""
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, RecursionError) and any("resource_cycle_breaker" in frame.filename for frame in frames):
        return (
            f"The program has a chain of more than about {sys.getrecursionlimit()} resources, each of which depends on "
            "the one before; Pulumi's SDK cannot follow it, with either engine.\n"
            "  next: let fewer resources wait for the one before them"
        )
    text = "".join(traceback.format_exception(error)) if verbose else _users_own(error, folder)
    return f"The program raised an exception:\n{text}"


class _Workers(ThreadPoolExecutor):
    """Threads that know how many calls are on their way."""

    def __init__(self, max_workers: int) -> None:
        super().__init__(max_workers)
        self.waiting: set[Future[Any]] = set()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future = super().submit(fn, *args, **kwargs)
        self.waiting.add(future)
        future.add_done_callback(self.waiting.discard)
        return future


class _ProviderWorkers(ThreadPoolExecutor):
    """Threads in which a provider that exits ends its process: its caller would wait for ever for an answer."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        def call() -> Any:
            try:
                return fn(*args, **kwargs)
            except SystemExit as error:
                sys.stderr.write(f"A provider has called sys.exit({error.code!r}).\n")
                os._exit(error.code if isinstance(error.code, int) else 1)

        return super().submit(call)


def _end_when_stuck(loop: asyncio.AbstractEventLoop, workers: _Workers, program: asyncio.Task[Any]) -> None:
    """Cancel a program that waits for nothing but itself: no call, no timer, no thread could ever wake it."""
    found = 0
    while found < _LOOKS:
        time.sleep(1)
        awake = threading.Event()
        loop.call_soon_threadsafe(awake.set)
        idle = awake.wait(1) and not workers.waiting and not loop._ready and not loop._scheduled  # type: ignore[attr-defined] # noqa: SLF001 - no other way to know
        idle = idle and len(loop._selector.get_map()) == 1  # type: ignore[attr-defined] # noqa: SLF001 - its own pipe
        found = found + 1 if idle and not _threads_of_the_program(workers) else 0
    loop.call_soon_threadsafe(program.cancel)


def _threads_of_the_program(workers: _Workers) -> list[threading.Thread]:
    known = {*workers._threads, threading.main_thread(), threading.current_thread()}  # noqa: SLF001 - as above
    own = ("_end_with_engine", "channel_spin")  # ours and gRPC's
    return [one for one in threading.enumerate() if one not in known and not any(name in one.name for name in own)]


def _waiting_resources(loop: asyncio.AbstractEventLoop) -> list[str]:
    """The resources whose registration waits for something, by name."""
    names = set()
    for task in asyncio.all_tasks(loop):
        step: Any = task.get_coro()
        while step is not None:
            frame = getattr(step, "cr_frame", None)
            if frame is not None and frame.f_code.co_name == "do_register":
                names.add(str(frame.f_locals.get("name")))
            step = getattr(step, "cr_await", None)
    return sorted(names)


def _configure(settings: dict[str, Any]) -> None:
    if not settings["verbose"]:
        pulumi.log.debug = lambda *_, **__: None  # each would be a call to the engine, several per resource
    pulumi.runtime.configure(
        pulumi.runtime.Settings(
            monitor=settings["address"],
            engine=settings["address"],
            project=settings["project"],
            stack=settings["stack"],
            organization="organization",
            parallel=settings["parallel"],
            dry_run=settings["dry_run"],
            root_directory=settings["root"],
        )
    )


def _run_program(settings: dict[str, Any]) -> int:
    _configure(settings)
    program = Path(settings["program"])
    folder = program if program.is_dir() else program.parent
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # a failed run leaves futures that nobody awaits
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    workers = _Workers(settings["parallel"] * 4)
    loop.set_default_executor(workers)

    def main() -> None:
        runpy.run_path(str(program), run_name="__main__")

    running = loop.create_task(pulumi.runtime.run_in_stack(main))
    threading.Thread(target=_end_when_stuck, args=(loop, workers, running), daemon=True).start()
    try:
        loop.run_until_complete(running)
    except asyncio.CancelledError:
        names = ", ".join(map(repr, _waiting_resources(loop)))
        pulumi.log.error(
            f"The program waits for itself and would never end; still to be registered: {names or 'nothing'}.\n"
            "  next: look for properties, `depends_on` or `parent` that need each other in a circle"
        )
        return 1
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return 1
    except Exception as error:  # noqa: BLE001 - whatever the user's program raises is shown to the user
        pulumi.log.error(_said(error, folder, verbose=settings["verbose"]))
        return 1
    return 0


def _main() -> int:
    settings = _read_orders()
    threading.Thread(target=_end_with_engine, daemon=True).start()
    os.environ.clear()
    os.environ.update(settings["environment"])
    pulumi_config.set_all_config(settings["config"], settings["secret_keys"])
    sys.argv = [settings["program"]]
    os.chdir(settings["folder"])
    os.environ["PULUMI_PROJECT"] = settings["project"]
    sys.path.insert(0, settings["folder"])
    if settings["role"] == "program":
        return _run_program(settings)
    concurrent.futures.ThreadPoolExecutor = _ProviderWorkers  # type: ignore[misc] # the server takes them from there
    runpy.run_module("pulumi.dynamic", run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    status = _main()
    atexit._run_exitfuncs()  # noqa: SLF001 - the program's own farewells, as at any exit
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # taking gRPC and Pulumi apart would keep the engine waiting for a quarter of a second
