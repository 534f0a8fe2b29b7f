"""A stack with one branch, brought up by either engine against a stand-in of this process."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operations.engines.embedded import EmbeddedEngine
from operations.engines.interface import EngineOptions
from operations.engines.pulumi_cli import PulumiEngine
from operations.workspace import Workspace
from tests.contract.standin import KEY, ORGANIZATION, StandIn
from tests.contract.tour import REGION, ROOT
from tests.engine.stack import Recorder

if TYPE_CHECKING:
    from cloud_sandbox.xata.models import Branch
    from operations.engines.interface import Change, Engine
    from pulumi_embedded.api import Result

HERE = Path(__file__).resolve()
PROJECT = HERE.parents[2]
PROGRAM = HERE.parents[1] / "components/xata/programs/branch/__main__.py"
PULUMI_YAML = """\
name: probe
runtime:
  name: python
  options:
    toolchain: pip
    virtualenv: {prefix}
options:
  refresh: always
"""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a run did and said.

    Attributes:
        result: The engine's result.
        steps: What was done to which resource, as `update settings`.
        said: Every message and error.
        calls: The API's calls meanwhile.
    """

    result: Result
    steps: list[str]
    said: str
    calls: list[dict[str, Any]]

    @property
    def nothing(self) -> bool:
        """Whether it went well and changed nothing."""
        made = self.result.changes
        return self.result.succeeded and not (made.create or made.update or made.replace or made.delete)

    @property
    def writes(self) -> list[str]:
        """The calls that change something."""
        return [f"{call['method']} {call['path']}" for call in self.calls if call["method"] != "GET"]


class Stacked:
    """One stack of the program `branch` in a folder of its own.

    Args:
        folder: Takes project, state and what the program is to declare.
        standin: The stand-in, with a project and a root branch `main` already in it.
        url: Where the stand-in is served.
        way: `embedded` or `pulumi`.
    """

    def __init__(self, folder: Path, standin: StandIn, url: str, way: str) -> None:
        self.standin, self.url, self.way, self.folder = standin, url, way, folder
        self.http = standin.http()
        made = self.http.post(f"/organizations/{ORGANIZATION}/projects", json={"name": "warehouse-manager"})
        self.xata_project = made.json()["id"]
        self.make("main", mode="custom", configuration=ROOT)
        self.project, self.state = folder / "project", folder / "state"
        self.project.mkdir()
        self.state.mkdir()
        shutil.copy2(PROGRAM, self.project / "__main__.py")
        (self.project / "components").symlink_to(PROJECT / "components")
        (self.project / "Pulumi.yaml").write_text(PULUMI_YAML.format(prefix=sys.prefix))
        (self.project / "Pulumi.dev.yaml").write_text("{}\n")
        self.want("staging")

    def want(self, name: str, *, protect: bool = False, **changes: dict[str, Any]) -> None:
        """Let the program declare a branch; `branch`, `settings` and `connection` change what it usually says."""
        branch = {
            "organization": ORGANIZATION,
            "project": "warehouse-manager",
            "name": name,
            "stack": "staging",
            "region": REGION,
            "parent": "main",
        }
        settings = {"description": "infra stack staging", "backup_retention_days": 7, "backup_time": "*:02:30"}
        wanted = {
            "protect": protect,
            "branch": branch | changes.get("branch", {}),
            "settings": settings | changes.get("settings", {}),
            "connection": {"rotation": "", "ready_timeout_seconds": 60} | changes.get("connection", {}),
        }
        (self.folder / "wanted.json").write_text(json.dumps(wanted))

    def run(self, kind: Change, **environment: str) -> Ran:
        """Carry a change out, however it ends."""
        return self._ran(kind, plan=False, environment=environment)

    def preview(self, **environment: str) -> Ran:
        """Plan an `up`."""
        return self._ran("up", plan=True, environment=environment)

    def must(self, kind: Change, **environment: str) -> Ran:
        """Carry a change out that must end well."""
        ran = self.run(kind, **environment)
        assert ran.result.succeeded, ran.said
        return ran

    def make(self, name: str, **body: Any) -> str:
        """Somebody makes a branch; its id."""
        answer = self.http.post(self.path(), json={"name": name, **body})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def path(self, branch: str = "") -> str:
        """The API's path of the branches, or of one."""
        return f"/organizations/{ORGANIZATION}/projects/{self.xata_project}/branches{branch and '/'}{branch}"

    def there(self) -> dict[str, Branch]:
        """The branches that are there, by name."""
        return {branch.name: branch for branch in self.standin.branches(self.xata_project)}

    def forget(self) -> None:
        """Lose the state."""
        shutil.rmtree(self.state)
        self.state.mkdir()

    def recorded(self) -> set[str]:
        """The names of the resources in the state."""
        return {one.name for one in self._engine({}).recorded()}

    def _ran(self, kind: Change, *, plan: bool, environment: dict[str, str]) -> Ran:
        engine, seen = self._engine(environment), Recorder()
        self.standin.service.log.clear()
        result = (engine.plan if plan else engine.change)(kind, seen)
        said = "\n".join([*seen.texts(), *map(str, result.errors)])
        return Ran(result=result, steps=seen.steps(), said=said, calls=self.standin.service.log.listed())

    def _engine(self, environment: dict[str, str]) -> Engine:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "XATA_", "INFRA_"))}
        own = {
            "WANTED": str(self.folder / "wanted.json"),
            "XATA_API_BASE_URL": self.url,
            "XATA_API_KEY": KEY,
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
        workspace = Workspace(
            folder=self.project,
            stack="dev",
            backend_url=f"file://{self.state}",
            passphrase="correct horse",
            environ={**kept, **own, **environment},
        )
        if self.way == "embedded":
            return EmbeddedEngine(workspace=workspace, options=EngineOptions())
        return PulumiEngine(command=Path(shutil.which("pulumi") or "pulumi"), workspace=workspace)
