"""The app's own command beside a database: its words, its environment, what is shown of it, and how it ends."""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import Mock
from urllib.parse import quote

import psutil
import pytest

from components.errors import LocalError
from components.postgres import command, supervisor
from components.postgres.command import command_reason, environment, missing_reason

PASSWORD = 'corr&ct-h"rse/bätt ery'
URL = f"postgresql://app:{quote(PASSWORD, safe='')}@127.0.0.1:5432/app?sslmode=disable"
SECONDS = 20


def run(folder: Path, code: str, *, seconds: float = SECONDS, **more: str) -> list[str]:
    """The lines that a Python program says when it is run as a command."""
    said: list[str] = []
    given = {"PATH": os.environ["PATH"], **more}
    words = [sys.executable, "-c", code]
    command.run(words, folder=folder, url=URL, seconds=seconds, say=said.append, given=given)
    return said


@pytest.mark.parametrize(
    "text",
    ["npx prisma migrate deploy", "npm run migrate -- --name 'two words'", "./tools/migrate", "npx --yes dbmate@2 up"],
)
def test_a_plain_command_is_taken(text: str) -> None:
    """Words and quotes."""
    assert command_reason(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        *("a | b", "a && b", "a; b", "a > b", "a < b", "a $DATABASE_URL", "a `b`", "a $(b)", "a *.sql", "a\nb"),
        *("~/bin/a", "DATABASE_URL=x a", "a 'b", " ", "echo 'a;b'"),
    ],
)
def test_what_only_a_shell_would_understand_is_refused(text: str) -> None:
    """Nothing is dropped in silence, and nothing is put in the place of a variable."""
    assert command_reason(text) != ""


def test_the_environment_is_the_users_without_keys_and_other_servers() -> None:
    """The URL is there, PATH and the app's own variables are; tokens and libpq's variables are not."""
    kept = {"PATH": "/bin", "HOME": "/root", "NODE_OPTIONS": "--x", "SHADOW_DATABASE_URL": "x"}
    gone = ("PGHOST", "PGPASSWORD", "XATA_API_KEY", "CLOUDFLARE_API_TOKEN", "PULUMI_CONFIG_PASSPHRASE", "GITHUB_TOKEN")
    given = {**kept, "DATABASE_URL": "another", **dict.fromkeys(gone, "secret")}
    assert environment(URL, given) == {**kept, "DATABASE_URL": URL}


def test_it_is_told_the_way_to_a_server_with_an_authority_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which certificates to trust, and where the sandbox's names are; what the user says to Node.js stays."""
    sandboxed, unknown = URL.replace("127.0.0.1", "b1.us-east-1.localhost"), Mock(side_effect=socket.gaierror)
    given = {"INFRA_DATABASE_CA": "/ours.pem", "NODE_OPTIONS": "--x", "PGSSLROOTCERT": "/another", "PGHOSTADDR": "::2"}
    trusted = {"NODE_EXTRA_CA_CERTS": "/ours.pem", "PGSSLROOTCERT": "/ours.pem"}
    assert environment(URL, given) == {"NODE_OPTIONS": "--x", "DATABASE_URL": URL, **trusted}
    assert environment(URL, {**given, "NODE_EXTRA_CA_CERTS": "/of-a-proxy"})["NODE_EXTRA_CA_CERTS"] == "/ours.pem"
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: ["found"])
    assert environment(sandboxed, given) == {"NODE_OPTIONS": "--x", "DATABASE_URL": sandboxed, **trusted}
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    told = environment(sandboxed, given)
    assert (told["PGHOSTADDR"], told["NODE_OPTIONS"][:14]) == ("127.0.0.1", "--x --require=")
    assert Path(told["NODE_OPTIONS"].split('"')[1]).is_file()


def test_a_missing_program_is_told(tmp_path: Path) -> None:
    """By its name, where it was looked for, and how it gets there."""
    tools, app = tmp_path / "bin", tmp_path / "app"
    for program in (tools / "npx", app / "migrate", app / "node_modules" / ".bin" / "dbmate"):
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    there = (["./migrate"], ["npx", "dbmate", "up"], ["npx", "--yes", "prisma@6", "migrate"], [str(app / "migrate")])
    assert [missing_reason(words, app, str(tools)) for words in there] == [""] * 4
    assert "prisma is not installed" in missing_reason(["npx", "prisma"], app, str(tools))
    assert "neither on the PATH" in missing_reason(["alembic", "upgrade"], app, str(tools))
    assert "neither on the PATH" in missing_reason(["./other"], app, str(tools))
    assert "is not there" in missing_reason(["npx"], tmp_path / "none", str(tools))
    with pytest.raises(LocalError, match="`no-such-program` cannot be run"):
        command.run(["no-such-program"], folder=app, url=URL, seconds=1, say=lambda _: None, given={})


