from __future__ import annotations

from typing import Any

import pytest

from pulumi_embedded import paths
from pulumi_embedded.errors import ProjectError, UnsupportedError
from pulumi_embedded.values import UNKNOWN, Secret, contains_unknown, decode, encode, keep_secrets, plain, same

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "value": "x"}
REFERENCE = {SIGNATURE: "5cf8f73096256a8f31e491e813e4eb8e", "urn": "urn:a", "id": "7", "packageVersion": ""}
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        (1.0, 1),
        (1.5, 1.5),
        ([None, True, "x"], [None, True, "x"]),
        (SECRET, Secret("x")),
        ({"a": [SECRET]}, {"a": [Secret("x")]}),
        (REFERENCE, REFERENCE),
        ({SIGNATURE: OUTPUT, "value": 1.0, "secret": True}, Secret(1)),
        ({SIGNATURE: OUTPUT}, UNKNOWN),
    ],
)
def test_wire_values_are_decoded(wire: Any, value: Any) -> None:
    """Secrets are wrapped, output values unwrapped, whole numbers whole."""
    assert decode(wire) == value


def test_dependencies_of_output_values_are_collected() -> None:
    """URNs inside output values are dependencies of the property."""
    found = {"urn:b"}
    decode({"x": [{SIGNATURE: OUTPUT, "value": 1, "dependencies": ["urn:a"]}]}, found)
    assert found == {"urn:a", "urn:b"}


@pytest.mark.parametrize(
    ("signature", "named"),
    [
        ("c44067f5952c0a294b673a41bacd8c17", "assets"),
        ("0def7320c3a5731c473e5ecbe6d01bc7", "archives"),
        ("new", "'new'"),
    ],
)
def test_what_has_no_meaning_here_is_refused(signature: str, named: str) -> None:
    """An asset, an archive and an unknown signature are refused by name."""
    with pytest.raises(UnsupportedError, match=named):
        decode({SIGNATURE: signature})


def test_values_are_encoded_for_their_receiver() -> None:
    """Who knows neither secrets nor references gets plain text and ids; who does gets them signed."""
    value = {"a": Secret("x"), "b": [REFERENCE, {**REFERENCE, "id": ""}]}
    assert encode(value) == {"a": "x", "b": ["7", "urn:a"]}
    assert encode(value, secrets=True, references=True) == {"a": SECRET, "b": value["b"]}


def test_unknowns_can_be_left_out() -> None:
    """Outside previews unknown members are not sent."""
    value = {"a": UNKNOWN, "b": Secret(UNKNOWN), "c": [1, UNKNOWN]}
    assert encode(value, unknowns=False) == {"c": [1]}
    assert encode(value) == {"a": UNKNOWN, "b": UNKNOWN, "c": [1, UNKNOWN]}


def test_unknowns_are_found_anywhere() -> None:
    """Objects, arrays and secrets are searched."""
    assert contains_unknown({"a": [Secret({"b": UNKNOWN})]})
    assert not contains_unknown({"a": [Secret("x"), None]})


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (True, 1, False),
        (1, 1.0, True),
        (Secret("x"), "x", False),
        (Secret([1]), Secret([1]), True),
        ({"a": False}, {"a": 0}, False),
        ([1], [1, 2], False),
        (None, {}, False),
    ],
)
def test_equality_is_pulumis(left: Any, right: Any, *, equal: bool) -> None:
    """True is not 1, and being secret is part of a value."""
    assert same(left, right) is equal


def test_secrets_are_marked_again() -> None:
    """What comes back in the clear is secret where what was sent held a secret."""
    answer = {"a": "x", "b": {"c": 1, "d": 2}, "e": ["y"], "f": 1}
    keep_secrets(answer, {"a": Secret("x"), "b": {"c": Secret(1), "d": 2}, "e": [Secret("y")], "g": Secret(0)})
    assert answer == {"a": Secret("x"), "b": {"c": Secret(1), "d": 2}, "e": Secret(["y"]), "f": 1}
    assert plain(answer) == {"a": "x", "b": {"c": 1, "d": 2}, "e": ["y"], "f": 1}


def test_a_secret_does_not_show_itself() -> None:
    """The value is not in the text form."""
    assert "hush" not in repr(Secret("hush"))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a", ("a",)),
        ("a.b[0].c", ("a", "b", 0, "c")),
        ('a["x.y"][*]', ("a", "x.y", "*")),
        ("*", ("*",)),
        ("a.*", ("a", "*")),
    ],
)
def test_paths_are_parsed(text: str, path: paths.Path) -> None:
    """Names, indices, quoted names and wildcards."""
    assert paths.parse(text) == path


