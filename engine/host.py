"""Runs the user's program, or the server of dynamic providers, as a child of the engine.

Started by path in the project's own Python, so it imports nothing but the standard library and `pulumi`. Its first
line of standard input tells it what to do; when standard input ends, the engine is gone, and so is this process.
"""

from __future__ import annotations

import asyncio
import atexit
import json
import logging
import os
import runpy
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pulumi
import pulumi.dynamic
import pulumi.runtime
from pulumi.runtime import config as pulumi_config

_STDIN = 0  # read without Python's buffers, which a thread must not hold at exit


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
    while part is not None:
        own = [
            frame
            for frame in part.stack
            if folder in Path(frame.filename).parents and "site-packages" not in frame.filename
        ]
        if own or isinstance(error, SyntaxError):
            part.stack = traceback.StackSummary.from_list(own)
        part = part.__cause__ or (None if part.__suppress_context__ else part.__context__)
    return "".join(whole.format())


def _run_program(settings: dict[str, Any]) -> int:
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
    program = Path(settings["program"])
    folder = program if program.is_dir() else program.parent
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # a failed run leaves futures that nobody awaits
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.set_default_executor(ThreadPoolExecutor(max_workers=settings["parallel"] * 4))

    def main() -> None:
        runpy.run_path(str(program), run_name="__main__")

    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(main))
    except pulumi.RunError as error:
        pulumi.log.error(str(error))
        return 1
    except Exception as error:  # noqa: BLE001 - whatever the user's program raises is shown to the user
        pulumi.log.error(f"The program raised an exception:\n{_users_own(error, folder)}")
        return 1
    return 0


def _main() -> int:
    settings = _read_orders()
    threading.Thread(target=_end_with_engine, daemon=True).start()
    pulumi_config.set_all_config(settings["config"], settings["secret_keys"])
    sys.argv = [settings["program"]]
    os.chdir(settings["folder"])
    os.environ["PULUMI_PROJECT"] = settings["project"]
    sys.path.insert(0, settings["folder"])
    if settings["role"] == "program":
        return _run_program(settings)
    runpy.run_module("pulumi.dynamic", run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    status = _main()
    atexit._run_exitfuncs()  # noqa: SLF001 - the program's own farewells, as at any exit
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # taking gRPC and Pulumi apart would keep the engine waiting for a quarter of a second
