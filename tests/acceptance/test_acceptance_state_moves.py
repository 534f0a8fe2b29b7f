"""A stack moves out of its folder and back, by the very commands of docs/state.md, and every command works there."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from operations.engines import choice
from operations.engines.embedded import EmbeddedEngine
from operations.engines.interface import EngineOptions
from operations.engines.pulumi_cli import PulumiEngine
from operations.errors import StateError, StateLockedError
from operations.workspace import open_workspace
from pulumi_embedded import api
from tests.engine.stack import Recorder
from tests.operations.test_operations_pulumi_cli import PROGRAM, PROVIDER

if TYPE_CHECKING:
    from operations.engines.interface import Engine
    from tests.clone import Clone

CLI = choice.installed()[0]
S3 = os.environ.get("INFRA_TEST_S3", "")
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "state.md").read_text()
UNCHANGED = api.Changes(same=2)

pytestmark = [
    pytest.mark.cli,
    pytest.mark.skipif(CLI is None, reason="no Pulumi CLI, 3.238 or newer: ./infra setup --pulumi installs it"),
]


def _shown(part: str) -> str:
    """The commands of the page's block that holds this one."""
    (block,) = [block for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL) if part in block]
    return str(block)


@dataclass(frozen=True, kw_only=True)
class Moving:
    """A small project with a stack `staging`, which moves between a folder and another place."""

    folder: Path
    elsewhere: str

    @property
    def here(self) -> str:
        """The folder."""
        return f"file://{self.folder / 'state'}?create_dir=true"

    @property
    def environment(self) -> dict[str, str]:
        """What its commands are told."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "XATA_"))}
        return {**kept, "PULUMI_HOME": str(self.folder / "home"), "PULUMI_CONFIG_PASSPHRASE": "correct horse"}

    def engine(self, place: str, *, embedded: bool = False, **more: str) -> Engine:
        """What works on the stack there."""
        environ = {**self.environment, "PULUMI_BACKEND_URL": place, **more}
        workspace = open_workspace(self.folder, "staging", environ=environ)
        if embedded:
            return EmbeddedEngine(workspace=workspace, options=EngineOptions())
        assert CLI
        return PulumiEngine(command=CLI.path, workspace=workspace)

    def type(self, commands: str, **more: str) -> None:
        """Type commands into a shell; each must end well."""
        assert CLI
        path = os.pathsep.join([str(CLI.path.parent), os.environ["PATH"]])
        environment = {**self.environment, "PATH": path, **more}
        done = subprocess.run(
            ["/bin/sh", "-ec", commands], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def move(self, old: str, new: str) -> None:
        """Move it as the page says, and forget it in the old place."""
        self.type(_shown("pulumi stack export"), OLD=old, NEW=new)
        self.type(_shown("pulumi stack rm"), OLD=old, NEW=new)


@pytest.fixture(params=["postgres", pytest.param("s3", marks=pytest.mark.skipif(not S3, reason="set INFRA_TEST_S3"))])
def moving(request: pytest.FixtureRequest, tmp_path: Path) -> Moving:
    """The project, with its stack brought up in the folder by the embedded engine."""
    elsewhere = S3
    if request.param == "postgres":
        deployed: Clone = request.getfixturevalue("deployed")
        answer = deployed.infra("outputs", "dev", "--json", "--show-secrets", "--engine", "embedded")
        elsewhere = json.loads(answer.stdout)["databaseUrl"].replace("postgresql://", "postgres://")
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text(
        f"name: small\nruntime: {{name: python, options: {{toolchain: pip, virtualenv: {json.dumps(sys.prefix)}}}}}\n"
        "options: {refresh: always}\nconfig: {word: {type: string, default: hello}}\n"
    )
    (folder / "Pulumi.staging.yaml").write_text("config: {}\n")
    (folder / "__main__.py").write_text(PROGRAM)
    (folder / "provider.py").write_text(PROVIDER)
    made = Moving(folder=folder, elsewhere=elsewhere)
    made.type("git init -q && git add Pulumi.staging.yaml && git -c user.name=a -c user.email=a@b commit -qm a")
    assert made.engine(made.here, embedded=True).change("up", Recorder(), previewed=True).succeeded
    return made


def _unchanged(engine: Engine) -> None:
    """Another up there has nothing to do, and the secret is what it was."""
    assert engine.change("up", Recorder(), previewed=True).changes == UNCHANGED
    assert engine.outputs() == {
        "word": api.Output(value="hello", secret=False),
        "url": api.Output(value="s3cret", secret=True),
    }


def test_a_stack_moves_out_and_back_without_a_change(moving: Moving) -> None:
    """All commands work there; the stack's file is untouched; the folder is open to the embedded engine again."""
    moving.move(moving.here, moving.elsewhere)
    there = moving.engine(moving.elsewhere)
    _unchanged(there)
    assert there.plan("destroy", Recorder()).changes == api.Changes(delete=2)
    assert [one.name for one in there.recorded()] == ["small-staging", "thing"]
    assert there.preview(Recorder())[1]["changeSummary"] == {"same": 2}
    moving.move(moving.elsewhere, moving.here)
    _unchanged(moving.engine(moving.here, embedded=True))
    _unchanged(moving.engine(moving.here))
    assert (moving.folder / "Pulumi.staging.yaml").read_text() == "config: {}\n"
    assert not (moving.folder / "staging.state.json").exists()
    assert moving.engine(moving.elsewhere).outputs() == {}


