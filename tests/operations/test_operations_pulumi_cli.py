"""The Pulumi CLI behind our interface: a stand-in for what it is told, the real one for what it does."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from operations.engines import choice, pulumi_cli
from operations.engines.cli_events import Translator
from operations.engines.interface import EngineOptions
from operations.engines.pulumi_cli import PulumiEngine, failure
from operations.errors import CommandError, MachineError, ResourceFailedError, StateError, StateLockedError, UsageError
from operations.workspace import Workspace, open_workspace
from pulumi_embedded import api
from pulumi_embedded.errors import HeldError

if TYPE_CHECKING:
    from collections.abc import Callable

SUMMARY = {"summaryEvent": {"resourceChanges": {"create": 1, "same": 2}, "result": "succeeded"}}
END: dict[str, Any] = {"cancelEvent": {}}

STAND_IN = """\
#!{python}
import json, os, subprocess, sys, time
record, script = {record!r}, json.load(open({script!r}))
arguments = sys.argv[1:]
value = lambda name: arguments[arguments.index(name) + 1] if name in arguments else None
call = {{"arguments": arguments, "folder": os.getcwd(), "environment": dict(os.environ)}}
if value("--config-file"):
    call["file"] = open(value("--config-file")).read()
    call["mode"] = os.stat(value("--config-file")).st_mode & 0o777
open(record, "a").write(json.dumps(call) + "\\n")
turn = script.pop(0) if script else {{}}
json.dump(script, open({script!r}, "w"))
if turn.get("lingering"):
    subprocess.Popen(["sleep", "30"], close_fds=False, stdin=-3, stdout=-3, stderr=-3)
if turn.get("plugins"):
    for program in turn["plugins"]:
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", program], start_new_session=True)
if value("--event-log"):
    with open(value("--event-log"), "w") as log:
        for event in turn.get("events", []):
            log.write(json.dumps(event) + "\\n")
