"""GitHub as far as workflows meet it: pull requests in the sandbox's stand-in, a machine with keys, events."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx

from operations.init.layouts import APP, PROGRAM, Layout, caller
from tests.sandboxed import connect
from tests.workflows.reading import Workflow, read, workflows
from tests.workflows.running import COMMIT, Machine, Outcome, deliver, event

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import psycopg

    from tests.clone import Clone
    from tests.sandboxed import Sandboxed

PLACES = ("plan", "plan-production", "preview", "drift", "staging", "production")
SECRETS = ("XATA_API_KEY", "CLOUDFLARE_API_TOKEN", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE")
VARIABLES = ("XATA_ORGANIZATION_ID", "XATA_PROJECT_ID", "CLOUDFLARE_ACCOUNT_ID")
OF_THE_JOB = ("GITHUB_TOKEN", "GITHUB_REPOSITORY", "PULUMI_CONFIG_PASSPHRASE_FILE")
"""What the sandbox's environment has besides, and a job is told by GitHub, or by a secret."""
ORDER: dict[str, dict[str, Any]] = {
    "opened": {"state": "open", "sha": "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567"},
    "synchronize": {"state": "open", "sha": "89abcdef0123456789abcdef0123456789abcdef"},
    "closed": {"state": "closed"},
    "merged": {"merged": True},
    "reopened": {"state": "open", "merged": False},
}
"""What a pull request is when GitHub sends the event of this name."""
APP_PATHS = {Layout.APP: "examples/health-worker", Layout.FOLDER: "..", Layout.TWO: f"../{APP}"}
REPOSITORY_OF_THE_PROGRAM = "sandbox/infra"


def laid_out(clone: Clone, layout: Layout = Layout.APP) -> Clone:
    """The clone as a folder of a workspace that fits every layout, with the app where this one has it."""
    workspace = clone.folder.parent / "workspace"
    (workspace / APP).mkdir(parents=True)
    moved = replace(clone, folder=clone.folder.rename(workspace / PROGRAM))
    example = APP_PATHS[Layout.APP]
    if layout is not Layout.APP:
        shutil.copytree(moved.folder / example, moved.folder / APP_PATHS[layout], dirs_exist_ok=True)
        for file in moved.folder.glob("Pulumi.*.yaml"):
            file.write_text(file.read_text().replace(f"appPath: {example}", f"appPath: {APP_PATHS[layout]}"))
    return moved


def checked_out(machine: Machine, layout: Layout) -> Machine:
    """A machine of this repository's layout, whose folder is the program's, as one of another layout."""
    if layout is Layout.APP:
        return machine
    called: dict[str, Workflow] = {}
    found, places = workflows(layout, PROGRAM * (layout is Layout.FOLDER)), {machine.repository: ""}
    if layout is Layout.TWO:
        calls = read(caller(REPOSITORY_OF_THE_PROGRAM, COMMIT))
        called = {calls.jobs[0].calls: found["infra"]}
        found, places = {"infra": calls}, {machine.repository: APP, REPOSITORY_OF_THE_PROGRAM: PROGRAM}
    return replace(
        machine,
        folder=machine.folder.parent,
        workflows=found,
        called=called,
        program=REPOSITORY_OF_THE_PROGRAM,
        checkouts=places,
    )


def file_of(workflow: str, layout: Layout) -> str:
    """What the file is called that begins a workflow's jobs."""
    return {Layout.APP: workflow, Layout.FOLDER: f"{PROGRAM}-{workflow}", Layout.TWO: "infra"}[layout]


