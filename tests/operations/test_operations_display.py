from __future__ import annotations

import io
import re
from typing import Any

import pytest

from operations.display.listeners import LiveDisplay, PlainDisplay, make_listener
from operations.display.plan import property_lines, untold
from pulumi_embedded.api import LockWaiting, Message, Op, Step, StepFailed, StepFinished, StepStarted
from pulumi_embedded.state import ResourceState
from pulumi_embedded.values import UNKNOWN, Secret

STACK = "urn:pulumi:dev::infra::pulumi:pulumi:Stack::infra-dev"


def _step(op: Op, name: str = "db", **more: object) -> Step:
    urn = f"urn:pulumi:dev::infra::infra:postgres:Database::{name}"
    return Step(urn=urn, type="infra:postgres:Database", name=name, parent=STACK, op=op, **more)  # type: ignore[arg-type]  # only fields of Step are passed


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _text(stream: io.StringIO) -> list[str]:
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue()).replace("\r", "\n")
    return [line.rstrip() for line in plain.splitlines()]


def test_plain_lines_tell_what_was_done_and_nothing_else() -> None:
    """One line per finished step that changed something; unchanged and internal ones stay silent."""
    stream = io.StringIO()
    with PlainDisplay(stream) as display:
        display.on_event(StepStarted(step=_step("create")))
        display.on_event(StepFinished(step=_step("create", new={"a": 1}), seconds=1.04, op="create"))
        display.on_event(StepFinished(step=_step("same", "other"), seconds=0.1, op="same"))
        display.on_event(StepFinished(step=_step("create", "default", internal=True), seconds=0.1, op="create"))
        display.on_event(StepFinished(step=_step("create-replacement", "x"), seconds=0.2, op="create-replacement"))
        display.on_event(StepFinished(step=_step("delete-replaced", "x"), seconds=0.3, op="delete-replaced"))
        display.on_event(StepFinished(step=_step("delete", "y"), seconds=0, op="delete"))
        display.on_event(StepFailed(step=_step("update", "z"), seconds=2, message="port 5432 is taken\nby nginx"))
        display.on_event(Message(severity="info", text="[b]hello[/b]\n"))
        display.on_event(Message(severity="warning", text="slow", urn=f"{STACK}::x::db"))
        display.on_event(Message(severity="debug", text="noise"))
        display.on_event(LockWaiting(holder="ann@host (pid 7) since 2026-01-02 03:04:05"))
    assert stream.getvalue() == (
        "+  create infra:postgres:Database db (1.0 s)\n"
        "+- replace infra:postgres:Database x (0.2 s)\n"
        "-- delete replaced infra:postgres:Database x (0.3 s)\n"
        "-  delete infra:postgres:Database y\n"
        "!  update infra:postgres:Database z failed (2.0 s): port 5432 is taken\n"
        "    by nginx\n"
        "[b]hello[/b]\n"
        "warning: db: slow\n"
        "waiting: the stack is in use by ann@host (pid 7) since 2026-01-02 03:04:05\n"
    )


def test_a_plan_shows_properties_and_masks_secrets() -> None:
    """Changed properties come with old and new values, never a secret, and with what forces a replacement."""
    stream = io.StringIO()
    changed = _step(
        "create-replacement",
        old={"port": 5432, "password": Secret("old"), "flag": 1, "gone": [1], "tags": {"a": "x"}, "__provider": "p"},
        new={
            "port": 5433, "password": Secret("new"), "flag": True, "url": UNKNOWN, "tags": {"a": "y", "b": Secret(1)},
            "__provider": "q", "hosts": ["a", Secret("s"), UNKNOWN],
        },
        replace_keys=("port", "tags"),
    )  # fmt: skip
    PlainDisplay(stream).on_event(StepFinished(step=changed, seconds=0, op="create-replacement"))
    assert stream.getvalue() == (
        "+- replace infra:postgres:Database db\n"
        "     ~ flag: 1 -> true\n"
        "     - gone: [1]\n"
        '     + hosts: ["a", "[secret]", "known after up"]\n'
        "     ~ password: [secret] -> [secret]\n"
        "     ~ port: 5432 -> 5433 (forces replacement)\n"
        '     ~ tags.a: "x" -> "y" (forces replacement)\n'
        "     + tags.b: [secret] (forces replacement)\n"
        "     + url: known after up\n"
    )


def test_a_refresh_tells_what_it_found() -> None:
    """Drift and loss are lines; a resource as recorded is none."""
    stream = io.StringIO()
    display = PlainDisplay(stream)
    drifted = _step("refresh", old={"state": "running"}, new={"state": "stopped"})
    display.on_event(StepFinished(step=drifted, seconds=0.5, op="update"))
    display.on_event(StepFinished(step=_step("refresh", "gone"), seconds=0.5, op="delete"))
    display.on_event(StepFinished(step=_step("refresh", "fine"), seconds=0.5, op="same"))
    assert stream.getvalue() == (
        "~  drifted infra:postgres:Database db (0.5 s)\n"
        '     ~ state: "running" -> "stopped"\n'
        "-  gone infra:postgres:Database gone (0.5 s)\n"
    )