print(turn.get("out", ""))
print(turn.get("err", ""), file=sys.stderr)
sys.exit(turn.get("code", 0))
"""


@dataclass
class Heard:
    """A listener that remembers."""

    events: list[api.Event] = field(default_factory=list)

    def on_event(self, event: api.Event) -> None:
        """Remember an event."""
        self.events.append(event)


@dataclass(frozen=True, kw_only=True)
class StandIn:
    """A program in the place of the CLI, and what it was called with."""

    engine: PulumiEngine
    script: Path
    record: Path

    def plays(self, *turns: dict[str, Any]) -> None:
        """Say what the next calls answer."""
        self.script.write_text(json.dumps(turns))

    @property
    def calls(self) -> list[dict[str, Any]]:
        """What the program was called with."""
        return [json.loads(line) for line in self.record.read_text().splitlines()]


@pytest.fixture
def stand_in(project: Path, tmp_path: Path) -> StandIn:
    """An engine that talks to a stand-in."""
    command, script, record = tmp_path / "pulumi", tmp_path / "script.json", tmp_path / "record"
    command.write_text(STAND_IN.format(python=sys.executable, record=str(record), script=str(script)))
    command.chmod(0o755)
    script.write_text("[]")
    overrides = {"infra:port": "15432", "infra:sqlFiles": '["a.sql"]', "infra:account": "x"}
    workspace = open_workspace(project, "dev", overrides=overrides, environ={"PULUMI_CONFIG_PASSPHRASE": "s3cret"})
    engine = PulumiEngine(command=command, workspace=workspace, options=EngineOptions(parallel=3))
    return StandIn(engine=engine, script=script, record=record)


def test_a_run_is_counted_from_the_log(stand_in: StandIn) -> None:
    """Counts, verdict and outputs come from the event log, not from text."""
    stand_in.plays({"events": [SUMMARY, END]})
    result = stand_in.engine.change("up", api.Silent(), previewed=True)
    assert (result.kind, result.succeeded, result.interrupted) == ("up", True, False)
    assert result.changes == api.Changes(create=1, same=2)


def test_a_failed_cli_leaves_no_plugin_behind(stand_in: StandIn, tmp_path: Path) -> None:
    """What it started and did not end is ended, but for what is no plugin, such as a server that one has started."""
    plugins = [f"{tmp_path}/pulumi-language-python", f"{tmp_path}/pulumi-resource-docker"]
    stand_in.plays({"plugins": [*plugins, f"{tmp_path}/postgres"], "err": "error: incorrect passphrase", "code": 255})
    with pytest.raises(StateError):
        stand_in.engine.change("destroy", api.Silent())
    left = [one for one in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(one.info["cmdline"] or ())]
    for one in left:
        one.kill()
    assert [one.info["cmdline"][-1] for one in left] == [f"{tmp_path}/postgres"]


def test_the_cli_is_told_everything_it_needs(stand_in: StandIn, project: Path) -> None:
    """Never interactive, our state, our passphrase, our Python first, and no foreign modules."""
    stand_in.plays({"events": [SUMMARY, END]})
    stand_in.engine.change("destroy", api.Silent())
    (call,) = stand_in.calls
    assert call["arguments"][:6] == ["destroy", "--yes", "--skip-preview", "--non-interactive", "--stack", "dev"]
    assert call["arguments"][-2:] == ["--parallel", "3"]
    assert call["folder"] == str(project)
    environment = call["environment"]
    assert environment["PULUMI_BACKEND_URL"].startswith(f"{project.as_uri()}/.infra/state")
    assert environment["PULUMI_CONFIG_PASSPHRASE"] == "s3cret"
    assert environment["PULUMI_SKIP_UPDATE_CHECK"] == "true"
    assert environment["PATH"].split(os.pathsep)[1] == str(project / ".venv" / "bin")
    assert "PYTHONPATH" not in environment
    assert "s3cret" not in " ".join(call["arguments"])


def test_an_up_that_nobody_previewed_refuses_before_it_changes_anything(stand_in: StandIn) -> None:
    """A preview comes first, in silence; where it fails, its reasons are told and nothing else is run."""
    failed = {"diagnosticEvent": {"severity": "error", "message": "the port is taken"}}
    summary = {"summaryEvent": {"resourceChanges": {}, "result": "failed"}}
    stand_in.plays({"events": [failed, summary, END], "code": 1})
    heard = Heard()
    result = stand_in.engine.change("up", heard)
    assert (result.kind, result.succeeded) == ("up", False)
    assert [event.text for event in heard.events if isinstance(event, api.Message)] == ["the port is taken"]
    (call,) = stand_in.calls
    assert call["arguments"][0] == "preview"


def test_an_up_that_a_preview_finds_right_is_carried_out(stand_in: StandIn) -> None:
    """What the preview told is told once, by the run itself."""
    told = {"diagnosticEvent": {"severity": "info", "message": "the program runs"}}
    stand_in.plays({"events": [told, SUMMARY, END]}, {"events": [told, SUMMARY, END]})
    heard = Heard()
    assert stand_in.engine.change("up", heard).succeeded
    assert [call["arguments"][0] for call in stand_in.calls] == ["preview", "up"]
    assert [event.text for event in heard.events if isinstance(event, api.Message)] == ["the program runs"]


def test_the_committed_stack_file_is_not_touched(stand_in: StandIn, project: Path) -> None:
    """The values of this run reach the CLI in a private copy, which is gone afterwards."""
    before = (project / "Pulumi.dev.yaml").read_bytes()
    stand_in.plays({"events": [SUMMARY, END]})
    stand_in.engine.change("up", api.Silent(), previewed=True)
    (call,) = stand_in.calls
    assert (project / "Pulumi.dev.yaml").read_bytes() == before
    assert "infra:port: '15432'" in call["file"]
    assert "infra:sqlFiles:\n  - a.sql" in call["file"]
    assert "infra:database: auto" in call["file"]
    assert call["mode"] == 0o600
    assert [path.name for path in (project / ".infra").iterdir()] == ["state"]


@pytest.mark.parametrize(("code", "result"), [(0, "succeeded"), (1, "failed")])
def test_the_document_of_a_preview_is_the_clis_own(stand_in: StandIn, code: int, result: str) -> None:
    """It is passed on as it is, also when the preview fails; nothing else is taken for it."""
    document = {"steps": [{"op": "same", "urn": "u", "detailedDiff": None}], "duration": 7}
    failed = {"diagnosticEvent": {"severity": "error", "message": "no"}}
    summary = {"summaryEvent": {"resourceChanges": {"same": 1}, "result": result}}
    events = [*([failed] if code else []), summary, END]
    stand_in.plays({"events": events, "out": json.dumps(document, indent=4), "err": "noise", "code": code})
    ended, told = stand_in.engine.preview(api.Silent())
    assert (ended.succeeded, ended.kind, told) == (code == 0, "preview", document)
    (call,) = stand_in.calls
    assert call["arguments"][:2] == ["preview", "--json"]


def test_a_preview_that_the_cli_does_not_describe_still_says_why(stand_in: StandIn) -> None:
    """A document cut off by the CLI's death is replaced by what the log has told."""
    failed = {"diagnosticEvent": {"severity": "error", "message": "no"}}
    stand_in.plays({"events": [failed], "out": '{"steps": [', "code": 1})
    ended, told = stand_in.engine.preview(api.Silent())
    assert not ended.succeeded
    assert told == {"diagnostics": [{"message": "error: no\n", "severity": "error"}]}


