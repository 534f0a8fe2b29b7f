from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

import pulumi_embedded as engine
from pulumi_embedded import processes
from pulumi_embedded.errors import EngineError, LockedError, PassphraseError, UnsupportedError
from tests.engine.stack import PASSPHRASE, interrupt_when

if TYPE_CHECKING:
    from tests.engine.stack import Things

PROJECT = Path(__file__).resolve().parents[2]
PAIR: dict[str, Any] = {"a": {"color": "red"}, "b": {"color": {"ref": "a.token"}}}


def test_up_creates_and_a_second_up_changes_nothing(things: Things) -> None:
    """The first run creates stack, component and things; the second calls no provider."""
    wanted = {"room": {"kind": "room"}, **PAIR}
    first = things.up(wanted)
    assert (first.changes.create, things.calls()) == (4, ["create a", "create b"])
    second = things.up(wanted)
    assert (second.changes.create, second.changes.same, things.calls()) == (0, 4, [])
    assert things.seen.steps() == []


def test_an_update_keeps_the_identity(things: Things) -> None:
    """A changed input updates in place."""
    things.up({"a": {"color": "red"}})
    identity = things.recorded()["a"]["id"]
    result = things.up({"a": {"color": "blue"}})
    assert result.changes.update == 1
    assert things.recorded()["a"]["id"] == identity
    assert things.real()["a"]["color"] == "blue"


def test_dependencies_are_recorded_by_property(things: Things) -> None:
    """A property that comes from another resource names it, and so does depends_on."""
    things.up({**PAIR, "c": {"options": {"depends_on": ["a"]}}})
    recorded = things.recorded()
    a = recorded["a"]["urn"]
    assert recorded["b"]["dependencies"] == [a]
    assert recorded["b"]["propertyDependencies"] == {"__provider": [], "color": [a], "label": []}
    assert recorded["c"]["dependencies"] == [a]


def test_a_parent_is_part_of_the_urn(things: Things) -> None:
    """A child's URN carries the types of its parents; the parent is recorded."""
    things.up({"room": {"kind": "room"}, "a": {"options": {"parent": "room"}}})
    recorded = things.recorded()
    assert recorded["a"]["urn"] == "urn:pulumi:dev::probe::probe:rooms:Room$pulumi-python:dynamic/things:Thing::a"
    assert recorded["a"]["parent"] == recorded["room"]["urn"]


def test_replacement_creates_before_it_deletes(things: Things) -> None:
    """By default the new thing exists, and its dependents know it, before the old one goes."""
    things.up({"a": {"size": 1}, "b": {"color": {"ref": "a.id"}}})
    things.calls()
    result = things.up({"a": {"size": 2}, "b": {"color": {"ref": "a.id"}}})
    assert things.calls() == ["create a", "update b", "delete a"]
    assert (result.changes.replace, result.changes.update, result.changes.delete) == (1, 1, 0)
    assert "-a" not in things.recorded()


@pytest.mark.parametrize("by", ["provider", "option"])
def test_replacement_deletes_first_on_request(things: Things, by: str) -> None:
    """The provider or the program can ask for the other order."""
    key, options = ("fixed", {}) if by == "provider" else ("size", {"delete_before_replace": True})
    things.up({"a": {key: 1, "options": options}})
    things.calls()
    assert things.up({"a": {key: 2, "options": options}}).changes.replace == 1
    assert things.calls() == ["delete a", "create a"]


def test_deleting_first_takes_dependents_along_that_would_be_replaced(things: Things) -> None:
    """What is replaced by a change of the replaced resource goes before it and comes back after it."""
    wanted = {"b": {"size": {"ref": "a.id"}}, "c": {"color": {"ref": "a.id"}}, "d": {}}
    things.up({"a": {"fixed": 1}, **wanted})
    things.calls()
    result = things.up({"a": {"fixed": 2}, **wanted})
    calls = things.calls()
    assert calls[:3] == ["delete b", "delete a", "create a"]
    assert sorted(calls[3:]) == ["create b", "update c"]
    assert result.changes.replace == 2


