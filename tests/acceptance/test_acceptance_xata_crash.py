"""A run that is killed, with all its processes, right after any of its API calls; and two runs at once."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

import pulumi_embedded as engine
from tests.engine.stack import Recorder
from tests.killing_infra import killed_when
from tests.sandboxed import ENGINE, NOTHING, Sandboxed, changes

if TYPE_CHECKING:
    from collections.abc import Iterator

STACK = "staging"
UP_SHARDS, DESTROY_SHARDS = 8, 6
ALLOWED = {"INFRA_ALLOW_DELETE": STACK}
UNPROTECTED = ("--config", "protect=false")
MOST_CALLS = 60


def _run(sandboxed: Sandboxed, kind: engine.Kind) -> engine.Result:
    """Run the stack on the engine in this process: the same as `./infra`, without its start."""
    record, folder = sandboxed.record, sandboxed.clone.folder
    request = engine.Request(
        kind=kind,
        project_folder=folder,
        stack=STACK,
        backend_url=f"file://{sandboxed.state.parent}",
        passphrase=(folder / ".infra/passphrase").read_text().strip(),
        config={"infra:protect": "false"},
        refresh=True,
        lock_timeout=20,
        environment={
            "PYTHONPATH": str(folder),
            "XATA_API_BASE_URL": record["api"],
            "XATA_API_KEY": record["key"],
            "XATA_ORGANIZATION_ID": record["organization"],
            "INFRA_DATABASE_CA": record["authority"],
            **ALLOWED,
        },
    )
    return engine.run(request, Recorder())


def _killed_after(sandboxed: Sandboxed, number: int, command: str, *options: str) -> bool:
    """Run a command and kill it once the API has done its call `number`; False when it makes fewer calls."""
    sandboxed.forget_calls()
    sandboxed.fault(nth=number, delay=20)
    try:
        return killed_when(
            lambda: len(sandboxed.calls()) >= number, sandboxed, command, STACK, *options, allowed=ALLOWED
        )
    finally:
        sandboxed.end_faults()


def _shards(count: int) -> list[Any]:
    """For long runs; the life cycle's own sweeps, without processes, kill at every single call in any case."""
    return [pytest.param(number, marks=pytest.mark.thorough) for number in range(count)]


def _numbers(first: int, step: int) -> Iterator[int]:
    yield from range(first, MOST_CALLS, step)


def _unchanged(result: engine.Result) -> bool:
    made = result.changes
    return result.succeeded and not made.create + made.update + made.replace + made.delete


@pytest.mark.parametrize("shard", _shards(UP_SHARDS))
def test_up_killed_after_any_call_is_completed_by_the_next(sandboxed: Sandboxed, shard: int) -> None:
    """[D13] Whichever call was the last before the end, the next up completes it: nothing twice, nothing left over."""
    others = sandboxed.branches().keys() - {STACK}
    for number in _numbers(shard + 1, UP_SHARDS):
        sandboxed.begin_anew(STACK)
        killed = _killed_after(sandboxed, number, "up", *UNPROTECTED)
        left = sandboxed.branches().get(STACK)
        result = _run(sandboxed, "up")
        assert result.succeeded, f"after call {number}: {result.errors}"
        made = sandboxed.branches()
        assert made.keys() == others | {STACK}
        assert left is None or made[STACK]["id"] == left["id"], f"after call {number}: made twice"
        assert result.outputs["branchId"].value == made[STACK]["id"]
        assert _unchanged(_run(sandboxed, "up")), f"after call {number}"
        if not killed:
            return
    pytest.fail("the run makes more calls than this test expects")


@pytest.mark.thorough
@pytest.mark.parametrize("shard", _shards(DESTROY_SHARDS))
def test_destroy_killed_after_any_call_is_completed_by_the_next(sandboxed: Sandboxed, shard: int) -> None:
    """[D13] Whichever call was the last before the end, the next destroy leaves neither branch nor state."""
    others = sandboxed.branches().keys() - {STACK}
    for number in _numbers(shard + 1, DESTROY_SHARDS):
        sandboxed.begin_anew(STACK)
        assert _run(sandboxed, "up").succeeded
        killed = _killed_after(sandboxed, number, "destroy")
        result = _run(sandboxed, "destroy")
        assert result.succeeded, f"after call {number}: {result.errors}"
        assert sandboxed.branches().keys() == others
        assert _unchanged(_run(sandboxed, "destroy")), f"after call {number}"
        if not killed:
            return
    pytest.fail("the run makes more calls than this test expects")


@pytest.mark.thorough
def test_two_runs_on_one_stack_make_one_branch(sandboxed: Sandboxed) -> None:
    """[E2] The second run waits for the first or says who holds the lock; nothing is made twice."""
    sandboxed.begin_anew(STACK)
    command = [str(sandboxed.clone.folder / "infra"), "up", STACK, "--sandbox", "--yes", *ENGINE]
    both = [
        subprocess.Popen(
            command,
            cwd=sandboxed.clone.folder,
            env=sandboxed.clone.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    texts = [process.communicate(timeout=180)[0] for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes[0] == 0, texts
    assert codes[1] == 0 or "lock" in "".join(texts)
    created = [one for one in sandboxed.calls() if one["method"] == "POST" and one["path"].endswith("/branches")]
    assert [one["status"] for one in created] == [201]
    assert changes(sandboxed.up(STACK)) == NOTHING
