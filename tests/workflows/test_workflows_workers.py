"""All workflows on this machine, with the app deployed by real wrangler, on real workerd and a real Postgres."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cloud_sandbox import node
from operations.init.layouts import Layout
from operations.review.render import MARKER
from tests.acceptance.conftest import cloned
from tests.sandboxed import sandbox_of
from tests.workflows.hub import NOTHING_LEFT, Hub, laid_out, leaks
from tests.workflows.running import event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.workflows.running import Outcome

pytestmark = [pytest.mark.wrangler, pytest.mark.thorough, pytest.mark.timeout(900)]


@pytest.fixture(scope="module", params=list(Layout))
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A sandbox with Workers and the foundation, after the deployment of main, in each layout."""
    try:
        node.installed()
    except node.ToolsError as error:
        pytest.skip(f"{error.message}: {node.FETCH} fetches them")
    with cloned() as clone, sandbox_of(laid_out(clone, request.param), workers=True) as made:
        made.up("foundation")
        hub = Hub(sandboxed=made, temporary=tmp_path_factory.mktemp("runner"), layout=request.param)
        with hub.github:
            hub.delivered("push", workflow="deploy")
            yield hub
            assert [leaks(hub.machine, one) for one in hub.outcomes] == [[]] * len(hub.outcomes)


def _well(outcome: Outcome) -> Outcome:
    assert outcome.succeeded, outcome.said
    return outcome


def _health(address: str) -> dict[str, Any]:
    answer = httpx.get(f"{address}/api/health", trust_env=False, timeout=60)
    assert answer.status_code == httpx.codes.OK, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_main_is_deployed_to_staging_and_to_production(hub: Hub) -> None:
    """Both jobs are green in their order, and each Worker answers with its own database."""
    deployed = _well(hub.outcomes[0])
    assert [*deployed.carried_out] == ["environments", "deploy (staging)", "production (production)"]
    for stack in ("staging", "production"):
        health = _health(hub.sandboxed.outputs(stack)["healthUrl"].removesuffix("/api/health"))
        assert (health["environment"], health["databaseBranch"]) == (stack, stack)


def test_a_pull_request_has_an_environment_that_answers_while_it_is_open(hub: Hub) -> None:
    """It answers after opening and after a push, its data kept; after closing both stand-ins count nothing of it."""
    for name in ("opened", "synchronize"):
        outcome = _well(hub.happens(name))
        address = outcome.outputs["sync"]["address"]
        assert f"<{address}>" in outcome.summary
        health = _health(address)
        assert (health["environment"], health["xataBranch"], health["databaseBranch"]) == ("preview", "pr-7", "pr-7")
        hub.query(hub.url("pr-7"), "create table if not exists orders (id int); insert into orders values (7)")
    assert hub.query(hub.url("pr-7"), "select count(*) from orders") == (2,)
    assert hub.workers == ["health-worker-pr-7"]
    closed = _well(hub.happens("closed"))
    assert (hub.left, closed.outputs["sync"]["address"]) == (NOTHING_LEFT, "")


def test_a_pull_request_has_one_comment_with_its_plans(hub: Hub) -> None:
    """Opening and pushing leave one comment, which tells of every environment but production; the gate is open."""
    file = hub.sandboxed.clone.folder / "Pulumi.qa.yaml"
    file.write_text((file.parent / "Pulumi.staging.yaml").read_text())
    for name in ("opened", "synchronize"):
        hub.become(7, {"state": "open", "sha": event(name)["pull_request"]["head"]["sha"]})
        planned = _well(hub.delivered(name, workflow="plan")).jobs
        assert (planned["plan"], planned["plan-production"]) == ("success", "skipped")
    file.unlink()
    (comment,) = [one for one in hub.comments if one["body"].startswith(MARKER)]  # its environment wrote another
    assert re.findall(r"^\| `(\w+)` \|", comment["body"], re.MULTILINE) == ["qa", "staging"]
    hub.become(7, {"state": "closed"})


def test_the_night_removes_what_a_lost_event_left(hub: Hub) -> None:
    """A close whose run never came leaves an environment, which the sweep removes; nothing has drifted."""
    _well(hub.happens("reopened"))
    hub.become(7, {"state": "closed"})
    assert hub.left != NOTHING_LEFT
    assert _well(hub.delivered("schedule-sweep", workflow="sweep")).carried_out == {"sweep": "success"}
    night = _well(hub.delivered("schedule", workflow="nightly"))
    drift = {f"drift ({stack})": "success" for stack in ("staging", "production")}
    assert night.carried_out == {"environments": "success", **drift}
    assert hub.left == NOTHING_LEFT