@pytest.mark.parametrize(
    ("kind", "command"),
    [("up", ["preview"]), ("refresh", ["refresh", "--preview-only"]), ("destroy", ["destroy", "--preview-only"])],
)
def test_a_plan_changes_nothing(stand_in: StandIn, kind: Any, command: list[str]) -> None:
    """Every plan is a preview of the CLI."""
    stand_in.plays({"events": [SUMMARY, END]})
    assert stand_in.engine.plan(kind, api.Silent()).kind == "preview"
    (call,) = stand_in.calls
    assert call["arguments"][: len(command)] == command
    assert "--yes" not in call["arguments"]


def test_an_unknown_stack_is_made_outside_the_project(stand_in: StandIn, project: Path) -> None:
    """`stack init` writes a stack file where it stands, so it stands in a folder that is thrown away."""
    stand_in.plays({"code": 6, "err": "error: no stack named 'dev' found"}, {}, {"events": [SUMMARY, END]})
    assert stand_in.engine.change("up", api.Silent(), previewed=True).succeeded
    calls = stand_in.calls
    assert [call["arguments"][0] for call in calls] == ["up", "stack", "up"]
    assert calls[1]["arguments"][:3] == ["stack", "init", "dev"]
    assert Path(calls[1]["folder"]).parent == project / ".infra"
    assert not Path(calls[1]["folder"]).exists()


def test_a_new_stack_gets_the_secrets_provider_of_its_file(stand_in: StandIn, project: Path) -> None:
    """The CLI asks for a passphrase otherwise, which a stack with a key of its own has none of."""
    (project / "Pulumi.dev.yaml").write_text("secretsprovider: awskms://key\nencryptedkey: abc\n")
    stand_in.plays({"code": 6, "err": "error: no stack named 'dev' found"}, {}, {"events": [SUMMARY, END]})
    assert stand_in.engine.change("up", api.Silent(), previewed=True).succeeded
    up, made, _again = stand_in.calls
    assert made["arguments"][3:6] == ["--no-select", "--secrets-provider", "awskms://key"]
    assert "encryptionsalt" not in up["file"]


@pytest.fixture
def remote(stand_in: StandIn) -> StandIn:
    """The same, with its state in a Postgres database."""
    workspace = replace(stand_in.engine.workspace, backend_url="postgres://ann:s3cr%40t@127.0.0.1:1/state")
    return replace(stand_in, engine=replace(stand_in.engine, workspace=workspace))