@dataclass(frozen=True, kw_only=True)
class Hub:
    """A sandbox whose pull requests begin workflows.

    Attributes:
        sandboxed: The sandbox, with staging in it.
        temporary: An empty folder.
        layout: Which workflows are begun, where an event does not say it.
    """

    sandboxed: Sandboxed
    temporary: Path
    layout: Layout = Layout.APP
    outcomes: list[Outcome] = field(default_factory=list)

    @cached_property
    def machine(self) -> Machine:
        """What a job runs on: the sandbox's addresses are the machine's, its keys are secrets."""
        told = _exported(self.sandboxed.clone.infra("sandbox", "env").stdout)
        told["PULUMI_CONFIG_PASSPHRASE"] = (self.sandboxed.clone.folder / ".infra" / "passphrase").read_text().strip()
        own = self.sandboxed.clone.environment(XDG_CACHE_HOME=self.sandboxed.cache)
        apart = {*SECRETS, *VARIABLES, *OF_THE_JOB}
        return Machine(
            folder=self.sandboxed.clone.folder,
            temporary=self.temporary,
            environment={**own, **{name: value for name, value in told.items() if name not in apart}},
            secrets={place: {name: told[name] for name in SECRETS if name in told} for place in PLACES},
            variables={name: told[name] for name in VARIABLES if name in told},
            token=told["GITHUB_TOKEN"],
            repository=told["GITHUB_REPOSITORY"],
        )

    @cached_property
    def github(self) -> httpx.Client:
        """The stand-in for GitHub, with its own switches."""
        return httpx.Client(base_url=self.machine.environment["GITHUB_API_URL"], trust_env=False, timeout=60)

    def become(self, number: int, told: Mapping[str, Any]) -> None:
        """Make a pull request what it is told to be; one that is not there is opened first."""
        if number not in {pull["number"] for pull in self.github.get("/sandbox/state").json()["pulls"]}:
            self.github.post("/sandbox/pulls", json={"number": number}).raise_for_status()
        self.github.post(f"/sandbox/pulls/{number}", json=dict(told)).raise_for_status()

    def happens(self, name: str, layout: Layout | None = None) -> Outcome:
        """The pull request becomes what the event says, and the event is delivered."""
        self.become(event(name)["number"], ORDER[name])
        return self.delivered(name, layout=layout)

    def delivered(self, name: str, *, workflow: str = "environment", layout: Layout | None = None) -> Outcome:
        """The event is delivered, whatever the pull request is; what becomes of the workflow."""
        kind = name.partition("-")[0] if name.startswith(("push", "schedule")) else "pull_request"
        file = file_of(workflow, layout or self.layout)
        outcome = deliver(checked_out(self.machine, layout or self.layout), kind, event(name), only=file)[file]
        self.outcomes.append(outcome)
        return outcome

    def empty(self) -> None:
        """Nothing of pull requests is left, and no fault."""
        self.sandboxed.end_faults()
        self.github.post("/sandbox/reset").raise_for_status()
        for stack in self.previews:
            self.sandboxed.must("destroy", stack, "--yes")

    def url(self, stack: str) -> str:
        """The environment's connection URL."""
        return str(self.sandboxed.outputs(stack)["databaseUrl"])

    def query(self, url: str, text: str) -> Any:
        """What a database answers."""
        with self.connect_to(url) as connection:
            found = connection.execute(text)
            return found.fetchone() if found.description else None

    def connect_to(self, url: str) -> psycopg.Connection[Any]:
        """A connection to a database of the sandbox."""
        return connect(url, authority=self.machine.environment["PGSSLROOTCERT"])

    @property
    def comments(self) -> list[dict[str, Any]]:
        """Every comment below a pull request."""
        return list(self.github.get("/sandbox/state").json()["comments"])

    @property
    def previews(self) -> list[str]:
        """The branches of pull requests, as Xata's stand-in counts them."""
        return sorted(name for name in self.sandboxed.branches() if name.startswith("pr-"))

    @property
    def workers(self) -> list[str]:
        """The Workers of pull requests, as Cloudflare's stand-in counts them; none where Workers are not run."""
        address = self.machine.environment.get("INFRA_WORKER_ADDRESSES")
        found = httpx.get(address, trust_env=False, timeout=60).json() if address else {}
        return sorted(name for name in found if "-pr-" in name)

    @property
    def states(self) -> list[str]:
        """The files that are kept of stacks of pull requests."""
        kept = [file for file in self.sandboxed.state.rglob("*") if file.is_file() and "pr-" in str(file)]
        own = self.sandboxed.clone.folder.glob("Pulumi.pr-*.yaml")
        return sorted(file.name for file in (*kept, *own))

    @property
    def left(self) -> dict[str, list[str]]:
        """All that there is of pull requests, anywhere."""
        return {"branches": self.previews, "workers": self.workers, "states": self.states}

    def made(self) -> int:
        """How many branches were made since the calls were last forgotten."""
        return sum(one["method"] == "POST" and one["path"].endswith("/branches") for one in self.sandboxed.calls())


NOTHING_LEFT: dict[str, list[str]] = {"branches": [], "workers": [], "states": []}


def _exported(script: str) -> dict[str, str]:
    """The variables that `./infra sandbox env` exports."""
    lines = [shlex.split(line) for line in script.splitlines()]
    pairs = [words[1].partition("=") for words in lines if words[:1] == ["export"]]
    return {name: value for name, _, value in pairs}


def leaks(machine: Machine, outcome: Outcome) -> list[str]:
    """The names of secrets whose value a run has printed, in clear or as JSON text."""
    told = outcome.said + outcome.summary + json.dumps(dict(outcome.outputs))
    secrets = {name: value for place in machine.secrets.values() for name, value in place.items()}
    hidden = {**secrets, "GITHUB_TOKEN": machine.token}
    return [name for name, value in hidden.items() if value in told and name != "PULUMI_BACKEND_URL"]