def test_the_tree_shows_children_below_their_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a terminal the last picture is the whole tree, with signs, failures and times; messages stand above it."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    stream = _Terminal()
    root = Step(urn=STACK, type="pulumi:pulumi:Stack", name="infra-dev", parent="", op="same")
    with make_listener(verbose=False, stream=stream) as display:
        assert isinstance(display, LiveDisplay)
        display.on_event(StepStarted(step=root))
        display.on_event(StepFinished(step=root, seconds=0, op="same"))
        display.on_event(StepStarted(step=_step("create", "default", internal=True)))
        display.on_event(StepStarted(step=_step("create")))
        display.on_event(Message(severity="warning", text="[bold]careful"))
        display.on_event(StepFinished(step=_step("create"), seconds=1.5, op="create"))
        display.on_event(StepStarted(step=_step("update", "web")))
        display.on_event(StepFailed(step=_step("update", "web"), seconds=0.5, message="no"))
        changed = _step("update", "app", old={"a": ["x"]}, new={"a": [Secret("y")]})
        display.on_event(StepFinished(step=changed, seconds=0, op="update"))
        display.on_event(StepFinished(step=_step("same", "rest"), seconds=0, op="same"))
    assert "warning: [bold]careful" in _text(stream)
    assert _text(stream)[-6:] == [
        "   pulumi:pulumi:Stack infra-dev (1 unchanged)",
        "+    create infra:postgres:Database db (1.5 s)",
        "!    update infra:postgres:Database web (0.5 s)",
        "       no",
        "~    update infra:postgres:Database app",
        '       ~ a[0]: "x" -> [secret]',
    ]
    assert "\x1b[3" not in stream.getvalue()


def test_outside_a_context_a_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is drawn that nobody would stop drawing."""
    monkeypatch.setenv("TERM", "xterm")
    stream = _Terminal()
    make_listener(verbose=False, stream=stream).on_event(StepFinished(step=_step("create"), seconds=0, op="create"))
    assert _text(stream) == ["+  create infra:postgres:Database db"]


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_only_a_capable_terminal_gets_the_tree(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe, a file and a dumb terminal get plain lines."""
    monkeypatch.setenv("TERM", term)
    assert isinstance(make_listener(verbose=False, stream=_Terminal()), LiveDisplay) == (term == "xterm")
    assert not isinstance(make_listener(verbose=False, stream=io.StringIO()), LiveDisplay)


def test_debug_messages_are_for_the_verbose() -> None:
    """With `verbose`, debug messages appear."""
    stream = io.StringIO()
    PlainDisplay(stream, verbose=True).on_event(Message(severity="debug", text="noise"))
    assert stream.getvalue() == "debug: noise\n"


def _planned(*events: StepStarted | StepFinished | StepFailed, **options: Any) -> str:
    stream = io.StringIO()
    with PlainDisplay(stream, planned=True, **options) as display:
        for event in events:
            display.on_event(event)
    return stream.getvalue()


def _same(name: str, type_: str = "infra:postgres:Database", parent: str = STACK, **more: Any) -> Step:
    urn = STACK if name == "infra-dev" else f"urn:pulumi:dev::infra::{type_}::{name}"
    return Step(urn=urn, type=type_, name=name, parent=parent, op="same", **more)


def test_a_plan_is_a_tree_of_what_changes_in_an_order_of_its_own() -> None:
    """Whatever was quicker, the same plan is the same text: what changes below what it stands in, the rest counted."""
    stack = _same("infra-dev", "pulumi:pulumi:Stack", parent="")
    steps = [stack, _step("delete", "b"), _step("create", "a"), *(_same(f"kept-{number}") for number in range(98))]
    events = [StepFinished(step=step, seconds=5, op=step.op) for step in steps]
    expected = (
        "   pulumi:pulumi:Stack infra-dev (98 unchanged)\n"
        "+    create infra:postgres:Database a\n"
        "-    delete infra:postgres:Database b\n"
    )
    assert _planned(*events) == expected
    assert _planned(*reversed(events)) == expected
    assert _planned(StepFinished(step=stack, seconds=0, op="same")) == ""


def test_a_replacement_is_one_entry_of_a_plan() -> None:
    """Its second half is no news, in either order, unless it fails."""
    halves = [_step("create-replacement"), _step("delete-replaced")]
    events = [StepFinished(step=step, seconds=0, op=step.op) for step in halves]
    assert _planned(*events) == _planned(*reversed(events)) == "+- replace infra:postgres:Database db\n"
    failed = StepFailed(step=halves[1], seconds=0, message="no\nway")
    assert _planned(events[0], failed) == "!  delete replaced infra:postgres:Database db\n     no\n     way\n"


def _read(found: dict[str, Any], type_: str = "pulumi-python:dynamic/x:Thing") -> Step:
    old, new = (
        ResourceState(urn="u", type=type_, inputs={"a": 1}, outputs=outputs) for outputs in ({"a": 1, "b": 2}, found)
    )
    return Step(urn="u", type=type_, name="x", parent="", op="refresh", old={"a": 1}, old_state=old, new_state=new)


