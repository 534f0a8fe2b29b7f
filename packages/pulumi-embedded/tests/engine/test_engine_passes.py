"""The passes of an `up` that nobody has previewed: it refuses before anything is changed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

import pulumi_embedded as engine
from tests.engine.stack import interrupt_when

if TYPE_CHECKING:
    from tests.engine.stack import Things

FIRST_LINE = 'pulumi.log.info("the program runs")\n'
NOTE_START = (
    'with open(os.environ["WORLD"] + "/starts", "a") as file:\n    file.write(f"{pulumi.runtime.is_dry_run()} ")\n'
)
SLEEP = """import time
if {when}:
    (Path(os.environ["WORLD"]) / "asleep").touch()
    time.sleep(60)
"""
WHOLE: dict[str, Any] = {"a": {"color": "red"}, "b": {"color": {"ref": "a.token"}}}


def _begin_with(things: Things, lines: str) -> None:
    program = things.project / "__main__.py"
    program.write_text(program.read_text().replace(FIRST_LINE, lines + FIRST_LINE))


def _starts(things: Things) -> list[str]:
    """How the program was started since the last look: "True" for a dry run."""
    file = things.world / "starts"
    starts = file.read_text().split()
    file.unlink()
    return starts


def _configured(things: Things) -> int:
    return (things.world / "calls.log").read_text().count("configure")


def test_each_run_takes_the_passes_it_needs(things: Things) -> None:
    """From nothing: preview and real. Without a change: one. With a change: hold, preview and real. One provider."""
    _begin_with(things, NOTE_START)
    things.add("__main__.py", 'print("printed")\n')
    things.want(WHOLE)
    assert things.run("up").changes.create == 3
    assert (_starts(things), _configured(things)) == (["True", "False"], 1)
    things.calls()
    assert things.run("up").changes.same == 3
    assert (_starts(things), things.calls()) == (["False"], [])
    things.want({**WHOLE, "c": {}, "a": {"color": "blue"}})
    assert things.run("up").changes == engine.Changes(create=1, update=1, same=2)
    assert (_starts(things), _configured(things)) == (["False", "True", "False"], 1)
    assert sorted(things.calls()) == ["create c", "update a"]
    assert sorted(things.seen.steps()) == ["create c", "update a"]
    assert [things.seen.texts().count(text) for text in ("the program runs", "printed")] == [1, 1]


def test_what_was_previewed_runs_once(things: Things) -> None:
    """After a preview that a person has agreed to there is one pass."""
    _begin_with(things, NOTE_START)
    things.want(WHOLE)
    assert things.run("up", previewed=True).changes.create == 3
    assert _starts(things) == ["False"]


def test_an_up_without_a_change_tells_what_it_looked_at(things: Things) -> None:
    """Steps and messages of the only pass arrive, and what it records differently is saved."""
    things.up(WHOLE, outputs={"color": "red"})
    things.want({**WHOLE, "a": {"color": "red", "options": {"protect": True}}}, outputs={"color": "blue"})
    result = things.run("up")
    assert (result.changes.same, result.outputs["color"].value) == (3, "blue")
    assert set(things.seen.steps(same=True)) == {"same probe-dev", "same a", "same b"}
    assert "the program runs" in things.seen.texts()
    assert things.recorded()["a"]["protect"] is True


def test_reality_is_looked_at_once(things: Things) -> None:
    """All passes start from the same look at reality, which is told when it happens."""
    things.up(WHOLE)
    things.file("a").unlink()
    result = things.run("up", refresh=True)
    looked = [event for event in things.seen.events if isinstance(event, engine.StepFinished)]
    names = [event.step.name for event in looked if event.step.op == "refresh"]
    assert (names.count("a"), names.count("b")) == (1, 1)
    assert result.changes == engine.Changes(create=1, same=2)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"b": {"size": 99}}, "size: is too big"),
        ({"b": {"kind": "plugin", "type": "docker:index/volume:Volume"}}, "'docker'"),
        ({"safe": {"size": 2, "options": {"protect": True}}}, "is protected and cannot be replaced"),
        ({"safe": None}, "is protected and cannot be deleted"),
        ({"more": {"bug": "oh no"}}, "ValueError: oh no"),
        ({"more": {"error": "the port is taken"}}, "the port is taken"),
        ({"more": {"exit": 0}}, "before it was done"),
    ],
    ids=["check", "plugin", "replace protected", "delete protected", "raises", "refuses", "exits"],
)
def test_what_is_wrong_is_found_before_anything_is_changed(things: Things, wish: dict[str, Any], said: str) -> None:
    """A change that comes first is not made: state, history and world stay as they were, and the error comes once."""
    things.up({"a": {"color": "red"}, "safe": {"size": 1, "options": {"protect": True}}}, outputs={"kept": 1})
    things.calls()
    before = (things.checkpoint.read_bytes(), things.history(), things.real())
    more = wish.pop("more", {})
    wanted = {"a": {"color": "blue"}, "safe": {"size": 1, "options": {"protect": True}}, **wish}
    things.want({name: wished for name, wished in wanted.items() if wished is not None}, **more)
    result = things.run("up")
    assert (result.succeeded, result.changes, len(result.errors)) == (False, engine.Changes(), 1)
    assert said in result.errors[0]
    assert result.outputs["kept"].value == 1
    assert things.seen.steps() == []
    assert len([text for text in things.seen.errors() if said in text]) == 1
    assert (things.calls(), (things.checkpoint.read_bytes(), things.history(), things.real())) == ([], before)
    assert list((things.folder / "backend" / ".pulumi" / "locks").rglob("*.json")) == []


def test_a_first_run_that_is_refused_leaves_no_stack(things: Things) -> None:
    """What was never made is not recorded either."""
    things.want({"a": {}, "b": {"color": {"ref": "a.token"}, "options": {"import_": "x"}}})
    assert "import_" in things.run("up").errors[0]
    assert (things.checkpoint.exists(), things.history(), things.calls()) == (False, [], [])


def test_a_failure_that_only_acting_shows_is_recorded(things: Things) -> None:
    """A preview cannot know what a call will say: what was made until then is kept, and the run is in the history."""
    things.want({"a": {}, "b": {"color": {"ref": "a.token"}, "fail": "create"}})
    assert "create refused" in things.run("up").errors[0]
    assert ("a" in things.recorded(), len(things.history())) == (True, 1)


@pytest.mark.parametrize("when", ["not pulumi.runtime.is_dry_run()", "pulumi.runtime.is_dry_run()"])
def test_an_interrupt_ends_a_pass_that_changes_nothing(things: Things, when: str) -> None:
    """Ctrl-C while the program of the first or the second pass is thinking: nothing follows, nothing is recorded."""
    things.up(WHOLE)
    before = (things.checkpoint.read_bytes(), things.history())
    _begin_with(things, SLEEP.format(when=when))
    things.want({**WHOLE, "a": {"color": "blue"}})
    waiting = threading.Thread(target=interrupt_when, args=(things.world / "asleep",))
    waiting.start()
    result = things.run("up")
    waiting.join()
    assert (result.interrupted, result.succeeded, result.changes) == (True, False, engine.Changes())
    assert (things.checkpoint.read_bytes(), things.history()) == before
    assert any(text.startswith("Interrupted") for text in things.seen.texts())
