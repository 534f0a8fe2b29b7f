"""The life of one server: brought up as declared, looked at, taken down."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from components.errors import LocalError, PostgresError, RefusedError
from components.postgres.server import binaries, cluster, folder, login, ports, process, roles
from components.postgres.server.account import choose_account, user_name
from components.postgres.server.binaries import Programs
from components.postgres.server.faults import told
from components.postgres.server.folder import Layout, Mark
from components.postgres.server.login import Attempt, Login, LoginResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from components.postgres.server.process import Server
    from components.postgres.server.settings import ServerSettings

LOCK_SECONDS = 300
"""How long one run waits for another that changes the same server."""
PAUSE_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Report:
    """A server as it is.

    Attributes:
        running: It runs on its port and lets the app in.
        version: Postgres's version, such as `18.6`.
        account: Who runs it.
    """

    folder: Path
    port: int
    running: bool
    version: str
    system_identifier: str
    account: str


def ensure(settings: ServerSettings) -> Report:
    """Bring the server up as declared. Every step looks first, so a run continues where an earlier one was stopped.

    Raises:
        LocalError: The machine is in the way. Nothing was touched.
        RefusedError: The folder holds data of another version. Nothing was touched.
        PostgresError: The server would not start, or not let the app in.
    """
    layout = Layout(root=folder.server_folder(settings))
    with told(layout.root):
        mark = folder.check(layout, settings)
        if mark is None:
            _choose_port(layout, settings, mark)  # before the folder is made: a taken port leaves no trace
        programs = _programs(layout)
        _make_root(layout, programs)
        with _locked(layout):
            return _Run(layout, settings, programs).ensure()


def read(settings: ServerSettings, root: Path, port: int) -> Report | None:
    """See how the server is, touching nothing; None when its data are gone."""
    layout = Layout(root=root)
    with told(root):
        if not layout.version_file.exists():
            return None
        identifier = folder.system_identifier(layout)
    server = process.find(layout)
    attempt = Attempt(answer=LoginResult.NOT_READY)
    if server is not None and server.port == port:
        attempt = login.attempt(_login(settings, port))
    owner = folder.data_owner(layout)
    return Report(
        folder=root,
        port=port,
        running=attempt.answer in {LoginResult.LET_IN, LoginResult.OTHER},
        version=attempt.version,
        system_identifier=identifier,
        account=user_name(os.geteuid() if owner is None else owner),
    )


def take_down(settings: ServerSettings, root: Path, *, system_identifier: str, retain: bool) -> None:
    """Stop the server, and remove the data unless they are to be kept.

    A folder that is not ours (any more) is left alone.

    Raises:
        RefusedError: The data were to be removed, but the folder holds somebody else's, or others than recorded.
    """
    layout = Layout(root=root)
    with told(root):
        if not root.is_dir():
            return
        if not retain:
            require_removable(settings.stack, Path(settings.project_folder), root, system_identifier=system_identifier)
        if _stranger(layout, settings.stack, Path(settings.project_folder)):
            return
        with _locked(layout):
            _take_down(layout, retain=retain)


def require_removable(stack: str, project_folder: Path, root: Path, *, system_identifier: str) -> None:
    """Ask for what keeps a server's data from being removed.

    Args:
        stack: Whose server it is.
        project_folder: The clone that owns it.
        root: Its folder.
        system_identifier: That of its data.

    Raises:
        RefusedError: The folder holds somebody else's, or others than recorded.
    """
    layout = Layout(root=root)
    with told(root):
        if not root.is_dir():
            return
        whose = _stranger(layout, stack, project_folder)
        if whose:
            raise RefusedError(
                f"the data in {root} are not removed: the folder {whose}",
                next_step="set retainData to true to forget this server and leave the folder alone",
            )
        if layout.version_file.exists() and folder.system_identifier(layout) != system_identifier:
            raise RefusedError(
                f"the data in {root} are not removed: they are not those that this stack made",
                next_step="set retainData to true to forget this server and keep the data, or remove the folder "
                "yourself",
            )


def _take_down(layout: Layout, *, retain: bool) -> None:
    server = process.find(layout)
    if server is not None:
        process.stop(layout, server)
    if retain:
        mark = folder.read_mark(layout)
        if mark is not None:
            folder.write_mark(layout, replace(mark, project=""))
        return
    cluster.remove_cluster(layout)
    _remove_known(layout)


def _remove_known(layout: Layout) -> None:
    """Remove the files that are ours, the mark last; the folder itself only when nothing else is in it."""
    for path in layout.log.glob("*.log"):
        path.unlink(missing_ok=True)
    for path in (layout.start_log, layout.hba, layout.half_mark, layout.mark, layout.lock):
        path.unlink(missing_ok=True)
    for emptied in (layout.log, layout.root):
        with contextlib.suppress(OSError):
            emptied.rmdir()


def _stranger(layout: Layout, stack: str, project_folder: Path) -> str:
    """Why the folder is not ours, as the end of a sentence; empty when it is."""
    mark = folder.read_mark(layout)
    if mark is None:
        return "carries no mark of this project"
    owner = folder.other_owner(mark, stack, project_folder)
    return f"belongs to {owner}" if owner else ""


class _Run:
    """One `ensure`, under the lock."""

    def __init__(self, layout: Layout, settings: ServerSettings, programs: Programs) -> None:
        self._layout = layout
        self._settings = settings
        self._programs = programs
        self._deadline = time.monotonic() + settings.start_timeout_seconds

    def ensure(self) -> Report:
        mark = folder.check(self._layout, self._settings)  # again: another run may have been here before us
        port = _choose_port(self._layout, self._settings, mark)
        self._mark = folder.claimed(mark, self._settings)
        if self._mark != mark:
            folder.write_mark(self._layout, self._mark)
        self._make_log_folder()
        if not self._layout.version_file.exists():
            cluster.make_cluster(self._layout, self._programs)
            roles.set_up(self._layout, self._programs, self._settings, self._mark)
        attempt = self._up(port)
        done = replace(self._mark, port=port, database=self._settings.database, user=self._settings.user)
        if done != self._mark:
            folder.write_mark(self._layout, done)
        return Report(
            folder=self._layout.root,
            port=port,
            running=True,
            version=attempt.version,
            system_identifier=folder.system_identifier(self._layout),
            account=self._programs.account.name,
        )

    def _up(self, port: int) -> Attempt:
        """Start what does not run, restart what runs otherwise than declared, and prove it by logging in."""
        server = process.find(self._layout)
        if server is not None and server.port != port:
            process.stop(self._layout, server)
            server = None
        attempt, server = self._let_in(server, port)
        if attempt.answer is LoginResult.REFUSED:
            process.stop(self._layout, server)
            roles.set_up(self._layout, self._programs, self._settings, self._mark)
            attempt, server = self._let_in(None, port)
        elif attempt.answer is LoginResult.LET_IN and attempt.version != self._programs.install.server_version:
            process.stop(self._layout, server)
            attempt, server = self._let_in(None, port)
        if attempt.answer is not LoginResult.LET_IN:
            raise PostgresError(
                f"the server in {self._layout.root} runs on port {port} but does not let {self._settings.user!r} "
                f"into {self._settings.database!r}: {attempt.text}",
                next_step=f"look at the newest file in {self._layout.log}, and run the command again",
            )
        return attempt

    def _let_in(self, server: Server | None, port: int) -> tuple[Attempt, Server]:
        """Log in, as soon as the server is ready for it."""
        if server is None:
            name = f"infra-{self._settings.stack}"
            server = process.start(self._layout, self._programs, port, name=name, deadline=self._deadline)
        server.resume()
        while True:
            attempt = login.attempt(_login(self._settings, port))
            if attempt.answer is not LoginResult.NOT_READY:
                return attempt, server
            if not server.alive():
                raise process.failure(self._layout, port, process.newest_words(self._layout))
            if time.monotonic() > self._deadline:
                raise PostgresError(
                    f"the server in {self._layout.root} is not ready after "
                    f"{self._settings.start_timeout_seconds} seconds ({attempt.text}); it was left running",
                    next_step="run the command again: it goes on waiting; or raise startTimeoutSeconds",
                )
            time.sleep(PAUSE_SECONDS)

    def _make_log_folder(self) -> None:
        if not self._layout.log.exists():
            self._layout.log.mkdir()
            self._layout.log.chmod(0o700)
            self._programs.account.give(self._layout.log)


def _programs(layout: Layout) -> Programs:
    """Postgres's programs for the right account, if the data and the folder let that account in."""
    owner = folder.data_owner(layout)
    account = choose_account(owner)
    if owner not in {None, account.uid}:
        raise LocalError(
            f"the data in {layout.data} are owned by {user_name(owner or 0)}, but the server would run as "
            f"{account.name}",
            next_step=f"give {account.name} the data: chown -R {account.name} {layout.data} {layout.log}",
        )
    entered = next(step for step in (layout.root, *layout.root.parents) if step.exists())
    if account.switch and not account.can_enter(entered):
        raise LocalError(
            f"the account {account.name}, which runs the server for root, may not enter {entered}",
            next_step=f"leave dataFolder empty (the data then live below {binaries.SYSTEM_FOLDER}), "
            f"or name a folder that {account.name} may enter",
        )
    return Programs(install=binaries.usable_by(account, binaries.installed()), account=account)


