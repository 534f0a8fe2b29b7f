"""What up, preview, refresh and destroy do with an engine, and how they answer."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from components.errors import ConfigurationError
from operations import changes, console, reporting
from operations.display import plan
from operations.display.plan import STACK_TYPE
from operations.engines import choice
from operations.engines.recorded import Recorded
from operations.errors import ExitCode, StateError, UsageError
from operations.review import document
from pulumi_embedded import api
from pulumi_embedded.errors import ProjectError, UnsupportedError
from pulumi_embedded.state import ResourceState
from pulumi_embedded.values import UNKNOWN, Secret
from stacks import side_by_side
from tests.operations.doubles import FakeEngine, result

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KINDS = ("up", "refresh", "destroy")


@pytest.mark.parametrize("kind", KINDS)
def test_yes_carries_out_without_a_plan(
    kind: str, infra: Callable[..., Any], fake_engine: FakeEngine, valid: Callable[[str, Any], None]
) -> None:
    """With --yes the change is made at once, and the answer is the one document the issue describes."""
    answer = infra(kind, "dev", "--yes", "--json")
    assert answer.code == ExitCode.SUCCESS
    assert (fake_engine.asked, fake_engine.previewed) == ([kind], [False])
    valid("change", answer.document)
    assert answer.document == {
        "stack": "dev",
        "engine": "embedded",
        "result": "succeeded",
        "changes": {"create": 1, "update": 0, "replace": 0, "delete": 0, "same": 2},
        "outputs": {"branchName": "dev", "databaseUrl": "[secret]"},
        "durationSeconds": 1.25,
    }
    assert "working" in answer.err


@pytest.mark.parametrize("kind", KINDS)
def test_without_terminal_and_consent_the_plan_is_all(
    kind: str, infra: Callable[..., Any], fake_engine: FakeEngine, valid: Callable[[str, Any], None]
) -> None:
    """Where nobody can be asked, the plan is printed and nothing is changed, with its own exit code."""
    answer = infra(kind, "dev", "--json")
    assert answer.code == ExitCode.CHANGES_REFUSED
    assert fake_engine.asked == [f"plan {kind}"]
    valid("change", answer.document)
    assert answer.document["result"] == "refused"
    assert "1 to create, 2 unchanged" in answer.err
    assert f"./infra {kind} dev --yes" in answer.err


@pytest.mark.parametrize(
    ("said", "carried_out"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_in_a_terminal_a_person_is_asked(
    said: str,
    carried_out: bool,  # noqa: FBT001 - a parameter of the table
    infra: Callable[..., Any],
    fake_engine: FakeEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The plan is shown, then the question; anything but a yes is a no."""
    monkeypatch.setattr(console, "can_ask", lambda: True)
    monkeypatch.setattr("sys.stdin", io.StringIO(said))
    answer = infra("up", "dev")
    assert fake_engine.asked == (["plan up", "up"] if carried_out else ["plan up"])
    assert fake_engine.previewed == ([True] if carried_out else [])  # what a person agreed to is not previewed again
    assert answer.code == (ExitCode.SUCCESS if carried_out else ExitCode.CHANGES_REFUSED)
    assert "[y/N]" in answer.err


def test_preview_plans_and_changes_nothing(
    infra: Callable[..., Any], fake_engine: FakeEngine, valid: Callable[[str, Any], None]
) -> None:
    """`preview` answers with the document of the plan, and shows the plan to a person."""
    answer = infra("preview", "dev", "--json")
    assert answer.code == ExitCode.SUCCESS
    assert fake_engine.asked == ["plan up"]
    valid("preview", answer.document)
    assert answer.document["changeSummary"] == {"create": 1, "same": 2}
    assert "1 to create, 2 unchanged" in answer.err


def test_a_previews_document_names_commands_as_they_are_typed(
    infra: Callable[..., Any], fake_engine: FakeEngine
) -> None:
    """Its readers get the stack and the sandbox that the run aimed at, as a person does."""
    answer = infra("preview", "staging", "--sandbox", "--json")
    assert fake_engine.asked == ["plan up"]
    (told,) = answer.document["diagnostics"]
    assert told["message"] == "  next: ./infra up staging --sandbox checks again\n"


