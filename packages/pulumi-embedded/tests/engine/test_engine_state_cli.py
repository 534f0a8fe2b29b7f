from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from pulumi_embedded.errors import LockedError
from pulumi_embedded.project import load_config, load_project, read_salt
from pulumi_embedded.state import ResourceState, Snapshot, Store
from pulumi_embedded.values import Secret
from tests.engine.stack import PASSPHRASE, Things

if TYPE_CHECKING:
    from pathlib import Path

    from pulumi_embedded import Kind

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


def test_the_cli_reads_a_state_that_needs_a_feature(tmp_path: Path) -> None:
    """It is version 4 with the feature's name in both directions."""
    store = _store(_project(tmp_path))
    thing = ResourceState(urn=ROOT.replace("pulumi:pulumi:Stack", "a:b:C"), type="a:b:C", custom=False, parent=ROOT)
    other = replace(thing, urn=f"{thing.urn}-2", replace_with=[thing.urn])
    store.save(Snapshot(resources=[*_snapshot().resources, thing, other]))
    exported = json.loads(_ok(tmp_path, "stack", "export", "--stack", "dev"))
    assert (exported["version"], exported["features"]) == (4, ["replaceWith"])
    (tmp_path / "out.json").write_text(json.dumps(exported))
    _ok(tmp_path, "stack", "import", "--stack", "dev", "--file", "out.json")
    assert json.loads(store.file.read_text())["version"] == 4
    assert _store(tmp_path).load().resources[2] == other


def _kept(folder: Path) -> dict[str, list[str]]:
    """The kinds of files below a backend, without their times, and what the records of updates say."""
    home = folder / ".pulumi"
    names = sorted(re.sub(r"\d{19}", "N", str(file.relative_to(home))) for file in home.rglob("*") if file.is_file())
    records = [json.loads(file.read_text()) for file in sorted(home.rglob("*.history.json"))]
    told = [f"{one['kind']} {one['result']} {one['version']} {sorted(one)}" for one in records]
    return {"files": names, "updates": told, "changes": [json.dumps(one.get("resourceChanges")) for one in records]}


UPDATES: list[tuple[Kind, dict[str, Any]]] = [
    ("up", {"a": {}, "b": {"size": 1}}),
    ("up", {"a": {"color": "red"}, "b": {"size": 2}}),
    ("refresh", {}),
    ("up", {"a": {}, "c": {"fail": "create"}}),
    ("destroy", {}),
]


def test_both_engines_keep_the_same_files(things: Things) -> None:
    """History, backups and side files of every kind of update, also of a failed one."""
    seen = []
    for run in (_by_the_cli, Things.run):
        shutil.rmtree(things.folder / "backend")
        (things.folder / "backend").mkdir()
        _by_the_cli(things, "stack init")
        for kind, wanted in UPDATES:
            things.want(wanted)
            run(things, kind)
        seen.append(_kept(things.folder / "backend"))
    assert seen[0] == seen[1]


def _by_the_cli(things: Things, command: str) -> subprocess.CompletedProcess[str]:
    with _start(things, command) as process:
        output, _ = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, output)


def _start(things: Things, command: str) -> subprocess.Popen[str]:
    project = things.project / "Pulumi.yaml"
    if "virtualenv" not in project.read_text():
        options = f"runtime:\n  name: python\n  options: {{toolchain: pip, virtualenv: {sys.prefix}}}\n"
        project.write_text(project.read_text().replace("runtime:\n  name: python\n", options))
    environment = {
        **os.environ, **things.environment, "PULUMI_BACKEND_URL": things.backend_url,
        "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE, "PULUMI_HOME": str(things.folder / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }  # fmt: skip
    words = [*command.split(), "--stack", "dev", "--non-interactive"]
    words += [] if command == "stack init" else ["--yes", "--skip-preview"]
    return subprocess.Popen(
        [str(PULUMI), *words], cwd=things.project, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def test_a_lock_of_the_cli_is_respected_and_outlives_nobody(things: Things) -> None:
    """While it works, it is named as the holder; once it was killed, its lock is removed with a word about it."""
    _by_the_cli(things, "stack init")
    things.want({"a": {"slow": "create"}})
    with _start(things, "up") as process:
        while not (things.world / "slow").exists():
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        with pytest.raises(LockedError, match=rf"the stack is in use by \S+ \(pid {process.pid}\)"):
            things.run("up")
        plugins = psutil.Process(process.pid).children(recursive=True)  # each in a session of its own
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        for plugin in plugins:
            with contextlib.suppress(psutil.NoSuchProcess):
                plugin.kill()
    assert things.pending() == ["creating a"]
    things.up({"b": {}})
    assert any("who is gone, is removed" in text for text in things.seen.texts())
