from __future__ import annotations

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from engine.project import load_config, load_project, read_salt
from engine.state import ResourceState, Snapshot, Store
from engine.values import Secret

if TYPE_CHECKING:
    from pathlib import Path

PULUMI = shutil.which("pulumi")
ROOT = "urn:pulumi:dev::sample::pulumi:pulumi:Stack::sample-dev"

pytestmark = [
    pytest.mark.cli,
    pytest.mark.skipif(PULUMI is None, reason="needs the Pulumi CLI: ./infra setup --pulumi"),
]


def _pulumi(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "PULUMI_HOME": str(folder / "home"),
        "PULUMI_BACKEND_URL": f"file://{folder}/state", "PULUMI_CONFIG_PASSPHRASE": "correct horse",
        "PULUMI_SKIP_UPDATE_CHECK": "true", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }  # fmt: skip
    command = [str(PULUMI), *arguments, "--non-interactive"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def _ok(folder: Path, *arguments: str) -> str:
    done = _pulumi(folder, *arguments)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def _project(folder: Path) -> Path:
    (folder / "Pulumi.yaml").write_text("name: sample\nruntime: python\n")
    (folder / "state").mkdir()
    return folder


def _store(folder: Path) -> Store:
    salt = read_salt(load_project(folder), "dev")
    return Store("file://./state", "sample", "dev", "correct horse", folder=folder, config_salt=salt)


def _snapshot() -> Snapshot:
    outputs = {"url": Secret({"a": ["<&>é", 1.5]}), "n": 5}
    return Snapshot(resources=[ResourceState(urn=ROOT, type="pulumi:pulumi:Stack", custom=False, outputs=outputs)])


def test_the_cli_reads_a_stack_of_this_engine(tmp_path: Path) -> None:
    """Listing, export and outputs show what was recorded."""
    store = _store(_project(tmp_path))
    store.load()
    store.save(_snapshot())
    assert [stack["name"] for stack in json.loads(_ok(tmp_path, "stack", "ls", "--json"))] == ["dev"]
    outputs = json.loads(_ok(tmp_path, "stack", "output", "--stack", "dev", "--json", "--show-secrets"))
    assert outputs == {"n": 5, "url": {"a": ["<&>é", 1.5]}}
    exported = json.loads(_ok(tmp_path, "stack", "export", "--stack", "dev"))
    assert exported["deployment"]["resources"][0]["urn"] == ROOT


def test_this_engine_reads_what_the_cli_wrote_and_the_cli_goes_on(tmp_path: Path) -> None:
    """A state, its configuration and its history go from one to the other and back."""
    _project(tmp_path)
    _ok(tmp_path, "stack", "init", "dev")
    _ok(tmp_path, "config", "set", "--secret", "pw", "hush", "--stack", "dev")
    store = _store(tmp_path)
    project = load_project(tmp_path)
    config = load_config(project, "dev", overrides={}, crypter=store.decrypt_text)
    assert config.values == {"sample:pw": Secret("hush")}
    assert store.load().resources == []
    store.save(_snapshot())
    started = datetime.now(UTC)
    store.finish(kind="up", started=started, result="succeeded", changes={"create": 1}, config=config.values)
    (update,) = json.loads(_ok(tmp_path, "stack", "history", "--stack", "dev", "--json", "--show-secrets"))
    assert (update["kind"], update["result"], update["resourceChanges"]) == ("update", "succeeded", {"create": 1})
    assert update["config"]["sample:pw"]["value"] == "hush"
    (tmp_path / "out.json").write_text(_ok(tmp_path, "stack", "export", "--stack", "dev"))
    _ok(tmp_path, "stack", "import", "--stack", "dev", "--file", "out.json")
    assert _store(tmp_path).load().resources == _snapshot().resources


def test_the_cli_respects_a_lock_of_this_engine(tmp_path: Path) -> None:
    """It names the holder and does nothing; afterwards it works."""
    store = _store(_project(tmp_path))
    destroy = ("destroy", "--yes", "--skip-preview", "--stack", "dev")
    with store.lock(timeout=0, on_wait=print):
        store.save(_snapshot())
        refused = _pulumi(tmp_path, *destroy)
        assert refused.returncode != 0
        assert f"(pid {os.getpid()})" in refused.stderr + refused.stdout
    _ok(tmp_path, *destroy)
    assert _store(tmp_path).load().resources == []
