"""./infra sync with GitHub in this process, and an engine that only remembers."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cloud_sandbox.faults import fault_of
from cloud_sandbox.github.service import Service
from cloud_sandbox.github.settings import Settings, Token
from cloud_sandbox.transport import handler
from components.errors import ApiError
from components.github.client import Client
from operations import settings
from operations.commands.sync import read_pull_request as look
from operations.errors import ResourceFailedError, UsageError
from operations.previews.decisions import PullRequest
from operations.workspace import Workspace
from pulumi_embedded import api
from tests.operations.doubles import FakeEngine, result

if TYPE_CHECKING:
    from collections.abc import Callable

    from operations.changes import Target

REPOSITORY, TOKEN = "sandbox/app", "ghs_" + "t" * 36
EVENTS = Path(__file__).resolve().parents[1] / "workflows" / "events"


class GitHub:
    """One repository, and clients with a token of any rights."""

    def __init__(self, **rights: Any) -> None:
        self.service = Service(Settings(repository=REPOSITORY, tokens=(Token(token=TOKEN, **rights),)))
        self.seconds = 0.0

    def client(self, _environment: Any = None) -> Client:
        """A client with the token, which waits in no time."""
        return Client(
            key=TOKEN,
            base_url="https://github.test",
            transport=httpx.MockTransport(handler(self.service)),
            clock=lambda: self.seconds,
            sleep=self._wait,
        )

    def _wait(self, seconds: float) -> None:
        self.seconds += seconds

    def opened(self, number: int = 7, **more: Any) -> None:
        """Open a pull request."""
        self.service.world.seed({"number": number, **more})

    @property
    def calls(self) -> list[str]:
        """The paths of all calls so far."""
        return [entry.path for entry in self.service.log.entries]

    def fault(self, **order: Any) -> None:
        """Order a fault for every call."""
        self.service.faults.add(fault_of({"times": 0, **order}))


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> GitHub:
    """GitHub with the pull request 7, in the place of the network."""
    made = GitHub()
    made.opened()
    for name, value in {"GITHUB_REPOSITORY": REPOSITORY, "GITHUB_STEP_SUMMARY": "", "GITHUB_OUTPUT": ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("operations.commands.sync.connect", made.client)
    return made


class Closing(FakeEngine):
    """An engine during whose `up` something happens to the pull request."""

    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    def change(self, kind: Any, listener: api.Listener, *, previewed: bool = False) -> api.Result:
        """Carry a change out."""
        done = super().change(kind, listener, previewed=previewed)
        self.meanwhile()
        return done


@pytest.mark.parametrize(
    ("told", "seen"),
    [
        ({}, PullRequest(number=7, state="open")),
        ({"draft": True}, PullRequest(number=7, state="open")),
        ({"state": "closed"}, PullRequest(number=7, state="closed")),
        ({"merged": True}, PullRequest(number=7, state="merged")),
        ({"labels": ["keep-preview", "x"]}, PullRequest(number=7, state="open", keep_label="keep-preview")),
        ({"fork": "mallory/app"}, PullRequest(number=7, state="open", is_from_fork=True)),
        ({"fork": "mallory/app", "head_gone": True}, PullRequest(number=7, state="open", is_from_fork=True)),
        ({"fork": "mallory/app", "state": "closed"}, PullRequest(number=7, state="closed", is_from_fork=True)),
    ],
)
def test_what_github_says_is_understood(told: dict[str, Any], seen: PullRequest) -> None:
    """State, merge and fork are what GitHub's answer says, also of a fork that was deleted."""
    made = GitHub()
    made.opened(**told)
    assert look(made.client(), REPOSITORY, 7) == seen


def test_a_number_without_a_pull_request_is_gone() -> None:
    """Not found is believed of a token that reads the repository's list."""
    made = GitHub()
    made.opened()
    assert look(made.client(), REPOSITORY, 8) == PullRequest(number=8, state="gone")


@pytest.mark.parametrize("rights", [{"sees": False}, {"pulls": "none"}])
def test_a_token_that_may_not_look_decides_nothing(rights: dict[str, Any]) -> None:
    """Not found, of a token that may not see the repository or its pull requests, is an error, no reason to delete."""
    made = GitHub(**rights)
    made.opened()
    with pytest.raises(ApiError):
        look(made.client(), REPOSITORY, 7)


