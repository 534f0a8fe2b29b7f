"""Programs and providers that do what they should not: each ends in words, and with a state that tells the truth."""

from __future__ import annotations

import sys
import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from pulumi.runtime.resource_cycle_breaker import declare_dependency

from pulumi_embedded import host
from tests.engine.stack import interrupt_when

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.stack import Things

CREATED = "return CreateResult(identity, made)"
CHECKED = "return CheckResult(news, failures)"

ROOM = """
class Circle(pulumi.ComponentResource):
    def __init__(self) -> None:
        super().__init__("probe:rooms:Circle", "circle", {}, None)
        Thing("inner", {}, pulumi.ResourceOptions(parent=self, depends_on=[self]))
Circle()
"""
CIRCLE = """
import asyncio
later = asyncio.get_event_loop().create_future()
first = Thing("first", {"color": pulumi.Output.from_input(later)}, None)
second = Thing("second", {"color": first.token}, None)
second.token.apply(later.set_result)
"""
NEVER = """
import asyncio
async def on():
    await MADE["a"].id.future()
    (Path(os.environ["WORLD"]) / "made").touch()
    while True:
        await asyncio.sleep(0.1)
pulumi.export("never", pulumi.Output.from_input(asyncio.get_event_loop().create_task(on())))
"""
APPLY = "pulumi.Output.from_input(0).apply(\n    lambda zero: 1 / zero)\n"


def _edit(things: Things, old: str, new: str) -> None:
    file = things.project / "things.py"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("os._exit(3)\n", "The program ended (exit status 3) before it was done."),
        (ROOM, "circular dependency involving a resource of type pulumi-python:dynamic/things:Thing named inner"),
        (CIRCLE, "The program waits for itself and would never end; still to be registered: 'first', 'second'."),
        (APPLY, "    lambda zero: 1 / zero)"),
        ("import broken\n", 'broken.py", line 2'),
        ("def (\n", "SyntaxError: "),
    ],
    ids=["os._exit", "its own parent", "in a circle", "in apply", "in another file", "syntax"],
)
def test_a_program_that_goes_wrong_is_told_in_its_own_lines(things: Things, lines: str, said: str) -> None:
    """The error says what is wrong, with lines of the user's and none of Pulumi's or ours; nothing is changed."""
    things.add("__main__.py", lines)
    (things.project / "broken.py").write_text('\nraise KeyError("lost")\n')
    result = things.run("up")
    assert len(result.errors) == 1
    assert said in result.errors[0]
    for foreign in ("site-packages", "host.py", "runpy", "asyncio/"):
        assert foreign not in result.errors[0]
    assert (things.calls(), things.checkpoint.exists()) == ([], False)


def test_a_program_that_never_ends_can_be_interrupted(things: Things) -> None:
    """As in the CLI there is no limit; Ctrl-C ends it, and what was made is recorded."""
    things.want({"a": {}})
    things.add("__main__.py", NEVER)
    waiting = threading.Thread(target=interrupt_when, args=(things.world / "made",))
    waiting.start()
    result = things.run("up", previewed=True)
    waiting.join()
    assert (result.interrupted, "a" in things.recorded(), things.pending()) == (True, True, [])


@pytest.mark.parametrize(
    ("old", "new", "said", "pending"),
    [
        (CREATED, 'return CreateResult("", made)', "create() returned an empty id", []),
        (CREATED, "return None", "What the provider's create() returned is not what it must return", []),
        (CREATED, "return CreateResult(7, made)", "What the provider's create() returned", []),
        (CREATED, 'return CreateResult(identity, {"x": float("nan")})', "the value nan", []),
        (CREATED, "os._exit(7)", "ended during create of 'a' (exit status 7)", ["creating a"]),
        (CREATED, "raise SystemExit(3)", "ended during create of 'a' (exit status 3)", ["creating a"]),
    ],
    ids=["empty id", "nothing", "id no text", "no number", "os._exit", "sys.exit"],
)
def test_a_provider_that_answers_nonsense_is_named(
    things: Things, old: str, new: str, said: str, pending: list[str]
) -> None:
    """What came back cannot be recorded, and is not; as in the CLI only a call without an answer stays pending."""
    _edit(things, old, new)
    things.want({"a": {}, "b": {"color": {"ref": "a.id"}}})
    result = things.run("up", previewed=True)
    assert len(result.errors) == 1
    assert said in result.errors[0]
    assert "'a'" in result.errors[0]
    assert (set(things.recorded()), things.pending()) == ({"probe-dev", "default"}, pending)


@pytest.mark.parametrize(
    ("new", "said"),
    [("return None", "What the provider's check() returned"), ("os._exit(7)", "during check of 'a' (exit status 7)")],
)
def test_a_provider_that_cannot_judge_changes_nothing(things: Things, new: str, said: str) -> None:
    """A check that crashes or answers nonsense is met by the preview pass."""
    _edit(things, CHECKED, new)
    things.want({"a": {}})
    result = things.run("up")
    assert said in result.errors[0]
    assert (things.calls(), things.checkpoint.exists()) == ([], False)


def test_what_a_provider_prints_does_not_disturb(things: Things) -> None:
    """Many lines, and a line without an end, reach the listener; the run succeeds."""
    _edit(things, CREATED, f'print("noise\\n" * 20000 + "last", end="", flush=True)\n        {CREATED}')
    things.want({"a": {}})
    assert things.run("up", previewed=True).changes.create == 2
    assert things.seen.texts().count("noise") == 20000


def test_a_chain_that_is_too_long_for_the_sdk_is_told_in_words(tmp_path: Path) -> None:
    """The error of Pulumi's own code names no line of anybody's, so what it means is said instead."""
    links: list[Any] = [Link() for _ in range(sys.getrecursionlimit() + 100)]
    for link, before in pairwise(links):
        declare_dependency(link, before)
    with pytest.raises(RecursionError) as caught:
        declare_dependency(links[-1], links[0])
    said = host._said(caught.value, tmp_path, verbose=False)
    assert f"a chain of more than about {sys.getrecursionlimit()} resources" in said
    with pytest.raises(RecursionError) as caught:
        _for_ever()
    assert "a chain" not in host._said(caught.value, tmp_path, verbose=False)


class Link:
    """Stands for a resource, of which the SDK only keeps what it depends on."""


def _for_ever() -> None:
    _for_ever()
