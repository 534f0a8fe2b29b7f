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
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import msgspec
from msgspec import Meta

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTRACT_VERSION = 1
SCHEMA_FILE = Path(__file__).resolve().parent.parent / "docs" / "schemas" / "stack-outputs.schema.json"


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What all parts share."""


class DatabaseCheckOutput(_Part, frozen=True):
    """What the last database check found."""

    mode: Annotated[Literal["enforce", "warn", "off"], Meta(description="What a failing check does to a deployment.")]
    ok: Annotated[bool, Meta(description="Whether the last check passed; false also when the mode is off.")]
    server_version: Annotated[str, Meta(description="The server's version, such as 18.6; empty when not looked at.")]
    branch: Annotated[
        str, Meta(description="The branch the database itself is stamped with; empty when not looked at.")
    ]


class WorkerCheckOutput(_Part, frozen=True):
    """What the last check of the deployed Worker found; the mode is `off` where a stack has no Worker."""

    mode: Annotated[Literal["enforce", "warn", "off"], Meta(description="What a failing check does to a deployment.")]
    ok: Annotated[bool, Meta(description="Whether the last check passed; false also before the app is deployed.")]
    state: Annotated[
        Literal["passed", "failed", "waiting for the app", "not checked"],
        Meta(description="How the last check ended; it waits while no app is deployed to the Worker."),
    ]
    environment: Annotated[
        str, Meta(description="The environment that the Worker says it is; empty when it said nothing.")
    ]
    branch: Annotated[str, Meta(description="The branch that the Worker was told; empty when it said nothing.")]
    database_branch: Annotated[
        str, Meta(description="The branch that the Worker's database is stamped with; empty when it said nothing.")
    ]


class Checks(_Part, frozen=True):
    """The checks a deployment has passed."""

    database: Annotated[DatabaseCheckOutput, Meta(description="The probe from the deploying machine.")]
    worker: Annotated[WorkerCheckOutput, Meta(description="What the deployed Worker answers at its health URL.")]


class StackOutputs(_Part, frozen=True):
    """The outputs of one environment. Within a version fields, and words of `environment`, may be added."""

    contract_version: Annotated[Literal[1], Meta(description="The version of this contract.")]
    environment: Annotated[
        str,
        Meta(
            description="As the app knows it, such as `staging`; `development` is the stack dev, and `preview` that of "
            "every pull request."
        ),
    ]
    database_url: Annotated[
        str,
        Meta(
            description="postgresql://user:password@host:port/database?sslmode=…",
            extra_json_schema={"secret": True},
        ),
    ]
    database_pooler_url: Annotated[
        str,
        Meta(
            description="The same through the pooler in transaction mode; the same URL for a database on this machine.",
            extra_json_schema={"secret": True},
        ),
    ]
    database_read_only_url: Annotated[
        str,
        Meta(
            description="The same for the replicas; the same URL for a database on this machine.",
            extra_json_schema={"secret": True},
        ),
    ]
    database_host: Annotated[str, Meta(description="The database's host name or address.")]
    database_port: Annotated[int, Meta(description="The database's port.", ge=1, le=65535)]
    database_name: Annotated[str, Meta(description="The database's name.")]
    database_user: Annotated[str, Meta(description="The role the app logs in as.")]
    organization_id: Annotated[
        str, Meta(description="The organization's id at Xata; `local` for a database on this machine.")
    ]
    project_id: Annotated[str, Meta(description="The project's id at Xata; `local` for a database on this machine.")]
    branch_name: Annotated[str, Meta(description="The branch, and what the database is stamped with.")]
    branch_id: Annotated[str, Meta(description="The branch's id at Xata; `local` for a database on this machine.")]
    region: Annotated[str, Meta(description="The branch's region at Xata; `local` for a database on this machine.")]
    backup_retention_days: Annotated[
        int, Meta(description="How many days backups are kept, as read back; 0 for none.", ge=0)
    ]
    backup_time: Annotated[
        str, Meta(description="When the full backup is taken (D:HH:MM in UTC), as read back; empty for none.")
    ]
    earliest_restore_point: Annotated[
        str, Meta(description="The earliest moment to restore, ISO 8601; empty while there is none.")
    ]
    latest_restore_point: Annotated[
        str,
        Meta(
            description="The latest moment to restore when it was last looked at, ISO 8601; empty while there is none."
        ),
    ]
    worker_name: Annotated[str, Meta(description="The Worker that gets the database's URL; empty for none.")]
    health_url: Annotated[
        str, Meta(description="Where the Worker tells how it is: https://…/api/health; empty for no Worker.")
    ]
    secret_names: Annotated[
        list[str], Meta(description="The secrets of the Worker that are set here, in order; never values.")
    ]
    hyperdrive_id: Annotated[str, Meta(description="The Hyperdrive configuration of the database; empty for none.")]
    checks: Annotated[Checks, Meta(description="The checks this deployment has passed.")]


OUTPUTS = StackOutputs.__struct_encode_fields__
"""The names of all outputs, in order."""

SECRET_OUTPUTS = frozenset(
    name
    for name, hint in zip(OUTPUTS, get_type_hints(StackOutputs, include_extras=True).values(), strict=True)
    if any((one.extra_json_schema or {}).get("secret") for one in hint.__metadata__)
)


def export(values: Mapping[str, Any]) -> None:
    """Export a stack's outputs, secrets marked; none may be missing, and none may be unknown to the contract.

    Args:
        values: Output name to Pulumi input, all of `StackOutputs` but the version.
    """
    import pulumi  # noqa: PLC0415 - the contract itself is read where there is no Pulumi

    complete: dict[str, Any] = {"contractVersion": CONTRACT_VERSION, **values}
    difference = complete.keys() ^ set(OUTPUTS)
    if difference:
        raise TypeError(f"outputs differ from contract version {CONTRACT_VERSION}: {sorted(difference)}")
    for name, value in complete.items():
        pulumi.export(name, pulumi.Output.secret(value) if name in SECRET_OUTPUTS else value)


def _schema() -> dict[str, Any]:
    _, parts = msgspec.json.schema_components([StackOutputs], ref_template="#/$defs/{name}")
    whole = parts.pop(StackOutputs.__name__)
    for part in (whole, *parts.values()):
        for said in part["properties"].values():
            if "enum" in said:  # readers written in other languages want its type
                said["type"] = "integer" if isinstance(said["enum"][0], int) else "string"
            if len(said.get("enum", ())) == 1:
                said["const"] = said.pop("enum")[0]
    return {"$defs": parts, **whole}


def json_schema() -> str:
    """The contract as JSON Schema text."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.parent.mkdir(parents=True, exist_ok=True)
    SCHEMA_FILE.write_text(json_schema(), encoding="utf-8")
