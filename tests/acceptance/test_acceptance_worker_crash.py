"""Real `./infra` killed right after any call to Cloudflare, and a Worker that others delete or empty meanwhile."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cloud_sandbox import node
from tests.acceptance.conftest import cloned
from tests.killing_infra import killed_when
from tests.sandboxed import NOTHING, Sandboxed, changes, sandbox_of

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.wrangler, pytest.mark.thorough]  # each call of the API is swept in one process by default

STACK, WORKER, SECRET = "staging", "health-worker-staging", "DATABASE_URL"
MOST_CALLS = 20
AFTER_THE_DRAFT = 3
"""The call of `up` after which a Worker is there and its secret is not: looked, tried, made the draft."""
UNPROTECTED = ("--config", "protect=false")
ALLOWED = {"INFRA_ALLOW_DELETE": STACK}


class Cloudflare:
    """The stand-in's own switches and its API, with its token."""

    def __init__(self, sandboxed: Sandboxed) -> None:
        record = sandboxed.record
        self._memory = sandboxed.clone.folder / ".infra/sandbox/service/cloudflare/state.json"
        self._script = f"/client/v4/accounts/{record['cloudflareAccount']}/workers/scripts/{WORKER}"
        headers = {"Authorization": f"Bearer {record['cloudflareToken']}"}
        url = f"http://127.0.0.1:{record['cloudflarePort']}"
        self.http = httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60)

    def calls(self) -> list[dict[str, Any]]:
        """Every call so far."""
        return list(self.http.get("/sandbox/calls").json()["calls"])

    def begin_anew(self, **fault: Any) -> None:
        """No faults but this one, and an empty log."""
        self.http.delete("/sandbox/faults").raise_for_status()
        if fault:
            self.http.post("/sandbox/faults", json=fault).raise_for_status()
        self.http.delete("/sandbox/calls").raise_for_status()

    def delete(self, path: str = "") -> None:
        """Somebody deletes the Worker, or what is on it."""
        self.http.delete(self._script + path).raise_for_status()

    def secrets(self) -> dict[str, str]:
        """The values that the newest version of every Worker has; nothing where none is."""
        workers = json.loads(self._memory.read_text())["service"]["workers"]
        assert [one["name"] for one in workers] in ([], [WORKER])
        return {name: one["text"] for worker in workers for name, one in worker["versions"][-1]["bindings"].items()}


@pytest.fixture(scope="module")
def worked() -> Iterator[tuple[Sandboxed, Cloudflare]]:
    """A sandbox with staging and the draft of its Worker."""
    try:
        node.installed()
    except node.ToolsError as error:
        pytest.skip(f"{error.message}: {node.FETCH} fetches them")
    with cloned() as clone, sandbox_of(clone, workers=True) as made:
        made.up("foundation")
        made.up(STACK, *UNPROTECTED)
        cloudflare = Cloudflare(made)
        yield made, cloudflare
        cloudflare.http.close()


def _killed_after(worked: tuple[Sandboxed, Cloudflare], number: int, command: str) -> bool:
    """Run a command and kill it once Cloudflare has done its call `number`; False when it makes fewer calls."""
    sandboxed, cloudflare = worked
    cloudflare.begin_anew(nth=number, delay=20)
    try:
        return killed_when(
            lambda: len(cloudflare.calls()) >= number, sandboxed, command, STACK, *_options(command), allowed=ALLOWED
        )
    finally:
        cloudflare.begin_anew()


def _options(command: str) -> tuple[str, ...]:
    return UNPROTECTED if command == "up" else ()


def _require_converged(worked: tuple[Sandboxed, Cloudflare]) -> None:
    """One `up` sets the secret, and another one changes nothing."""
    sandboxed, cloudflare = worked
    outputs = sandboxed.up(STACK, *UNPROTECTED)["outputs"]
    assert outputs["secretNames"] == [SECRET]
    assert cloudflare.secrets() == {SECRET: sandboxed.outputs(STACK)["databaseUrl"]}
    cloudflare.begin_anew()
    assert changes(sandboxed.up(STACK, *UNPROTECTED)) == NOTHING
    assert [call for call in cloudflare.calls() if call["method"] != "GET"] == []


def test_up_killed_with_a_draft_and_no_secret_is_completed(worked: tuple[Sandboxed, Cloudflare]) -> None:
    """[B4][D13] Others deleted the Worker, and `up` died right after it had made the draft: the next one goes on."""
    worked[1].delete()
    assert _killed_after(worked, AFTER_THE_DRAFT, "up")
    assert worked[1].secrets() == {}
    _require_converged(worked)


@pytest.mark.thorough
def test_up_killed_after_any_call_to_cloudflare_is_completed(worked: tuple[Sandboxed, Cloudflare]) -> None:
    """[B3][B4][D13] Whichever call was the last, with the Worker deleted or its secret removed before, up converges."""
    for path in ("", f"/secrets/{SECRET}"):
        for number in range(1, MOST_CALLS):
            worked[1].delete(path)
            killed = _killed_after(worked, number, "up")
            _require_converged(worked)
            if not killed:
                break
        else:
            pytest.fail("the run makes more calls than this test expects")


@pytest.mark.thorough
def test_destroy_killed_after_any_call_to_cloudflare_is_completed(worked: tuple[Sandboxed, Cloudflare]) -> None:
    """[D13] Whichever call was the last, the next destroy leaves no Worker of ours."""
    sandboxed, cloudflare = worked
    for number in range(1, MOST_CALLS):
        killed = _killed_after(worked, number, "destroy")
        sandboxed.must("destroy", STACK, "--yes", **ALLOWED)
        assert cloudflare.secrets() == {}
        _require_converged(worked)
        if not killed:
            return
    pytest.fail("the run makes more calls than this test expects")