EXPORT = {
    "secrets_providers": {"type": "passphrase", "state": {"salt": "v1:a:v1:b:c"}},
    "resources": [
        {"urn": "urn:pulumi:dev::infra::pulumi:providers:pulumi-python::default", "type": "pulumi:providers:x"},
        {
            "urn": "urn:pulumi:dev::infra::pulumi-python:dynamic/xata:Branch::database-branch",
            "type": "pulumi-python:dynamic/xata:Branch",
            "outputs": {"name": "dev", "api": {"4dabf18193072939515e22adb298388d": "x", "ciphertext": "y"}},
            "protect": True,
        },
    ],
}


def test_a_state_elsewhere_is_read_through_the_cli(remote: StandIn) -> None:
    """What would be deleted is known by name before anything is, as it is for a state in a folder."""
    remote.plays({"out": json.dumps({"version": 3, "deployment": EXPORT})})
    (found,) = remote.engine.recorded()
    assert (found.name, found.kind, found.called, found.protect) == ("database-branch", "xata:Branch", "dev", True)
    (call,) = remote.calls
    assert call["arguments"][:4] == ["stack", "export", "--stack", "dev"]


@pytest.mark.parametrize(
    "turn",
    [
        {"code": 6, "err": "error: no stack named 'dev' found"},
        {"out": json.dumps({"version": 3, "deployment": None})},
        {"out": json.dumps({"version": 3, "deployment": {"secrets_providers": {"type": "cloud", "state": {}}}})},
    ],
)
def test_a_stack_elsewhere_without_resources_records_nothing(remote: StandIn, turn: dict[str, Any]) -> None:
    """Neither one that was never made, nor one whose key is kept by a service; no salt is made up for it."""
    remote.plays(turn, turn)
    assert remote.engine.recorded() == ()
    assert remote.engine._salt is None


def test_the_passphrase_of_a_state_elsewhere_is_checked_too(remote: StandIn) -> None:
    """The CLI checks it by the salt in the stack's file, which comes from the state."""
    remote.plays({"out": json.dumps({"version": 3, "deployment": EXPORT})}, {"events": [SUMMARY, END]})
    assert remote.engine.change("up", api.Silent(), previewed=True).succeeded
    assert "encryptionsalt: v1:a:v1:b:c" in remote.calls[1]["file"]


@pytest.mark.parametrize(
    ("said", "kind", "told"),
    [
        ("error: dial postgres://ann:s3cr%40t@127.0.0.1:1/state (s3cr@t): refused", ResourceFailedError, "ann:***@"),
        (
            "SDK 2026/11/28 17:28:46 WARN Response has no supported checksum.\nerror: no such bucket",
            ResourceFailedError,
            "the Pulumi CLI failed before it began: no such bucket",
        ),
        (
            "error: PULUMI_ACCESS_TOKEN must be set for login during non-interactive CLI sessions",
            UsageError,
            "cannot read the URL of the state's place, which begins with postgres://",
        ),
        (
            "error: passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE",
            StateError,
            "not known here\n  next: name its file in PULUMI_CONFIG_PASSPHRASE_FILE",
        ),
        ("error: the stack is currently locked by 1 lock(s)", StateLockedError, "it has died: ./infra unlock STACK"),
    ],
)
def test_failures_of_a_state_elsewhere_are_told_without_its_password(
    remote: StandIn, said: str, kind: type[CommandError], told: str
) -> None:
    """Each says what to do there; what helps only with a folder is not offered."""
    error = remote.engine._failure(said, 1)
    assert type(error) is kind
    assert told in str(error)
    assert "s3cr" not in str(error)
    assert "embedded" not in str(error)


