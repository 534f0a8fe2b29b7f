"""Dynamic resources whose reality is a folder: every call and its arguments are logged, and calls fail on request.

The folder named by WORLD holds one file of JSON for each thing that exists, named by its id (`<label>-<number>`, so
that both engines make the same ids), `log` with one line for each call, and `faults`, which a test writes.
"""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from collections.abc import Iterator


class ThingError(Exception):
    """What a provider says when it fails."""


def _world() -> Path:
    return Path(os.environ["WORLD"])


def _log(**line: Any) -> None:
    log = os.open(_world() / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    text = json.dumps(line, default=lambda _: "<unknown>")  # Pulumi's own object for what is not known yet
    os.write(log, (text + "\n").encode())  # in one piece: several processes write
    os.close(log)


@contextmanager
def _call(call: str, label: Any, id_: str = "", **arguments: Any) -> Iterator[dict[str, str]]:
    """Log a call and its end; fail, or die, where a test wants it."""
    _log(call=call, label=label, id=id_, **arguments)
    fault = json.loads((_world() / "faults").read_text()).get(f"{call} {label}")
    if fault == "fail":
        raise ThingError(f"{call} of {label} refused")
    if fault == "die":
        os._exit(9)
    subject = {"id": id_}
    yield subject
    if fault == "fail late":
        raise ThingError(f"{call} of {label} failed after its work")
    _log(done=call, **subject)


def _own(props: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in props.items() if key != "__provider"}


def _new_id(label: str) -> str:
    number = 1
    while True:
        try:
            (_world() / f"{label}-{number}.made").touch(exist_ok=False)
        except FileExistsError:
            number += 1
        else:
            return f"{label}-{number}"


class ThingProvider(ResourceProvider):
    """Makes, changes, finds and removes things; `size` forces a replacement, `fixed` one that deletes first."""

    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Log the configuration that arrives."""
        _log(configure=req.config.get("color"))

    def check(self, _olds: Any, news: Any) -> CheckResult:
        """Refuse what is too big, and keep the rest."""
        with _call("check", news["label"], olds=_olds, news=news):
            failures = [CheckFailure("size", "is too big")] if news.get("size") == 99 else []
            return CheckResult({**news, "checked": True} if news.get("judge") == "check" else news, failures)

    def diff(self, _id: str, _olds: Any, _news: Any) -> DiffResult:
        """Compare all inputs, or leave that to the engine where `judge` says so."""
        with _call("diff", _news["label"], _id, olds=_olds, news=_news):
            if _news.get("judge") == "engine":
                return DiffResult(changes=None)
            olds, news = _own(_olds), _own(_news)
            changed = sorted(key for key in {*news, *olds} - {"token", "tags"} if olds.get(key) != news.get(key))
            replaces = [key for key in changed if key in ("size", "fixed")]
            return DiffResult(changes=bool(changed), replaces=replaces, delete_before_replace="fixed" in replaces)

    def create(self, props: Any) -> CreateResult:
        """Write the file; the token is made here, as a real service would."""
        with _call("create", props["label"], props=props) as subject:
            subject["id"] = identity = _new_id(props["label"])
            made = {**_own(props), "token": f"token of {identity}", "tags": {"of": identity, "list": [identity, 1]}}
            (_world() / identity).write_text(json.dumps(made))
            return CreateResult("" if props.get("nameless") else identity, made)

    def update(self, _id: str, _olds: Any, _news: Any) -> UpdateResult:
        """Rewrite the file."""
        with _call("update", _news["label"], _id, olds=_olds, news=_news):
            made = {**_own(_news), "token": _olds["token"], "tags": _olds["tags"]}
            (_world() / _id).write_text(json.dumps(made))
            return UpdateResult(made)

    def read(self, id_: str, props: Any) -> ReadResult:
        """Read the file."""
        with _call("read", id_.partition("-")[0], id_, props=props):
            file = _world() / id_
            if not file.exists():
                return ReadResult("", {})
            made = json.loads(file.read_text())
            return ReadResult(id_, made, {key: value for key, value in made.items() if key not in ("token", "tags")})

    def delete(self, _id: str, _props: Any) -> None:
        """Remove the file."""
        with _call("delete", _props["label"], _id, props=_props):
            (_world() / _id).unlink(missing_ok=True)


class SealedProvider(ThingProvider):
    """A provider that is itself a secret, as every provider is unless it says otherwise."""

    serialize_as_secret_always = True

    def __init__(self, edition: int) -> None:
        super().__init__()
        self.edition = edition


class Thing(Resource, module="things", name="Thing"):
    """A thing; `edition` belongs to its provider."""

    token: pulumi.Output[str]
    tags: pulumi.Output[dict[str, Any]]
    label: pulumi.Output[str]

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        given = {"token": None, "tags": None, "label": name, **props}
        edition = given.pop("edition", None)
        super().__init__(SealedProvider(edition) if edition else ThingProvider(), name, given, opts)


class Other(Thing, module="things", name="Other"):
    """A thing of another type."""


class Room(pulumi.ComponentResource):
    """A component without resources of its own."""

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        outputs = props.pop("outputs", {"label": name})
        super().__init__("parity:rooms:Room", name, props, opts)
        self.register_outputs(outputs)


class Hall(pulumi.ComponentResource):
    """A component with a thing of its own in a room of its own."""

    def __init__(self, name: str, props: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        super().__init__("parity:rooms:Hall", name, {}, opts)
        room = Room(f"{name}-room", {}, pulumi.ResourceOptions(parent=self))
        self.thing = Thing(f"{name}-thing", {"label": "thing", **props}, pulumi.ResourceOptions(parent=room))
        self.token = self.thing.token
        self.register_outputs({"token": self.token})