def test_a_replacement_cut_short_is_continued(things: Things) -> None:
    """When the creation after a deletion fails, the next run creates and does not delete again."""
    things.up({"a": {"fixed": 1}})
    things.want({"a": {"fixed": 2, "fail": "create"}})
    assert not things.run("up").succeeded
    assert things.recorded()["a"]["pendingReplacement"] is True
    things.calls()
    assert things.up({"a": {"fixed": 2}}).changes.replace == 1
    assert things.calls() == ["create a"]
    assert "pendingReplacement" not in things.recorded()["a"]


def test_what_is_no_longer_wanted_goes_in_reverse_order(things: Things) -> None:
    """Dependents are deleted before what they depend on; the default provider goes last of all."""
    things.up({**PAIR, "c": {"color": {"ref": "b.token"}}})
    things.calls()
    assert things.up({}).changes.delete == 3
    assert things.calls() == ["delete c", "delete b", "delete a"]
    assert set(things.recorded()) == {"probe-dev"}


def test_destroy_leaves_nothing(things: Things) -> None:
    """Every thing goes, the state is empty, and the outputs are gone."""
    things.up(PAIR, outputs={"token": {"ref": "a.token"}})
    result = things.run("destroy")
    assert (result.succeeded, result.changes.delete, dict(result.outputs)) == (True, 3, {})
    assert (things.real(), things.recorded()) == ({}, {})


def test_preview_writes_nothing_and_takes_no_lock(things: Things) -> None:
    """A preview tells what up would do and leaves reality, state and locks alone."""
    things.want({"a": {"color": "red"}, "b": {"color": {"ref": "a.token"}, "size": 1}})
    result = things.run("preview")
    assert (result.succeeded, result.changes.create) == (True, 3)
    assert list((things.folder / "backend").iterdir()) == []
    assert (things.real(), things.calls()) == ({}, [])


def test_preview_tells_a_replacement_and_a_deletion(things: Things) -> None:
    """Both orders and deletions appear in previews, with the property that forces the replacement."""
    things.up({"a": {"size": 1}, "b": {"fixed": 1}, "c": {}})
    before = things.checkpoint.read_bytes()
    things.calls()
    things.want({"a": {"size": 2}, "b": {"fixed": 2}})
    result = things.run("preview")
    assert (result.changes.replace, result.changes.delete) == (2, 1)
    steps = things.seen.steps()
    assert steps.index("create-replacement a") < steps.index("delete-replaced a")
    assert steps.index("delete-replaced b") < steps.index("create-replacement b")
    assert (things.calls(), things.checkpoint.read_bytes()) == ([], before)


def test_refresh_drops_what_vanished_and_up_makes_it_again(things: Things) -> None:
    """A thing that is gone leaves the state with a refresh; up recreates it."""
    things.up(PAIR)
    things.file("a").unlink()
    refreshed = things.run("refresh")
    assert (refreshed.succeeded, refreshed.changes.delete, refreshed.changes.same) == (True, 1, 2)  # with the stack
    assert "a" not in things.recorded()
    assert "propertyDependencies" not in things.recorded()["b"]  # the CLI drops lists that became empty
    assert things.up(PAIR).changes.create == 1


def test_refresh_takes_drift_into_the_state(things: Things) -> None:
    """What was changed outside is found, recorded with inputs, and put right by the next up."""
    things.up({"a": {"color": "red"}})
    found = json.loads(things.file("a").read_text())
    things.file("a").write_text(json.dumps({**found, "color": "green"}))
    assert things.run("refresh").changes.update == 1
    assert things.recorded()["a"]["inputs"]["color"] == "green"
    assert things.up({"a": {"color": "red"}}).changes.update == 1