def test_what_it_says_is_shown_without_the_password(tmp_path: Path) -> None:
    """However it is written, coloured or cut off; all else stands as it was said."""
    code = """
import base64, json, os, sys, urllib.parse
url = os.environ["DATABASE_URL"]
word = urllib.parse.unquote(url.split(":")[2].split("@")[0])
print("  applied 001.sql", flush=True)
for spelling in (url, word, urllib.parse.quote(word), urllib.parse.quote_plus(word), json.dumps(word),
                 word.encode().hex(),
                 base64.b64encode(word.encode()).decode(), base64.urlsafe_b64encode(("x" + word).encode()).decode()):
    print("it is", spelling, file=sys.stderr)
print("\\x1b[32m" + word[:4] + "\\x1b[0m" + word[4:])
print("\\0".join(word))
sys.stdout.buffer.write(b"\\xff\\xfe odd bytes\\n")
print("no end of line", end="")
"""
    said = run(tmp_path, code, PYTHONIOENCODING="utf-8")
    assert said[0] == "  applied 001.sql"
    assert said[-1] == "no end of line"
    assert len(said) == 13
    text = "\n".join(said)
    spelled = [PASSWORD, quote(PASSWORD), PASSWORD.encode().hex(), base64.b64encode(PASSWORD.encode()).decode()[:-4]]
    assert not [one for one in (*spelled, "corr&ct", "corr%26ct", "rse/b") if one in text]


def test_of_much_that_it_says_the_begin_and_the_end_are_shown(tmp_path: Path) -> None:
    """Nothing fills the log, and the error has the last words."""
    said: list[str] = []
    code = "import sys\nprint('x' * 200000)\nfor i in range(2000): print(i)\nsys.exit(3)"
    ending = r"ended with 3; the last that it said:\n +1995\n +1996\n +1997\n +1998\n +1999\n  next: "
    with pytest.raises(LocalError, match=ending) as caught:
        command.run(
            [sys.executable, "-c", code], folder=tmp_path, url=URL, seconds=SECONDS, say=said.append, given=os.environ
        )
    assert "once more" in caught.value.next_step
    assert len(said) == command.MOST_LINES + 1
    assert len(said[0]) <= command.LONGEST_SHOWN


def test_it_has_neither_terminal_nor_input(tmp_path: Path) -> None:
    """A question to the user ends at once instead of waiting for ever."""
    with pytest.raises(LocalError, match="EOFError"):
        run(tmp_path, "input('really? ')")


HANGING = """
import pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path("child").write_text(str(child.pid))
time.sleep(600)
"""


STARTER = """
import pathlib, sys
from components.postgres import command, supervisor
supervisor.GRACE_SECONDS = 0.2
words, folder = [sys.executable, "-c", sys.argv[1]], pathlib.Path(sys.argv[2])
command.run(words, folder=folder, url=sys.argv[3], seconds=600, say=print)
"""


def gone(pid: int) -> bool:
    """Whether a process has ended, or does within a few seconds."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_one_that_hangs_is_stopped_with_all_that_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the deadline, also where it does not listen to being asked; and what it leaves behind when it ends well."""
    monkeypatch.setattr(supervisor, "GRACE_SECONDS", 0.2)
    with pytest.raises(LocalError, match="did not end within 2 seconds and was stopped, without a word"):
        run(tmp_path, HANGING, seconds=2)
    assert gone(int((tmp_path / "child").read_text()))
    left = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid)"
    (pid,) = run(tmp_path, left)
    assert gone(int(pid))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_who_started_it(tmp_path: Path, how: signal.Signals) -> None:
    """Also when that one is killed and can do nothing about it."""
    words = [sys.executable, "-c", STARTER, HANGING, str(tmp_path), URL]
    starter = subprocess.Popen(words, cwd=Path(__file__).parents[3])
    until = time.monotonic() + SECONDS
    while not ((tmp_path / "child").is_file() and (tmp_path / "child").read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    starter.send_signal(how)
    assert gone(int((tmp_path / "child").read_text()))
    starter.wait(SECONDS)


def test_the_supervisor_needs_nothing_of_ours() -> None:
    """It is run as a file by itself; a program that cannot be started is told, with a status of its own."""
    words = [sys.executable, "-I", supervisor.__file__, "1", "no-such-program"]
    done = subprocess.run(words, stdin=subprocess.PIPE, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (
        supervisor.NOT_STARTED,
        "no-such-program cannot be started: No such file or directory\n",
    )
