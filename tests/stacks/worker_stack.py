"""A stack with a Worker on the embedded engine, the account it is made in, and the address it answers at."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

import pulumi_embedded as engine
from cloud_sandbox.cloudflare.runtime import NoRuntime
from cloud_sandbox.cloudflare.service import BASE_PATH, Service
from cloud_sandbox.cloudflare.settings import Settings, Token
from cloud_sandbox.server import application
from tests.components.worker.stranger import Stranger
from tests.components.worker.workers_world import ACCOUNT, SCRIPT, TOKEN, app
from tests.contract.served import serving
from tests.engine.stack import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PROJECT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).parent / "programs" / "worker"
APP = SCRIPT.removesuffix("-staging")
DATABASE = "postgresql://xata:P4ss%21word@nowhere.invalid:5432/xata?sslmode=require"


class Runtime(NoRuntime):
    """Says where scripts would run, and answers for them as far as their health goes."""

    base = ""

    def url(self, name: str) -> str:
        """The same place for all."""
        return f"{self.base}/{name}"

    def application(self) -> web.Application:
        """What answers there."""
        found = web.Application()
        for path in ("api/health", "healthz"):
            found.router.add_get(f"/{{name}}/{path}", self.health)
        return found

    async def health(self, request: web.Request) -> web.Response:
        """What the app says; a draft has nothing to say."""
        script, bindings = self.scripts[request.match_info["name"]]
        if script.main != "app.mjs":
            return web.Response(status=404)
        said = {name: bindings.get(name, {}).get("text") for name in ("ENVIRONMENT", "XATA_BRANCH")}
        identity = {"environment": said["ENVIRONMENT"], "xataBranch": said["XATA_BRANCH"], "databaseBranch": "staging"}
        if bindings["DATABASE_URL"]["text"] != DATABASE:
            return web.json_response({"status": "error", "database": "log-in refused", **identity}, status=503)
        return web.json_response({"status": "ok", "database": "ok", **identity})


@dataclass(kw_only=True)
class WorkerStack:
    """The stack and its world.

    Attributes:
        folder: Where its state lies.
        project: The program, with the rooms that its providers come from.
        base: Address of the stand-in.
        runtime: What runs there.
        client: Somebody else on the same account.
        seen: What the runs reported.
    """

    folder: Path
    project: Path
    base: str
    runtime: Runtime
    client: Stranger
    seen: Recorder = field(default_factory=Recorder)

    def environment(self) -> dict[str, str]:
        """What the program is told of the account, and of the database."""
        return {
            "DATABASE": DATABASE,
            "CLOUDFLARE_ACCOUNT_ID": ACCOUNT,
            "CLOUDFLARE_API_TOKEN": TOKEN,
            "CLOUDFLARE_API_BASE_URL": f"{self.base}{BASE_PATH}",
            "INFRA_WORKER_ADDRESSES": f"{self.base}/sandbox/workers",
        }

    def run(
        self,
        kind: engine.Kind,
        config: Mapping[str, str] | None = None,
        *,
        environment: Mapping[str, str] | None = None,
    ) -> engine.Result:
        """Run the program; the keys of `config` are without their namespace."""
        self.seen = Recorder()
        request = engine.Request(
            kind=kind,
            project_folder=self.project,
            stack="staging",
            backend_url=f"file://{self.folder}",
            passphrase="correct horse",
            refresh=kind == "up",  # as the project's file has it
            config={f"infra:{key}": value for key, value in {"app": APP, **(config or {})}.items()},
            environment={**self.environment(), **(environment or {})},
        )
        return engine.run(request, self.seen)

    def up(self, **config: str) -> engine.Result:
        """Bring it up; the result is a success."""
        result = self.run("up", config)
        assert result.succeeded, result.errors
        return result

    def deploy_app(self, script: str = SCRIPT) -> None:
        """Deploy the app as wrangler does."""
        self.client.upload_script(ACCOUNT, script, app(ENVIRONMENT="staging", XATA_BRANCH="staging"))

    def steps(self) -> set[str]:
        """What the last run did to which resource."""
        return set(self.seen.steps())


@contextlib.contextmanager
def worker_stack(folder: Path, *more: web.AbstractRouteDef) -> Iterator[WorkerStack]:
    """A stack that was never deployed, on an account without Workers, served from a thread; `more` answers, too."""
    runtime = Runtime()
    service = Service(Settings(tokens=(Token(token=TOKEN),), calls=0), runtime=runtime)
    answering = application(service)
    answering.add_routes(more)
    with serving(runtime.application()) as runs, serving(answering) as api:
        runtime.base = runs
        client = Stranger(key=TOKEN, base_url=f"{api}{BASE_PATH}")
        project = folder.with_name(f"{folder.name}-project")
        shutil.copytree(PROGRAM, project)
        for room in ("components", "stacks"):
            (project / room).symlink_to(PROJECT / room)
        yield WorkerStack(folder=folder, project=project, base=api, runtime=runtime, client=client)
        client.close()