def test_the_project_can_ask_to_refresh_always(things: Things) -> None:
    """With `options.refresh: always` an up heals what vanished; a request can say otherwise."""
    things.add("Pulumi.yaml", "options:\n  refresh: always\n")
    things.up({"a": {}})
    things.file("a").unlink()
    assert things.run("up", refresh=False).changes.same == 2
    assert things.run("preview").changes.create == 1
    assert things.run("up").changes.create == 1
    assert "a" in things.real()


def test_secrets_stay_secret(things: Things) -> None:
    """Secret inputs, outputs named like them, named outputs and what is made of them never appear in the state."""
    (things.project / "Pulumi.dev.yaml").write_text("config: {}\n")
    wanted = {"a": {"password": {"secret": "hush-1"}, "nested": {"x": [{"secret": "hush-2"}]}}, "b": PAIR["b"]}
    result = things.up(wanted, outputs={"token": {"ref": "a.token"}, "plain": "seen"})
    assert things.real()["a"]["password"] == "hush-1"
    assert things.real()["b"]["color"] == "token-of-a"
    assert (result.outputs["token"].value, result.outputs["token"].secret) == ("token-of-a", True)
    assert (result.outputs["plain"].value, result.outputs["plain"].secret) == ("seen", False)
    assert things.up(wanted, outputs={"token": {"ref": "a.token"}, "plain": "seen"}).changes.same == 3
    assert things.run("refresh").succeeded
    state = b"".join(file.read_bytes() for file in (things.folder / "backend").rglob("*") if file.is_file())
    assert b"seen" in state
    for secret in (b"hush-1", b"hush-2", b"token-of-a"):
        assert secret not in state


def test_secret_configuration_reaches_the_program_only(things: Things) -> None:
    """A value given for this run is read by the program and recorded encrypted."""
    things.want({"a": {"password": {"config": "pw"}}})
    assert things.run("up", config={"probe:color": "teal"}).succeeded is False  # pw is missing
    assert any("pw" in text for text in things.seen.texts())


def test_a_failed_create_keeps_what_was_made(things: Things) -> None:
    """What was made before a failure is recorded; the error names the resource and shows the message alone."""
    things.want({"a": {}, "b": {"color": {"ref": "a.token"}, "fail": "create"}, "c": {"color": {"ref": "b.token"}}})
    result = things.run("up")
    assert not result.succeeded
    assert result.errors == ("pulumi-python:dynamic/things:Thing 'b': create refused\n  next: try something else",)
    assert set(things.recorded()) == {"probe-dev", "default", "a"}
    assert (things.pending(), things.calls()) == ([], ["create a", "create b"])
    assert things.up(PAIR).changes.create == 1


def test_a_failed_update_keeps_the_old_state(things: Things) -> None:
    """Inputs and outputs stay as recorded, and the outputs of the stack that did not come stay, too."""
    things.up({"a": {"color": "red"}}, outputs={"kept": 1, "color": "red"})
    things.want({"a": {"color": "blue", "fail": "update"}}, outputs={"color": "blue"})
    result = things.run("up")
    assert not result.succeeded
    assert things.recorded()["a"]["inputs"]["color"] == "red"
    assert result.outputs["kept"].value == 1


def test_a_failed_delete_is_tried_again(things: Things) -> None:
    """A replaced resource that could not be deleted waits in the state and goes with the next run."""
    things.up({"a": {"size": 1, "fail": "delete"}})
    things.want({"a": {"size": 2}})
    assert not things.run("up").succeeded
    assert {"a", "-a"} <= set(things.recorded())
    waiting = things.world / str(things.recorded()["-a"]["id"])
    state = json.loads(things.checkpoint.read_text())
    for resource in state["checkpoint"]["latest"]["resources"]:
        resource.get("outputs", {}).pop("fail", None)
    things.checkpoint.write_text(json.dumps(state))
    things.up({"a": {"size": 2}})
    assert "-a" not in things.recorded()
    assert not waiting.exists()


