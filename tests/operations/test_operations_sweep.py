"""`./infra sweep` against the three services in this process: what it removes, and what it does when one refuses."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cloud_sandbox.cloudflare.runtime import NoRuntime
from cloud_sandbox.cloudflare.service import Service as CloudflareService
from cloud_sandbox.cloudflare.settings import DEFAULT_ACCOUNT
from cloud_sandbox.cloudflare.settings import Settings as CloudflareSettings
from cloud_sandbox.cloudflare.settings import Token as CloudflareToken
from cloud_sandbox.faults import fault_of
from cloud_sandbox.github.service import Service as GitHubService
from cloud_sandbox.github.settings import Settings as GitHubSettings
from cloud_sandbox.github.settings import Token as GitHubToken
from cloud_sandbox.transport import handler
from cloud_sandbox.xata.control import seed
from components.errors import InputError
from components.github.client import Client as GitHubClient
from components.worker import draft
from components.worker.api.client import Client as WorkerClient
from components.worker.names import Target as Worker
from components.xata.branches.ownership import mark, until
from operations import changes
from operations.changes import Target
from operations.commands import sweep
from operations.commands.sweep import read_previews, scene_of
from operations.engines.recorded import Holder
from operations.errors import ExitCode, StateLockedError
from pulumi_embedded.errors import HeldError
from tests.operations.doubles import FakeEngine, result

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.operations.xata_double import Xata

TOKEN = "t" * 40
SLOW: dict[str, Any] = {"sleep": lambda _: None, "budget_seconds": 0.2}
TODAY = datetime.now(tz=UTC).date()
OVER, ALIVE = until(TODAY - timedelta(days=1)), until(TODAY + timedelta(days=1))
PREFIX = "health-worker"


@dataclass
class Sky:
    """The three services, and the states of the stacks.

    Attributes:
        states: Stacks that have a state, with the engine that works on each.
        locked: Who holds the locks of which stack.
    """

    xata: Xata
    github: GitHubService
    cloudflare: CloudflareService
    states: dict[str, FakeEngine] = field(default_factory=dict)
    locked: dict[str, tuple[Holder, ...]] = field(default_factory=dict)

    def workers(self, _environment: Any = None) -> WorkerClient:
        """A client of Cloudflare."""
        transport = httpx.MockTransport(handler(self.cloudflare))
        return WorkerClient(key=TOKEN, base_url="http://127.0.0.1:2/client/v4", transport=transport, **SLOW)

    def pulls(self, environment: Any) -> GitHubClient:
        """A client of GitHub."""
        token = environment.get("GITHUB_TOKEN", "")
        if not token:
            raise InputError("there is no token", next_step="set it")
        transport = httpx.MockTransport(handler(self.github))
        return GitHubClient(key=token, base_url="http://127.0.0.1:3", transport=transport, **SLOW)

    def preview(self, number: int, description: str | None, state: str = "", *labels: str, worker: str = "") -> None:
        """Make a branch, a pull request and a Worker; `worker` is the stack that the Worker was made for."""
        name = f"pr-{number}"
        seed(self.xata.service.world, {"parent": "staging", "branches": [{"name": name, "description": description}]})
        if state:
            self.pull(number, state, *labels)
        if worker:
            self.worker(number, worker)

    def pull(self, number: int, state: str, *labels: str) -> None:
        """Make a pull request."""
        self.github.world.seed({"number": number, "state": state, "labels": list(labels)})

    def worker(self, number: int, owner: str) -> None:
        """Make a preview's Worker for a stack."""
        draft.make(self.workers(), Worker(account=DEFAULT_ACCOUNT, script=f"{PREFIX}-pr-{number}"), owner=owner)

    @property
    def there(self) -> set[str]:
        """The branches that are there."""
        return {branch.name for branch in self.xata.client().branches(*self.xata._place)}

    @property
    def scripts(self) -> set[str]:
        """The Workers that are there."""
        return {one.id for one in self.workers().scripts(DEFAULT_ACCOUNT)}

    def break_xata(self, **order: Any) -> None:
        """Order a fault at Xata."""
        self.xata.service.faults.add(fault_of(order))


