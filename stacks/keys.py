"""How a key is declared, and what every environment is told. Nothing here imports pulumi."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic evaluates the annotations of a model
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from components.postgres.server.settings import port_problem

Name = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]
Word = Annotated[str, Field(pattern=r"^[^\s/\\\x00-\x1f\x7f]{0,100}$")]


def not_reserved(role: str) -> str:
    """A role's name, which Postgres does not keep for itself."""
    if role.startswith("pg_"):
        raise ValueError("Postgres reserves role names that begin with pg_")
    return role


def open_to_users(port: int) -> int:
    """A port that a server of this machine may have, or 0."""
    problem = port_problem(port)
    if problem:
        raise ValueError(problem)
    return port


def key(default: Any, description: str, *, allowed: str, example: Any) -> Any:
    """Declare one key: its default, what it is for, what it allows in words, and a good value to paste."""
    return Field(
        default=default,
        description=description,
        json_schema_extra={"allowed": allowed, "example": example},
    )


class Settings(BaseModel):
    """What every environment is told."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, strict=False)

    environment: ClassVar[str]
    branch: ClassVar[str]
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """Of keys whose default is another in this environment. Pulumi.yaml knows one for all: stack files repeat these."""

    check_mode: Literal["enforce", "warn", "off"] = key(
        "enforce",
        "What a failing database check does to the deployment: fail it, warn, or not look at all.",
        allowed="enforce, warn or off",
        example="enforce",
    )
    check_budget_seconds: Annotated[int, Field(ge=1, le=600)] = key(
        60,
        "How long the database check may try before its verdict is final, in seconds.",
        allowed="a whole number of seconds from 1 to 600",
        example=60,
    )
    sql_files: tuple[str, ...] = key(
        (),
        "SQL files applied once each, in this order, each in its own transaction; paths from the project's folder.",
        allowed="a list of paths",
        example='["sql/001-extensions.sql"]',
    )
    leaving: bool = key(
        default=False,
        description="Whether the stack is about to be taken down: SQL files and what is recorded of them stay as they "
        "are. `./infra destroy` says it.",
        allowed="true or false",
        example=True,
    )
    outside_paths: tuple[Annotated[str, Field(min_length=1)], ...] = key(
        (),
        "Files and folders that sqlFiles, and links in the app's folder, may lead to although they lie outside of the "
        "project's folder and the app's repository; paths from the project's folder.",
        allowed="a list of paths",
        example='["../shared/sql"]',
    )

    @property
    def wanted_sql_files(self) -> tuple[str, ...] | None:
        """The SQL files that the database must have; None leaves those that it has."""
        return None if self.leaving else self.sql_files
