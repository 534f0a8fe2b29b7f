from __future__ import annotations

import errno
import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.errors import PassphraseError, StateError, UnsupportedError
from engine.state import PendingOperation, ResourceState, Snapshot, Store, checkpoint, crypto
from engine.values import UNKNOWN, Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RECORDED = Path(__file__).parent / "data" / "stack"
SALT = "v1:gTlVk05DTCo=:v1:D19YNJrWrBCnePVM:tdCpokklVUvRP84zrSh7v1LcFvynIQ=="
PASSPHRASE = "correct horse"
ROOT = "urn:pulumi:dev::sample::pulumi:pulumi:Stack::sample-dev"


@pytest.fixture
def _quick_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keys of ten rounds: what is tested here is not how slowly they are made."""
    crypto.derive_key.cache_clear()
    monkeypatch.setattr(crypto, "_ROUNDS", 10)
    yield
    crypto.derive_key.cache_clear()


def _store(folder: Path, passphrase: str = PASSPHRASE, config_salt: str | None = None) -> Store:
    return Store(f"file://{folder}?create_dir=1", "sample", "dev", passphrase, folder=folder, config_salt=config_salt)


def _recorded(folder: Path) -> Store:
    """A backend with the checkpoint the real CLI wrote."""
    store = _store(folder)
    store.file.parent.mkdir(parents=True)
    (folder / ".pulumi" / "meta.yaml").write_text("version: 1\n")
    store.file.write_bytes((RECORDED / "dev.json").read_bytes())
    return store


def _root(**outputs: Any) -> ResourceState:
    return ResourceState(urn=ROOT, type="pulumi:pulumi:Stack", custom=False, outputs=outputs)


def _thing(name: str, **more: Any) -> ResourceState:
    urn = f"urn:pulumi:dev::sample::x:y:Z::{name}"
    return ResourceState(urn=urn, type="x:y:Z", id=f"id-{name}", parent=ROOT, **more)


def _latest(store: Store) -> dict[str, Any]:
    latest = json.loads(store.file.read_bytes())["checkpoint"]["latest"]
    assert isinstance(latest, dict)
    return latest


def test_a_checkpoint_of_the_real_cli_is_understood(tmp_path: Path) -> None:
    """Secrets open, dependencies and options arrive, in the recorded order."""
    root, provider, a, b = _recorded(tmp_path).load().resources
    assert (root.type, root.custom, root.outputs["n"]) == ("pulumi:pulumi:Stack", False, 1)
    assert a.inputs["secret"] == Secret({"k": [1, 2.5, "<é&>"]})
    assert a.provider == f"{provider.urn}::{provider.id}"
    assert (b.protect, b.dependencies, b.property_dependencies["other"]) == (True, [a.urn], [a.urn])
    assert a.additional_secret_outputs == ["made"]
    assert isinstance(a.outputs["made"], Secret)
    assert a.created is not None
    assert a.created.tzinfo is UTC


def test_saving_what_was_loaded_changes_nothing_but_times(tmp_path: Path) -> None:
    """Every field, also those the engine does not know, and every ciphertext is written back as it was."""
    store = _recorded(tmp_path)
    before = _latest(store)
    before["resources"][2]["somethingNew"] = {"a": [1, {"b": None}]}
    before["snippets"] = []
    document = {
        "version": 3,
        "checkpoint": {"stack": "organization/sample/dev", "config": {"x": "y"}, "latest": before},
    }
    store.file.write_text(json.dumps(document))
    store.save(store.load())
    after = _latest(store)
    for resource in [*before["resources"], *after["resources"]]:
        for name in ("created", "modified"):
            resource[name] = resource[name][:26]  # microseconds are kept
    assert after.pop("manifest")["version"] == ""
    assert before.pop("manifest")["version"] == "v3.259.0"
    assert after == before
    assert json.loads(store.file.read_bytes())["checkpoint"]["config"] == {"x": "y"}


def test_a_new_secret_never_stands_in_the_file_and_an_old_one_keeps_its_ciphertext(tmp_path: Path) -> None:
    """Only what changed is encrypted anew, and nothing of it is readable."""
    store = _recorded(tmp_path)
    snapshot = store.load()
    before = _latest(store)["resources"][2]["inputs"]["secret"]["ciphertext"]
    snapshot.resources[3].outputs["url"] = Secret("postgres://hush")
    store.save(snapshot)
    first = _latest(store)
    assert first["resources"][2]["inputs"]["secret"]["ciphertext"] == before
    snapshot.resources[0].outputs["n"] = 2
    store.save(snapshot)
    assert _latest(store)["resources"][3] == first["resources"][3]
    assert b"hush" not in store.file.read_bytes()
    assert _store(tmp_path).load().resources[3].outputs["url"] == Secret("postgres://hush")


@pytest.mark.usefixtures("_quick_keys")
class TestQuick:
    """Stores whose keys are made in no time."""

    def test_a_new_stack_is_empty_and_leaves_no_trace(self, tmp_path: Path) -> None:
        """Looking at a stack that is not there writes nothing."""
        folder = tmp_path / "state"
        store = _store(folder)
        store.warm_up()
        assert store.load() == Snapshot()
        assert not folder.exists()

    def test_files_and_folders_are_private(self, tmp_path: Path) -> None:
        """Folders of mode 700, files of mode 600, whatever the umask."""
        folder = tmp_path / "a" / "state"
        store = _store(folder)
        with store.lock(timeout=0, on_wait=print):
            store.save(Snapshot(resources=[_root()]))
            modes = {p.is_dir(): stat.S_IMODE(p.stat().st_mode) for p in (folder.parent, *folder.parent.rglob("*"))}
        assert modes == {True: 0o700, False: 0o600}
        assert (folder / ".pulumi" / "meta.yaml").read_text() == "version: 1\n"

    def test_each_save_keeps_the_one_before(self, tmp_path: Path) -> None:
        """`.bak` is the previous checkpoint; an unchanged state is not written again."""
        store = _store(tmp_path)
        snapshot = Snapshot(resources=[_root(n=1)])
        store.save(snapshot)
        first = store.file.read_bytes()
        store.save(snapshot)
        assert store.file.read_bytes() == first
        snapshot.resources[0].outputs["n"] = 2
        store.save(snapshot)
        assert store.file.with_name("dev.json.bak").read_bytes() == first
        assert not list(tmp_path.rglob("*.tmp"))

    def test_pending_operations_are_recorded(self, tmp_path: Path) -> None:
        """What had started is there after a crash."""
        store = _store(tmp_path)
        pending = PendingOperation(resource=_thing("a", inputs={"p": Secret("x")}), type="creating")
        store.save(Snapshot(resources=[_root()], pending_operations=[pending]))
        assert _store(tmp_path).load().pending_operations == [pending]

    @pytest.mark.parametrize(
        ("damage", "what"),
        [
            (lambda data: data[:-100], "it is not complete JSON"),
            (lambda _: b"", "it is not complete JSON"),
            (lambda _: b"\x1f\x8b\x08rest", "it is compressed with gzip"),
            (lambda _: b"[]", "it holds no checkpoint"),
            (lambda data: data.replace(b'"urn":"urn:pulumi:dev::sample::x:y:Z::a",', b""), "unexpected form"),
            (lambda data: data.replace(b'"parent":"urn', b'"parent":"xrn'), "which does not stand before it"),
        ],
    )
    def test_a_damaged_file_is_never_overwritten(
        self, damage: Callable[[bytes], bytes], what: str, tmp_path: Path
    ) -> None:
        """The error names the file, what is wrong, that it is untouched, and the copy beside it."""
        store = _store(tmp_path)
        store.save(Snapshot(resources=[_root()]))
        store.save(Snapshot(resources=[_root(), _thing("a")]))
        damaged = damage(store.file.read_bytes())
        store.file.write_bytes(damaged)
        store = _store(tmp_path)
        for act in (store.load, lambda: store.save(Snapshot())):
            with pytest.raises(StateError) as caught:
                act()
            assert what in str(caught.value)
            assert f"the state file {store.file} cannot be used" in str(caught.value)
            assert "it was not touched" in str(caught.value)
            assert f"look at {store.file}.bak" in str(caught.value)
        assert store.file.read_bytes() == damaged

    @pytest.mark.parametrize("suffix", [".gz", ".zst"])
    def test_compressed_states_are_refused(self, suffix: str, tmp_path: Path) -> None:
        """A state under its compressed name is noticed, not taken for a new stack."""
        store = _store(tmp_path)
        store.save(Snapshot())
        store.file.rename(store.file.with_name(f"dev.json{suffix}"))
        with pytest.raises(StateError, match="compressed"):
            _store(tmp_path).load()

    @pytest.mark.parametrize(
        ("change", "what"),
        [
            ({"version": 4, "features": ["hooks"]}, "version 4 (features: hooks)"),
            ({"version": 2}, "version 2 (features: none named)"),
            (
                {"checkpoint": {"latest": {"secrets_providers": {"type": "cloud", "state": {}}}}},
                "kept by the provider 'cloud'",
            ),
        ],
    )
    def test_other_kinds_of_state_are_refused_by_name(self, change: dict[str, Any], what: str, tmp_path: Path) -> None:
        """Checkpoint versions and secrets providers the engine does not know."""
        store = _store(tmp_path)
        store.save(Snapshot(resources=[_root()]))
        store.file.write_text(json.dumps(json.loads(store.file.read_bytes()) | change))
        with pytest.raises(UnsupportedError) as caught:
            _store(tmp_path).load()
        assert what in str(caught.value)

    def test_a_stack_without_a_deployment_is_empty(self, tmp_path: Path) -> None:
        """What `pulumi stack init` may leave is a new stack."""
        store = _store(tmp_path)
        store.save(Snapshot())
        store.file.write_text('{"version":0,"checkpoint":{"stack":"organization/sample/dev"}}')
        assert _store(tmp_path).load().resources == []

    def test_a_wrong_passphrase_is_told(self, tmp_path: Path) -> None:
        """With the next step, and nothing changed."""
        store = _store(tmp_path)
        store.save(Snapshot(resources=[_root(x=Secret("y"))]))
        before = store.file.read_bytes()
        other = _store(tmp_path, "battery staple")
        other.warm_up()
        with pytest.raises(PassphraseError) as caught:
            other.load()
        assert f"the passphrase does not open the state in {store.file}" in str(caught.value)
        assert "set PULUMI_CONFIG_PASSPHRASE" in str(caught.value)
        assert "battery" not in str(caught.value)
        assert store.file.read_bytes() == before

    def test_a_salt_of_another_passphrase_in_the_stack_file_is_told_at_once(self, tmp_path: Path) -> None:
        """Not when the first step is to be saved."""
        _store(tmp_path).save(Snapshot(resources=[_root(x=Secret("y"))]))
        store = _store(tmp_path, config_salt=crypto.new_salt("another"))
        with pytest.raises(PassphraseError, match=r"secrets of Pulumi\.dev\.yaml"):
            store.load()

    def test_the_stack_files_salt_wins_and_old_secrets_move_to_it(self, tmp_path: Path) -> None:
        """A state made with another salt of the same passphrase is read, and written with the new one."""
        _store(tmp_path).save(Snapshot(resources=[_root(x=Secret("y"))]))
        salt = crypto.new_salt(PASSPHRASE)
        store = _store(tmp_path, config_salt=salt)
        snapshot = store.load()
        assert snapshot.resources[0].outputs == {"x": Secret("y")}
        store.save(snapshot)
        assert _latest(store)["secrets_providers"]["state"]["salt"] == salt
        assert _store(tmp_path).load().resources[0].outputs == {"x": Secret("y")}

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EIO])
    def test_a_disk_that_refuses_keeps_the_old_state(
        self, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The error says which file and why; the state is the old one and no rubbish lies around."""
        store = _store(tmp_path)
        store.save(Snapshot(resources=[_root(n=1)]))
        before = store.file.read_bytes()

        def refuse(_: int) -> None:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, "fsync", refuse)
        with pytest.raises(StateError) as caught:
            store.save(Snapshot(resources=[_root(n=2)]))
        assert str(caught.value).startswith(f"cannot write {store.file}: {os.strerror(code).lower()}")
        assert store.file.read_bytes() == before
        assert not list(tmp_path.rglob("*.tmp"))

    @pytest.mark.parametrize(
        ("resources", "what"),
        [
            ([_root(), _thing("a"), _thing("a")], "x:y:Z::a stands in it 2 times"),
            ([_thing("a"), _root()], f"has the parent {ROOT}"),
            ([_root(), _thing("b", dependencies=["urn:a"])], "has the dependency urn:a"),
            ([_root(), _thing("b", property_dependencies={"p": ["urn:a"]})], "dependency (of its property p) urn:a"),
            ([_root(), _thing("b", deleted_with="urn:a")], "has the deletion partner urn:a"),
            ([_root(), _thing("b", provider="urn:p::1")], "has the provider urn:p::1"),
            ([ResourceState(urn=ROOT, type="t", custom=False, id="x")], "is a component but has the id 'x'"),
            ([ResourceState(urn="", type="t")], "has no URN"),
        ],
    )
    def test_an_inconsistent_state_is_not_written(
        self, resources: list[ResourceState], what: str, tmp_path: Path
    ) -> None:
        """A bug of the engine is reported instead of damaging the state."""
        store = _store(tmp_path)
        store.save(Snapshot(resources=[_root()]))
        before = store.file.read_bytes()
        with pytest.raises(StateError) as caught:
            store.save(Snapshot(resources=resources))
        assert what in str(caught.value)
        assert "a bug of the engine" in str(caught.value)
        assert store.file.read_bytes() == before

    def test_replaced_copies_may_share_a_urn(self, tmp_path: Path) -> None:
        """A resource and its predecessors that wait for deletion are one name."""
        store = _store(tmp_path)
        old = _thing("a", delete=True, inputs={"p": Secret("old")})
        new = _thing("a", inputs={"p": Secret("new")})
        new.id = "id-2"
        store.save(Snapshot(resources=[_root(), new, old]))
        assert _store(tmp_path).load().resources == [_root(), new, old]

    def test_an_update_is_recorded(self, tmp_path: Path) -> None:
        """A history pair and a backup; secrets of the configuration are encrypted there, too."""
        store = _store(tmp_path)
        store.save(Snapshot(resources=[_root()]))
        store.finish(
            kind="up", started=datetime(2026, 1, 2, tzinfo=UTC), result="failed", changes={"create": 1, "same": 0},
            config={"sample:pw": Secret("hush"), "sample:a": "b"},
        )  # fmt: skip
        home = tmp_path / ".pulumi"
        (history,) = home.glob("history/sample/dev/dev-*.history.json")
        (copy,) = home.glob("history/sample/dev/dev-*.checkpoint.json")
        (backup,) = home.glob("backups/sample/dev/dev.*.json")
        update = json.loads(history.read_bytes())
        assert copy.read_bytes() == backup.read_bytes() == store.file.read_bytes()
        assert (update["kind"], update["startTime"], update["result"]) == ("update", 1767312000, "failed")
        assert update["resourceChanges"] == {"create": 1}
        assert update["config"]["sample:a"] == "b"
        assert update["config"]["sample:pw"]["secure"].startswith("v1:")
        assert b"hush" not in history.read_bytes()

    def test_a_state_without_a_salt_cannot_hold_secrets(self, tmp_path: Path) -> None:
        """A file whose secrets provider was cut out is told, not guessed at."""
        store = _store(tmp_path)
        store.save(Snapshot(resources=[_root(x=Secret("y"))]))
        document = json.loads(store.file.read_bytes())
        del document["checkpoint"]["latest"]["secrets_providers"]
        store.file.write_text(json.dumps(document))
        with pytest.raises(StateError, match="not the salt of their passphrase"):
            _store(tmp_path).load()

    def test_large_numbers_stay_what_they_are(self, tmp_path: Path) -> None:
        """A float that is written as digits, plain or encrypted, is the same float afterwards."""
        inputs = {"a": 5.677327934896251e16, "b": Secret(5.677327934896251e16), "c": 2**53}
        _store(tmp_path).save(Snapshot(resources=[_root(), _thing("a", inputs=inputs)]))
        assert _store(tmp_path).load().resources[1].inputs == inputs

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.data())
    def test_whatever_is_saved_is_loaded(self, tmp_path: Path, data: st.DataObject) -> None:
        """Values of any shape, secrets at any depth, come back equal, and no secret text is readable."""
        leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text() | st.just(UNKNOWN)
        values = st.recursive(
            leaves,
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.builds(Secret, inner),
            max_leaves=8,
        )
        inputs = data.draw(st.dictionaries(st.text(min_size=1), values, max_size=4))
        store = _store(tmp_path)
        store.save(Snapshot(resources=[_root(), _thing("a", inputs=inputs, outputs={"s": Secret("HUSH-HUSH")})]))
        loaded = _store(tmp_path).load().resources[1]
        assert repr(_shown(loaded.inputs)) == repr(_shown(inputs))
        assert b"HUSH" not in store.file.read_bytes()


def _shown(value: Any) -> Any:
    """Make values comparable by their text: secrets marked, whole numbers of one kind, keys in order."""
    match value:
        case Secret():
            return ("secret", _shown(value.value))
        case dict():
            return {key: _shown(value[key]) for key in sorted(value)}
        case list():
            return [_shown(item) for item in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def test_checkpoint_text_is_as_compact_as_the_clis() -> None:
    """No spaces, no escapes beyond what JSON needs."""
    assert checkpoint.dump({"a": [1, "é"]}) == '{"a":[1,"é"]}'.encode()