@pytest.fixture
def sky(project: Path, xata: Xata, monkeypatch: pytest.MonkeyPatch) -> Sky:
    """The three services, in the place of the network, and a project folder that knows them."""
    (project / "examples/health-worker/wrangler.jsonc").write_text(f'{{"name": "{PREFIX}"}}')
    made = Sky(
        xata=xata,
        github=GitHubService(GitHubSettings(tokens=(GitHubToken(token=TOKEN),))),
        cloudflare=CloudflareService(CloudflareSettings(tokens=(CloudflareToken(token=TOKEN),)), runtime=NoRuntime()),
    )
    monkeypatch.setattr("components.github.client.connect", made.pulls)
    monkeypatch.setattr("components.worker.api.client.connect", made.workers)
    named = Target.from_arguments
    monkeypatch.setattr(Target, "from_arguments", lambda arguments: replace(named(arguments), folder=project))
    monkeypatch.setattr(sweep, "known_stacks", lambda *_: ["staging", *made.states])
    monkeypatch.setattr(sweep, "holders", lambda workspace: made.locked.get(workspace.stack, ()))
    monkeypatch.setattr(sweep, "choose", lambda _, workspace, *_more, **_less: made.states[workspace.stack])
    monkeypatch.setattr(changes, "opened", lambda target, *, deploys: None if deploys else made.states[target.stack])
    monkeypatch.setattr("time.sleep", lambda _: None)
    for name, value in {
        "XATA_ORGANIZATION_ID": "sand01",
        "GITHUB_TOKEN": TOKEN,
        "GITHUB_REPOSITORY": "sandbox/app",
        "CLOUDFLARE_ACCOUNT_ID": DEFAULT_ACCOUNT,
        "CLOUDFLARE_API_TOKEN": TOKEN,
    }.items():
        monkeypatch.setenv(name, value)
    return made


def _reasons(document: Any) -> dict[str, str]:
    return {one["name"]: one["reason"] for one in (*document["goes"], *document["stays"])}


def test_a_dry_run_lists_and_changes_nothing(
    sky: Sky, infra: Callable[..., Any], valid: Callable[[str, Any], None]
) -> None:
    """Not one call that writes is made; one list of branches, and one read for each preview."""
    sky.preview(7, mark("pr-7"), "closed", worker="pr-7")
    sky.preview(8, mark("pr-8", ALIVE), "open")
    sky.xata.service.log.entries.clear()
    sky.cloudflare.log.clear()
    answer = infra("sweep", "--json")
    assert answer.code == ExitCode.SUCCESS
    valid("sweep", answer.document)
    assert _reasons(answer.document) == {"pr-7": "closed", "pr-8": "open"}
    assert answer.document["goes"][0]["worker"] == f"{PREFIX}-pr-7"
    assert (answer.document["others"], answer.document["removed"]) == (2, [])
    assert "./infra sweep --yes" in answer.err
    for log in (sky.xata.service.log, sky.cloudflare.log, sky.github.log):
        assert {call["method"] for call in log.listed()} == {"GET"}
    paths = [call["path"] for call in sky.xata.service.log.listed()]
    assert sum(path.endswith("/branches") for path in paths) == 1
    assert sum("/branches/" in path for path in paths) == 2


def test_yes_removes_branch_worker_and_state(
    sky: Sky, infra: Callable[..., Any], valid: Callable[[str, Any], None]
) -> None:
    """What is left of a preview goes with it, also where there is no branch or no state any more."""
    sky.preview(7, mark("pr-7"), "closed", worker="pr-7")
    sky.preview(8, mark("pr-8", OVER), "open")
    sky.pull(9, "closed")
    sky.pull(10, "closed")
    sky.worker(10, "pr-10")
    sky.states = {"pr-7": FakeEngine(), "pr-9": FakeEngine()}
    answer = infra("sweep", "--yes", "--json")
    assert answer.code == ExitCode.SUCCESS
    valid("sweep", answer.document)
    assert {one["name"]: one["gone"] for one in answer.document["removed"]} == {
        "pr-7": ["branch", "worker", "state"],
        "pr-8": ["branch"],
        "pr-9": ["state"],
        "pr-10": ["worker"],
    }
    assert (sky.there, sky.scripts) == ({"main", "staging"}, set())
    assert [engine.asked for engine in sky.states.values()] == [["remove"], ["remove"]]


def test_nothing_to_do_is_success(sky: Sky, infra: Callable[..., Any]) -> None:
    """An empty project says so."""
    answer = infra("sweep", "--yes")
    assert (answer.code, answer.out) == (ExitCode.SUCCESS, "no preview is there\n")
    assert sky.there == {"main", "staging"}