def test_a_failed_preview_answers_with_its_document(infra: Callable[..., Any], fake_engine: FakeEngine) -> None:
    """The exit code says that it failed, standard output says nothing besides the document."""
    fake_engine.answers["plan"] = result("preview", succeeded=False, errors=("program bug",))
    answer = infra("preview", "dev", "--json")
    assert answer.code == ExitCode.RESOURCE_FAILED
    assert answer.document["changeSummary"]


def test_a_preview_that_cannot_begin_says_so_among_its_diagnostics(
    infra: Callable[..., Any], valid: Callable[[str, Any], None]
) -> None:
    """What reads previews finds the cause where it looks for it; other commands answer as ever."""
    answer = infra("preview", "nowhere", "--json")
    assert answer.code == ExitCode.BAD_CONFIGURATION
    valid("error", answer.document)
    valid("preview", answer.document)
    (told,) = answer.document["diagnostics"]
    assert told == {"message": f"error: {answer.document['error']['message']}\n", "severity": "error"}
    assert "diagnostics" not in infra("up", "nowhere", "--json").document


def test_without_a_name_every_environment_but_production_is_planned(
    infra: Callable[..., Any], fake_engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One document behind the other, each with its stack; one that cannot be planned keeps no other from it."""
    monkeypatch.setattr(side_by_side, "usual", lambda _folder: ["staging", "qa", "uat"])

    def opened(target: changes.Target, **_more: object) -> FakeEngine:
        if target.stack == "qa":
            raise StateError("the passphrase does not open it", next_step="./infra preview STACK once it is right")
        return fake_engine

    monkeypatch.setattr(changes, "opened", opened)
    answer = infra("preview", "--json")
    assert answer.code == ExitCode.BAD_CONFIGURATION
    found = document.readings(answer.out, source="plans.json")
    assert [one.stack for one in found] == ["staging", "qa", "uat"]
    assert [bool(one.document and one.document.errors) for one in found] == [False, True, False]
    assert "error: qa: the passphrase does not open it\n  next: ./infra preview qa once" in answer.err


def test_a_project_of_production_alone_says_which_stacks_there_are(
    infra: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is planned in silence."""
    monkeypatch.setattr(side_by_side, "usual", lambda _folder: [])
    answer = infra("preview")
    assert answer.code == ExitCode.BAD_CONFIGURATION
    assert "there is no environment but production's\n  next: name a stack: dev, foundation, " in answer.err


def test_a_failed_resource_is_told_with_its_code(
    infra: Callable[..., Any], fake_engine: FakeEngine, valid: Callable[[str, Any], None]
) -> None:
    """A run that failed still answers with its document, errors included, and the code of a failed resource."""
    fake_engine.answers["up"] = result(succeeded=False, errors=("port 1 is taken",))
    answer = infra("up", "dev", "--yes", "--json")
    assert answer.code == ExitCode.RESOURCE_FAILED
    valid("change", answer.document)
    assert (answer.document["result"], answer.document["errors"]) == ("failed", ["port 1 is taken"])
    assert "error: port 1 is taken" in answer.err
    assert "next: " in answer.err


def test_a_failed_plan_is_a_failure_and_not_a_refusal(infra: Callable[..., Any], fake_engine: FakeEngine) -> None:
    """When the program does not even plan, its error counts, not the missing consent."""
    fake_engine.answers["plan"] = result("preview", succeeded=False, errors=("program bug",))
    assert infra("up", "dev").code == ExitCode.RESOURCE_FAILED


def test_an_interrupted_run_has_its_own_code(
    infra: Callable[..., Any], fake_engine: FakeEngine, valid: Callable[[str, Any], None]
) -> None:
    """Ctrl-C in the middle: what was made is recorded, and the next call goes on."""
    fake_engine.answers["up"] = result(succeeded=False, interrupted=True, errors=("interrupted",))
    answer = infra("up", "dev", "--yes", "--json")
    assert answer.code == ExitCode.INTERRUPTED
    valid("change", answer.document)
    assert answer.document["result"] == "interrupted"


@pytest.mark.parametrize(
    ("value", "asked"), [("retainData=false", ["up", "destroy"]), ("database=docker", ["destroy"])]
)
def test_destroy_records_the_values_of_this_run_first(
    value: str, asked: list[str], infra: Callable[..., Any], fake_engine: FakeEngine
) -> None:
    """What is done on deletion comes from the record, so it is brought up before; which database is meant is not."""
    assert infra("destroy", "dev", "--yes", "--config", value).code == ExitCode.SUCCESS
    assert fake_engine.asked == asked


@pytest.mark.parametrize(
    ("one", "asked"),
    [
        (Recorded(name="one", kind="postgres:EmbeddedServer"), ["up", "destroy"]),
        (Recorded(name="one", kind="volume:Volume"), ["up", "destroy"]),
        (Recorded(name="one", kind="postgres:EmbeddedServer", retain=True), ["destroy"]),
        (Recorded(name="one", kind="postgres:Password"), ["destroy"]),
    ],
)
def test_destroy_records_what_the_file_says_of_the_data_first(
    infra: Callable[..., Any], fake_engine: FakeEngine, one: Recorded, asked: list[str]
) -> None:
    """Data are kept as the stack's file says now, not as it said at the last `up`; the same is recorded once."""
    fake_engine.there = (one,)
    assert infra("destroy", "dev", "--yes").code == ExitCode.SUCCESS
    assert fake_engine.asked == asked


def test_destroy_stops_when_its_values_cannot_be_recorded(infra: Callable[..., Any], fake_engine: FakeEngine) -> None:
    """Nothing is deleted on other terms than those asked for."""
    fake_engine.answers["up"] = result(succeeded=False, errors=("no",))
    assert infra("destroy", "dev", "--yes", "--config", "retainData=false").code == ExitCode.RESOURCE_FAILED
    assert fake_engine.asked == ["up"]


def test_the_next_step_never_shows_the_url(infra: Callable[..., Any], fake_engine: FakeEngine) -> None:
    """After `up dev` a person reads what tells where the URL is, not what it is."""
    del fake_engine
    answer = infra("up", "dev", "--yes")
    assert "./infra verify dev" in answer.err
    assert "s3cret" not in answer.err + answer.out


@pytest.mark.parametrize(
    ("differing", "said"),
    [
        ({}, "up of dev done in 1.2 s (embedded engine): 1 created, 2 unchanged"),
        ({"succeeded": False}, "up of dev failed in 1.2 s (embedded engine): 1 created, 2 unchanged"),
        ({"interrupted": True}, "up of dev interrupted in 1.2 s (embedded engine): 1 created, 2 unchanged"),
        ({"kind": "preview"}, "plan of dev done in 1.2 s (embedded engine): 1 to create, 2 unchanged"),
        (
            {"changes": api.Changes(update=1, replace=2, delete=3)},
            "up of dev done in 1.2 s (embedded engine): 1 updated, 2 replaced, 3 deleted",
        ),
        ({"changes": api.Changes()}, "up of dev done in 1.2 s (embedded engine): nothing"),
    ],
)
def test_the_summary_is_one_line(differing: dict[str, Any], said: str) -> None:
    """How a run ended, in words, whatever happened."""
    assert plan.summed_up(result(**differing), "embedded") == said


def test_an_error_is_told_once() -> None:
    """What an event has told is not repeated in the summary."""
    stream = io.StringIO()
    shown = reporting.Progress(stream=stream)
    with shown:
        shown.on_event(api.Message(severity="error", text="told"))
    shown.summary(result(succeeded=False, errors=("told", "untold")), "embedded")
    assert stream.getvalue().count("untold") == 1
    assert stream.getvalue().count("told") == 2


@pytest.mark.parametrize(
    ("differing", "told"),
    [
        (
            {},
            [
                "   outputs",
                "     - gone: 1",
                '     ~ host: "a" -> known after up',
                "     ~ password: [secret] -> [secret]",
            ],
        ),
        ({"kind": "up"}, []),
        ({"succeeded": False}, []),
        ({"op": "delete"}, []),
    ],
)
def test_a_plan_ends_with_the_outputs_that_it_changes(differing: dict[str, Any], told: list[str]) -> None:
    """Secrets are masked; nothing is told of what stays, of failed plans, and where the whole stack goes."""
    stream = io.StringIO()
    recorded = {"gone": 1, "host": "a", "password": {"of": Secret("old")}, "port": 1, "same": Secret("old")}
    state = ResourceState(urn="urn:stack", type=STACK_TYPE, custom=False, outputs=recorded)
    planned = {
        "host": api.Output(value=UNKNOWN, secret=False),
        "password": api.Output(value={"of": "new"}, secret=True),
        "port": api.Output(value=1, secret=False),
        "same": api.Output(value="old", secret=True),
    }
    op = differing.pop("op", "same")
    new = None if op == "delete" else state
    shown = reporting.Progress(stream=stream)
    step = api.Step(urn="urn:stack", type=STACK_TYPE, name="dev", parent="", op=op, old_state=state, new_state=new)
    shown.on_event(api.StepStarted(step=step))
    shown.summary(result(**{"kind": "preview", "outputs": planned, **differing}), "embedded")
    assert stream.getvalue().splitlines()[:-1] == told


@pytest.fixture
def opening(project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Open a stack of the project folder with the embedded engine."""
    monkeypatch.setattr(choice, "installed", lambda: (None, []))

    def opened(stack: str = "dev", *, deploys: bool = True, only_reads: bool = False, **config: str) -> Any:
        overrides = {f"infra:{key}": value for key, value in config.items()}
        target = changes.Target(stack=stack, engine="embedded", config=overrides, only_reads=only_reads, folder=project)
        return changes.opened(target, deploys=deploys)

    return opened


def test_opening_gives_the_engine_its_workspace(opening: Callable[..., Any], project: Path) -> None:
    """The engine works on the project's state with the values of this run."""
    engine = opening(port="15432")
    assert engine.name == "embedded"
    assert engine.workspace.overrides == {"infra:port": "15432"}
    assert engine.workspace.state_folder == project / ".infra" / "state"


def test_a_key_that_only_the_cli_knows_leaves_the_choice_to_the_engine(
    opening: Callable[..., Any], project: Path
) -> None:
    """A stack file with a secrets provider is judged as any other; the embedded engine refuses it by name."""
    (project / "Pulumi.dev.yaml").write_text("config: {infra:database: embedded}\nsecretsprovider: awskms://key\n")
    engine = opening()
    with pytest.raises(UnsupportedError, match="the secrets provider awskms://key is not supported"):
        engine.outputs()


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"port": "70000"}, "0, or a port from"),
        ({"prot": "1"}, "infra:port"),
        ({"database": "cloud"}, "embedded or xata"),
    ],
)
def test_a_wrong_value_is_told_before_an_engine_is_chosen(
    opening: Callable[..., Any], config: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Configuration is judged first: a wrong value touches nothing."""
    monkeypatch.setattr(choice, "choose", lambda *_args, **_named: pytest.fail("an engine was chosen"))
    with pytest.raises(ConfigurationError, match=said):
        opening(**config)


@pytest.mark.parametrize(("stack", "config"), [("staging", {}), ("foundation", {}), ("dev", {"database": "xata"})])
def test_a_missing_key_is_told_before_anything_is_made(
    opening: Callable[..., Any], project: Path, stack: str, config: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a key a Xata stack is not worked on: the variable is named, and the way without an account."""
    monkeypatch.setattr(choice, "choose", lambda *_args, **_named: pytest.fail("an engine was chosen"))
    with pytest.raises(UsageError, match="XATA_API_KEY is not set") as refused:
        opening(stack, **config)
    assert "--sandbox" in refused.value.next_step
    assert not (project / ".infra").exists()


def test_reading_what_is_recorded_needs_no_key(opening: Callable[..., Any]) -> None:
    """Outputs come from the state."""
    assert opening("staging", deploys=False, only_reads=True).name == "embedded"


def test_with_a_key_the_stack_is_opened(opening: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The key itself is for the resources to judge."""
    monkeypatch.setenv("XATA_API_KEY", "xau_any")
    assert opening("staging").name == "embedded"


@pytest.mark.parametrize("text", ["config:\n  infra:port: [", "- a list\n", "config: 7\n"])
def test_a_malformed_stack_file_is_named(opening: Callable[..., Any], project: Path, text: str) -> None:
    """A stack file that cannot be read is named, whatever is wrong with it."""
    (project / "Pulumi.dev.yaml").write_text(text)
    with pytest.raises(ProjectError, match=r"Pulumi\.dev\.yaml"):
        opening()
