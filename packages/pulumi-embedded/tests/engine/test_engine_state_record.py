from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_embedded.state import Snapshot, record
from pulumi_embedded.state.crypto import Crypter, new_salt
from pulumi_embedded.state.record import Texts
from pulumi_embedded.state.values import Values
from pulumi_embedded.values import Secret
from tests.engine.snapshots import make_store, root, thing

if TYPE_CHECKING:
    from pathlib import Path

    from pulumi_embedded.state import ResourceState

LEAVES = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from([0.0, 1.0, "", "a", "b"])
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
)


def _containers(value: Any) -> list[Any]:
    """Every object and array inside, each at its place."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = [value] if isinstance(value, dict | list) else []
    return own + [found for item in inner for found in _containers(item)]


def _edit(container: Any, act: str, new: Any) -> None:
    """Change a container in place, at one of its members."""
    if isinstance(container, dict):
        key = "a" if act == "put" else next(iter(container), "b")
        container.pop(key, None)
        container.update({key: new} if act != "drop" else {})
    elif act == "put":
        container.append(new)
    elif container:
        container[:1] = [] if act == "drop" else [new]


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3), st.data())
def test_a_kept_text_is_never_out_of_date(inputs: dict[str, Any], data: st.DataObject) -> None:
    """Whatever is changed in place, at any depth, also to something that equals it, the text is the new one."""
    resource = thing("a", inputs=inputs, dependencies=["x"])
    kept = Texts(Values(None))
    kept.of([resource])
    for _ in range(3):
        container = data.draw(st.sampled_from(_containers(resource.inputs)))
        _edit(container, data.draw(st.sampled_from(["put", "drop", "replace"])), data.draw(VALUES))
        assert kept.of([resource]) == Texts(Values(None)).of([resource])


def test_a_member_that_moves_to_the_next_collection_is_noticed() -> None:
    """The same objects in the same order, but not in the same place."""
    first: dict[str, Any] = {"k": 1}
    second: dict[str, Any] = {}
    resource = thing("a", inputs={"l": [first, second]})
    texts = Texts(Values(None))
    (before,) = texts.of([resource])
    second["k"] = first.pop("k")
    (after,) = texts.of([resource])
    assert b'"inputs":{"l":[{"k":1},{}]}' in before
    assert b'"inputs":{"l":[{},{"k":1}]}' in after


@pytest.mark.usefixtures("quick_keys")
@pytest.mark.parametrize(
    ("name", "value"),
    [("id", "other"), ("delete", True), ("inputs", {"a": Secret({"b": [2]})}), ("modified", datetime.now(UTC))],
)
def test_only_what_changed_is_made_anew(name: str, value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One changed field of one resource makes one text, and what left the state is forgotten."""
    made: list[str] = []
    real = record._encode

    def counted(resource: ResourceState, values: Values) -> dict[str, Any]:
        made.append(resource.urn[-1])
        return real(resource, values)

    monkeypatch.setattr(record, "_encode", counted)
    texts = Texts(Values(Crypter("x", new_salt("x"), place="a test")))
    a, b = thing("a", inputs={"a": Secret({"b": [1]})}), thing("b")
    texts.of([a, b])
    texts.of([b, a])
    assert made == ["a", "b"]
    setattr(a, name, value)
    texts.of([a])
    assert made == ["a", "b", "a"]
    texts.of([a, b])
    assert made == ["a", "b", "a", "b"]


@pytest.mark.usefixtures("quick_keys")
def test_a_secret_changed_within_is_encrypted_anew(tmp_path: Path) -> None:
    """Also where nobody but the secret itself knows of the change."""
    store = make_store(tmp_path)
    inner = {"a": "old"}
    snapshot = Snapshot(resources=[root(), thing("a", inputs={"s": Secret(inner)})])
    store.save(snapshot)
    inner["a"] = "new"
    store.save(snapshot)
    assert make_store(tmp_path).load().resources[1].inputs == {"s": Secret({"a": "new"})}


def test_names_stand_in_one_order() -> None:
    """A program that names its properties in another order changes nothing in the file."""
    one = thing("a", inputs={"b": 1, "a": {"d": 1, "c": 2}}, property_dependencies={"b": ["x"], "a": []})
    two = thing("a", inputs={"a": {"c": 2, "d": 1}, "b": 1}, property_dependencies={"a": [], "b": ["x"]})
    assert Texts(Values(None)).of([one]) == Texts(Values(None)).of([two])
