"""The server's process: detached, found again, and never mistaken for another."""

from __future__ import annotations

import dataclasses
import os
import signal
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from components.errors import LocalError, PostgresError
from components.postgres.server import lifecycle, ports, process
from components.postgres.server.folder import Layout

if TYPE_CHECKING:
    from components.postgres.server.lifecycle import Report
    from components.postgres.server.settings import ServerSettings


def pid_of(report: Report) -> int:
    """The server's process number."""
    server = process.find(Layout(root=report.folder))
    assert server
    return int(server.process.pid)


def test_a_server_outlives_the_program_that_started_it(
    stopped: ServerSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has a session of its own, none of our open files, and none of our environment."""
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)  # noqa: FBT003 - the system's own signature
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "geheim")
    pid = pid_of(lifecycle.ensure(stopped))
    os.close(writing)
    assert os.read(reading, 1) == b""  # the end of the pipe: nobody else holds it open
    os.close(reading)
    assert os.getsid(pid) == pid
    assert "PULUMI_CONFIG_PASSPHRASE" not in psutil.Process(pid).environ()


def test_nothing_a_server_writes_can_be_read_by_others(running: tuple[ServerSettings, Report]) -> None:
    """Logs, marks and data are private."""
    _, report = running
    files = [path for path in report.folder.rglob("*") if path.is_file()]
    assert any(path.parent.name == "log" for path in files)
    assert [path for path in files if path.stat().st_mode & 0o077] == []


def test_the_password_is_nowhere_in_the_clear(running: tuple[ServerSettings, Report]) -> None:
    """Neither in a file of the server nor in the arguments of its processes."""
    settings, report = running
    needle = settings.password.encode()
    assert [path for path in report.folder.rglob("*") if path.is_file() and needle in path.read_bytes()] == []
    main = psutil.Process(pid_of(report))
    assert settings.password not in str([each.cmdline() for each in (main, *main.children())])


def test_only_the_loopback_is_listened_on(running: tuple[ServerSettings, Report]) -> None:
    """No other address, and no socket file."""
    _, report = running
    listening = psutil.Process(pid_of(report)).net_connections()
    assert {each.laddr for each in listening if each.status == psutil.CONN_LISTEN} == {("127.0.0.1", report.port)}
    assert not list(Path("/tmp").glob(f".s.PGSQL.{report.port}*"))  # noqa: S108 - where Postgres puts it by default


def test_a_server_that_is_gone_is_not_found(running: tuple[ServerSettings, Report]) -> None:
    """After kill -9 its notes are still there, and believed no more."""
    _, report = running
    os.kill(pid_of(report), signal.SIGKILL)
    layout = Layout(root=report.folder)
    _wait_until_gone(layout)
    assert (layout.data / process.PID_FILE).exists()
    assert process.find(layout) is None


@pytest.mark.parametrize("pid", ["{ours}", "-{ours}", "0", "99999999999", "x", ""])
def test_notes_that_name_another_process_are_not_believed(stopped: ServerSettings, pid: str) -> None:
    """A number handed out again after a reboot neither fools us nor keeps the server from starting."""
    layout = Layout(root=Path(stopped.data_folder))
    notes = layout.data / process.PID_FILE
    number = pid.format(ours=os.getpid())
    notes.write_text(f"{number}\n{layout.data}\n1\n5432\n\n127.0.0.1\n  1 1\nready   \n")
    os.chown(notes, layout.data.stat().st_uid, layout.data.stat().st_gid)
    assert process.find(layout) is None
    if number.lstrip("-") == str(os.getpid()):
        assert lifecycle.ensure(stopped).running


def test_another_folders_server_is_not_ours(running: tuple[ServerSettings, Report], place: Path) -> None:
    """A Postgres of other data is found under its own folder alone."""
    _, report = running
    other = Layout(root=place / "other")
    other.data.mkdir(parents=True)
    notes = (report.folder / "data" / process.PID_FILE).read_text()
    (other.data / process.PID_FILE).write_text(notes)
    assert process.find(other) is None


def test_a_port_taken_while_starting_is_named(stopped: ServerSettings) -> None:
    """What the server itself finds out is told as clearly as what we see before."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ports, "is_free", lambda _: True)
            with pytest.raises(LocalError, match=rf"port {port} of 127.0.0.1 is taken by"):
                lifecycle.ensure(dataclasses.replace(stopped, preferred_port=port))
    assert process.find(Layout(root=Path(stopped.data_folder))) is None


def test_a_reason_that_is_written_late_is_waited_for(place: Path) -> None:
    """The log's own process may write the last words down after the server has ended."""
    layout = Layout(root=place)
    layout.log.mkdir(parents=True)
    late = threading.Timer(0.3, (layout.log / "postgres-Mon.log").write_text, ["FATAL:  not today"])
    late.start()
    assert "not today" in process._Log(layout).last_words()
    late.join()


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ('FATAL:  could not write to file "x": No space left on device', LocalError, "the disk of"),
        ("LOG:  x\nFATAL:  database files are incompatible with server", PostgresError, "database files are incompat"),
        ("", PostgresError, "it gave no reason"),
    ],
)
def test_a_server_that_gives_up_is_quoted(place: Path, said: str, kind: type[Exception], words: str) -> None:
    """The reason comes from its own words, and the message says where to read on."""
    error = process.failure(Layout(root=place), 5432, said)
    assert isinstance(error, kind)
    assert words in str(error)
    assert error.next_step


def test_damaged_settings_are_quoted(stopped: ServerSettings) -> None:
    """A server that refuses its own configuration says which line."""
    with (Path(stopped.data_folder) / "data" / "postgresql.conf").open("a") as file:
        file.write("\nnonsense = 1\n")
    with pytest.raises(PostgresError, match=r"did not start: .*(configuration file|nonsense)"):
        lifecycle.ensure(stopped)


def test_a_link_in_place_of_a_log_is_not_followed(stopped: ServerSettings, place: Path) -> None:
    """The account that runs the server cannot make root read something else."""
    layout = Layout(root=Path(stopped.data_folder))
    (place / "secret").write_text("FATAL:  geheim")
    (layout.log / "postgres-Xxx.log").symlink_to(place / "secret")
    assert "geheim" not in process.newest_words(layout)


def _wait_until_gone(layout: Layout) -> None:
    end = time.monotonic() + 10
    while process.find(layout) is not None and time.monotonic() < end:
        time.sleep(0.02)
