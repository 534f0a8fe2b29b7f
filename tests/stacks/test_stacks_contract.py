"""The outputs contract keeps what it has published: no breaking change without a new version."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from stacks.outputs import CONTRACT_VERSION, json_schema
from tests.stacks.contract_changes import breaking

if TYPE_CHECKING:
    from collections.abc import Callable

    Change = Callable[[dict[str, Any]], object]

RECORDED = Path(__file__).parent / "data" / "contract"
HOW = f"tests/stacks/data/contract/stack-outputs.v{CONTRACT_VERSION}.schema.json"


def _recorded(version: int) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((RECORDED / f"stack-outputs.v{version}.schema.json").read_text())
    return schema


def test_every_version_is_recorded_as_it_was_published() -> None:
    """A new version comes with the copy that later changes are compared with; an old copy says its own version."""
    versions = sorted(int(file.name.split(".")[1][1:]) for file in RECORDED.iterdir())
    assert versions == list(range(1, CONTRACT_VERSION + 1)), f"copy docs/schemas/stack-outputs.schema.json to {HOW}"
    assert [_recorded(version)["properties"]["contractVersion"]["const"] for version in versions] == versions


def test_the_contract_breaks_nothing_that_its_version_has_published() -> None:
    """Whoever reads this version goes on reading; anything else is a new version, with its own copy."""
    found = breaking(_recorded(CONTRACT_VERSION), json.loads(json_schema()))
    assert not found, "; ".join(found) + ": raise CONTRACT_VERSION, and record the new schema"


def _field(name: str, **changed: Any) -> Change:
    return lambda schema: schema["properties"][name].update(changed)


def _renamed(schema: dict[str, Any]) -> None:
    schema["properties"]["databaseUri"] = schema["properties"].pop("databaseUrl")
    schema["required"] = ["databaseUri" if name == "databaseUrl" else name for name in schema["required"]]


BREAKING: dict[str, tuple[Change, str]] = {
    "removed": (lambda schema: schema["properties"].pop("region"), "region is gone, or has another name"),
    "renamed": (_renamed, "databaseUrl is gone, or has another name"),
    "retyped": (_field("databasePort", type="string"), "databasePort was integer, and would be string now"),
    "nullable": (
        lambda schema: schema["properties"].update(region={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        "region was string, and would be null or string now",
    ),
    "optional": (
        lambda schema: schema["required"].remove("branchId"),
        "branchId was always there, and may be missing now",
    ),
    "secret lost": (
        lambda schema: schema["properties"]["databaseUrl"].pop("secret"),
        "databaseUrl was a secret, and would be plain now",
    ),
    "secret gained": (_field("region", secret=True), "region was plain, and would be a secret now"),
    "limit lifted": (_field("databasePort", maximum=70000), "databasePort kept maximum 65535, and would not now"),
    "items retyped": (
        _field("secretNames", items={"type": "integer"}),
        "secretNames[] was string, and would be integer now",
    ),
    "a list of objects": (_field("secretNames", type="object"), "secretNames was array, and would be object now"),
    "nested": (
        lambda schema: schema["$defs"]["WorkerCheckOutput"]["properties"].pop("ok"),
        "checks.worker.ok is gone, or has another name",
    ),
    "a new word": (
        lambda schema: schema["$defs"]["DatabaseCheckOutput"]["properties"]["mode"]["enum"].append("maybe"),
        "checks.database.mode was one of enforce, warn, off, and may be something else now",
    ),
    "words given up": (
        lambda schema: schema["$defs"]["WorkerCheckOutput"]["properties"]["state"].pop("enum"),
        "checks.worker.state was one of passed, failed, waiting for the app, not checked, and may be something else",
    ),
    "version": (_field("contractVersion", const=2), "contractVersion was 1, and would be 2 now"),
}


@pytest.mark.parametrize("change", BREAKING)
def test_a_breaking_change_is_told_in_words(change: str) -> None:
    """Each names the field, what it was and what it would be."""
    schema = copy.deepcopy(_recorded(1))
    edit, words = BREAKING[change]
    edit(schema)
    assert [words in told for told in breaking(_recorded(1), schema)] == [True]


HARMLESS: dict[str, Change] = {
    "a new field": lambda schema: schema["properties"].update(pooled={"type": "boolean"}),
    "a new field that is always there": lambda schema: (
        schema["properties"].update(pooled={"type": "boolean"}),
        schema["required"].append("pooled"),
    ),
    "a new word of environment": lambda schema: schema["properties"]["environment"]["enum"].append("preview"),
    "another description": _field("region", description="Where."),
    "fewer words": lambda schema: schema["$defs"]["WorkerCheckOutput"]["properties"]["state"]["enum"].pop(),
}


@pytest.mark.parametrize("change", HARMLESS)
def test_what_readers_need_not_notice_is_no_breaking_change(change: str) -> None:
    """Fields, and words of environment, are added within a version."""
    schema = copy.deepcopy(_recorded(1))
    HARMLESS[change](schema)
    assert breaking(_recorded(1), schema) == []


def test_the_schema_accepts_what_later_deployments_add() -> None:
    """A reader that judges by its own copy of the schema is not stopped by a new field, at any depth."""
    schema = json.loads(json_schema())
    values: dict[str, Any] = {
        "mode": "off", "ok": False, "serverVersion": "", "branch": "", "later": 1,
    }  # fmt: skip
    jsonschema.validate(values, {**schema["$defs"]["DatabaseCheckOutput"]})
    assert "additionalProperties" not in json_schema()
