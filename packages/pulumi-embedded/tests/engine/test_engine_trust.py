"""Tests of which pickled providers are run: what only a state holds may be anybody's code."""

from __future__ import annotations

import base64
import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest

from pulumi_embedded.errors import UnsupportedError
from pulumi_embedded.trust import Trust

if TYPE_CHECKING:
    from pathlib import Path

    import pulumi_embedded as engine
    from tests.engine.stack import Things

URN = "urn:pulumi:dev::probe::pulumi-python:dynamic:Thing::a"


class Opens:
    """Pickled, it makes a file when it is loaded."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        """What loading it calls."""
        return (open, (str(self.file), "w"))


def _text(pickled: bytes) -> str:
    return base64.b64encode(pickled).decode()


def _rewrite(things: Things, name: str, text: str) -> None:
    state = json.loads(things.checkpoint.read_text())
    for resource in state["checkpoint"]["latest"]["resources"]:
        if resource["urn"].endswith(f"::{name}"):
            resource["inputs"]["__provider"] = resource["outputs"]["__provider"] = text
    things.checkpoint.write_text(json.dumps(state))


@pytest.mark.parametrize("registered", [True, False], ids=["registered", "left out"])
@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("preview", {}),
        ("preview", {"refresh": True}),  # what drift asks
        ("refresh", {}),
        ("destroy", {}),
        ("up", {}),
        ("up", {"previewed": True}),
    ],
    ids=["preview", "drift", "refresh", "destroy", "up", "up, previewed"],
)
def test_a_hostile_state_runs_nothing(
    things: Things, kind: engine.Kind, more: dict[str, Any], *, registered: bool
) -> None:
    """A provider that somebody put into the state is refused by its resource's name, by every kind of run."""
    owned = things.folder / "owned"
    things.up({"a": {}, "b": {}})
    _rewrite(things, "a", _text(pickle.dumps(Opens(owned))))
    things.want({"a": {}, "b": {}} if registered else {"b": {}})
    before = things.checkpoint.read_text()
    things.calls()
    try:
        result = things.run(kind, **more)
        assert not result.succeeded
        said = " ".join(result.errors)
    except UnsupportedError as error:
        said = str(error)
    assert "'a' holds a provider that is neither a class of this project's modules" in said
    assert (owned.exists(), things.calls(), sorted(things.real())) == (False, [], ["a", "b"])
    latest = [json.loads(text)["checkpoint"]["latest"]["resources"] for text in (before, things.checkpoint.read_text())]
    recorded = [sorted(one, key=lambda resource: resource["urn"]) for one in latest]  # those of one level in any order
    assert recorded[0] == recorded[1]


def test_a_provider_that_is_recorded_as_code_is_the_programs_own(things: Things) -> None:
    """What the program registers is run, also after an edit, which replaces what is recorded; destroy refuses it."""
    things.add("things.py", "\n\nThingProvider.__module__ = '__main__'\n")
    things.up({"a": {}})
    things.up({"a": {}, "b": {}})
    recorded = things.recorded()["a"]["outputs"]["__provider"]
    things.add("things.py", "ThingProvider.edition = 2\n")
    things.up({"a": {}, "b": {}})
    found = things.recorded()["a"]
    assert found["outputs"]["__provider"] == found["inputs"]["__provider"] != recorded
    things.up({"a": {}})  # b goes with the code that a is registered with
    assert sorted(things.real()) == ["a"]
    with pytest.raises(UnsupportedError, match="'a' holds a provider"):
        things.run("destroy")


def test_a_provider_that_moves_into_a_module_is_recorded_by_its_name(things: Things) -> None:
    """What `destroy` refuses as code it takes down after the `up` that its refusal advises."""
    things.add("things.py", "\n\nThingProvider.__module__ = '__main__'\n")
    things.up({"a": {}})
    with pytest.raises(UnsupportedError) as refused:
        things.run("destroy")
    assert "define its class in a module under the same name and run `up`" in (refused.value.next_step or "")
    things.add("things.py", "ThingProvider.__module__ = 'things'\n")
    things.up({"a": {}})
    found = things.recorded()["a"]
    assert found["outputs"]["__provider"] == found["inputs"]["__provider"] == _reference("things", "ThingProvider")
    assert things.run("destroy").succeeded
    assert things.real() == {}


def _reference(module: str, name: str, rest: bytes = b")\x81\x94.") -> str:
    body = b"\x8c%c%s\x94\x8c%c%s\x94\x93\x94" % (len(module), module.encode(), len(name), name.encode()) + rest
    return _text(b"\x80\x04\x95" + len(body).to_bytes(8, "little") + body)


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    """Of a project with a package and a module that is no Python, beside a file that is not the project's."""
    (tmp_path / "outside.py").write_text("class Theirs(Base): ...")
    folder = tmp_path / "project"
    (folder / "rooms").mkdir(parents=True)
    moved = (
        'MOVED = {\n    "rooms.before": "rooms",\n    "rooms.out": "..outside",\n    "rooms.lost": "rooms.gone",\n'
        '    "rooms.kept.Inner": "rooms",\n}\n'
    )
    (folder / "rooms" / "__init__.py").write_text(f"class Inner(Base): ...\nclass Bare: ...\n{moved}")
    (folder / "rooms" / "kept.py").write_text("class Other(Base): ...")
    (folder / "broken.py").write_text("class (")
    return Trust(folder)


def test_a_reference_to_a_class_of_the_project_is_accepted(trust: Trust) -> None:
    """With no attributes, in a module that a file of the project's folder defines, or that moved into such a one."""
    trust.check(URN, {"__provider": _reference("rooms", "Inner")})
    trust.check(URN, {"__provider": _reference("rooms.before", "Inner")})
    trust.check(URN, {"__provider": _reference("rooms.kept", "Inner")})


@pytest.mark.parametrize(
    "text",
    [
        _reference("os", "system"),
        _reference("rooms", "Bare"),
        _reference("rooms", "Missing"),
        _reference("rooms.before", "Bare"),
        _reference("rooms.out", "Theirs"),
        _reference("rooms.lost", "Inner"),
        _reference("rooms.__main__", "Inner"),
        _reference("outside", "Theirs"),
        _reference("broken", "Theirs"),
        _reference("..outside", "Theirs"),
        _reference("rooms", "Inner", b")\x81\x94}\x94\x8c\x01a\x94K\x01sb."),
        _reference("rooms", "Inner", b")\x81\x94.cos\nsystem\n"),
        "no base64",
        "",
        ["a", "list"],
    ],
)
def test_everything_else_is_refused_unread(trust: Trust, text: object) -> None:
    """Other modules, classes without a base, attributes, additions, and what is no pickle at all."""
    with pytest.raises(UnsupportedError, match=r"Thing 'a' holds a provider.*nothing was run"):
        trust.check(URN, {"__provider": text})
