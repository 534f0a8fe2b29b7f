"""The outputs contract: what every stack exports, and other projects may rely on.

A field is added freely, and so is a word of `environment`: whoever reads one that is not known to them is told of an
environment they have nothing to do with. Renaming, removing or retyping a field, or changing whether it is secret,
raises `CONTRACT_VERSION`. Readers ignore what they do not know. The JSON Schema in
`docs/schemas/stack-outputs.schema.json` is generated from here (`python -m stacks.outputs`); a test compares it with
what each version has published (`tests/stacks/data/contract`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTRACT_VERSION = 1
SCHEMA_FILE = Path(__file__).resolve().parent.parent / "docs" / "schemas" / "stack-outputs.schema.json"


class DatabaseCheckOutput(BaseModel):
    """What the last database check found."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, extra="forbid")

    mode: Literal["enforce", "warn", "off"] = Field(description="What a failing check does to a deployment.")
    ok: bool = Field(description="Whether the last check passed; false also when the mode is off.")
    server_version: str = Field(description="The server's version, such as 18.6; empty when not looked at.")
    branch: str = Field(description="The branch the database itself is stamped with; empty when not looked at.")


class WorkerCheckOutput(BaseModel):
    """What the last check of the deployed Worker found; the mode is `off` where a stack has no Worker."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, extra="forbid")

    mode: Literal["enforce", "warn", "off"] = Field(description="What a failing check does to a deployment.")
    ok: bool = Field(description="Whether the last check passed; false also before the app is deployed.")
    state: Literal["passed", "failed", "waiting for the app", "not checked"] = Field(
        description="How the last check ended; it waits while no app is deployed to the Worker."
    )
    environment: str = Field(description="The environment that the Worker says it is; empty when it said nothing.")
    branch: str = Field(description="The branch that the Worker was told; empty when it said nothing.")
    database_branch: str = Field(
        description="The branch that the Worker's database is stamped with; empty when it said nothing."
    )


class Checks(BaseModel):
    """The checks a deployment has passed."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, extra="forbid")

    database: DatabaseCheckOutput = Field(description="The probe from the deploying machine.")
    worker: WorkerCheckOutput = Field(description="What the deployed Worker answers at its health URL.")


class StackOutputs(BaseModel):
    """The outputs of one environment. Within a version fields, and words of `environment`, may be added."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, extra="forbid")

    contract_version: Literal[1] = Field(description="The version of this contract.")
    environment: Literal["development", "foundation", "staging", "production", "preview"] = Field(
        description="As the app knows it; `preview` is that of every pull request."
    )
    database_url: str = Field(
        description="postgresql://user:password@host:port/database?sslmode=…",
        json_schema_extra={"secret": True},
    )
    database_pooler_url: str = Field(
        description="The same through the pooler in transaction mode; the same URL for a database on this machine.",
        json_schema_extra={"secret": True},
    )
    database_read_only_url: str = Field(
        description="The same for the replicas; the same URL for a database on this machine.",
        json_schema_extra={"secret": True},
    )
    database_host: str = Field(description="The database's host name or address.")
    database_port: int = Field(description="The database's port.", ge=1, le=65535)
    database_name: str = Field(description="The database's name.")
    database_user: str = Field(description="The role the app logs in as.")
    organization_id: str = Field(description="The organization's id at Xata; `local` for a database on this machine.")
    project_id: str = Field(description="The project's id at Xata; `local` for a database on this machine.")
    branch_name: str = Field(description="The branch, and what the database is stamped with.")
    branch_id: str = Field(description="The branch's id at Xata; `local` for a database on this machine.")
    region: str = Field(description="The branch's region at Xata; `local` for a database on this machine.")
    backup_retention_days: int = Field(description="How many days backups are kept, as read back; 0 for none.", ge=0)
    backup_time: str = Field(
        description="When the full backup is taken (D:HH:MM in UTC), as read back; empty for none."
    )
    earliest_restore_point: str = Field(
        description="The earliest moment to restore, ISO 8601; empty while there is none."
    )
    latest_restore_point: str = Field(
        description="The latest moment to restore when it was last looked at, ISO 8601; empty while there is none."
    )
    worker_name: str = Field(description="The Worker that gets the database's URL; empty for none.")
    health_url: str = Field(description="Where the Worker tells how it is: https://…/api/health; empty for no Worker.")
    secret_names: list[str] = Field(description="The secrets of the Worker that are set here, in order; never values.")
    hyperdrive_id: str = Field(description="The Hyperdrive configuration of the database; empty for none.")
    checks: Checks = Field(description="The checks this deployment has passed.")


SECRET_OUTPUTS = frozenset(
    field.alias or name
    for name, field in StackOutputs.model_fields.items()
    if isinstance(field.json_schema_extra, dict) and field.json_schema_extra.get("secret")
)


def export(values: Mapping[str, Any]) -> None:
    """Export a stack's outputs, secrets marked; none may be missing, and none may be unknown to the contract.

    Args:
        values: Output name to Pulumi input, all of `StackOutputs` but the version.
    """
    import pulumi  # noqa: PLC0415 - the contract itself is read where there is no Pulumi

    complete: dict[str, Any] = {"contractVersion": CONTRACT_VERSION, **values}
    expected = {str(field.alias) for field in StackOutputs.model_fields.values()}
    difference = complete.keys() ^ expected
    if difference:
        raise TypeError(f"outputs differ from contract version {CONTRACT_VERSION}: {sorted(difference)}")
    for name, value in complete.items():
        pulumi.export(name, pulumi.Output.secret(value) if name in SECRET_OUTPUTS else value)


def json_schema() -> str:
    """The contract as JSON Schema text."""
    schema = StackOutputs.model_json_schema(by_alias=True)
    for part in (schema, *schema["$defs"].values()):
        del part["additionalProperties"]  # we export nothing else; a reader of this version meets what later ones add
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.parent.mkdir(parents=True, exist_ok=True)
    SCHEMA_FILE.write_text(json_schema(), encoding="utf-8")
