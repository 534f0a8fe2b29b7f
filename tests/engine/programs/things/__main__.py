"""Registers what the file named by WANTED lists, so that a test can write programs as data."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pulumi
from things import Room, Thing  # type: ignore[import-not-found] # beside this file, not in a package

WANTED = json.loads(Path(os.environ["WANTED"]).read_text())
KINDS = {"thing": Thing, "room": Room}
MADE: dict[str, Any] = {}


def resolve(value: Any) -> Any:
    """Turn {"ref": "a.token"} into that output, {"secret": x} into a secret, {"config": key} into its value."""
    if isinstance(value, list):
        return [resolve(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "ref" in value:
        name, _, attribute = value["ref"].partition(".")
        return getattr(MADE[name], attribute) if attribute else MADE[name]
    if "secret" in value:
        return pulumi.Output.secret(value["secret"])
    if "config" in value:
        return pulumi.Config().require_secret(value["config"])
    return {key: resolve(item) for key, item in value.items()}


def options(given: dict[str, Any]) -> pulumi.ResourceOptions:
    """Turn names in options into resources."""
    for key in ("parent", "deleted_with"):
        if key in given:
            given[key] = MADE[given[key]]
    for key in ("depends_on", "replace_with"):
        if key in given:
            given[key] = [MADE[name] for name in given[key]]
    if "aliases" in given:
        given["aliases"] = [pulumi.Alias(name=name) for name in given["aliases"]]
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
    if kind == "plugin":
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
