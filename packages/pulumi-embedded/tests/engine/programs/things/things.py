"""Things: dynamic resources whose reality is a folder of JSON files, so that tests can look at it and change it."""

from __future__ import annotations

import json
import os
import time
import uuid
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


class ThingError(Exception):
    """What a provider says when it fails."""


def _world() -> Path:
    return Path(os.environ["WORLD"])


def _note(call: str, name: Any) -> None:
    with (_world() / "calls.log").open("a") as log:
        log.write(f"{call} {name}\n")


def _misbehave(call: str, props: dict[str, Any]) -> None:
    if props.get("fail") == call:
        raise ThingError(f"{call} refused\n  next: try something else")
    if props.get("die") == call:
        os._exit(9)
    if props.get("slow") == call:
        (_world() / "slow").touch()
        time.sleep(60)


def _own(props: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in props.items() if key != "__provider"}


class ThingProvider(ResourceProvider):
    """Makes, changes, finds and removes things. `size` cannot be changed, and `fixed` only by deleting first."""

    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Note which configuration arrives."""
        _note("configure", req.config.get("color"))

    def check(self, _olds: Any, news: Any) -> CheckResult:
        """Refuse what is too big."""
        failures = [CheckFailure("size", "is too big")] if news.get("size") == 99 else []
        return CheckResult(news, failures)

    def diff(self, _id: str, _olds: Any, _news: Any) -> DiffResult:
        """Compare all inputs."""
        olds, news = _own(_olds), _own(_news)
        if news.get("judge") == "engine":
            return DiffResult(changes=None)
        changed = [key for key in {*news, *olds} - {"token"} if olds.get(key) != news.get(key)]
        replaces = [key for key in changed if key in ("size", "fixed")]
        return DiffResult(changes=bool(changed), replaces=replaces, delete_before_replace="fixed" in replaces)

    def create(self, props: Any) -> CreateResult:
        """Write the file; the token is made here, as a real service would."""
        _note("create", props["label"])
        _misbehave("create", props)
        identity = uuid.uuid4().hex
        made = {**_own(props), "token": f"token-of-{props['label']}"}
        (_world() / identity).write_text(json.dumps(made))
        return CreateResult(identity, made)

    def update(self, _id: str, _olds: Any, _news: Any) -> UpdateResult:
        """Rewrite the file."""
        _note("update", _news["label"])
        _misbehave("update", _news)
        made = {**_own(_news), "token": _olds["token"]}
        (_world() / _id).write_text(json.dumps(made))
        return UpdateResult(made)

    def read(self, id_: str, props: Any) -> ReadResult:
        """Read the file."""
        _misbehave("read", props)
        file = _world() / id_
        if not file.exists():
            return ReadResult("", {})
        made = json.loads(file.read_text())
        return ReadResult(id_, made, {key: value for key, value in made.items() if key != "token"})

    def delete(self, _id: str, _props: Any) -> None:
        """Remove the file."""
        _note("delete", _props["label"])
        _misbehave("delete", _props)
        (_world() / _id).unlink(missing_ok=True)


class Thing(Resource, module="things", name="Thing"):
    """A thing; its token is secret."""

    token: pulumi.Output[str]
    label: pulumi.Output[str]

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        secret = pulumi.ResourceOptions(additional_secret_outputs=["token"])
        given = {"token": None, "label": name, **props}
        super().__init__(ThingProvider(), name, given, pulumi.ResourceOptions.merge(secret, opts))


class Room(pulumi.ComponentResource):
    """A component without resources of its own."""

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        super().__init__("probe:rooms:Room", name, props, opts)
        self.register_outputs({"label": name})


class Hall(pulumi.ComponentResource):
    """What rooms are called after a change of their type."""

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        super().__init__("probe:rooms:Hall", name, props, opts)
        self.register_outputs({"label": name})