@pytest.mark.parametrize("status", [401, 403, 429, 502])
def test_when_github_cannot_be_asked_nothing_is_done(
    github: GitHub, fake_engine: FakeEngine, infra: Callable[..., Any], valid: Callable[[str, Any], None], status: int
) -> None:
    """Without GitHub's word nothing is changed; the error says what to do."""
    github.fault(status=status)
    answer = infra("sync", "pr-7", "--yes", "--json")
    valid("error", answer.document)
    assert (answer.code, fake_engine.asked) == (4, [])
    assert "next: " in answer.err


def test_an_open_pull_request_is_brought_up(
    github: GitHub, fake_engine: FakeEngine, infra: Callable[..., Any], valid: Callable[[str, Any], None]
) -> None:
    """The document says what was decided, why, and what was done; GitHub was asked before and after."""
    answer = infra("sync", "pr-7", "--yes", "--json")
    valid("sync", answer.document)
    assert answer.code == 0
    assert fake_engine.asked == ["up"]
    assert answer.document == {
        "stack": "pr-7",
        "repository": REPOSITORY,
        "environment": "up",
        "why": "pull request #7 is open",
        "address": "",
        "steps": [
            {
                "do": "up",
                "why": "pull request #7 is open",
                "result": "succeeded",
                "changes": {"create": 1, "update": 0, "replace": 0, "delete": 0, "same": 2},
            }
        ],
    }
    assert github.calls == [f"/repos/{REPOSITORY}/pulls/7"] * 2
    assert "up: pull request #7 is open\n" in answer.err


@pytest.mark.parametrize("told", [{"state": "closed"}, {"merged": True}, {"fork": "mallory/app", "merged": True}])
def test_a_closed_pull_request_is_taken_down(
    github: GitHub, fake_engine: FakeEngine, infra: Callable[..., Any], told: dict[str, Any]
) -> None:
    """Closed and merged alike; nothing there is success and said."""
    github.service.world.change(7, told)
    answer = infra("sync", "pr-7", "--yes")
    assert (answer.code, fake_engine.asked) == (0, ["destroy", "remove"])
    assert "there was nothing of pr-7 to take down" in answer.err