def test_a_failure_to_read_does_not_hide_others(things: Things) -> None:
    """Every resource is read; the run fails, and what was found is recorded."""
    things.up({"a": {"fail": "read"}, "b": {}})
    things.file("b").unlink()
    result = things.run("refresh")
    assert not result.succeeded
    assert "read refused" in result.errors[0]
    assert set(things.recorded()) == {"probe-dev", "default", "a"}


def test_protect_refuses_deletion_and_replacement(things: Things) -> None:
    """A protected resource is neither deleted nor replaced, and nothing of it is touched; others may go."""
    protected = {"options": {"protect": True}}
    things.up({"a": {"size": 1, **protected}, "b": {}})
    things.calls()
    things.want({"a": {"size": 2, **protected}, "b": {}})
    replaced = things.run("up")
    assert "protected" in replaced.errors[0]
    assert things.calls() == []
    things.want({})
    for previewed, calls in ((False, []), (True, ["delete b"])):
        removed = things.run("up", previewed=previewed)
        assert "protected and cannot be deleted" in removed.errors[0]
        assert things.calls() == calls
    assert {"a", "default"} <= set(things.recorded())
    things.up({"a": {"size": 1}})
    things.up({})


def test_protect_is_inherited_from_the_parent(things: Things) -> None:
    """A child that says nothing is as protected as its parent."""
    things.up({"room": {"kind": "room", "options": {"protect": True}}, "a": {"options": {"parent": "room"}}})
    assert things.recorded()["a"]["protect"] is True


def test_retain_on_delete_forgets_without_deleting(things: Things) -> None:
    """The resource leaves the state and stays in the world."""
    things.up({"a": {"options": {"retain_on_delete": True}}})
    things.calls()
    assert things.up({}).changes.delete == 1
    assert (things.calls(), list(things.real())) == ([], ["a"])


def test_ignored_changes_are_ignored(things: Things) -> None:
    """A property named in ignore_changes keeps its recorded value, also inside an object."""
    options = {"ignore_changes": ["color", "nested.x"]}
    things.up({"a": {"color": "red", "nested": {"x": 1, "y": 1}, "options": options}})
    result = things.up({"a": {"color": "blue", "nested": {"x": 2, "y": 1}, "options": options}})
    assert (result.changes.update, result.changes.same) == (0, 2)
    things.up({"a": {"color": "blue", "nested": {"x": 2, "y": 2}, "options": options}})
    assert things.real()["a"]["nested"] == {"x": 1, "y": 2}


def test_replace_on_changes_replaces(things: Things) -> None:
    """Where the engine judges the difference, a property named in replace_on_changes forces a replacement."""
    options = {"replace_on_changes": ["nested.*"]}
    things.up({"a": {"judge": "engine", "nested": {"x": 1}, "options": options}})
    assert things.up({"a": {"judge": "engine", "nested": {"x": 2}, "options": options}}).changes.replace == 1
    assert things.up({"a": {"judge": "engine", "nested": {"x": 2}, "color": "red"}}).changes.update == 1


def test_a_provider_that_dies_is_told_and_its_operation_stays_pending(things: Things) -> None:
    """The error says what ended during what; it stays recorded as pending until an up has created it."""
    things.want({"a": {}, "b": {"color": {"ref": "a.token"}, "die": "create"}})
    result = things.run("up")
    assert "ended during create of 'b' (exit status 9)" in result.errors[0]
    assert things.pending() == ["creating b"]
    assert "a" in things.recorded()
    things.up(PAIR)
    assert any("cut off while it created b" in text for text in things.seen.texts())
    assert things.pending() == []
    assert things.run("destroy").succeeded
    assert things.pending() == []


def test_a_program_that_refuses_shows_its_message_alone(things: Things) -> None:
    """A RunError is text for the user; nothing is deleted because of it."""
    things.up({"a": {}})
    things.want({}, error="the port is taken\n  next: choose another")
    result = things.run("up")
    assert result.errors == ("the port is taken\n  next: choose another",)
    assert "a" in things.real()


