"""The life of a server: made, healed, moved, stopped, removed."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest

from components.errors import LocalError, PostgresError, RefusedError
from components.postgres.server import binaries, cluster, folder, lifecycle, login, ports, process
from components.postgres.server.folder import Layout
from components.postgres.server.login import Attempt, LoginResult
from tests.components.postgres.conftest import freeze

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.postgres.server.lifecycle import Report
    from components.postgres.server.settings import ServerSettings

PROJECT = Path(__file__).resolve().parents[4]


def pid_of(report: Report) -> int:
    """The server's process number, 0 when it does not run."""
    server = process.find(Layout(root=report.folder))
    return int(server.process.pid) if server else 0


def look(settings: ServerSettings, report: Report) -> Report | None:
    """See how the server is."""
    return lifecycle.read(settings, report.folder, report.port)


def stop(report: Report) -> None:
    """Stop the server as a reboot does."""
    layout = Layout(root=report.folder)
    server = process.find(layout)
    assert server
    process.stop(layout, server)


def test_a_new_server_lets_the_app_in(settings: ServerSettings) -> None:
    """One call makes it, starts it and proves it."""
    report = lifecycle.ensure(settings)
    assert report.folder == Path(settings.data_folder)
    assert report.version == binaries.installed().server_version
    assert look(settings, report) == report


def test_a_second_run_changes_nothing(running: tuple[ServerSettings, Report]) -> None:
    """Same process, same port, same report."""
    settings, report = running
    pid = pid_of(report)
    assert lifecycle.ensure(settings) == report
    assert pid_of(report) == pid


