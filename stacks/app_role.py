"""The app's own logins in an environment: between its database and whoever is told of it (`infra:appRole`)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import pulumi

from components.connection import Connection
from components.postgres import app_role
from components.postgres.app_login import (
    AppLogin,
    AppLoginInputs,
    AppRights,
    AppRightsInputs,
    AppSpare,
    AppSpareInputs,
)
from components.postgres.sqlfiles import declare as declare_file
from components.postgres.sqlfiles import read_sql
from components.resource import later
from stacks import names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from components.postgres.database import DatabaseConnection
    from components.postgres.sqlfiles import SqlFile
    from stacks.settings import CloudSettings, DevSettings

Url = pulumi.Output[str]


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The way into a database for its owner, who makes the app's logins.

    Attributes:
        connection: As whoever has the owner's login is told it.
        url: As this program takes it.
        others: Further outputs of the stack that are URLs of it, as this program takes them.
        identity: Stands for the data: a branch's id. Another one has logins of its own.
        told: Makes what others are told of a URL.
        opts: Of the logins.
    """

    connection: DatabaseConnection
    url: Url
    others: Mapping[str, Url]
    identity: pulumi.Input[str]
    told: Callable[[Url], Url] = pulumi.Output.secret
    opts: pulumi.ResourceOptions


@dataclass(frozen=True, kw_only=True)
class AppRole:
    """What the app is to the database.

    Attributes:
        app: How it is called there.
        mode: What it may do.
        file: The file of grants, where that says it.
        login: Its logins.
        owner: Who made them.
    """

    app: str
    mode: str
    file: SqlFile | None
    login: AppLogin
    owner: Owner

    def _as_app(self, owners: Url) -> Url:
        """One of the database's URLs, as the app gets it."""
        both = pulumi.Output.all(owners, self.login.url)
        return self.owner.told(pulumi.Output.secret(both.apply(lambda known: _with_login(*known))))

    def connection(self) -> DatabaseConnection:
        """How the app reaches the database."""
        return replace(self.owner.connection, url=self.owner.told(self.login.url), user=self.login.user)

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs in which the app's login stands instead of the owner's."""
        connection = self.connection()
        others = {name: self._as_app(url) for name, url in self.owner.others.items()}
        return {"databaseUrl": connection.url, "databaseUser": connection.user, **others}

    def rights(self, settings: CloudSettings | DevSettings, after: pulumi.Resource) -> AppRights:
        """Declare what the app may do; whoever tells the app comes after it.

        Args:
            settings: The stack's configuration.
            after: What makes the objects that rights are about.
        """
        inputs = AppRightsInputs(
            owner_url=later(self.owner.url),
            app=self.app,
            mode=self.mode,  # type: ignore[arg-type] # one of them
            members=later(pulumi.Output.all(self.login.user, self.login.spare).apply(sorted)),
            file=asdict(self.file) if self.file else None,
            made=later(
                pulumi.Output.all(
                    branch=self.owner.identity,
                    sql=list(settings.wanted_sql_files or ()),
                    migrations=getattr(after, "files", None),
                )
            ),
        )
        return AppRights("app-rights", inputs, pulumi.ResourceOptions(depends_on=[after]))

    def spare(self, health_url: pulumi.Input[str] | None, after: Sequence[pulumi.Resource]) -> AppSpare:
        """Declare the end of the login that was in use before.

        Args:
            health_url: Where the Worker tells its health; None for no Worker.
            after: Whoever was told of the new one.
        """
        inputs = AppSpareInputs(
            owner_url=later(self.owner.url),
            active=later(self.login.user),
            spare=later(self.login.spare),
            health_url=later(pulumi.Output.from_input(health_url)) if health_url else None,
        )
        return AppSpare("app-spare", inputs, pulumi.ResourceOptions(depends_on=list(after)))


def declare(settings: CloudSettings | DevSettings, folder: Path, owner: Owner) -> AppRole | None:
    """Declare the app's logins; None where it has the owner's.

    Args:
        settings: The stack's configuration.
        folder: The project's folder, where relative paths start.
        owner: Who makes them.

    Raises:
        ConfigurationError: The file of grants cannot be read, or holds something else.
    """
    if not settings.app_role:
        return None
    file = _file(settings, folder)
    app = names.app_role(settings)
    inputs = AppLoginInputs(
        owner_url=later(owner.url),
        app=app,
        branch_id=later(pulumi.Output.from_input(owner.identity)),
        rotation=settings.rotation,
        instead_of_password=settings.instead_of_password or None,
    )
    login = AppLogin("app-login", inputs, owner.opts)
    return AppRole(app=app, mode=app_role.GRANTS if file else settings.app_role, file=file, login=login, owner=owner)


def _file(settings: CloudSettings | DevSettings, folder: Path) -> SqlFile | None:
    if not settings.grants_file:
        return None
    app_role.grants_of(settings.grants_file, read_sql(settings.grants_file, folder / settings.grants_file))
    return declare_file(settings.grants_file, folder)


def _with_login(owners: str, apps: str) -> str:
    app = Connection.parse(apps)
    return replace(Connection.parse(owners), user=app.user, password=app.password).url


def spared(role: AppRole | None, health_url: Any, after: Sequence[pulumi.Resource]) -> list[pulumi.Resource]:
    """The end of the login that was in use before, behind what was told of the new one; that alone without a role."""
    return [role.spare(health_url, after)] if role else list(after)
