"""Whether Docker can be used on this machine: a daemon that answers, and the provider plugin. Knows no Pulumi."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from components import plugins
from components.errors import LocalError
from components.postgres import docker_daemon
from components.postgres.choice import Availability

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PACKAGE: Final = "docker"


def availability(
    environment: Mapping[str, str],
    *,
    may_download: bool,
    find: Callable[[Mapping[str, str]], docker_daemon.Daemon] = docker_daemon.find,
) -> Availability:
    """Look whether Docker can be used.

    Args:
        environment: The program's environment.
        may_download: Whether a missing plugin can still come; not inside a program (`components.plugins`).
        find: Finds the daemon.
    """
    if environment.get(plugins.ENGINE) == "embedded":
        return Availability(available=False, reason=plugins.NOT_EMBEDDED, next_step=plugins.GET_CLI)
    missing = plugins.problem(PACKAGE, environment, may_download=may_download)
    if missing:
        return Availability(available=False, reason=missing, next_step=plugins.install(PACKAGE))
    try:
        daemon = find(environment)
    except LocalError as error:
        return Availability(available=False, reason=error.message, next_step=error.next_step)
    return Availability(available=True, reason=f"a Docker daemon answers at {daemon.address}")
