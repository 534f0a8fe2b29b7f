from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.engine.stack import PASSPHRASE

if TYPE_CHECKING:
    from tests.engine.stack import Things

pytestmark = [
    pytest.mark.cli,
    pytest.mark.skipif(
        shutil.which("pulumi") is None, reason="no pulumi on the PATH: ./infra setup --pulumi installs it"
    ),
]

WANTED: dict[str, Any] = {
    "room": {"kind": "room", "note": {"secret": "hush"}, "options": {"protect": True}},
    "a": {"color": "red", "size": 1, "password": {"secret": "hush"}, "ratio": 1.5, "none": [None, {}]},
    "b": {"color": {"ref": "a.token"}, "whole": {"ref": "a"}, "options": {"parent": "room"}},
    "c": {"fixed": {"ref": "a.id"}, "options": {"depends_on": ["b"], "custom_timeouts": {"create": "5m"}}},
    "hall": {"kind": "room", "thing": {"ref": "a"}, "other": {"ref": "room"}},
}
OUTPUTS = {"token": {"ref": "a.token"}, "color": "red", "many": [1, None, True]}


def _pulumi(things: Things, *arguments: str) -> str:
    project = things.project / "Pulumi.yaml"
    if "virtualenv" not in project.read_text():
        options = f"runtime:\n  name: python\n  options: {{toolchain: pip, virtualenv: {sys.prefix}}}\n"
        project.write_text(project.read_text().replace("runtime:\n  name: python\n", options))
    environment = {
        **os.environ,
        **things.environment,
        "PULUMI_BACKEND_URL": things.backend_url,
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        "PULUMI_HOME": str(things.folder / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
    command = ["pulumi", *arguments, "--stack", "dev", "--non-interactive", "--color", "never"]
    done = subprocess.run(command, cwd=things.project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _comparable(things: Things) -> dict[str, dict[str, Any]]:
    """The record without times, ids, positions, cipher texts and the CLI's random order of dependencies."""
    left_out = {"id", "provider", "created", "modified", "sourcePosition", "stackTrace"}

    def clean(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: "sealed" if key == "ciphertext" else clean(item) for key, item in value.items()}
        if isinstance(value, list):
            urns = bool(value) and all(str(item).startswith("urn:pulumi:") for item in value)
            return sorted(value) if urns else [clean(item) for item in value]
        return value

    ids = {resource["id"]: name for name, resource in things.recorded().items() if "id" in resource}
    text = json.dumps(things.recorded())
    for identity, name in ids.items():
        text = text.replace(identity, f"id of {name}")
    recorded = json.loads(text)
    return {
        name: {key: clean(value) for key, value in resource.items() if key not in left_out}
        for name, resource in recorded.items()
    }


def test_a_stack_of_the_cli_is_continued_without_a_change(things: Things) -> None:
    """What the CLI made shows no change here, refreshed or not, and again none there."""
    things.want(WANTED, outputs=OUTPUTS)
    _pulumi(things, "stack", "init")
    _pulumi(things, "up", "--yes", "--skip-preview")
    things.calls()
    for refresh in (False, True):
        result = things.run("up", refresh=refresh)
        assert (result.errors, things.seen.steps(), result.changes.same) == ((), [], 6)
    _pulumi(things, "preview", "--expect-no-changes", "--refresh")
    assert things.calls() == []


def test_a_stack_of_ours_is_continued_without_a_change(things: Things) -> None:
    """What this engine made shows no change in the CLI, refreshed or not, and can be destroyed by it."""
    things.up(WANTED, outputs=OUTPUTS)
    things.calls()
    _pulumi(things, "preview", "--expect-no-changes")
    _pulumi(things, "up", "--yes", "--skip-preview", "--refresh", "--expect-no-changes")
    assert things.run("up").changes.same == 6
    assert things.calls() == []
    _pulumi(things, "state", "unprotect", "--all", "--yes")
    _pulumi(things, "destroy", "--yes", "--skip-preview")
    assert things.real() == {}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, WANTED),
        ({"a": {"color": "red"}}, {"a": {"color": "blue"}}),
        ({"a": {"size": 1}, "b": {"size": {"ref": "a.id"}}}, {"a": {"size": 2}, "b": {"size": {"ref": "a.id"}}}),
        ({"a": {"fixed": 1}, "b": {"size": {"ref": "a.id"}}}, {"a": {"fixed": 2}, "b": {"size": {"ref": "a.id"}}}),
        ({"a": {}, "b": {"x": {"ref": "a.id"}}}, {}),
        ({"a": {"color": "red", "options": {"ignore_changes": ["color"]}}}, {"a": {"color": "blue", "x": 1}}),
    ],
    ids=["create", "update", "replace", "delete first", "delete", "ignore"],
)
def test_both_engines_record_the_same(things: Things, before: dict[str, Any], after: dict[str, Any]) -> None:
    """The same edit, made by each engine on its own stack, calls the same and records the same."""
    _pulumi(things, "stack", "init")
    seen = []
    for up in (lambda: _pulumi(things, "up", "--yes", "--skip-preview"), lambda: things.run("up")):
        things.want(before, outputs=OUTPUTS if "a" in before else {})
        up()
        things.calls()
        things.want(after)
        up()
        seen.append((sorted(things.calls()), _comparable(things)))
        things.run("destroy") if not seen[0][1].get("room") else _pulumi(things, "state", "unprotect", "--all", "--yes")
        things.run("destroy")
    assert seen[0] == seen[1]