def test_the_table_says_what_goes_first_and_shows_no_control_characters(sky: Sky, infra: Callable[..., Any]) -> None:
    """Anybody may have given a branch a name that a terminal would obey."""
    sky.preview(7, mark("pr-7"), "open")
    sky.preview(8, mark("pr-8"), "closed")
    evil = {"name": "pr-9\x1b[2J\n", "description": None}
    seed(sky.xata.service.world, {"parent": "main", "branches": [evil]})
    lines = infra("sweep").out.splitlines()
    assert [line.split()[0] for line in lines] == ["goes", "stays", "stays"]
    assert "pr-8" in lines[0]
    assert "\x1b" not in "".join(lines)


@pytest.mark.parametrize("owner", ["pr-8", ""])
def test_a_worker_that_was_not_made_for_the_preview_stays(owner: str, sky: Sky, infra: Callable[..., Any]) -> None:
    """Its name alone is no proof; the branch goes all the same."""
    sky.preview(7, mark("pr-7"), "closed")
    sky.worker(7, owner)
    answer = infra("sweep", "--yes", "--json")
    assert answer.code == ExitCode.SUCCESS
    assert answer.document["goes"][0]["worker"] is None
    assert sky.scripts == {f"{PREFIX}-pr-7"}
    assert "pr-7" not in sky.there