def test_pulumi_cloud_asks_who_one_is() -> None:
    """The token, or a log-in, is the next step."""
    error = failure("error: PULUMI_ACCESS_TOKEN must be set for login", 1, "https://api.pulumi.com")
    assert "pulumi login" in str(error)


def test_a_process_left_running_does_not_hold_the_command_up(stand_in: StandIn) -> None:
    """A server that a provider has started may inherit the log's pipe; the end of the CLI is the end."""
    stand_in.plays({"lingering": True, "code": 1, "err": "error: broken before it began"})
    began = time.monotonic()
    with pytest.raises(ResourceFailedError, match="broken before it began"):
        stand_in.engine.change("up", api.Silent(), previewed=True)
    assert time.monotonic() - began < 20


def test_a_failed_run_keeps_its_errors(stand_in: StandIn) -> None:
    """What failed is in the result, with what was made before."""
    error = {"diagnosticEvent": {"severity": "error", "message": "no luck\n"}}
    summary = {"summaryEvent": {"resourceChanges": {"create": 1}, "result": "failed"}}
    stand_in.plays({"events": [error, summary, END], "code": 1})
    result = stand_in.engine.change("up", api.Silent(), previewed=True)
    assert not result.succeeded
    assert result.errors == ("no luck",)
    assert result.changes.create == 1


def test_outputs_know_which_are_secret(stand_in: StandIn) -> None:
    """Masked and clear answers are laid side by side; both calls work on the stack's state."""
    masked, clear = '{"url": "[secret]", "a": {"b": "[secret]"}, "c": 1}', '{"url": "clear", "a": {"b": "s"}, "c": 1}'
    stand_in.engine.command.write_text(
        f"#!/bin/sh\ncase \"$*\" in *--show-secrets*) echo '{clear}';; *) echo '{masked}';; esac\n"
    )
    assert stand_in.engine.outputs() == {
        "url": api.Output(value="clear", secret=True),
        "a": api.Output(value={"b": "s"}, secret=True),
        "c": api.Output(value=1, secret=False),
    }


def test_a_stack_never_made_has_no_outputs(stand_in: StandIn) -> None:
    """The CLI's "no stack named" is an empty answer."""
    stand_in.engine.command.write_text("#!/bin/sh\necho \"error: no stack named 'dev' found\" >&2\nexit 6\n")
    assert stand_in.engine.outputs() == {}


@pytest.mark.parametrize(
    ("said", "code", "kind", "told"),
    [
        (
            "error: the stack is currently locked by 1 lock(s).\n  file:///l.json: created by me@host (pid 7) at noon",
            1,
            StateLockedError,
            "me@host (pid 7)",
        ),
        (
            "error: the stack is currently locked by 1 lock(s)",
            1,
            StateLockedError,
            "./infra unlock STACK",
        ),
        ("error: get stack secrets manager: incorrect passphrase", 1, StateError, "incorrect passphrase"),
        ("error: failed to load checkpoint: unexpected end of JSON input", 1, StateError, "end of JSON"),
        ("error: validating stack config: 'infra:port' must be of type 'integer'", 1, UsageError, "infra:port"),
        ("error: write /x: no space left on device", 1, MachineError, "no space left"),
        ("error: something else", 1, ResourceFailedError, "something else"),
        ("", 255, ResourceFailedError, "exit code 255"),
    ],
)
def test_what_kept_the_cli_from_starting_has_a_class(said: str, code: int, kind: type[CommandError], told: str) -> None:
    """Every such failure is told in the CLI's own words, under our exit codes."""
    error = failure(said, code)
    assert type(error) is kind
    assert told in str(error)


