"""Runs one command in a process group of its own, and leaves nothing of that group behind. Of the library alone.

    python -I supervisor.py GRACE WORD...      ends with the command's status

The group is ended with the command, and also when standard input ends: whoever started this has given up, or is dead,
however it died. It has GRACE seconds to end by itself before it is killed. A file to run, not to import: it outlives
the process that needs it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

GRACE_SECONDS = 5.0
NOT_STARTED = 127


def end(group: int, grace: float) -> None:
    """End every process of a group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGTERM)
        until = time.monotonic() + grace
        while time.monotonic() < until:
            time.sleep(0.02)
            os.killpg(group, 0)
        os.killpg(group, signal.SIGKILL)


def main(grace: float, words: list[str]) -> int:
    """Run it."""
    try:
        # Without a terminal too: a question to the user is answered by the end of the input.
        command = subprocess.Popen(words, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 - the app's own
    except OSError as error:
        sys.stdout.write(f"{words[0]} cannot be started: {error.strerror}\n")
        return NOT_STARTED
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: threading.Thread(target=end, args=[command.pid, grace]).start())

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 1):
                pass
        end(command.pid, grace)

    threading.Thread(target=watch, daemon=True).start()
    status = command.wait()
    end(command.pid, grace)
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))