def test_without_an_account_there_are_no_workers(
    sky: Sky, infra: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cloudflare is not asked."""
    monkeypatch.delenv("CLOUDFLARE_ACCOUNT_ID")
    sky.preview(7, mark("pr-7"), "closed", worker="pr-7")
    sky.cloudflare.log.clear()
    assert infra("sweep", "--yes").code == ExitCode.SUCCESS
    assert sky.cloudflare.log.listed() == []


def test_a_failed_deletion_is_told_and_the_others_go_on(sky: Sky, infra: Callable[..., Any]) -> None:
    """The exit code says so, the state of the failed one stays, and the next sweep completes it."""
    for number in (7, 8, 9):
        sky.preview(number, mark(f"pr-{number}"), "closed")
    sky.states = {"pr-8": FakeEngine()}
    branch = next(one for one in sky.xata.client().branches(*sky.xata._place) if one.name == "pr-8")
    sky.break_xata(method="DELETE", path=f"/branches/{branch.id}", status=403, message="forbidden", times=1)
    answer = infra("sweep", "--yes", "--json")
    assert answer.code == ExitCode.RESOURCE_FAILED
    removed = {one["name"]: one for one in answer.document["removed"]}
    assert "403" in removed["pr-8"]["error"]
    assert [removed[name]["gone"] for name in ("pr-7", "pr-8", "pr-9")] == [["branch"], [], ["branch"]]
    assert sky.there == {"main", "staging", "pr-8"}
    assert sky.states["pr-8"].asked == []
    assert infra("sweep", "--yes").code == ExitCode.SUCCESS
    assert sky.there == {"main", "staging"}


GITHUB_FAULTS = [
    {"status": 403, "message": "API rate limit exceeded for installation"},
    {"status": 403, "message": "Resource not accessible by integration"},
    {"status": 404, "message": "Not Found"},
    {"status": 502, "message": "Bad Gateway"},
    {"cut": "before"},
]


@pytest.mark.parametrize("fault", GITHUB_FAULTS, ids=lambda fault: str(fault.get("status", "cut")))
def test_when_github_cannot_be_asked_nothing_goes(fault: dict[str, Any], sky: Sky, infra: Callable[..., Any]) -> None:
    """Neither for a closed pull request nor for an ended life, which a label might keep; the exit code says so."""
    sky.preview(7, mark("pr-7"), "closed")
    sky.preview(8, mark("pr-8", OVER), "open")
    sky.github.faults.add(fault_of({"path": "/pulls", "times": 0, **fault}))
    answer = infra("sweep", "--yes", "--json")
    assert answer.code == ExitCode.RESOURCE_FAILED
    assert _reasons(answer.document) == {"pr-7": "not-asked", "pr-8": "not-asked"}
    assert "pull requests could not be listed" in answer.document["faults"][0]
    assert sky.there == {"main", "staging", "pr-7", "pr-8"}


@pytest.mark.parametrize("variable", ["GITHUB_TOKEN", "GITHUB_REPOSITORY"])
def test_without_token_or_repository_nothing_goes(
    variable: str, sky: Sky, infra: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that knows no repository knows nothing of its pull requests."""
    monkeypatch.delenv(variable)
    sky.preview(7, mark("pr-7"), "closed")
    answer = infra("sweep", "--yes", "--json")
    assert answer.code == ExitCode.RESOURCE_FAILED
    assert _reasons(answer.document) == {"pr-7": "not-asked"}


def test_a_single_pull_request_that_cannot_be_read_keeps_its_preview(sky: Sky, infra: Callable[..., Any]) -> None:
    """The others are judged; those that are open are not asked about again."""
    sky.preview(7, mark("pr-7"), "closed")
    sky.preview(8, mark("pr-8"), "closed")
    sky.preview(9, mark("pr-9", ALIVE), "open")
    sky.github.faults.add(fault_of({"path": "/pulls/7", "times": 0, "status": 502, "message": "Bad Gateway"}))
    answer = infra("sweep", "--json")
    assert answer.code == ExitCode.RESOURCE_FAILED
    assert _reasons(answer.document) == {"pr-7": "not-asked", "pr-8": "closed", "pr-9": "open"}
    assert not any(call["path"].endswith("/pulls/9") for call in sky.github.log.listed())


def test_without_github_only_what_has_outlived_its_life_goes(sky: Sky, infra: Callable[..., Any]) -> None:
    """Said explicitly, GitHub is not asked at all, and that is no failure."""
    sky.preview(7, mark("pr-7", ALIVE), "closed")
    sky.preview(8, mark("pr-8", OVER), "open")
    answer = infra("sweep", "--yes", "--without-github", "--json")
    assert answer.code == ExitCode.SUCCESS
    assert _reasons(answer.document) == {"pr-7": "not-asked", "pr-8": "expired"}
    assert sky.there == {"main", "staging", "pr-7"}
    assert sky.github.log.listed() == []


def test_a_label_of_ones_own_keeps(sky: Sky, infra: Callable[..., Any]) -> None:
    """Of closed pull requests, too, which no list tells."""
    sky.preview(7, mark("pr-7"), "closed", "demo")
    assert _reasons(infra("sweep", "--json", "--keep-label", "demo").document) == {"pr-7": "kept"}
    assert _reasons(infra("sweep", "--json").document) == {"pr-7": "closed"}


def test_a_description_that_cannot_be_read_keeps_the_branch(sky: Sky, infra: Callable[..., Any]) -> None:
    """Whose it is, is not known; that is a failure."""
    sky.preview(7, mark("pr-7"), "closed")
    branch = next(one for one in sky.xata.client().branches(*sky.xata._place) if one.name == "pr-7")
    sky.break_xata(method="GET", path=f"/branches/{branch.id}", status=403, message="forbidden", times=1)
    answer = infra("sweep", "--json")
    assert answer.code == ExitCode.RESOURCE_FAILED
    assert _reasons(answer.document) == {"pr-7": "unreadable"}


def test_a_wrong_key_is_an_error_before_anything_else(
    sky: Sky, infra: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Xata's list there is nothing to decide about."""
    monkeypatch.setenv("XATA_API_KEY", "xau_" + "w" * 40)
    answer = infra("sweep", "--yes", "--json")
    assert answer.code == ExitCode.RESOURCE_FAILED
    assert "401" in answer.document["error"]["message"]
    assert sky.github.log.listed() == []


def test_workers_that_cannot_be_listed_are_told_and_branches_go(sky: Sky, infra: Callable[..., Any]) -> None:
    """A database costs money; its Worker is found by the next sweep, without branch and state."""
    sky.preview(7, mark("pr-7"), "closed", worker="pr-7")
    sky.cloudflare.faults.add(fault_of({"path": "/scripts", "status": 403, "message": "no", "times": 1}))
    answer = infra("sweep", "--yes", "--json")
    assert answer.code == ExitCode.RESOURCE_FAILED
    assert "Workers could not be listed" in answer.document["faults"][0]
    assert sky.there == {"main", "staging"}
    assert infra("sweep", "--yes").code == ExitCode.SUCCESS
    assert sky.scripts == set()


def test_two_sweeps_at_once_both_end_well(sky: Sky, project: Path) -> None:
    """Both have decided the same before either begins: what one finds gone is gone."""
    for number in range(1, 21):
        sky.preview(number, mark(f"pr-{number}"), "closed", worker=f"pr-{number}")
    sky.states = {"pr-1": FakeEngine()}
    environ = changes.Target(stack="").environ()
    here = scene_of(project, environ)
    found = [read_previews(here, keep_label="keep", without_github=False) for _ in range(2)]

    def carried_out(number: int) -> list[sweep.Removed]:
        target = changes.Target(stack="", folder=project)
        verdicts = found[number].verdicts
        return sweep.carry_out(here, verdicts, target_of=lambda name: replace(target, stack=name), say=lambda _: None)

    with ThreadPoolExecutor(2) as pool:
        for done in pool.map(carried_out, range(2)):
            assert len(done) == 20
            assert [one.error for one in done if one.error] == []
    assert (sky.there, sky.scripts) == ({"main", "staging"}, set())


def _held(times: int) -> FakeEngine:
    """An engine whose state holds something until it has been taken down."""
    engine = FakeEngine()
    engine.removals = [HeldError.of("pr-7", ["database-branch"])] * times
    return engine


def test_a_state_that_holds_something_is_taken_down_first(sky: Sky, infra: Callable[..., Any]) -> None:
    """What went with branch and Worker is found gone; what else there is, is deleted."""
    sky.preview(7, mark("pr-7"), "closed")
    sky.states = {"pr-7": _held(1)}
    answer = infra("sweep", "--yes", "--json")
    assert answer.code == ExitCode.SUCCESS
    assert sky.states["pr-7"].asked == ["remove", "destroy", "remove"]
    assert answer.document["removed"][0]["gone"] == ["branch", "state"]


def test_a_stack_that_cannot_be_taken_down_is_told(sky: Sky, infra: Callable[..., Any]) -> None:
    """Its state stays, with what to do about it."""
    sky.preview(7, mark("pr-7"), "closed")
    engine = sky.states["pr-7"] = _held(1)
    engine.answers["destroy"] = result("destroy", succeeded=False, errors=("the passphrase is wrong",))
    answer = infra("sweep", "--yes")
    assert answer.code == ExitCode.RESOURCE_FAILED
    assert "pr-7: branch removed; failed: the rest of the stack could not be taken down: the passphrase" in answer.err
    assert "./infra destroy pr-7" in answer.err


def test_another_sweep_is_waited_for(sky: Sky, infra: Callable[..., Any]) -> None:
    """A lock that goes soon is no failure; one that stays is."""
    sky.preview(7, mark("pr-7"), "closed")
    engine = sky.states["pr-7"] = FakeEngine()
    engine.removals = [StateLockedError("locked by ann")] * 2
    assert infra("sweep", "--yes").code == ExitCode.SUCCESS
    sky.preview(8, mark("pr-8"), "closed")
    sky.states = {"pr-8": FakeEngine(removals=[StateLockedError("locked by ann")] * 9)}
    answer = infra("sweep", "--yes")
    assert answer.code == ExitCode.RESOURCE_FAILED
    assert "locked by ann" in answer.err


def _holder(*, running: bool | None) -> Holder:
    lock: Any = None
    return Holder(user="ann", host="h", pid=4, since="now", here=running is not None, running=running, lock=lock)


@pytest.mark.parametrize("running", [True, None])
def test_a_stack_that_somebody_may_work_on_stays(
    running: bool | None,  # noqa: FBT001 - a parameter of the table
    sky: Sky,
    infra: Callable[..., Any],
) -> None:
    """Also where nobody can see whether that run still goes on."""
    sky.preview(7, mark("pr-7"), "closed")
    sky.states = {"pr-7": FakeEngine()}
    sky.locked = {"pr-7": (_holder(running=running),)}
    assert _reasons(infra("sweep", "--yes", "--json").document) == {"pr-7": "locked"}
    assert "pr-7" in sky.there


def test_the_lock_of_a_killed_run_is_no_hindrance(sky: Sky, infra: Callable[..., Any]) -> None:
    """It is removed, as no process holds it any more."""
    sky.preview(7, mark("pr-7"), "closed")
    sky.locked = {"pr-7": (_holder(running=False),)}
    sky.states = {"pr-7": FakeEngine(locked_by=sky.locked["pr-7"])}
    assert infra("sweep", "--yes").code == ExitCode.SUCCESS
    assert sky.states["pr-7"].asked == ["unlock 1", "remove"]