REAL = choice.installed()[0]
real_cli = pytest.mark.skipif(REAL is None, reason="no Pulumi CLI, 3.238 or newer: ./infra setup --pulumi installs it")
PROGRAM = """\
import pulumi
from provider import Thing
config = pulumi.Config()
thing = Thing("thing", {"word": config.require("word"), "made": None})
pulumi.export("word", thing.word)
pulumi.export("url", pulumi.Output.secret("s3cret"))
"""
PROVIDER = """\
import os
import time
import pulumi
from pulumi.dynamic import CreateResult, ReadResult, Resource, ResourceProvider, UpdateResult
class Provider(ResourceProvider):
    def create(self, props):
        if props["word"] == "fail":
            raise RuntimeError("cannot make it")
        if props["word"] == "slow":
            open("creating", "w").close()
            while not os.path.exists("go-on"):
                time.sleep(0.05)
        return CreateResult("id", {**props, "made": "yes"})
    def update(self, _id, _olds, news):
        return UpdateResult({**news, "made": "yes"})
    def read(self, id_, props):
        return ReadResult(id_, props)
class Thing(Resource, module="test", name="Thing"):
    word: pulumi.Output[str]
    made: pulumi.Output[str]
    def __init__(self, name, props):
        super().__init__(Provider(), name, props)
"""


@pytest.fixture
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., PulumiEngine]:
    """The real CLI on a small project of its own."""
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION", "true")
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text(
        textwrap.dedent(f"""\
        name: infra
        runtime: {{name: python, options: {{toolchain: pip, virtualenv: {json.dumps(sys.prefix)}}}}}
        options: {{refresh: always}}
        config: {{word: {{type: string, default: hello}}}}
        """)
    )
    (folder / "Pulumi.dev.yaml").write_text("# committed\nconfig: {}\n")
    (folder / "__main__.py").write_text(PROGRAM)
    (folder / "provider.py").write_text(PROVIDER)

    def engine(**config: str) -> PulumiEngine:
        overrides = {f"infra:{key}": value for key, value in config.items()}
        workspace: Workspace = open_workspace(folder, "dev", overrides=overrides)
        assert REAL
        return PulumiEngine(command=REAL.path, workspace=workspace)

    return engine


@pytest.mark.cli
@real_cli
def test_the_real_cli_from_nothing_to_nothing(real: Callable[..., PulumiEngine]) -> None:
    """Made, unchanged, changed, read, destroyed: counts and outputs are right, the stack file stays as it is."""
    engine = real()
    assert engine.outputs() == {}
    assert engine.change("up", api.Silent(), previewed=True).changes == api.Changes(create=2)
    assert engine.change("up", api.Silent(), previewed=True).changes == api.Changes(same=2)
    changed = real(word="new").change("up", api.Silent(), previewed=True)
    assert changed.changes == api.Changes(update=1, same=1)
    assert engine.outputs() == {
        "word": api.Output(value="new", secret=False),
        "url": api.Output(value="s3cret", secret=True),
    }
    assert engine.plan("destroy", api.Silent()).changes == api.Changes(delete=2)
    assert engine.change("destroy", api.Silent()).changes == api.Changes(delete=2)
    assert engine.workspace.stack_file.read_text() == "# committed\nconfig: {}\n"


@pytest.mark.cli
@real_cli
def test_the_real_cli_forgets_what_was_destroyed(real: Callable[..., PulumiEngine]) -> None:
    """Not before that; afterwards none of its files speaks of the stack, and it is not known any more."""
    engine = real()
    assert not engine.remove()
    engine.change("up", api.Silent(), previewed=True)
    with pytest.raises(HeldError, match="still holds"):
        engine.remove()
    engine.change("destroy", api.Silent())
    assert engine.remove()
    state = engine.workspace.state_folder
    assert state is not None
    assert [path.name for path in state.rglob("*") if path.is_file() and "meta.yaml" not in path.name] == []
    assert not engine.remove()


