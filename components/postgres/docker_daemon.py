"""Whether Docker can be used on this machine: the provider plugin, and the daemon that it will use. Knows no Pulumi.

The plugin says no more than "failed to connect to any docker daemon", after seven seconds. Here the same addresses are
asked in the same order, and each answer is kept.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from components import plugins
from components.errors import LocalError
from components.postgres.choice import Availability

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PACKAGE: Final = "docker"
DEFAULT_ADDRESS = "unix:///var/run/docker.sock"
USER_SOCKETS = (".docker/run/docker.sock", ".docker/desktop/docker.sock")
"""Where Docker Desktop listens when it was installed without an administrator."""

PING_SECONDS = 3

_TO_HOST = "set DOCKER_HOST to what `docker context inspect{} --format '{{{{.Endpoints.docker.Host}}}}'` prints"
_CONTEXT_HINT = f"if `docker info` works in your shell, it uses a context: {_TO_HOST.format('')}"


@dataclass(frozen=True, kw_only=True)
class Daemon:
    """A daemon that answered."""

    address: str


def addresses(environment: Mapping[str, str], *, home: Path) -> tuple[str, ...]:
    """The addresses the plugin tries, in its order: `DOCKER_HOST` alone, or the default ones."""
    named = environment.get("DOCKER_HOST", "")
    return (named,) if named else (DEFAULT_ADDRESS, *(f"unix://{home / path}" for path in USER_SOCKETS))


def find(
    environment: Mapping[str, str],
    *,
    home: Path | None = None,
    ask: Callable[[str, Mapping[str, str]], str] | None = None,
) -> Daemon:
    """The daemon the plugin will use.

    Args:
        environment: `DOCKER_HOST` and its companions for TLS are read.
        home: The user's folder.
        ask: Asks one address; answers what is wrong, or nothing.

    Raises:
        LocalError: None answers, it is not this machine's, or the variables name two. Every address is named with its
            cause.
    """
    _require_one_answer(environment)
    failures = []
    for address in addresses(environment, home=home or Path.home()):
        reason = remote_reason(address) or (ask or ping)(address, environment)
        if not reason:
            return Daemon(address=address)
        failures.append(f"{address}: {reason}")
    named = " (from DOCKER_HOST)" if environment.get("DOCKER_HOST") else ""
    raise LocalError(
        f"no Docker daemon answers{named}:\n" + "\n".join(f"  {failure}" for failure in failures),
        next_step="start Docker (Docker Desktop, or `sudo systemctl start docker`); " + _CONTEXT_HINT,
    )


def availability(
    environment: Mapping[str, str],
    *,
    may_download: bool,
    look_for: Callable[[Mapping[str, str]], Daemon] = find,
) -> Availability:
    """Look whether Docker can be used.

    Args:
        environment: The program's environment.
        may_download: Whether a missing plugin can still come; not inside a program (`components.plugins`).
        look_for: Finds the daemon.
    """
    if environment.get(plugins.ENGINE) == "embedded":
        return Availability(available=False, reason=plugins.NOT_EMBEDDED, next_step=plugins.GET_CLI)
    missing = plugins.problem(PACKAGE, environment, may_download=may_download)
    if missing:
        return Availability(available=False, reason=missing, next_step=plugins.install(PACKAGE))
    try:
        daemon = look_for(environment)
    except LocalError as error:
        return Availability(available=False, reason=error.message, next_step=error.next_step)
    return Availability(available=True, reason=f"a Docker daemon answers at {daemon.address}")


def _require_one_answer(environment: Mapping[str, str]) -> None:
    """Refuse DOCKER_CONTEXT, by which the plugin would look at one daemon and work on another.

    It asks the address of `DOCKER_HOST`, or a default one, whether a daemon is there. Then it works on the context's,
    and fails where the context has no file, as `default` has none. Docker's own tools prefer `DOCKER_HOST`.
    """
    context = environment.get("DOCKER_CONTEXT", "")
    if not context:
        return
    host = environment.get("DOCKER_HOST", "")
    step = "" if host or context == "default" else f", and {_TO_HOST.format(f' {context}')}"
    raise LocalError(
        f"DOCKER_CONTEXT={context} is set{' beside DOCKER_HOST' if host else ''}: the Docker provider plugin would "
        "look for the daemon at one address and work on the context's",
        next_step=f"unset DOCKER_CONTEXT{step}",
    )


def remote_reason(address: str) -> str:
    """Why a daemon at this address is of no use here; empty when it is this machine's."""
    parts = urlsplit(address)
    if parts.scheme in {"unix", "npipe"}:
        return ""
    if parts.scheme in {"tcp", "http", "https"} and _is_loopback(parts.hostname or ""):
        return ""
    if parts.scheme in {"tcp", "http", "https", "ssh"}:
        return "it is another machine: its containers listen on that machine's 127.0.0.1, out of this one's reach"
    return "it is no address of a daemon; allowed: unix:///path, or tcp://127.0.0.1:port"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def ping(address: str, environment: Mapping[str, str]) -> str:
    """Ask one daemon whether it is there; answers what is wrong, or nothing."""
    problem = socket_reason(address)
    if problem:
        return problem
    from components.postgres.docker_engine import open_engine  # noqa: PLC0415 - slow, and not needed where nobody listens

    try:
        with open_engine(address, environment, timeout_seconds=PING_SECONDS) as engine:
            engine.ping()
    except LocalError as error:
        return error.message
    return ""


def socket_reason(address: str) -> str:
    """Why nobody can be reached at a unix socket, in words; empty when somebody listens, or for another address."""
    parts = urlsplit(address)
    if parts.scheme != "unix":
        return ""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(PING_SECONDS)
        try:
            asking.connect(parts.path)
        except FileNotFoundError:
            return "there is no such socket: Docker is not installed or not running"
        except PermissionError:
            return "this account may not open it: `sudo usermod -aG docker $USER`, then log in again"
        except ConnectionRefusedError:
            return "the socket is there, but nobody listens: the daemon has stopped"
        except OSError as error:
            return error.strerror or str(error)
    return ""