def test_a_fork_gets_a_neutral_note(
    github: GitHub,
    fake_engine: FakeEngine,
    infra: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is done, the exit code is 0, and the job's summary says why, without a word of the pull request's own."""
    github.service.world.change(7, {"fork": "mallory/app", "title": "<b>$(id)</b>", "head": "`id`"})
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    answer = infra("sync", "pr-7", "--yes", "--json")
    assert (answer.code, fake_engine.asked, answer.document["environment"]) == (0, [], "untouched")
    summary = (tmp_path / "summary").read_text()
    assert summary == f"the environment pr-7 was left as it is: {answer.document['why']}.\n\n"
    assert "neither a plan nor an environment" in summary
    assert "id)" not in answer.out + answer.err + summary


def test_a_pull_request_closed_while_up_runs_is_taken_down_by_the_same_run(
    github: GitHub, monkeypatch: pytest.MonkeyPatch, infra: Callable[..., Any], valid: Callable[[str, Any], None]
) -> None:
    """The second look sees it closed, so the run that brought it up also takes it down."""
    engine = Closing()
    engine.meanwhile = partial(github.service.world.change, 7, {"state": "closed"})  # type: ignore[assignment]  # a double
    monkeypatch.setattr("operations.changes.opened", lambda _target, **_how: engine)
    answer = infra("sync", "pr-7", "--yes", "--json")
    valid("sync", answer.document)
    assert (answer.code, engine.asked, answer.document["environment"]) == (0, ["up", "destroy", "remove"], "gone")
    assert [step["why"] for step in answer.document["steps"]] == [
        "pull request #7 is open",
        "pull request #7 is closed",
    ]
    assert "down: pull request #7 is closed now" in answer.err


@pytest.mark.usefixtures("github")
@pytest.mark.parametrize("fails", [False, True])
def test_the_app_is_deployed_between_its_secret_and_its_check(
    monkeypatch: pytest.MonkeyPatch,
    infra: Callable[..., Any],
    fails: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    """The first run does not ask the Worker, the second does; a deployment that fails is told and not checked."""
    did: list[str] = []
    engine = FakeEngine()
    worker = {"workerName": "app-pr-7", "healthUrl": "https://app-pr-7.example.workers.dev/api/health"}
    values = {name: api.Output(value=value, secret=False) for name, value in worker.items()}
    engine.answers["up"] = result(outputs=values)

    def opened(target: Target, *, deploys: bool, changes: bool, **_more: Any) -> FakeEngine:
        did.append(f"up {dict(target.config)} {deploys and changes}")
        return engine

    def deploy(target: Target) -> None:
        did.append(f"deploy {target.stack} {dict(target.config)}")
        if fails:
            raise ResourceFailedError("wrangler could not deploy", next_step="correct it")

    monkeypatch.setattr("operations.changes.opened", opened)
    monkeypatch.setattr("operations.commands.sync.plan_deployment", lambda target: target)
    monkeypatch.setattr("operations.commands.sync.deploy", deploy)
    answer = infra("sync", "pr-7", "--yes", "--json", "--config", "lifeDays=3")
    unchecked = "up {'infra:lifeDays': '3', 'infra:workerCheckMode': 'off'} True"
    assert did[:2] == [unchecked, "deploy pr-7 {'infra:lifeDays': '3'}"]
    assert did[2:] == ([] if fails else ["up {'infra:lifeDays': '3'} True"])
    assert answer.code == (4 if fails else 0)
    assert answer.document["address"] == ("" if fails else "https://app-pr-7.example.workers.dev")
    assert answer.document["steps"][0]["changes"]["same"] == 2
    assert ("next: correct it" in answer.err) == fails


@pytest.mark.usefixtures("github")
def test_a_failed_up_is_told(
    fake_engine: FakeEngine, infra: Callable[..., Any], valid: Callable[[str, Any], None]
) -> None:
    """The exit code is that of `up`, and the document does not claim an environment."""
    fake_engine.answers["up"] = result(succeeded=False, errors=("it broke",))
    answer = infra("sync", "pr-7", "--yes", "--json")
    valid("sync", answer.document)
    assert (answer.code, answer.document["environment"], answer.document["address"]) == (4, "unknown", "")
    assert answer.document["steps"][0]["result"] == "failed"
    assert "next: ./infra sync pr-7" in answer.err


@pytest.mark.usefixtures("github")
def test_without_yes_nothing_is_done(fake_engine: FakeEngine, infra: Callable[..., Any]) -> None:
    """Where nobody can be asked the plan is shown and refused, and the next step is a sync."""
    answer = infra("sync", "pr-7")
    assert (answer.code, fake_engine.asked) == (3, ["plan up"])
    assert answer.err.rstrip().endswith("next: ./infra sync pr-7 --yes carries it out")


@pytest.mark.usefixtures("github")
@pytest.mark.parametrize("name", ["opened", "synchronize", "reopened", "closed", "merged"])
def test_an_event_gives_only_its_number(fake_engine: FakeEngine, infra: Callable[..., Any], name: str) -> None:
    """Whatever the event says, GitHub's word on that number counts: the pull request is open."""
    answer = infra("sync", "--event", str(EVENTS / f"{name}.json"), "--yes", "--json")
    assert (answer.code, answer.document["stack"], fake_engine.asked) == (0, "pr-7", ["up"])


def test_texts_of_strangers_reach_nothing(
    github: GitHub, fake_engine: FakeEngine, infra: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Branch names and titles with shell, HTML, workflow commands and writing from right to left are never repeated."""
    event = json.loads((EVENTS / "hostile-opened.json").read_text(encoding="utf-8"))
    github.opened(9, title=event["pull_request"]["title"], head=event["pull_request"]["head"]["ref"])
    files = {name: tmp_path / name for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT")}
    for name, file in files.items():
        monkeypatch.setenv(name, str(file))
    answer = infra("sync", "--event", str(EVENTS / "hostile-opened.json"), "--yes", "--json")
    assert (answer.code, fake_engine.asked) == (0, ["up"])
    told = answer.out + answer.err + "".join(file.read_text() for file in files.values())
    assert [word for word in ("touch", "<img", "::add-mask", "\u202e", "evil") if word in told] == []
    assert files["GITHUB_OUTPUT"].read_text() == "address=\nenvironment=up\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        (b"", "is not about a pull request"),
        (b"{", "is not about a pull request"),
        (b"[]", "is not about a pull request"),
        (b"\xff\xfe", "is not about a pull request"),
        (b'{"number": 7}', "is not about a pull request"),
        (b'{"schedule": "17 3 * * *"}', "is not about a pull request"),
        ({"number": True}, "is not about a pull request"),
        ({"number": "7"}, "is not about a pull request"),
        ({"number": 0}, "is not about a pull request"),
        ({"number": 1234567890}, "is no stack of a pull request"),
        ({"repository": {"full_name": "sandbox/other"}}, "is not about the repository sandbox/app"),
    ],
)
def test_an_event_that_cannot_be_meant_is_refused(
    github: GitHub, fake_engine: FakeEngine, infra: Callable[..., Any], tmp_path: Path, content: Any, said: str
) -> None:
    """A file that is missing, cut, or about something else ends with code 2, and GitHub is not asked."""
    file = tmp_path / "event.json"
    if isinstance(content, dict):
        content = json.dumps({**json.loads((EVENTS / "opened.json").read_text()), **content}).encode()
    if content is not None:
        file.write_bytes(content)
    answer = infra("sync", "--event", str(file), "--yes")
    assert (answer.code, fake_engine.asked, github.calls) == (2, [], [])
    assert said in answer.err
    assert "next: " in answer.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sync"], "one of the two"),
        (["sync", "pr-7", "--event", "x"], "one of the two"),
        (["sync", "staging"], "does not belong to a pull request"),
        (["sync", "pr-07"], "is no stack of a pull request"),
        (["sync", "7"], "there is no stack named"),
    ],
)
def test_mistakes_of_sync_are_usage_errors(infra: Callable[..., Any], arguments: list[str], said: str) -> None:
    """A wrong command line says what is right, and nobody is asked."""
    answer = infra(*arguments)
    assert answer.code == 2
    assert said in answer.err


def test_without_a_repository_nobody_is_asked(
    github: GitHub, fake_engine: FakeEngine, infra: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """GITHUB_REPOSITORY is asked for by name."""
    monkeypatch.delenv("GITHUB_REPOSITORY")
    answer = infra("sync", "pr-7", "--yes")
    assert (answer.code, fake_engine.asked, github.calls) == (2, [], [])
    assert "GITHUB_REPOSITORY" in answer.err


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "PULUMI_BACKEND_URL is not set"),
        ({"PULUMI_BACKEND_URL": ""}, "PULUMI_BACKEND_URL is not set"),
        ({"PULUMI_BACKEND_URL": "s3://state", "PULUMI_CONFIG_PASSPHRASE": ""}, "is set and empty"),
        ({"PULUMI_BACKEND_URL": "s3://state", "PULUMI_CONFIG_PASSPHRASE": "x"}, ""),
        ({"PULUMI_BACKEND_URL": "https://api.pulumi.com", "PULUMI_CONFIG_PASSPHRASE": ""}, ""),
        ({"PULUMI_BACKEND_URL": "file:///kept"}, ""),
    ],
)
def test_a_workflows_machine_keeps_no_state(project: Path, environ: dict[str, str], said: str) -> None:
    """In a workflow a cloud stack needs a place for its state and a passphrase, unless Pulumi Cloud keeps both."""
    for stack, run in (("staging", "true"), ("staging", ""), ("dev", "true")):
        told = {**environ, "GITHUB_ACTIONS": run, "XATA_API_KEY": "k"}
        workspace = Workspace(folder=project, stack=stack, backend_url="", passphrase=None, environ=told)
        judged = settings.read_settings(workspace, with_files=False)
        if said and stack == "staging" and run:
            with pytest.raises(UsageError, match=said):
                settings.require_kept(judged, workspace)
        else:
            settings.require_kept(judged, workspace)
