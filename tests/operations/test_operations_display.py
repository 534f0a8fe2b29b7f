from __future__ import annotations

import io
import re

import pytest

from engine.api import LockWaiting, Message, Op, Step, StepFailed, StepFinished, StepStarted
from engine.values import UNKNOWN, Secret
from operations.display.listeners import LiveDisplay, PlainDisplay, make_listener
from operations.display.plan import property_lines

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
        "!  update infra:postgres:Database z failed: port 5432 is taken\n"
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
        '     + hosts: ["a","[secret]","known after up"]\n'
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
    assert "warning: [bold]careful" in _text(stream)
    assert _text(stream)[-5:] == [
        "  pulumi:pulumi:Stack infra-dev",
        "├── + infra:postgres:Database db (1.5 s)",
        "├── ! infra:postgres:Database web failed: no (0.5 s)",
        "└── ~ infra:postgres:Database app",
        '    └── ~ a: ["x"] -> ["[secret]"]',
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


def test_long_values_are_cut() -> None:
    """A value of many characters does not flood the plan."""
    (line,) = property_lines(_step("update", old={"sql": "a"}, new={"sql": "b" * 200}))
    assert line == '~ sql: "a" -> "' + "b" * 58 + "…"


def test_debug_messages_are_for_the_verbose() -> None:
    """With `verbose`, debug messages appear."""
    stream = io.StringIO()
    PlainDisplay(stream, verbose=True).on_event(Message(severity="debug", text="noise"))
    assert stream.getvalue() == "debug: noise\n"
