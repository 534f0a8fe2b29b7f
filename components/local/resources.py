"""The `.dev.vars` file as a resource."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import Resource

from components.local.provider import DevVarsProvider

if TYPE_CHECKING:
    from collections.abc import Mapping


class DevVars(Resource, module="local", name="DevVars"):
    """Variables in a `.dev.vars` file, which `wrangler dev` gives to the Worker. Other lines of the file are kept.

    Args:
        path: The file. A relative path starts at the project folder; so does, in the state, an absolute one inside it.
        values: Variable name to value; all of them are treated as secrets.
    """

    path: pulumi.Output[str]
    created: pulumi.Output[bool]
    private: pulumi.Output[bool]

    def __init__(
        self,
        name: str,
        *,
        path: str,
        values: Mapping[str, pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props: dict[str, Any] = {
            "path": portable(path, Path.cwd()),
            "values": pulumi.Output.secret(dict(values)),
            **dict.fromkeys(("created", "private", "valuesFingerprint")),
        }
        secret = pulumi.ResourceOptions(additional_secret_outputs=["values", "valuesFingerprint"])
        super().__init__(DevVarsProvider(), name, props, pulumi.ResourceOptions.merge(opts, secret))


def portable(path: str, project: Path) -> str:
    """The path as recorded: relative where it lies in the project folder, so that the clone may move."""
    given = Path(path)
    inside = given.is_absolute() and given.is_relative_to(project)
    return (given.relative_to(project) if inside else given).as_posix()
