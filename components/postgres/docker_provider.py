"""Pulumi's side of the role in the container. The class path is a contract with recorded state."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from components.dynamic import DynamicProvider
from components.postgres import docker_daemon, docker_role
from components.postgres.docker_role import DOOR, Before, Condition, RoleFacts, RoleSettings
from components.postgres.docker_settings import container_name_problem, docker_port_problem
from components.postgres.server.settings import database_problem, password_problem, timeout_problem, user_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from components.dynamic import Properties


class DockerRoleProvider(DynamicProvider):
    """Everything follows in place. `containerId` is there to look again when the container was replaced."""

    inputs = ("stack", "container", "containerId", "port", "database", "user", "password", "timeoutSeconds")
    secret_inputs: ClassVar[frozenset[str]] = frozenset({"password"})

    rules: ClassVar[Mapping[str, Callable[[Any], str]]] = {
        "container": container_name_problem,
        "port": docker_port_problem,
        "database": database_problem,
        "user": user_problem,
        "password": password_problem,
        "timeoutSeconds": timeout_problem,
    }

    @override
    def judge(self, news: Properties) -> Mapping[str, str]:
        reasons = {name: rule(news[name]) for name, rule in self.rules.items() if news.get(name) is not None}
        return {name: reason for name, reason in reasons.items() if reason}

    @override
    def needs_update(self, olds: Properties, news: Properties) -> bool:
        return bool(olds.get("condition") != Condition.IN_PLACE)

    @override
    def make(self, news: Properties) -> tuple[str, Properties]:
        return f"{news['stack']}/{news['container']}", _converged(news, Before())

    @override
    def change(self, resource_id: str, olds: Properties, news: Properties) -> Properties:
        return _converged(news, _before(olds))

    @override
    def look(self, resource_id: str, olds: Properties) -> Properties | None:
        return {**olds, **_outputs(docker_role.look(_settings(olds), _before(olds), DOOR))}


def _converged(news: Properties, before: Before) -> Properties:
    from components.postgres.docker_engine import open_engine  # noqa: PLC0415 - the SDK is slow, and rarely needed

    daemon = docker_daemon.find(os.environ)
    with open_engine(daemon.address, os.environ) as engine:
        return _outputs(docker_role.converge(_settings(news), before, engine=engine, door=DOOR))


def _settings(properties: Properties) -> RoleSettings:
    return RoleSettings(
        stack=properties["stack"],
        container=properties["container"],
        port=properties["port"],
        database=properties["database"],
        user=properties["user"],
        password=properties["password"],
        timeout_seconds=properties["timeoutSeconds"],
    )


def _before(olds: Properties) -> Before:
    return Before(
        system_identifier=olds.get("systemIdentifier") or "",
        user=olds.get("user") or "",
        database=olds.get("database") or "",
    )


def _outputs(facts: RoleFacts) -> Properties:
    """Version is left as it was where a look could not read it: it is no drift that a server is down."""
    known = {"version": facts.version} if facts.version else {}
    return {"condition": str(facts.condition), "systemIdentifier": facts.system_identifier, **known}
