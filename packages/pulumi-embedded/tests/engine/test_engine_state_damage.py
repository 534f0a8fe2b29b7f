from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pulumi_embedded.errors import PassphraseError, StateError, UnsupportedError
from pulumi_embedded.state import PendingOperation, Snapshot
from pulumi_embedded.values import Secret
from tests.engine.snapshots import ROOT, document, latest, make_store, root, thing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pulumi_embedded.state import Store

A = "urn:pulumi:dev::sample::x:y:Z::a"
pytestmark = pytest.mark.usefixtures("quick_keys")


def _saved(folder: Path) -> Store:
    """A store with a state of two resources, one with a secret, and an earlier one beside it."""
    store = make_store(folder)
    store.save(Snapshot(resources=[root()]))
    pending = [PendingOperation(resource=thing("b"), type="creating")]
    store.save(Snapshot(resources=[root(), thing("a", inputs={"s": Secret("x")})], pending_operations=pending))
    return store


def _assert_untouched(store: Store, folder: Path, what: str) -> None:
    """Neither reading nor writing touches what is there, and both say what is wrong and what to do."""
    before = store.file.read_bytes()
    store = make_store(folder)
    store.warm_up()
    for act in (store.load, lambda: store.save(Snapshot())):
        with pytest.raises(StateError) as caught:
            act()
        assert what in str(caught.value)
        assert f"the state file {store.file} cannot be used" in str(caught.value)
        assert "it was not touched" in str(caught.value)
        assert f"look at {store.file}.bak and copy it over dev.json" in str(caught.value)
    assert store.file.read_bytes() == before


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda data: data[:-100], "it is not complete JSON: line 1, column "),
        (lambda data: data.replace(b'"version":3,', b'"version":3\n ,,'), "JSON: line 2, column 3: Expecting property"),
        (lambda _: b"", "it is empty"),
        (lambda _: b"\n", "it is empty"),
        (lambda data: data.replace(b"sample", b"\xff"), "it is not text: byte 49 is not UTF-8"),
        (lambda data: data.replace(b":3", b":NaN", 1), "it holds NaN, which JSON does not know"),
        (lambda _: b"[" * 100_000, "maximum recursion depth"),
        (lambda _: b"[]", "the document is []; it must be an object"),
        (lambda _: b"{}", "it is JSON, but it holds no checkpoint"),
        (lambda _: b'{"checkpoint":1}', "its field 'checkpoint' is 1; it must be an object"),
    ],
)
def test_what_is_no_state_is_never_overwritten(damage: Callable[[bytes], bytes], what: str, tmp_path: Path) -> None:
    """A file that was cut off, emptied or edited by hand; the error says where it is wrong."""
    store = _saved(tmp_path)
    store.file.write_bytes(damage(store.file.read_bytes()))
    _assert_untouched(store, tmp_path, what)


def _of_a(**change: Any) -> Callable[[dict[str, Any]], None]:
    return lambda latest: latest["resources"][1].update(change)


@pytest.mark.parametrize(
    ("edit", "what"),
    [
        (lambda latest: latest.update(resources={}), "its field 'resources' is {}; it must be an array"),
        (lambda latest: latest["resources"].append("x"), 'resource 3 is "x"; it must be an object'),
        (lambda latest: latest["resources"][1].pop("urn"), "resource 2 (without a URN) lacks the field 'urn'"),
        (lambda latest: latest["resources"][1].pop("type"), f"resource 2 ({A}) lacks the field 'type'"),
        (lambda latest: latest["resources"][1].pop("custom"), f"resource 2 ({A}) lacks the field 'custom'"),
        (_of_a(custom="yes"), f"resource 2 ({A}): its field 'custom' is \"yes\"; it must be true or false"),
        (_of_a(protect=1), "its field 'protect' is 1; it must be true or false"),
        (_of_a(id=7), "its field 'id' is 7; it must be a text"),
        (_of_a(inputs=[]), "its field 'inputs' is []; it must be an object"),
        (_of_a(dependencies=ROOT), f"its field 'dependencies' is \"{ROOT}\"; it must be an array of texts"),
        (_of_a(aliases=[{}]), "an item of its field 'aliases' is {}; it must be a text"),
        (_of_a(propertyDependencies={"p": ROOT}), f"'propertyDependencies', 'p', is \"{ROOT}\"; it must be an array"),
        (_of_a(customTimeouts={"create": True}), "'customTimeouts', 'create', is true; it must be a number"),
        (_of_a(created="yesterday"), f"resource 2 ({A}), field 'created': a value has an unexpected form"),
        (_of_a(created="2026-01-02T03:04:05"), "names no time zone"),
        (lambda latest: latest["resources"][1]["inputs"]["s"].pop("ciphertext"), "field 'inputs': a value has an"),
        (lambda latest: latest.update(pending_operations=[{}]), "the resource of pending operation 1 (without a URN)"),
        (lambda latest: latest["pending_operations"][0].update(type=1), "the type of pending operation 1 is 1"),
        (lambda latest: latest.update(metadata=[]), "its field 'metadata' is []; it must be an object"),
        (lambda latest: latest.update(secrets_providers="x"), "its field 'secrets_providers' is \"x\""),
        (lambda latest: latest["secrets_providers"].update(state=1), "the field 'state' of its 'secrets_providers' is"),
    ],
)
def test_a_state_edited_into_another_form_is_told(
    edit: Callable[[dict[str, Any]], object], what: str, tmp_path: Path
) -> None:
    """Missing fields and values of another kind, with the resource, the field and what it must be."""
    store = _saved(tmp_path)
    edited = document(store)
    edit(edited["checkpoint"]["latest"])
    store.file.write_text(json.dumps(edited, indent=2))
    _assert_untouched(store, tmp_path, what)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"parent": "urn:x"}, f"{A} has the parent urn:x, which is not there"),
        ({"dependencies": [A]}, f"{A} has the dependency {A}, which is not there"),
        ({"urn": ROOT}, f"{ROOT} stands in it 2 times"),
    ],
)
def test_a_state_that_contradicts_itself_is_told(change: dict[str, Any], what: str, tmp_path: Path) -> None:
    """With the note that the CLI leaves when it writes such a state."""
    store = _saved(tmp_path)
    edited = document(store)
    edited["checkpoint"]["latest"]["resources"][1].update(change, inputs={})
    edited["checkpoint"]["latest"]["metadata"] = {"integrity_error": {"command": "pulumi up", "error": "sorry"}}
    store.file.write_text(json.dumps(edited))
    _assert_untouched(store, tmp_path, f"{what} (`pulumi up` wrote it so and noted: sorry)")


