"""Registers what the file named by WANTED lists, so that a test can write programs as data."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pulumi
from things import Hall, Room, Thing  # type: ignore[import-not-found] # beside this file, not in a package

WANTED = json.loads(Path(os.environ["WANTED"]).read_text())
KINDS = {"thing": Thing, "room": Room, "hall": Hall}
MADE: dict[str, Any] = {}


def resolve(value: Any) -> Any:
    """Turn {"ref": "a.token"} into that output, {"secret": x} into a secret, {"config": key} into its value.

    {"ref": "far.get_output", "of": "key"} is what a call gives.
    """
    if isinstance(value, list):
        return [resolve(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "ref" in value:
        name, _, attribute = value["ref"].partition(".")
        made = getattr(MADE[name], attribute) if attribute else MADE[name]
        return made(value["of"]) if "of" in value else made
    if "secret" in value:
        return pulumi.Output.secret(value["secret"])
    if "config" in value:
        return pulumi.Config().require_secret(value["config"])
    return {key: resolve(item) for key, item in value.items()}


def alias(given: Any) -> Any:
    """Turn a URN, a name, or the arguments of an alias (a parent by its name or URN) into an alias."""
    if isinstance(given, str):
        return given if given.startswith("urn:") else pulumi.Alias(name=given)
    if given.get("parent"):
        given["parent"] = MADE.get(given["parent"], given["parent"])
    return pulumi.Alias(**given)


def options(given: dict[str, Any]) -> pulumi.ResourceOptions:
    """Turn names in options into resources."""
    for key in ("parent", "deleted_with"):
        if key in given:
            given[key] = MADE[given[key]]
    for key in ("depends_on", "replace_with"):
        if key in given:
            given[key] = [MADE[name] for name in given[key]]
    if "id" in given:
        given["id"] = resolve(given["id"])
    if "aliases" in given:
        given["aliases"] = [alias(text) for text in given["aliases"]]
    if "custom_timeouts" in given:
        given["custom_timeouts"] = pulumi.CustomTimeouts(**given["custom_timeouts"])
    if "transforms" in given:
        given["transforms"] = [lambda _: None]
    if "hooks" in given:
        given["hooks"] = pulumi.ResourceHookBinding(before_create=[lambda _: None])
    return pulumi.ResourceOptions(**given)


pulumi.log.info("the program runs")
for name, wish in WANTED.get("resources", {}).items():
    opts = options(wish.get("options", {}))
    props = {key: resolve(value) for key, value in wish.items() if key not in ("kind", "options", "type")}
    kind = wish.get("kind", "thing")
    if kind == "stack":
        MADE[name] = pulumi.StackReference(name, props.get("name"), opts)
    elif kind == "plugin":
        MADE[name] = pulumi.CustomResource(wish["type"], name, props, opts)
    else:
        MADE[name] = KINDS[kind](name, props, opts)
for key, value in WANTED.get("outputs", {}).items():
    pulumi.export(key, resolve(value))
if "invoke" in WANTED:
    pulumi.runtime.invoke(WANTED["invoke"], {})
if "error" in WANTED:
    raise pulumi.RunError(WANTED["error"])
if "bug" in WANTED:
    raise ValueError(WANTED["bug"])
if "exit" in WANTED:
    raise SystemExit(WANTED["exit"])