def test_a_stack_is_made_and_destroyed_elsewhere(moving: Moving) -> None:
    """From nothing to nothing, with no folder involved; a wrong passphrase and the embedded engine are refused."""
    there = moving.engine(moving.elsewhere)
    assert there.outputs() == {}
    assert there.recorded() == ()
    assert there.change("up", Recorder(), previewed=True).changes == api.Changes(create=2)
    with pytest.raises(StateError, match="the passphrase does not open the stack's secrets"):
        moving.engine(moving.elsewhere, PULUMI_CONFIG_PASSPHRASE="another").change("up", Recorder(), previewed=True)
    with pytest.raises(Exception, match=r"is not supported by the embedded engine") as refused:
        moving.engine(moving.elsewhere, embedded=True).outputs()
    assert moving.elsewhere not in str(refused.value)
    assert there.change("refresh", Recorder()).changes == UNCHANGED
    assert there.change("destroy", Recorder()).changes == api.Changes(delete=2)
    moving.type("pulumi stack rm staging --yes --preserve-config", PULUMI_BACKEND_URL=moving.elsewhere)


def test_a_lock_elsewhere_says_who_holds_it(moving: Moving) -> None:
    """It stops a run before anything is done, until `./infra unlock`, which sees none of the holders there."""
    if not moving.elsewhere.startswith("postgres://"):
        pytest.skip("a lock is laid by hand in the database only")
    there = moving.engine(moving.elsewhere)
    assert there.change("up", Recorder(), previewed=True).succeeded
    lock = json.dumps({"pid": 7, "username": "ann", "hostname": "build-7", "timestamp": "2026-11-28T10:00:00Z"})
    with psycopg.connect(moving.elsewhere) as connection:
        ((stack,),) = connection.execute("select key from pulumi_state where key like '%/stacks/small/staging.json'")
        key = stack.replace("/stacks/small/staging.json", "/locks/organization/small/staging/1.json")
        data = json.dumps({"data": base64.b64encode(lock.encode()).decode()})
        connection.execute("insert into pulumi_state (key, data) values (%s, %s)", (key, data))
    with pytest.raises(StateLockedError, match=r"ann@build-7 \(pid 7\)"):
        there.change("up", Recorder(), previewed=True)
    holders = there.holders()
    assert holders is None
    there.unlock(holders or ())
    _unchanged(there)
    assert there.change("destroy", Recorder()).succeeded
    moving.type("pulumi stack rm staging --yes --preserve-config", PULUMI_BACKEND_URL=moving.elsewhere)
