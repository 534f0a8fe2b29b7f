"""Registers what the file named by WANTED lists, so that a test can write programs as data (see harness.py)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
from things import Hall, Other, Room, Thing  # type: ignore[import-not-found] # beside this file, not in a package

if TYPE_CHECKING:
    from collections.abc import Callable

WANTED = json.loads(Path(os.environ["WANTED"]).read_text())
KINDS = {"thing": Thing, "other": Other, "room": Room, "hall": Hall}
OWN = ("kind", "name", "options", "inside")
MADE: dict[str, Any] = {}


def reach(path: str) -> Any:
    """The resource, its output, or what is in that: `name.attribute.key.0…`."""
    name, *attribute = path.split(".")
    value = MADE[name]
    for number, step in enumerate(attribute):
        value = value[int(step) if step.isdigit() else step] if number else getattr(value, step)
    return value


SPECIAL: dict[str, Callable[[Any], Any]] = {
    "ref": reach,
    "item": lambda said: value_of(said[0])[said[1]],
    "text": lambda said: pulumi.Output.all(*value_of(said[1:])).apply(lambda items: said[0].format(*items)),
    "secret": lambda said: pulumi.Output.secret(value_of(said)),
    "unsecret": lambda said: pulumi.Output.unsecret(value_of(said)),
    "config": lambda said: pulumi.Config().require(said),
    "large": lambda said: "x" * said,
    "output": lambda said: MADE[said[0]].get_output(said[1]),
    "required": lambda said: MADE[said[0]].require_output(said[1]),
}
"""What an object with this one key stands for."""


def value_of(said: Any) -> Any:
    """Turn what stands for an output into that output; lists and objects are searched."""
    if isinstance(said, list):
        return [value_of(item) for item in said]
    if not isinstance(said, dict):
        return said
    if len(said) == 1 and said.keys() <= SPECIAL.keys():
        ((key, content),) = said.items()
        return SPECIAL[key](content)
    return {key: value_of(item) for key, item in said.items()}


def alias_of(said: dict[str, Any] | str) -> Any:
    """An alias: a URN, or its parts; a parent is a resource, or none."""
    if isinstance(said, str):
        return said
    if "parent" in said:
        parent = MADE[said["parent"]] if said["parent"] else pulumi.ROOT_STACK_RESOURCE
        return pulumi.Alias(**{**said, "parent": parent})
    return pulumi.Alias(**said)


def options_of(said: dict[str, Any]) -> pulumi.ResourceOptions:
    """Turn names in options into resources."""
    given = dict(said)
    for key in ("parent", "deleted_with", "provider"):
        if key in given:
            given[key] = MADE[given[key]]
    if "depends_on" in given:
        given["depends_on"] = [MADE[name] for name in given["depends_on"]]
    if "aliases" in given:
        given["aliases"] = [alias_of(alias) for alias in given["aliases"]]
    if "custom_timeouts" in given:
        given["custom_timeouts"] = pulumi.CustomTimeouts(**given["custom_timeouts"])
    return pulumi.ResourceOptions(**given)


def register(key: str, wish: dict[str, Any]) -> Any:
    """Register one resource; one that is `inside` another is registered where that one's id is known."""
    name, kind = wish.get("name", key), wish.get("kind", "thing")
    if kind == "stack":
        return pulumi.StackReference(name, wish.get("stack"))
    props = {key: value_of(value) for key, value in wish.items() if key not in OWN}
    return KINDS[kind](name, props, options_of(wish.get("options", {})))


def main() -> None:
    """Register everything, then end as it is wanted."""
    for key, wish in WANTED.get("resources", {}).items():
        if "inside" in wish:
            MADE[wish["inside"]].id.apply(lambda _, key=key, wish=wish: register(key, wish))
        else:
            MADE[key] = register(key, wish)
    for key, value in WANTED.get("outputs", {}).items():
        pulumi.export(key, value_of(value))
    if "error" in WANTED:
        raise pulumi.RunError(WANTED["error"])
    if "bug" in WANTED:
        raise ValueError(WANTED["bug"])
    if "exit" in WANTED:
        raise SystemExit(WANTED["exit"])


main()