def test_drift_is_told_with_what_is_done_about_it() -> None:
    """A refresh shows what it found; the plan after it puts the recorded value back, and says from what."""
    read = _read({"a": 3, "b": 2})
    assert property_lines(read) == ["~ a: 1 -> 3"]
    state = ResourceState(urn="u", type=read.type, outputs={"a": 3, "b": 2})
    update = Step(
        urn="u", type=read.type, name="x", parent="", op="update", old={"a": 1}, new={"a": 1}, old_state=state
    )
    told: list[Any] = [StepFinished(step=read, seconds=0, op="update"), StepStarted(step=update)]
    assert _planned(*told, StepFinished(step=update, seconds=0, op="update")) == (
        "~  update pulumi-python:dynamic/x:Thing x\n     drifted: ~ a: 1 -> 3\n     ~ a: 3 -> 1\n"
    )


def test_outputs_of_plugins_count_only_where_no_input_drifted() -> None:
    """A plugin may write an output another way at every read."""
    assert property_lines(_read({"a": 1, "b": "two"}, "docker:index/volume:Volume")) == ['~ b: 2 -> "two"']


def test_what_a_provider_calls_changed_is_told() -> None:
    """A property that forces a replacement is never left out, though both programs say the same of it."""
    step = _step("create-replacement", old={"a": 1, "b": 2}, new={"a": 1, "b": 3}, replace_keys=("a",), diffs=("b",))
    assert property_lines(step) == ["~ b: 2 -> 3", "~ a: 1 -> 1 (forces replacement)"]


@pytest.mark.parametrize(
    ("op", "lines"),
    [
        ("read", ""),
        ("read-replacement", "+- replace by reading infra:postgres:Database db\n"),
        ("discard", "<  forget infra:postgres:Database db\n"),
        ("remove-pending-replace", ""),
    ],
)
def test_what_is_only_read_is_no_change(op: Op, lines: str) -> None:
    """What belongs to somebody else is read and forgotten, never made or deleted."""
    assert _planned(StepFinished(step=_step(op), seconds=0, op=op)) == lines


def test_a_new_provider_code_is_told() -> None:
    """An update that changes no property has a reason, too."""
    step = _step("update", old={"__provider": "x"}, new={"__provider": "y"})
    assert property_lines(step) == ["~ the provider's code: [secret] -> [secret]"]


def test_what_is_only_forgotten_is_not_called_deleted() -> None:
    """A retained resource stays where it is."""
    kept = ResourceState(urn="u", type="t", retain_on_delete=True)
    step = _step("delete", old_state=kept)
    assert _planned(StepFinished(step=step, seconds=0, op="delete")) == (
        "-  forget (retained) infra:postgres:Database db\n"
    )


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "0"}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": ""}, True),
    ],
)
def test_plain_lines_have_colours_only_when_asked(
    environ: dict[str, str],
    coloured: bool,  # noqa: FBT001 - a parameter of the table
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A log stays plain unless FORCE_COLOR says otherwise; NO_COLOR wins."""
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    make_listener(verbose=False, stream=stream).on_event(StepFinished(step=_step("create"), seconds=0, op="create"))
    assert ("\x1b[32m+\x1b[0m  create" in stream.getvalue()) == coloured


def test_a_step_that_takes_long_is_told_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that stands still looks like a run that hangs; one that is quick is told once."""
    monkeypatch.setattr("operations.display.listeners._PATIENCE_SECONDS", 0.02)
    stream = io.StringIO()
    with PlainDisplay(stream) as display:
        display.on_event(StepStarted(step=_step("create")))
        display.on_event(StepStarted(step=_step("same", "other")))
        for timer in tuple(display._timers.values()):
            timer.join()
    assert stream.getvalue() == "…  creating infra:postgres:Database db (takes more than 0 s)\n"


def test_a_long_tree_shows_what_is_being_worked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan higher than the screen shows its running and failed steps meanwhile, and everything at its end."""
    for name, value in {"TERM": "xterm", "COLUMNS": "100", "LINES": "20", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    stream = _Terminal()
    with make_listener(verbose=False, stream=stream) as display:
        assert isinstance(display, LiveDisplay)
        for number in range(50):
            display.on_event(StepFinished(step=_step("create", f"made-{number}"), seconds=0, op="create"))
        display.on_event(StepStarted(step=_step("create", "now")))
        meanwhile = [str(line) for line in display._render().renderables]
        display.on_event(StepFinished(step=_step("create", "now"), seconds=0, op="create"))
    assert meanwhile == ["+  creating infra:postgres:Database now", "1 running, 50 done, 0 unchanged, 0 s"]
    assert sum("made-" in line for line in _text(stream)[-51:]) == 50


def test_an_error_with_its_resource_in_front_is_the_same_error() -> None:
    """The result of the engine names the resource whose step has told the error already."""
    assert untold(["x:Thing 'a': no", "b: no way", "other"], ["no", "", "other\n"]) == ["b: no way"]