def test_a_formatted_state_keeps_what_nobody_knows(tmp_path: Path) -> None:
    """Line breaks and unknown fields at every level are no damage, and the fields are written back."""
    store = _saved(tmp_path)
    edited = document(store)
    for place in (edited["checkpoint"], latest := edited["checkpoint"]["latest"], latest["resources"][1]):
        place["note"] = {"by": ["hand"]}
    store.file.write_text(json.dumps(edited, indent=2))
    again = make_store(tmp_path)
    again.save(again.load())
    written = document(again)
    for place in (edited, written):
        place["checkpoint"]["latest"].pop("manifest")
    assert written == edited


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"version": 5}, "has checkpoint version 5, which a newer Pulumi writes; the embedded engine knows 3 and 4"),
        ({"version": 2}, "has checkpoint version 2, which Pulumi wrote years ago"),
        ({"version": 4, "features": ["views", "replaceWith", "taint"]}, "needs the features taint, views; of features"),
        ({"checkpoint": {"latest": {"secrets_providers": {"type": "cloud"}}}}, "kept by the provider 'cloud'"),
    ],
)
def test_other_kinds_of_state_are_refused_by_name(change: dict[str, Any], what: str, tmp_path: Path) -> None:
    """Checkpoint versions, features and secrets providers the engine does not know."""
    store = _saved(tmp_path)
    store.file.write_text(json.dumps(document(store) | change))
    with pytest.raises(UnsupportedError) as caught:
        make_store(tmp_path).load()
    assert what in str(caught.value)
    assert "use the Pulumi CLI for this stack" in str(caught.value)


def test_a_state_that_needs_a_feature_says_so(tmp_path: Path) -> None:
    """As the CLI does: version 4 with the name while it is used, version 3 again afterwards."""
    store = make_store(tmp_path)
    resources = [root(), thing("a"), thing("b", replace_with=[A])]
    store.save(Snapshot(resources=resources))
    assert (document(store)["version"], document(store)["features"]) == (4, ["replaceWith"])
    assert make_store(tmp_path).load().resources == resources
    hooked = [*resources[:2], thing("b", extra={"resourceHooks": {"BeforeCreate": ["x"]}})]
    store.save(Snapshot(resources=hooked))
    assert (document(store)["version"], document(store)["features"]) == (4, ["hooks"])
    assert make_store(tmp_path).load().resources == hooked
    store.save(Snapshot(resources=resources[:2]))
    assert document(store)["version"] == 3
    assert "features" not in document(store)


def test_a_stack_without_a_deployment_is_empty(tmp_path: Path) -> None:
    """What `pulumi stack init` may leave is a new stack."""
    store = _saved(tmp_path)
    store.file.write_text('{"version":0,"checkpoint":{"stack":"organization/sample/dev"}}')
    assert make_store(tmp_path).load().resources == []


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize("renamed", [True, False])
def test_compressed_states_are_refused(suffix: str, renamed: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a parameter
    """Under its compressed name or its plain one, with the command that writes it plain."""
    store = _saved(tmp_path)
    store.file.write_bytes({".gz": b"\x1f\x8b\x08", ".zst": b"\x28\xb5\x2f\xfd"}[suffix])
    if renamed:
        store.file.rename(store.file.with_name(f"dev.json{suffix}"))
    with pytest.raises(UnsupportedError, match="is compressed with") as caught:
        make_store(tmp_path).load()
    assert "run `pulumi refresh` once without PULUMI_DIY_BACKEND_GZIP" in str(caught.value)


def test_a_damaged_secret_is_named(tmp_path: Path) -> None:
    """Which resource and which property, when the rest of the state opens."""
    store = _saved(tmp_path)
    edited = document(store)
    secret = edited["checkpoint"]["latest"]["resources"][1]["inputs"]["s"]
    flipped = "A" if secret["ciphertext"][-4] != "A" else "B"
    secret["ciphertext"] = secret["ciphertext"][:-4] + flipped + secret["ciphertext"][-3:]
    store.file.write_text(json.dumps(edited))
    with pytest.raises(PassphraseError, match=f"the secret inputs.s of {A}: an encrypted value does not open"):
        make_store(tmp_path).load()


def test_a_note_of_the_cli_goes_with_what_it_was_about(tmp_path: Path) -> None:
    """A state that keeps the rules again is written without the note that it does not."""
    store = _saved(tmp_path)
    edited = document(store)
    edited["checkpoint"]["latest"]["metadata"] = {"integrity_error": {"error": "x"}, "other": 1}
    store.file.write_text(json.dumps(edited))
    again = make_store(tmp_path)
    again.save(again.load())
    assert latest(again)["metadata"] == {"other": 1}