def _choose_port(layout: Layout, settings: ServerSettings, mark: Mark | None) -> int:
    """The configured port, else the one this server always had, else a free one.

    Raises:
        LocalError: Somebody else has it.
    """
    server = process.find(layout)
    port = settings.preferred_port or (mark.port if mark else 0) or (server.port if server else 0)
    if port == 0:
        return ports.free_port(layout.root)
    if (server is None or server.port != port) and not ports.is_free(port):
        raise ports.taken(port)
    return port


def _make_root(layout: Layout, programs: Programs) -> None:
    """Make the server's folder, with the folders above it. Root's lets the account through, and shows it nothing."""
    switch = programs.account.switch
    for missing in reversed([step for step in layout.root.parents if not step.exists()]):
        missing.mkdir(exist_ok=True)
        missing.chmod(0o755 if switch else 0o700)
    layout.root.mkdir(exist_ok=True)
    layout.root.chmod(0o711 if switch else 0o700)


@contextlib.contextmanager
def _locked(layout: Layout) -> Iterator[None]:
    lock = FileLock(layout.lock, timeout=LOCK_SECONDS, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        raise LocalError(
            f"another run has been changing the server in {layout.root} for more than {LOCK_SECONDS} seconds",
            next_step="wait for it to end, or stop it, and run the command again",
        ) from None
    try:
        yield
    finally:
        lock.release()


def _login(settings: ServerSettings, port: int) -> Login:
    return Login(port=port, database=settings.database, user=settings.user, password=settings.password)