def test_a_program_with_a_bug_shows_the_users_lines_only(things: Things) -> None:
    """Any other exception comes with the traceback of the user's files, without Pulumi's and ours."""
    things.want({}, bug="oh no")
    result = things.run("up")
    assert "ValueError: oh no" in result.errors[0]
    assert f'File "{things.project / "__main__.py"}"' in result.errors[0]
    for foreign in ("site-packages", "host.py", "runpy", "asyncio"):
        assert foreign not in result.errors[0]


def test_a_program_that_exits_early_deletes_nothing(things: Things) -> None:
    """A program that leaves before it is done has not said what it wants."""
    things.up({"a": {}})
    things.want({}, exit=0)
    result = things.run("up")
    assert result.errors == ("The program ended (exit status 0) before it was done.",)
    assert "a" in things.real()


def test_what_check_refuses_is_not_created(things: Things) -> None:
    """The reason of a failed check is shown, also in a preview."""
    things.want({"a": {"size": 99}})
    for kind in ("preview", "up"):
        assert things.run(kind).errors == ("pulumi-python:dynamic/things:Thing 'a': size: is too big",)
    assert things.calls() == []


def test_two_resources_of_one_name_are_refused(things: Things) -> None:
    """A duplicate URN ends the run with the URN."""
    things.up({"a": {}})
    things.add("__main__.py", 'Thing("a", {}, None)\n')
    result = things.run("up")
    assert "Two resources have the URN urn:pulumi:dev::probe::pulumi-python:dynamic/things:Thing::a" in result.errors[0]


