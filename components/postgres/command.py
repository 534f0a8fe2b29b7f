"""The app's own command, run beside a database: its words, its environment, what it says and when it ends. No Pulumi.

It is given no shell, no terminal and none of this program's keys; what it says is shown without the password.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from components.connection import Connection, loopback_address
from components.errors import LocalError
from components.http.scrub import masked
from components.libpq import AUTHORITIES, authorities
from components.postgres import supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

URL_VARIABLE: Final = "DATABASE_URL"
NOT_PASSED: Final = (
    *("PG", "XATA_", "CLOUDFLARE_", "CF_", "PULUMI_", "INFRA_", "GITHUB_TOKEN", "GH_TOKEN", "ACTIONS_"),
    *("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP"),
)
"""Beginnings of variables that are about other databases, or are keys that a migration has no business with."""
LONGEST_LINE, LONGEST_SHOWN, MOST_LINES, LAST_LINES = 65_536, 1000, 500, 5
READ_SECONDS = 2.0

_SHELL = re.compile(r"[|&;<>()$`*?\n\r]|(?:^|\s)~|^\s*\w+=")
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")


def words(command: str) -> list[str]:
    """The command's words, quotes as in a shell."""
    return shlex.split(command)


def command_reason(command: str) -> str:
    """Why this is no command that can be run without a shell; empty when it is one."""
    if _SHELL.search(command):
        return (
            "it is given to no shell, so |, &, ;, <, >, $, *, ?, parentheses, ~ and NAME=value in front mean nothing; "
            f"put what needs them into a script of the app's (npm run migrate). The URL is in its {URL_VARIABLE}"
        )
    try:
        return "" if words(command) else "it has no words"
    except ValueError as error:
        return f"its quotes do not fit: {error}"


def environment(url: str, given: Mapping[str, str]) -> dict[str, str]:
    """The variables of the command: the user's without what is not passed, the database's URL, and the way there."""
    kept = {name: value for name, value in given.items() if not name.startswith(NOT_PASSED)}
    return {**kept, **_trust(given), **_address(url, given), URL_VARIABLE: url}


def _trust(given: Mapping[str, str]) -> dict[str, str]:
    """Where libpq, Go's lib/pq and Node.js look for authorities; the latter takes one file besides its own."""
    if not given.get(AUTHORITIES):
        return {}
    file = authorities(given)
    return {"PGSSLROOTCERT": file, "NODE_EXTRA_CA_CERTS": file}


def _address(url: str, given: Mapping[str, str]) -> dict[str, str]:
    """How the same three find a database of the sandbox where the resolver does not know names below `localhost`."""
    host = Connection.parse(url).host
    address = loopback_address(host)
    if address is None or _resolves(host):
        return {}
    required = f"--require={json.dumps(str(Path(__file__).with_name('localhost.cjs')))}"
    return {"PGHOSTADDR": address, "NODE_OPTIONS": f"{given.get('NODE_OPTIONS', '')} {required}".strip()}


def _resolves(host: str) -> bool:
    try:
        return bool(socket.getaddrinfo(host, None))
    except OSError:
        return False


def missing_reason(words: Sequence[str], folder: Path, path: str) -> str:
    """Which program of the command is not there; empty when nothing is missed.

    Args:
        words: The command's.
        folder: Where it runs.
        path: The folders with programs, as in PATH.
    """
    if not folder.is_dir():
        return f"the folder {folder} is not there"
    program = words[0]
    found = shutil.which(str(folder / program) if "/" in program else program, path=path)
    if found is None:
        return f"{program} is not there: it is neither on the PATH nor a program in {folder}"
    if Path(program).name == "npx" and len(words) > 1 and re.fullmatch(r"[a-z0-9][a-z0-9._-]*", words[1]):
        places = [place / "node_modules" / ".bin" for place in (folder, *folder.parents)]
        if shutil.which(words[1], path=os.pathsep.join([*map(str, places), path])) is None:
            return (
                f"{words[1]} is not installed in {folder}: npx would fetch whatever is called so; run npm ci there, "
                f"or say which one is meant: npx --yes {words[1]}@<version>"
            )
    return ""