@pytest.mark.cli
@real_cli
def test_the_real_clis_failures_are_told_without_noise(
    real: Callable[..., PulumiEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failing resource gives its sentence alone; a wrong passphrase has its class and changes nothing."""
    failed = real(word="fail").change("up", api.Silent(), previewed=True)
    assert (failed.succeeded, failed.errors) == (False, ("RuntimeError: cannot make it",))
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "another")
    with pytest.raises(StateError, match="incorrect passphrase"):
        real().change("up", api.Silent(), previewed=True)


def _let_go_on(engine: PulumiEngine) -> None:
    """End the wait of the slow resource."""
    (engine.workspace.folder / "go-on").touch()


@pytest.mark.cli
@real_cli
def test_the_real_cli_is_interrupted_once_and_keeps_what_was_made(real: Callable[..., PulumiEngine]) -> None:
    """Ctrl-C lets the running step end; the next up has nothing left to do for it."""
    engine = real(word="slow")
    creating = engine.workspace.folder / "creating"

    def interrupt() -> None:
        while not creating.exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(3)  # nothing tells when the CLI has seen it
        _let_go_on(engine)

    thread = threading.Thread(target=interrupt)
    thread.start()
    result = engine.change("up", api.Silent(), previewed=True)
    thread.join()
    assert result.interrupted
    assert not result.succeeded
    assert engine.change("up", api.Silent(), previewed=True).changes.create == 0


@pytest.mark.cli
@real_cli
def test_who_holds_the_real_clis_lock_is_named(real: Callable[..., PulumiEngine]) -> None:
    """A second run says who is at work."""
    slow = real(word="slow")
    with contextlib.ExitStack() as exits:
        thread = threading.Thread(target=slow.change, args=("up", api.Silent()))
        thread.start()
        exits.callback(thread.join)
        exits.callback(_let_go_on, slow)
        while not (slow.workspace.folder / "creating").exists():
            time.sleep(0.05)
        with pytest.raises(StateLockedError, match="pid"):
            real().change("up", api.Silent(), previewed=True)


@pytest.mark.cli
@real_cli
def test_after_a_killed_run_of_the_real_cli_the_lock_goes_and_up_goes_on(real: Callable[..., PulumiEngine]) -> None:
    """The run that is at work is seen as such; killed, its lock stands in the way until it is removed."""
    slow = real(word="slow")

    def run() -> None:
        with contextlib.suppress(ResourceFailedError):
            slow.change("up", api.Silent(), previewed=True)

    thread = threading.Thread(target=run)
    thread.start()
    while not (slow.workspace.folder / "creating").exists():
        time.sleep(0.05)
    (holder,) = slow.holders() or ()
    assert (holder.here, holder.running, holder.program) == (True, True, "pulumi")
    os.kill(holder.pid, signal.SIGKILL)
    _let_go_on(slow)
    thread.join()
    with pytest.raises(StateLockedError, match="infra unlock"):
        real().change("up", api.Silent(), previewed=True)
    (left,) = slow.holders() or ()
    assert (left.pid, left.running) == (holder.pid, False)
    slow.unlock((left,))
    assert slow.holders() == ()
    assert real().change("up", api.Silent(), previewed=True).succeeded


def test_the_project_lies_where_git_may_see_it(project: Path) -> None:
    """The copy for the CLI lies in a folder that git ignores."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    subprocess.run(["git", "init", "-q"], cwd=project, check=True)
    answer = subprocess.run(["git", "check-ignore", "-q", ".infra/x/Pulumi.dev.yaml"], cwd=project, check=False)
    assert answer.returncode == 0


def test_a_cli_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """After Ctrl-C it is told a second time, and killed when that does not help either."""
    monkeypatch.setattr(pulumi_cli, "PATIENCE", 0.3)
    monkeypatch.setattr(pulumi_cli, "LAST_WORDS", 0.3)
    deaf = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print('x', flush=True); time.sleep(60)"
    reading, writing = os.pipe()
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE, process_group=0) as process:
        assert process.stdout is not None
        process.stdout.readline()
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        assert pulumi_cli._follow(process, reading, Translator(Heard(), verbose=False))
    signal.signal(signal.SIGALRM, before)
    os.close(reading)
    os.close(writing)
    assert process.returncode == -signal.SIGKILL
