"""What the API is asked for: the bodies of writes, judged when they are made. Pure.

None means "leave as it is" or "the server's default", and never travels. Ranges are the server's to judge: they differ
between organizations.
"""

from __future__ import annotations

import unicodedata
from typing import Any, Self

from pydantic import model_validator
from typing_extensions import override

from components.xata.api.errors import InputError
from components.xata.api.models import BackupConfiguration, Model, ProjectScaleToZero, ScaleToZero

LONGEST_NAME_BYTES = 2000
"""Longer names overflow an index of the server's, which then answers 500: a write whose fate is unknown."""


class Body(Model):
    """What all bodies share. A wrong name or description, or a body that asks for nothing, raises InputError."""

    @model_validator(mode="after")
    def _judged(self) -> Self:
        _judge_name(getattr(self, "name", None))
        if getattr(self, "description", None) == "":
            raise InputError(
                "the description is empty: most versions of Xata refuse that, and the newest clears it",
                next_step="give letters, digits, hyphens and spaces, or leave the description out to keep the old one",
            )
        if not self.to_json():
            raise InputError("the change changes nothing: no field is given", next_step="give at least one field")
        return self

    def to_json(self) -> dict[str, Any]:
        """The body as it travels."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class _ProjectBody(Body):
    scale_to_zero: ProjectScaleToZero | None = None

    @override
    def to_json(self) -> dict[str, Any]:
        body = super().to_json()
        scale_to_zero = body.pop("scaleToZero", None)
        return body | ({"configuration": {"scaleToZero": scale_to_zero}} if scale_to_zero else {})


class ProjectCreation(_ProjectBody):
    """`createProject`."""

    name: str


class ProjectPatch(_ProjectBody):
    """`updateProject`. Scale-to-zero travels with both halves: one alone would reset the other."""

    name: str | None = None


class ClusterConfiguration(Model):
    """What a branch runs on: an image such as `postgres:18.1`, the region, the size, replicas beside the primary."""

    image: str
    region: str
    instance_type: str
    replicas: int = 0
    storage: int | None = None


class BranchCreation(Body):
    """`createBranch`: a child of `parent_id`, or a root with a `configuration`; exactly one of the two."""

    name: str
    parent_id: str | None = None
    configuration: ClusterConfiguration | None = None
    description: str | None = None
    scale_to_zero: ScaleToZero | None = None
    backup_configuration: BackupConfiguration | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if bool(self.parent_id) == (self.configuration is not None):
            raise InputError(
                f"the branch {self.name!r} needs a parent or a configuration of its own, and exactly one of the two",
                next_step="give the parent for a child; image, region and instance type for a root branch",
            )
        return self

    @override
    def to_json(self) -> dict[str, Any]:
        body = super().to_json()
        parent = body.pop("parentId", None)
        return body | ({"mode": "inherit", "parentID": parent} if parent else {"mode": "custom"})


class BranchPatch(Body):
    """`updateBranch`. `storage` in GiB and only ever grows; `image` goes to another minor version of the same kind."""

    name: str | None = None
    description: str | None = None
    instance_type: str | None = None
    replicas: int | None = None
    storage: int | None = None
    image: str | None = None
    scale_to_zero: ScaleToZero | None = None
    backup_configuration: BackupConfiguration | None = None
    hibernate: bool | None = None


class Restore(Body):
    """`restoreFromBackup`: the new branch, a child of the source. Without `configuration` it is sized as the source."""

    name: str
    description: str | None = None
    configuration: ClusterConfiguration | None = None
    scale_to_zero: ScaleToZero | None = None
    backup_configuration: BackupConfiguration | None = None


def _judge_name(name: str | None) -> None:
    if name is None:
        return
    if not name:
        problem = "is empty"
    elif any(unicodedata.category(character) in {"Cc", "Cs"} for character in name):
        problem = "holds control characters"
    elif len(name.encode()) > LONGEST_NAME_BYTES:
        problem = f"is {len(name.encode())} bytes long, and {LONGEST_NAME_BYTES} are allowed"
    else:
        return
    raise InputError(f"the name {name[:60]!r} {problem}", next_step="choose another name, for example staging or pr-12")
