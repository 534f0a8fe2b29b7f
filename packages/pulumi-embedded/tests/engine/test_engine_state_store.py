from __future__ import annotations

import base64
import hashlib
import json
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pulumi_embedded.errors import PassphraseError, StateError
from pulumi_embedded.state import PendingOperation, ResourceState, Snapshot, Store, checkpoint, crypto
from pulumi_embedded.values import UNKNOWN, Secret
from tests.engine.snapshots import PASSPHRASE, ROOT, latest, make_store, root, thing

RECORDED = Path(__file__).parent / "data" / "stack"
SALT = "v1:gTlVk05DTCo=:v1:D19YNJrWrBCnePVM:tdCpokklVUvRP84zrSh7v1LcFvynIQ=="


def _recorded(folder: Path) -> Store:
    """A backend with the checkpoint the real CLI wrote."""
    store = make_store(folder)
    store.file.parent.mkdir(parents=True)
    (folder / ".pulumi" / "meta.yaml").write_text("version: 1\n")
    store.file.write_bytes((RECORDED / "dev.json").read_bytes())
    return store


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


def test_saving_what_was_loaded_changes_nothing_but_the_manifest(tmp_path: Path) -> None:
    """Every field, also those the engine does not know, every time and every ciphertext is written back as it was."""
    store = _recorded(tmp_path)
    before = latest(store)
    before["resources"][2]["somethingNew"] = {"a": [1, {"b": None}]}
    before["snippets"] = []
    document = {
        "version": 3,
        "checkpoint": {"stack": "organization/sample/dev", "config": {"x": "y"}, "latest": before},
    }
    store.file.write_text(json.dumps(document))
    store.save(store.load())
    after = latest(store)
    assert after.pop("manifest")["version"] == ""
    assert before.pop("manifest")["version"] == "v3.259.0"
    assert after == before
    assert json.loads(store.file.read_bytes())["checkpoint"]["config"] == {"x": "y"}


def test_a_new_secret_never_stands_in_the_file_and_an_old_one_keeps_its_ciphertext(tmp_path: Path) -> None:
    """Only what changed is encrypted anew, and nothing of it is readable."""
    store = _recorded(tmp_path)
    snapshot = store.load()
    before = latest(store)["resources"][2]["inputs"]["secret"]["ciphertext"]
    snapshot.resources[3].outputs["url"] = Secret("postgres://hush")
    store.save(snapshot)
    first = latest(store)
    assert first["resources"][2]["inputs"]["secret"]["ciphertext"] == before
    snapshot.resources[0].outputs["n"] = 2
    store.save(snapshot)
    assert latest(store)["resources"][3] == first["resources"][3]
    assert b"hush" not in store.file.read_bytes()
    assert make_store(tmp_path).load().resources[3].outputs["url"] == Secret("postgres://hush")


