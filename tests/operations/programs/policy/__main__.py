"""Resources of the kinds that the policy's rules know, as `planned.json` lists them; nothing is made of them."""

import json
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import Resource, ResourceProvider


def declare(kind: str, name: str, inputs: dict[str, Any], secret: list[str], *, protect: bool) -> None:
    """One resource; what is named secret is one."""
    module, _, called = kind.partition(":")
    made = type(called, (Resource,), {}, module=module, name=called)
    told = {key: pulumi.Output.secret(value) if key in secret else value for key, value in inputs.items()}
    made(ResourceProvider(), name, told, pulumi.ResourceOptions(protect=protect))


for one in json.loads(Path("planned.json").read_text()):
    declare(one["kind"], one["name"], one["inputs"], one.get("secret", []), protect=one.get("protect", False))