def run(
    command: Sequence[str],
    *,
    folder: Path,
    url: str,
    seconds: float,
    say: Callable[[str], None],
    given: Mapping[str, str] = os.environ,
) -> None:
    """Run the command, and show what it says line by line.

    Args:
        command: Its words.
        folder: Where it runs.
        url: The database's, which it finds in `DATABASE_URL`.
        seconds: How long it may take; then its whole process group is ended.
        say: Gets each line, without the password in any spelling.
        given: The user's environment.

    Raises:
        LocalError: It cannot be started, ended with another status than 0, or took too long.
    """
    told = shlex.join(command)
    environ = environment(url, given)
    if reason := missing_reason(command, folder, environ.get("PATH", os.defpath)):
        raise LocalError(f"`{told}` cannot be run: {reason}", next_step="install it and run the command again")
    heard = _Heard((url, Connection.parse(url).password), say)
    status = _status(command, folder, environ, seconds, heard)
    if status == 0:
        return
    ended = f"did not end within {seconds:g} seconds and was stopped" if status is None else f"ended with {status}"
    said = "".join(f"\n    {line}" for line in heard.last)
    raise LocalError(
        f"`{told}` {ended}{'; the last that it said:' if said else ', without a word'}{said}",
        next_step="correct what it says and run the command again: it is run once more; the app was told nothing new",
    )


def _status(
    command: Sequence[str], folder: Path, environ: Mapping[str, str], seconds: float, heard: _Heard
) -> int | None:
    """How the command ended; None: it did not, and was stopped."""
    running = subprocess.Popen(  # noqa: S603 - the app's own command, and no shell
        [sys.executable, "-I", supervisor.__file__, str(supervisor.GRACE_SECONDS), *command],
        cwd=folder,
        env=environ,
        stdin=subprocess.PIPE,  # its end is the end of the command, also when this process is killed
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert running.stdin is not None  # noqa: S101 - it is a pipe
    assert running.stdout is not None  # noqa: S101 - so is this
    reading = threading.Thread(target=heard.read, args=[running.stdout], daemon=True)
    reading.start()
    try:
        return running.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with contextlib.suppress(OSError):
            running.stdin.close()
        try:
            running.wait(2 * supervisor.GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
        reading.join(READ_SECONDS)  # a process that left the group may hold the pipe for ever: it is left to itself


class _Heard:
    """What a command says, shown without the secrets; of too much of it only the end is kept."""

    def __init__(self, secrets: tuple[str, ...], say: Callable[[str], None]) -> None:
        self.last: deque[str] = deque(maxlen=LAST_LINES)
        self._secrets, self._say, self._shown = secrets, say, 0

    def read(self, stream: IO[bytes]) -> None:
        """Show line by line; of a longer one than there should be the rest is left out."""
        begins = True
        for part in iter(lambda: stream.readline(LONGEST_LINE), b""):
            if begins:
                self._show(part)
            begins = part.endswith(b"\n")
        stream.close()

    def _show(self, raw: bytes) -> None:
        for line in _lines(raw):
            text = masked(line, secrets=self._secrets)[:LONGEST_SHOWN]
            self.last.append(text)
            self._shown += 1
            if self._shown <= MOST_LINES:
                self._say(text)
            elif self._shown == MOST_LINES + 1:
                self._say(f"… it said more than {MOST_LINES} lines")


def _lines(raw: bytes) -> Iterator[str]:
    """The lines without what moves a cursor or colours a text: a line that is written over counts as one."""
    text = _ESCAPE.sub("", raw.decode(errors="replace").replace("\0", ""))
    for line in re.split(r"[\r\n]+", text):
        if line.strip():
            yield line.rstrip()