@pytest.mark.usefixtures("quick_keys")
class TestQuick:
    """Stores whose keys are made in no time."""

    def test_a_new_stack_is_empty_and_leaves_no_trace(self, tmp_path: Path) -> None:
        """Looking at a stack that is not there writes nothing."""
        folder = tmp_path / "state"
        store = make_store(folder)
        store.warm_up()
        assert store.load() == Snapshot()
        assert not folder.exists()

    def test_files_and_folders_are_private(self, tmp_path: Path) -> None:
        """Folders of mode 700, files of mode 600, whatever the umask."""
        folder = tmp_path / "a" / "state"
        store = make_store(folder)
        with store.lock(timeout=0, on_wait=print):
            store.save(Snapshot(resources=[root()]))
            modes = {p.is_dir(): stat.S_IMODE(p.stat().st_mode) for p in (folder.parent, *folder.parent.rglob("*"))}
        assert modes == {True: 0o700, False: 0o600}
        assert (folder / ".pulumi" / "meta.yaml").read_text() == "version: 1\n"

    def test_each_save_keeps_the_one_before(self, tmp_path: Path) -> None:
        """`.bak` is the previous checkpoint; an unchanged state is not written again."""
        store = make_store(tmp_path)
        snapshot = Snapshot(resources=[root(n=1)])
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
        store = make_store(tmp_path)
        pending = PendingOperation(resource=thing("a", inputs={"p": Secret("x")}), type="creating")
        store.save(Snapshot(resources=[root()], pending_operations=[pending]))
        assert make_store(tmp_path).load().pending_operations == [pending]

    def test_a_wrong_passphrase_is_told(self, tmp_path: Path) -> None:
        """With the next step, and nothing changed."""
        store = make_store(tmp_path)
        store.save(Snapshot(resources=[root(x=Secret("y"))]))
        before = store.file.read_bytes()
        other = make_store(tmp_path, "battery staple")
        other.warm_up()
        with pytest.raises(PassphraseError) as caught:
            other.load()
        assert f"the passphrase does not open the state in {store.file}" in str(caught.value)
        assert "set PULUMI_CONFIG_PASSPHRASE" in str(caught.value)
        assert "battery" not in str(caught.value)
        assert store.file.read_bytes() == before

    def test_a_salt_of_another_passphrase_in_the_stack_file_is_told_at_once(self, tmp_path: Path) -> None:
        """Not when the first step is to be saved."""
        make_store(tmp_path).save(Snapshot(resources=[root(x=Secret("y"))]))
        store = make_store(tmp_path, config_salt=crypto.new_salt("another"))
        with pytest.raises(PassphraseError, match=r"secrets of Pulumi\.dev\.yaml"):
            store.load()

    def test_the_stack_files_salt_wins_and_old_secrets_move_to_it(self, tmp_path: Path) -> None:
        """A state made with another salt of the same passphrase is read, and written with the new one."""
        make_store(tmp_path).save(Snapshot(resources=[root(x=Secret("y"))]))
        salt = crypto.new_salt(PASSPHRASE)
        store = make_store(tmp_path, config_salt=salt)
        snapshot = store.load()
        assert snapshot.resources[0].outputs == {"x": Secret("y")}
        store.save(snapshot)
        assert latest(store)["secrets_providers"]["state"]["salt"] == salt
        assert make_store(tmp_path).load().resources[0].outputs == {"x": Secret("y")}

    @pytest.mark.parametrize(
        ("resources", "what"),
        [
            ([root(), thing("a"), thing("a")], "x:y:Z::a stands in it 2 times"),
            ([thing("a"), root()], f"has the parent {ROOT}, which comes after it"),
            ([root(), thing("b", dependencies=["urn:a"])], "has the dependency urn:a, which is not there"),
            ([root(), thing("b", property_dependencies={"p": ["urn:a"]})], "dependency (of its property p) urn:a"),
            ([root(), thing("b", deleted_with="urn:a")], "has the deletion partner urn:a"),
            ([root(), thing("b", provider="urn:p::1")], "has the provider urn:p::1"),
            ([ResourceState(urn=ROOT, type="t", custom=False, id="x")], "is a component but has the id 'x'"),
            ([ResourceState(urn="", type="t")], "has no URN"),
            ([ResourceState(urn="urn:p", type="pulumi:providers:x")], "urn:p is a provider without an id"),
            (
                [
                    root(),
                    thing("b", provider="urn:p::1"),
                    ResourceState(urn="urn:p", type="pulumi:providers:x", id="1"),
                ],
                "has the provider urn:p::1, which comes after it",
            ),
        ],
    )
    def test_an_inconsistent_state_is_not_written(
        self, resources: list[ResourceState], what: str, tmp_path: Path
    ) -> None:
        """A bug of the engine is reported instead of damaging the state."""
        store = make_store(tmp_path)
        store.save(Snapshot(resources=[root()]))
        before = store.file.read_bytes()
        with pytest.raises(StateError) as caught:
            store.save(Snapshot(resources=resources))
        assert what in str(caught.value)
        assert "a bug of the engine" in str(caught.value)
        assert store.file.read_bytes() == before

    def test_replaced_copies_may_share_a_urn(self, tmp_path: Path) -> None:
        """A resource and its predecessors that wait for deletion are one name."""
        store = make_store(tmp_path)
        old = thing("a", delete=True, inputs={"p": Secret("old")})
        new = thing("a", inputs={"p": Secret("new")})
        new.id = "id-2"
        store.save(Snapshot(resources=[root(), new, old]))
        assert make_store(tmp_path).load().resources == [root(), new, old]

    def test_an_update_is_recorded(self, tmp_path: Path) -> None:
        """A history pair and a backup; secrets of the configuration are encrypted there, too."""
        store = make_store(tmp_path)
        store.save(Snapshot(resources=[root()]))
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

    def test_side_files_never_speak_of_other_bytes(self, tmp_path: Path) -> None:
        """While a run saves there are none, at its end they tell the sum of each file, as the CLI's do."""
        for number in range(3):
            store = make_store(tmp_path)
            store.save(Snapshot(resources=[root(n=number)]))
            assert not list(store.file.parent.glob("*.attrs"))
            _finish(store)
        files = {store.file, store.file.with_name("dev.json.bak"), *(tmp_path / ".pulumi").glob("*/sample/dev/*.json")}
        assert len(files) == 11
        for file in files:
            digest = base64.b64encode(hashlib.md5(file.read_bytes(), usedforsecurity=False).digest()).decode()
            assert json.loads(file.with_name(f"{file.name}.attrs").read_text())["md5"] == digest

    @pytest.mark.parametrize(
        ("variable", "kept"),
        [
            ("PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS", (0, 0)),
            ("PULUMI_DISABLE_CHECKPOINT_BACKUPS", (0, 0)),
            ("PULUMI_RETAIN_CHECKPOINTS", (1, 2)),
            ("PULUMI_SELF_MANAGED_STATE_RETAIN_CHECKPOINTS", (1, 2)),
            ("PULUMI_UNKNOWN", (1, 0)),
        ],
    )
    def test_the_clis_switches_for_copies_are_honoured(
        self, variable: str, kept: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No copies in the backups folder, or one of every state that was ever written."""
        monkeypatch.setenv(variable, "True")
        store = make_store(tmp_path)
        for number in range(2):
            store.save(Snapshot(resources=[root(n=number)]))
        _finish(store)
        backups, states = tmp_path.glob(".pulumi/backups/*/*/*.json"), store.file.parent.glob("dev.json.[0-9]*[0-9]")
        assert (len(list(backups)), len(list(states))) == kept

    def test_a_state_without_a_salt_cannot_hold_secrets(self, tmp_path: Path) -> None:
        """A file whose secrets provider was cut out is told, not guessed at."""
        store = make_store(tmp_path)
        store.save(Snapshot(resources=[root(x=Secret("y"))]))
        document = json.loads(store.file.read_bytes())
        del document["checkpoint"]["latest"]["secrets_providers"]
        store.file.write_text(json.dumps(document))
        with pytest.raises(StateError, match="not the salt of their passphrase"):
            make_store(tmp_path).load()

    def test_large_numbers_stay_what_they_are(self, tmp_path: Path) -> None:
        """A float that is written as digits, plain or encrypted, is the same float afterwards."""
        inputs = {"a": 5.677327934896251e16, "b": Secret(5.677327934896251e16), "c": 2**53}
        make_store(tmp_path).save(Snapshot(resources=[root(), thing("a", inputs=inputs)]))
        assert make_store(tmp_path).load().resources[1].inputs == inputs

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
        store = make_store(tmp_path)
        store.save(Snapshot(resources=[root(), thing("a", inputs=inputs, outputs={"s": Secret("HUSH-HUSH")})]))
        loaded = make_store(tmp_path).load().resources[1]
        assert repr(_shown(loaded.inputs)) == repr(_shown(inputs))
        assert b"HUSH" not in store.file.read_bytes()


def _finish(store: Store) -> None:
    store.finish(kind="up", started=datetime.now(UTC), result="succeeded", changes={}, config={})


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
