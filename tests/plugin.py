"""What holds for every test."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import itertools
import os
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from hypothesis import HealthCheck, settings

from operations import stack_names
from pulumi_embedded import shared_forkserver
from tests.own_project import PROJECT, copy_project

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = {"acceptance", "docs", "test_workflows_runs.py", "test_workflows_workers.py"}
"""Folders and files of tests that walk through a whole clone."""
CHEAP = {"untouched"}
"""Fixtures of a file that each worker may make for itself."""
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
OWN_PROJECT = "own-project"
"""The folder's name in that of the run."""
SHARED = pytest.StashKey[contextlib.ExitStack]()
"""What all tests of the run share, until its end."""
RUN = pytest.StashKey[Path]()
"""The folder in which everything temporary of this run lies; what a process of the run says of itself names it."""
LEFT = pytest.StashKey[list[str]]()
"""The processes that this run has left."""
OTHER_PROGRAMS = ("PG", "PIP_CONSTRAINT", "UV_CONSTRAINT", "UV_EXCLUDE_NEWER")
"""Beginnings of variables that say what psql, pip and uv do elsewhere; what we make of them has tests of its own."""
ENDING_SECONDS = 120
"""For processes that were told to end just before."""

# How long an example takes says more about the machine than about us: on a busy one a limit fails what is right.
# An everyday run tries the same examples each time and fails for what was changed; the nightly one looks further.
settings.register_profile(
    "everyday",
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile("thorough", settings.get_profile("everyday"), max_examples=300, derandomize=False)
settings.load_profile("thorough" if os.environ.get("INFRA_TEST_THOROUGH") else "everyday")


class _LeftOut:
    """Skips what imports the sandbox, or a test's module that came with it, in a project that was made without."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name.startswith(("cloud_sandbox", "tests.")):
            pytest.skip("needs the sandbox, and this project was made without", allow_module_level=True)


if not (PROJECT / "packages/cloud-sandbox").is_dir():
    sys.meta_path.append(_LeftOut())  # after everybody who might have found it


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """No test talks to another machine, not even by mistake; those marked `xata` are asked for by name."""
    if request.node.get_closest_marker("xata"):
        return
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6} and address[0] not in LOOPBACK:
            raise AssertionError(f"a test connects to {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _event_loop() -> Iterator[None]:
    """Give each test the loop that Pulumi's SDK counts on, and close what it leaves.

    One that is merely forgotten is a warning in whatever test runs when it is collected.
    """
    lasting = _lasting_loop()
    asyncio.set_event_loop(lasting)
    yield
    with contextlib.suppress(RuntimeError):  # `asyncio.run` leaves none
        left = asyncio.get_event_loop()
        if left is not lasting:
            left.close()


@functools.cache
def _lasting_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    atexit.register(loop.close)
    return loop


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Give the run a folder of its own, below which all tests, and the processes they start, make their files.

    In it is the project that tests work in. A conftest loads the program, which is told of its place before.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:  # a worker lives in the folder of the run it belongs to
        run = early_config.stash[RUN] = Path(tempfile.mkdtemp(prefix="infra-run-"))
        run.chmod(0o755)  # the account that runs Postgres must be able to enter
        os.environ["TMPDIR"], tempfile.tempdir = str(run), None
        early_config.add_cleanup(functools.partial(_forget, early_config))
        copy_project(run / OWN_PROJECT)
    stack_names.PROJECT = Path(tempfile.gettempdir()) / OWN_PROJECT


def _forget(config: pytest.Config) -> None:
    """Remove what a command line leaves that begins no session, such as a wrong one."""
    if LEFT not in config.stash:
        shutil.rmtree(config.stash[RUN])


def pytest_configure(config: pytest.Config) -> None:
    """Let the run's processes be those that a test expects, whatever the shell is that starts it."""
    if RUN not in config.stash:
        return
    for name in [name for name in os.environ if name.startswith(OTHER_PROGRAMS)]:
        del os.environ[name]
    # What `python3` is on the PATH may be a script that looks for one, at more cost than the command it then starts.
    os.environ["PATH"] = f"{sys.base_prefix}/bin{os.pathsep}{os.environ['PATH']}"
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job; what we start would be deaf, too
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[SHARED] = contextlib.ExitStack()
    config.stash[SHARED].enter_context(shared_forkserver())


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run of which a process is left, and name it; remove the folder of a run that went well."""
    if RUN not in session.config.stash:
        return
    session.config.stash[SHARED].close()
    run = session.config.stash[RUN]
    psutil.wait_procs(_processes_of(run), timeout=ENDING_SECONDS)
    session.config.stash[LEFT] = [f"{one.pid} {' '.join(one.cmdline())[:200]}" for one in _processes_of(run)]
    if session.config.stash[LEFT] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if session.exitstatus == pytest.ExitCode.OK:
        shutil.rmtree(run, ignore_errors=True)


def _processes_of(run: Path) -> list[psutil.Process]:
    """The processes whose command, folder or environment names the run's folder, but for this one and those above."""
    found = []
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            said = [*process.cmdline(), process.cwd(), *process.environ().values()]
            if process.pid not in ours and any(run.name in one for one in said):
                found.append(process)
    return found


def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are cores: many tests wait for a process, and leave theirs idle meanwhile."""
    return max(2, len(os.sched_getaffinity(0)) * 3 // 2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what repeats others at greater length, unless it is asked for; begin with what takes long."""
    for item in items:
        if item.get_closest_marker("cli") and not shutil.which("pulumi"):
            item.add_marker(pytest.mark.skip(reason="there is no pulumi on the PATH: ./infra setup --pulumi gets it"))
    if not os.environ.get("INFRA_TEST_THOROUGH"):
        for item in items:
            if item.get_closest_marker("thorough"):
                item.add_marker(pytest.mark.skip(reason="takes minutes; INFRA_TEST_THOROUGH=1 runs it"))
    items[:] = _long_ones_first(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def _long_ones_first(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """The tests in an order in which each worker begins with its share of the long ones.

    A worker gets the next part of the list, all parts being of one size but for one test. What is begun last must be
    short, or all others wait for it. Tests that share what is dear to make go to one worker, which makes it once.
    """
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        if LONG & {item.path.parent.name, item.path.name} and not item.get_closest_marker("skip"):
            groups.setdefault(_shared(item), []).append(item)
    shares: list[list[pytest.Item]] = [[] for _ in range(workers)]
    for group in sorted(groups.values(), key=len, reverse=True):
        min(shares, key=len).extend(group)
    long = {item for share in shares for item in share}
    short = iter([item for item in items if item not in long])
    ordered: list[pytest.Item] = []
    for number, share in enumerate(shares):
        size = (len(items) - len(ordered)) // (workers - number)
        ordered += [*share, *itertools.islice(short, max(0, size - len(share)))]
    return [*ordered, *short]


def _shared(item: pytest.Item) -> str:
    """What a test has in common with those that must not make it again: a run's fixture, a file's, or nothing."""
    names = set(getattr(item, "fixturenames", ())) - CHEAP
    info = getattr(item, "_fixtureinfo", None)
    scopes = {found[-1].scope for name, found in info.name2fixturedefs.items() if name in names} if info else set()
    return "founded" if "founded" in names else item.path.name if "module" in scopes else item.nodeid


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have to say for whoever wants to repeat them, such as the seed of a random walk."""
    for line in terminalreporter.config.stash.get(LEFT, []):
        terminalreporter.write_line(f"a process of this run is left: {line}", red=True)
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    said = sorted(value for report in reports for name, value in report.user_properties if name == "said")
    for line in said:
        terminalreporter.write_line(str(line))