@pytest.mark.parametrize(
    ("wish", "named"),
    [
        ({"kind": "plugin", "type": "docker:index/container:Container"}, "'docker'"),
        ({"kind": "plugin", "type": "pulumi:providers:docker", "options": {"version": "4.5.6"}}, "version 4.5.6"),
        ({"kind": "plugin", "type": "pulumi:pulumi:StackReference"}, "pulumi:pulumi:StackReference"),  # as it once was
        ({"kind": "plugin", "type": "pulumi:index:Stash"}, "pulumi:index:Stash"),
        ({"kind": "plugin", "type": "docker:a:B", "options": {"id": "x", "version": "4.5.6"}}, "version 4.5.6"),
        ({"options": {"import_": "x"}}, "import_"),
        ({"options": {"transforms": []}}, "transforms"),
        ({"options": {"hooks": []}}, "hooks"),
        ({"options": {"hide_diffs": ["color"]}}, "hide_diffs"),
        ({"options": {"replacement_trigger": 1}}, "replacement_trigger"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(things: Things, wish: dict[str, Any], named: str) -> None:
    """The message names what is not supported and how to get the CLI; the resource is not touched."""
    things.want({"a": wish})
    result = things.run("up")
    assert named in result.errors[0]
    assert "./infra setup --pulumi" in result.errors[0]
    assert (len(result.errors), things.calls()) == (1, [])


def test_an_invoke_is_refused_by_name(things: Things) -> None:
    """A function call on a provider is refused with its name."""
    things.want({}, invoke="docker:index/getNetwork:getNetwork")
    assert "docker:index/getNetwork:getNetwork" in things.run("up").errors[0]


def test_a_recorded_resource_of_a_plugin_is_refused_before_anything_starts(things: Things) -> None:
    """A state that holds resources of provider plugins is left to the CLI."""
    things.up({"a": {}})
    state = json.loads(things.checkpoint.read_text())
    for resource in state["checkpoint"]["latest"]["resources"]:
        if resource["custom"] and "::a" in resource["urn"]:
            resource["urn"] = resource["urn"].replace(
                "pulumi-python:dynamic/things:Thing", "docker:index/volume:Volume"
            )
            resource["type"] = "docker:index/volume:Volume"
    things.checkpoint.write_text(json.dumps(state))
    with pytest.raises(UnsupportedError, match="docker"):
        things.run("destroy")


def test_a_wrong_passphrase_prevents_the_start(things: Things) -> None:
    """Nothing runs when the state cannot be opened."""
    things.up({"a": {}})
    with pytest.raises(PassphraseError):
        things.run("up", passphrase="wrong")


def test_messages_of_program_and_log_arrive(things: Things) -> None:
    """Log messages and prints reach the listener."""
    things.add("__main__.py", 'print("printed")\n')
    things.up({})
    assert {"the program runs", "printed"} <= set(things.seen.texts())


def test_custom_timeouts_are_recorded_in_seconds(things: Things) -> None:
    """A duration is recorded as the CLI records it."""
    things.up({"a": {"options": {"custom_timeouts": {"create": "1m30s"}}}})
    assert things.recorded()["a"]["customTimeouts"] == {"create": 90}


def test_a_changed_configuration_reads_with_the_old_and_makes_with_the_new(things: Things) -> None:
    """As in the CLI, what is recorded is read as the provider was configured then."""
    things.up({"a": {}})
    things.want({"a": {}, "b": {}})
    assert things.run("up", refresh=True, config={"probe:color": "blue"}).succeeded
    log = (things.world / "calls.log").read_text().splitlines()
    assert [line for line in log if line.startswith("configure")] == ["configure red"] * 2 + ["configure blue"]
    assert things.recorded()["default"]["inputs"] == {"probe:color": "blue"}


def test_the_second_of_two_runs_is_told_who_holds_the_lock(things: Things) -> None:
    """While one run works, another one is refused; afterwards it may."""
    things.want({"a": {"slow": "create"}})
    slow = subprocess.Popen([sys.executable, "-c", _driver(things)], stdout=subprocess.PIPE, cwd=things.folder)
    try:
        _wait_for(things)
        with pytest.raises(LockedError):
            things.run("up")
    finally:
        slow.send_signal(signal.SIGINT)
        slow.send_signal(signal.SIGINT)
        slow.communicate(timeout=60)


@pytest.mark.usefixtures("own_children")
def test_an_interrupt_saves_what_was_made_and_leaves_no_child(things: Things) -> None:
    """Ctrl-C cuts a call that takes too long; the state is saved and the next run continues."""
    things.want({"a": {}, "b": {"color": {"ref": "a.token"}, "slow": "create"}})
    cut = subprocess.Popen(
        [sys.executable, "-c", _driver(things)], stdout=subprocess.PIPE, text=True, cwd=things.folder
    )
    _wait_for(things)
    children = _descendants(cut.pid)
    assert len(children) >= 3  # the server that forks, the program, the provider
    cut.send_signal(signal.SIGINT)
    time.sleep(0.2)
    cut.send_signal(signal.SIGINT)
    output, _ = cut.communicate(timeout=60)
    assert json.loads(output.splitlines()[-1]) == {"interrupted": True, "succeeded": False}
    assert not any(_alive(pid) for pid in children)
    assert ("a" in things.recorded(), things.pending()) == (True, ["creating b"])
    things.up(PAIR)


@pytest.mark.usefixtures("own_children")
def test_children_end_with_an_engine_that_is_killed(things: Things) -> None:
    """When the engine is killed outright, its children notice and end."""
    things.want({"a": {}, "b": {"color": {"ref": "a.token"}, "slow": "create"}})
    killed = subprocess.Popen([sys.executable, "-c", _driver(things)], stdout=subprocess.PIPE, cwd=things.folder)
    _wait_for(things)
    children = _descendants(killed.pid)
    assert len(children) >= 3
    killed.kill()
    killed.communicate()
    deadline = time.monotonic() + 20
    while any(_alive(pid) for pid in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert things.pending() == ["creating b"]


@pytest.mark.usefixtures("own_children")
@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_a_run_is_the_same_whether_its_children_are_forked_or_load_pulumi_themselves(
    things: Things, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Both ways of the server of a run's own, which users have and other tests have not."""
    monkeypatch.setattr(processes, "WAY", way)
    things.up(PAIR)
    assert things.up(PAIR).changes == engine.Changes(same=3)
    assert things.run("destroy").succeeded


@pytest.mark.usefixtures("own_children")
def test_a_python_without_pulumi_is_told_with_its_own_words(things: Things, capfd: pytest.CaptureFixture[str]) -> None:
    """The server of the children cannot start: the run fails, and what Python says is on the console."""
    (things.folder / "sitecustomize.py").write_text("import sys\nsys.modules['pulumi'] = None\n")
    things.want(PAIR)
    result = things.run("up", environment={**things.environment, "PYTHONPATH": str(things.folder)})
    assert not result.succeeded
    assert "before it" in str(result.errors)
    assert "ModuleNotFoundError" in capfd.readouterr().err


@pytest.mark.usefixtures("own_children")
def test_an_interrupt_ends_a_run_whose_children_never_begin(things: Things) -> None:
    """A Python that hangs before it is there, as on a network's disk, keeps nobody waiting."""
    reached = things.folder / "reached"
    (things.folder / "sitecustomize.py").write_text(f"import time\nopen({str(reached)!r}, 'w')\ntime.sleep(3600)\n")
    things.want(PAIR)
    threading.Thread(target=interrupt_when, args=(reached,)).start()
    result = things.run("up", environment={**things.environment, "PYTHONPATH": str(things.folder)})
    assert (result.interrupted, result.succeeded) == (True, False)
    assert things.up(PAIR).changes.create == 3


@pytest.mark.parametrize("address", ["", "nowhere", "{prefix}=/nowhere", "/other=/nowhere"])
def test_a_shared_server_that_is_not_there_is_done_without(
    things: Things, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """A run whose environment names one that has ended, or another Python's, has one of its own."""
    monkeypatch.setenv(processes.SHARED, address.format(prefix=Path(sys.prefix).resolve()))
    things.up(PAIR)


def test_several_things_are_made_at_once(things: Things) -> None:
    """Independent things wait for each other no more than the request allows."""
    things.up({f"t{number}": {} for number in range(12)})
    assert things.run("up", parallel=1).changes.same == 13
    assert threading.active_count() < 40


def test_recorded_outputs_are_read_without_a_run(things: Things) -> None:
    """Outputs come decrypted and marked; a stack that was never made has none."""
    where: dict[str, Any] = {
        "project_folder": things.project,
        "stack": "dev",
        "backend_url": things.backend_url,
        "passphrase": PASSPHRASE,
    }
    assert engine.read_outputs(**where) == {}
    things.up({"a": {}}, outputs={"token": {"ref": "a.token"}, "many": [1, None]})
    read = engine.read_outputs(**where)
    assert (read["token"].value, read["token"].secret) == ("token-of-a", True)
    assert (read["many"].value, read["many"].secret) == ([1, None], False)


def test_importing_the_engine_loads_nothing_heavy() -> None:
    """A command line that only shows its help pays for neither gRPC nor Pulumi."""
    script = "import sys, pulumi_embedded; print({'grpc', 'pulumi', 'yaml', 'cryptography'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_python_that_is_not_there_is_named(things: Things) -> None:
    """The interpreter of the project is gone: the error says which."""
    with pytest.raises(EngineError, match=r"The Python .*/nowhere cannot be started"):
        things.run("up", python=things.folder / "nowhere")


def _driver(things: Things) -> str:
    return (
        f"import json, sys; sys.path.insert(0, {str(PROJECT)!r})\n"
        "from pathlib import Path\nfrom tests.engine.stack import Things\n"
        f"result = Things(folder=Path({str(things.folder)!r})).run('up')\n"
        "print(json.dumps({'interrupted': result.interrupted, 'succeeded': result.succeeded}))\n"
    )


def _wait_for(things: Things) -> None:
    deadline = time.monotonic() + 60
    while not (things.world / "slow").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _descendants(pid: int) -> list[int]:
    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def _alive(pid: int) -> bool:
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(listed.strip()) and not listed.strip().startswith("Z")