def test_a_broken_path_is_refused() -> None:
    """The text is in the message."""
    with pytest.raises(ProjectError, match=r"a\[b"):
        paths.parse("a[b")


@pytest.mark.parametrize("path", [".a", "a.", "a[b", "a[x]", 'a["b', 'a["b"c'])
def test_no_paths_are_refused(path: str) -> None:
    """What Pulumi cannot read as a path is none here either."""
    with pytest.raises(ProjectError):
        paths.parse(path)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("a", "b_1", 0), "a.b_1[0]"),
        (("a", "x.y", 'q"'), 'a["x.y"]["q\\""]'),
        (("x-y", "b"), '["x-y"].b'),
        (("a", "a"), "a.a"),
        ((), ""),
    ],
)
def test_paths_are_written(path: paths.Path, text: str) -> None:
    """As the CLI writes them in a detailed diff, and so that they can be read again."""
    assert paths.text(path) == text
    assert paths.parse(text) == path


@pytest.mark.parametrize(
    ("path", "old", "new", "result"),
    [
        ("a", {"a": 1}, {"a": 2}, {"a": 1}),
        ("a", {}, {"a": 2}, {}),
        ("a", {"a": 1}, {}, {"a": 1}),
        ("a.b", {"a": {"b": 1}}, {"a": {"b": 2, "c": 3}}, {"a": {"b": 1, "c": 3}}),
        ("a.b", {"a": 1}, {"a": {"b": 2}}, {"a": {}}),
        ("a.b", {"a": {"b": 1}}, {"a": 2}, None),
        ("a.b", {"a": {"b": 1}}, {}, None),
        ("a.b", {}, {"a": {"b": 1}}, {"a": {}}),
        ("a.b", {"a": 1}, {"a": 2}, {"a": 2}),
        ("a[1]", {"a": [1, 2]}, {"a": [3, 4]}, {"a": [3, 2]}),
        ("a[1]", {"a": [1, 2]}, {"a": [3]}, None),
        ("a[5]", {"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ("a[-1]", {"a": [1]}, {"a": [3]}, None),
        ("a[0]", {"a": [1]}, {"a": 3}, None),
        ("a[0].b", {"a": [{"b": 1}]}, {"a": [{"b": 2}]}, {"a": [{"b": 1}]}),
        ("a[0].b", {"a": []}, {"a": [{"b": 2}]}, None),
        ("a[*].b", {"a": [{"b": 1}]}, {"a": [{"b": 2, "c": 1}]}, {"a": [{"b": 1, "c": 1}]}),
        ("a[*].b", {"a": [{"b": 1}, {}]}, {"a": [{"b": 2}]}, None),
        ("a.*.b", {"a": {"x": {"b": 1}}}, {"a": {"x": {"b": 2}, "y": 1}}, {"a": {"x": {"b": 1}, "y": 1}}),
        ("a.*.b", {"a": {"x": {"b": 1}}}, {"a": {"y": {"b": 2}}}, None),
        ("a.*", {"a": [1, 2]}, {"a": [3, 4]}, {"a": [1, 2]}),
        ("a.*", {"a": [1]}, {"a": [3, 4]}, None),
        ("a.*", {"a": [1]}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ("a.*", {"a": [1]}, {"a": 1}, None),
        ("a", {"a": Secret(1)}, {"a": 2}, {"a": Secret(1)}),
        ("a.b", {"a": Secret({"b": 1})}, {"a": {"b": 2}}, {"a": {"b": Secret(1)}}),
        ("a.b", {"a": {"b": 1}}, {"a": Secret({"b": 2})}, {"a": Secret({"b": 1})}),
        ("*", {"a": 1}, {"a": 2, "b": 3}, {"a": 1}),
        ("", {"a": 1}, {"a": 2}, None),
    ],
)
def test_a_path_is_reset(path: str, old: Any, new: Any, result: Any) -> None:
    """What lies at the path is as it was, and secrets stay secret; None stands for what cannot be taken back."""
    assert paths.reset(paths.parse(path), old, new) == (result is not None)
    assert result is None or new == result


def test_changed_paths_are_listed() -> None:
    """Differences are found as deep as they lie, and null is no value."""
    old = {"a": {"b": 1, "c": [1, 2]}, "d": 1, "e": 1, "g": [1], "h": [1, 2], "i": None, "j": 2}
    new = {"a": {"b": 2, "c": [1, 2, 3]}, "d": True, "f": 1, "g": {}, "h": [None], "k": None, "j": None}
    assert paths.changed(old, new) == {
        ("a", "b"): "update",
        ("a", "c", 2): "add",
        ("d",): "update",
        ("e",): "delete",
        ("f",): "add",
        ("g",): "update",
        ("h", 0): "delete",
        ("h", 1): "delete",
        ("j",): "delete",
    }