def test_a_killed_server_comes_back_with_its_data(
    running: tuple[ServerSettings, Report], connect: Callable[[], psycopg.Connection]
) -> None:
    """After kill -9 a look sees it stopped; the next run starts it on the same port, every committed row there."""
    settings, report = running
    with connect() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    server = psutil.Process(pid_of(report))
    server.kill()
    _wait_for_end(server)
    seen = look(settings, report)
    assert seen
    assert not seen.running
    assert lifecycle.ensure(settings) == report
    with connect() as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_frozen_server_goes_on_with_its_sessions(
    running: tuple[ServerSettings, Report], connect: Callable[[], psycopg.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that was stopped where it is does not run as far as anyone can see, and up lets it run on."""
    settings, report = running
    monkeypatch.setattr(login, "CONNECT_TIMEOUT_SECONDS", 2)
    pid = pid_of(report)
    with connect() as session:
        freeze(report.folder)
        seen = look(settings, report)
        assert seen
        assert not seen.running
        assert lifecycle.ensure(settings).running
        assert session.execute("SELECT 1").fetchone() == (1,)
    assert pid_of(report) == pid


def test_a_frozen_server_can_be_taken_down(running: tuple[ServerSettings, Report]) -> None:
    """It is stopped as cleanly as any other."""
    settings, report = running
    freeze(report.folder)
    lifecycle.take_down(settings, report.folder, system_identifier=report.system_identifier, retain=True)
    assert pid_of(report) == 0
    lifecycle.ensure(settings)
    assert "not properly shut down" not in "".join(log.read_text() for log in report.folder.glob("log/*.log"))


def test_the_port_stays_the_same(running: tuple[ServerSettings, Report]) -> None:
    """Also when a lower one has become free, and when no state remembers it."""
    settings, report = running
    stop(report)
    mark = folder.read_mark(Layout(root=report.folder))
    assert mark
    assert mark.port == report.port
    assert lifecycle.ensure(settings).port == report.port


def test_a_new_port_moves_the_server(running: tuple[ServerSettings, Report]) -> None:
    """The declared port wins over the recorded one, and is recorded in its place."""
    settings, report = running
    port = ports.free_port(Path("/elsewhere") / str(os.getpid()))
    moved = lifecycle.ensure(dataclasses.replace(settings, preferred_port=port))
    assert moved.port == port
    assert ports.is_free(report.port)
    stop(moved)
    assert lifecycle.ensure(settings).port == port


def test_the_role_follows_a_new_password(
    running: tuple[ServerSettings, Report], connect: Callable[[], psycopg.Connection]
) -> None:
    """After destroy and up the state has a new password and the folder old data: the new one lets in, the old not."""
    settings, report = running
    with connect() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    changed = dataclasses.replace(settings, password="another-password")
    seen = look(changed, report)
    assert seen
    assert not seen.running
    assert lifecycle.ensure(changed).running
    with pytest.raises(psycopg.OperationalError):
        connect()
    with psycopg.connect(
        hostaddr="127.0.0.1", port=report.port, user="app", dbname="app", password="another-password"
    ) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_a_busy_server_is_left_alone(running: tuple[ServerSettings, Report], monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many connections are no reason for a restart: the run says so, and a look finds it running."""
    settings, report = running
    pid = pid_of(report)
    busy = Attempt(answer=LoginResult.OTHER, text="sorry, too many clients already")
    monkeypatch.setattr(login, "attempt", lambda _: busy)
    seen = look(settings, report)
    assert seen
    assert seen.running
    with pytest.raises(PostgresError, match=r"too many clients already"):
        lifecycle.ensure(settings)
    assert pid_of(report) == pid


def test_a_slow_start_is_not_cut_off(running: tuple[ServerSettings, Report], monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that still recovers when the limit is over is left to it, and the message says so."""
    settings, report = running
    slow = Attempt(answer=LoginResult.NOT_READY, text="the database system is starting up")
    monkeypatch.setattr(login, "attempt", lambda _: slow)
    with pytest.raises(PostgresError, match=r"not ready after 1 seconds .*left running"):
        lifecycle.ensure(dataclasses.replace(settings, start_timeout_seconds=1))
    assert pid_of(report)


def test_a_new_build_is_put_to_use(running: tuple[ServerSettings, Report], monkeypatch: pytest.MonkeyPatch) -> None:
    """When the package brings another minor version, the server is restarted with it."""
    settings, report = running
    pid = pid_of(report)
    newer = dataclasses.replace(binaries.installed(), version="18.99.1")
    monkeypatch.setattr(binaries, "installed", lambda: newer)
    assert lifecycle.ensure(settings).running
    assert pid_of(report) not in {0, pid}


def test_two_runs_at_once_make_one_server(settings: ServerSettings) -> None:
    """The second waits for the first and finds everything done."""
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lifecycle.ensure, [settings, settings])
    assert first == second


def test_a_held_lock_is_told(running: tuple[ServerSettings, Report], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits too long for another run is told what it waits for."""
    settings, report = running
    monkeypatch.setattr(lifecycle, "LOCK_SECONDS", 0.1)
    with (
        lifecycle._locked(Layout(root=report.folder)),
        pytest.raises(LocalError, match=r"another run has been changing"),
    ):
        lifecycle.ensure(settings)


def test_a_taken_port_leaves_no_trace(settings: ServerSettings) -> None:
    """A new server whose port is taken is refused before anything is made; the program is named."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalError, match=rf"port {port} of 127.0.0.1 is taken by .* \(pid {os.getpid()}\)"):
            lifecycle.ensure(dataclasses.replace(settings, preferred_port=port))
    assert not Path(settings.data_folder).exists()


def test_a_recorded_port_taken_meanwhile_is_refused(running: tuple[ServerSettings, Report]) -> None:
    """The server does not move on its own: .dev.vars and open tools know the old port."""
    settings, report = running
    stop(report)
    with (
        socket.create_server(("127.0.0.1", report.port)),
        pytest.raises(LocalError, match=rf"port {report.port} .* is taken by"),
    ):
        lifecycle.ensure(settings)
    assert lifecycle.ensure(settings) == report


def test_a_new_port_that_is_taken_stops_nothing(running: tuple[ServerSettings, Report]) -> None:
    """The running server goes on where it is."""
    settings, report = running
    pid = pid_of(report)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(LocalError, match=r"is taken by"):
        lifecycle.ensure(dataclasses.replace(settings, preferred_port=taken.getsockname()[1]))
    assert pid_of(report) == pid


def test_paths_may_hold_anything_printable(stopped: ServerSettings, place: Path) -> None:
    """Spaces, quotes, dollars and accents are no shell's business."""
    odd = place / """it's "odd" $HOME `é` %a \\ ;"""
    Path(stopped.data_folder).rename(odd)
    assert lifecycle.ensure(dataclasses.replace(stopped, data_folder=str(odd))).folder == odd


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs programs as somebody else")
def test_root_never_runs_the_server(running: tuple[ServerSettings, Report]) -> None:
    """Another account does, and it owns nothing but the data and the log."""
    _, report = running
    server = process.find(Layout(root=report.folder))
    assert server
    assert server.process.username() == report.account != "root"
    foreign = {path.name for path in report.folder.iterdir() if path.stat().st_uid != 0}
    assert foreign == {"data", "log", "pg_hba.conf"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may close folders to others it runs programs as")
def test_root_is_told_when_the_account_cannot_enter(settings: ServerSettings, place: Path) -> None:
    """A folder below root's own is refused before anything is made."""
    (place / "closed").mkdir(mode=0o700)
    with pytest.raises(LocalError, match=rf"may not enter {place / 'closed'}"):
        lifecycle.ensure(dataclasses.replace(settings, data_folder=str(place / "closed" / "server")))
    assert list((place / "closed").iterdir()) == []


KILLED_AT = """
import os, signal, sys
from pathlib import Path
from components.postgres.server import cluster, folder, lifecycle, login, process, roles
from components.postgres.server.settings import ServerSettings
module, name = sys.argv[2].split(".")
module = globals()[module]
real = getattr(module, name)
def killed(*arguments, **options):
    real(*arguments, **options)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(module, name, killed)
place = Path(sys.argv[1])
lifecycle.ensure(ServerSettings(stack="dev", project_folder=str(place / "clone"), data_folder=str(place / "server"),
                                database="app", user="app", password="correct-horse-battery"))
"""


@pytest.mark.parametrize("step", ["folder.write_mark", "cluster._initdb", "cluster.make_cluster", "roles.set_up"])
def test_a_run_killed_while_making_is_continued(settings: ServerSettings, place: Path, step: str) -> None:
    """After kill -9 behind any step of the making, the next run ends with a server that lets the app in."""
    _run_killed_after(step, place)
    assert lifecycle.ensure(settings).running


@pytest.mark.parametrize("step", ["process.start", "login.attempt"])
def test_a_run_killed_while_starting_is_continued(stopped: ServerSettings, place: Path, step: str) -> None:
    """The server that was just started is found, not started again."""
    _run_killed_after(step, place)
    server = process.find(Layout(root=Path(stopped.data_folder)))
    assert server
    report = lifecycle.ensure(stopped)
    assert pid_of(report) == server.process.pid
    assert report.port == server.port


def test_data_that_are_gone_are_seen_as_gone(running: tuple[ServerSettings, Report], place: Path) -> None:
    """A removed folder is the one thing a look calls gone."""
    settings, report = running
    assert lifecycle.read(settings, place / "nowhere", report.port) is None


def test_taking_down_keeps_the_data(
    running: tuple[ServerSettings, Report], connect: Callable[[], psycopg.Connection]
) -> None:
    """The server stops, the data wait for the next run, and the folder is free for another clone."""
    settings, report = running
    with connect() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    _take_down(settings, report, retain=True)
    assert not pid_of(report)
    other = dataclasses.replace(settings, project_folder=str(report.folder.parent))
    assert lifecycle.ensure(other) == report
    with connect() as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    with pytest.raises(LocalError, match=r"belongs to another clone"):
        lifecycle.ensure(settings)


def test_taking_down_can_remove_everything(running: tuple[ServerSettings, Report]) -> None:
    """Without retainData nothing of ours is left, and doing it again is fine."""
    settings, report = running
    _take_down(settings, report, retain=False)
    assert not report.folder.exists()
    _take_down(settings, report, retain=False)
    _take_down(settings, report, retain=True)


def test_files_of_others_in_the_folder_stay(running: tuple[ServerSettings, Report]) -> None:
    """A dump that the developer put there is not ours to remove."""
    settings, report = running
    (report.folder / "dump.sql").write_text("precious")
    _take_down(settings, report, retain=False)
    assert [path.name for path in report.folder.iterdir()] == ["dump.sql"]


def test_an_interrupted_removal_is_finished(stopped: ServerSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data moved out of their place but not yet removed go with the next attempt."""
    report = lifecycle.ensure(stopped)
    with monkeypatch.context() as patch:
        patch.setattr(cluster, "clear_leftovers", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            _take_down(stopped, report, retain=False)
    _take_down(stopped, report, retain=False)
    assert not report.folder.exists()


@pytest.mark.parametrize("change", [{"stack": "staging"}, {"project": str(PROJECT)}])
def test_a_folder_of_others_is_never_removed(stopped: ServerSettings, change: dict[str, str]) -> None:
    """With retainData false that is an error; with true the folder is left alone and forgotten."""
    report = lifecycle.ensure(stopped)
    layout = Layout(root=report.folder)
    mark = folder.read_mark(layout)
    assert mark
    folder.write_mark(layout, dataclasses.replace(mark, **change))  # type: ignore[arg-type]  # texts both
    with pytest.raises(RefusedError, match=r"are not removed: the folder belongs to"):
        _take_down(stopped, report, retain=False)
    _take_down(stopped, report, retain=True)
    assert pid_of(report)


def test_a_folder_without_our_mark_is_never_removed(stopped: ServerSettings) -> None:
    """Whoever removed the mark took the folder from us."""
    report = lifecycle.ensure(stopped)
    Layout(root=report.folder).mark.unlink()
    with pytest.raises(RefusedError, match=r"carries no mark of this project"):
        _take_down(stopped, report, retain=False)
    assert Layout(root=report.folder).version_file.exists()


def test_other_data_than_recorded_are_never_removed(running: tuple[ServerSettings, Report]) -> None:
    """A database restored into the folder is not the one this stack made."""
    settings, report = running
    with pytest.raises(RefusedError, match=r"not those that this stack made"):
        lifecycle.take_down(settings, report.folder, system_identifier="1", retain=False)
    assert pid_of(report)


def _take_down(settings: ServerSettings, report: Report, *, retain: bool) -> None:
    lifecycle.take_down(settings, report.folder, system_identifier=report.system_identifier, retain=retain)


def _wait_for_end(server: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        while server.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _run_killed_after(step: str, place: Path) -> None:
    command = [sys.executable, "-c", KILLED_AT, str(place), step]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
