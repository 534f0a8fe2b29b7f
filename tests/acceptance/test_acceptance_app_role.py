"""An app with logins of its own: changes of its password, its rights and its login, and no request that fails."""

from __future__ import annotations

import shlex
import subprocess
import time
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from cloud_sandbox import node
from components.connection import Connection
from components.postgres import app_role
from tests.acceptance.conftest import cloned
from tests.killing_infra import killed_when
from tests.load import Load
from tests.sandboxed import NOTHING, Sandboxed, changes, connect, sandbox_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STACK = "staging"
APP = ("--config", "appPath=examples/health-worker")
ROLE = (*APP, "--config", "appRole=readwrite")
WRANGLER_SECONDS = 120


def _wrangler(sandboxed: Sandboxed, *arguments: str) -> None:
    script = f'eval "$(../../infra sandbox env)" && exec npx wrangler {shlex.join(arguments)}'
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=sandboxed.clone.folder / "examples" / "health-worker",
        env=sandboxed.clone.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WRANGLER_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def deployed() -> Iterator[Sandboxed]:
    """A sandbox with staging, whose app is deployed and has its owner's login."""
    try:
        node.installed()
    except node.ToolsError as error:
        pytest.skip(f"{error.message}: {node.FETCH} fetches them")
    with cloned() as clone, sandbox_of(clone, workers=True) as made:
        made.up(STACK, *APP)
        _wrangler(made, "deploy", "--env", STACK)
        made.up(STACK, *APP)
        yield made


@pytest.fixture
def load(deployed: Sandboxed) -> Load:
    """Requests against the deployed Worker's health."""
    return Load(deployed.outputs(STACK)["healthUrl"])


def _user(deployed: Sandboxed) -> str:
    return urlsplit(deployed.outputs(STACK)["databaseUrl"]).username or ""


def test_an_existing_stack_gets_logins_of_its_own_and_a_second_up_changes_nothing(
    deployed: Sandboxed, load: Load
) -> None:
    """In one `up`, without a request that fails."""
    deployed.up(STACK, *APP)
    assert _user(deployed) == "xata"
    with load:
        deployed.up(STACK, *ROLE)
    load.require_no_failure()
    assert _user(deployed).endswith(("_a", "_b"))
    assert changes(deployed.up(STACK, *ROLE)) == NOTHING


@pytest.mark.parametrize(
    "door",
    [
        "rotate",
        pytest.param("up", marks=pytest.mark.thorough),
        pytest.param("rotate, by pulumi", marks=pytest.mark.cli),
    ],
)
def test_a_new_password_is_felt_by_nobody(deployed: Sandboxed, load: Load, door: str) -> None:
    """By any door no request fails; the login before is shut off, and nothing is left to change on either engine."""
    deployed.up(STACK, *ROLE)
    before = deployed.outputs(STACK)["databaseUrl"]
    with load:
        if door == "up":
            deployed.up(STACK, *ROLE, "--config", "rotation=2026-Q4")
        else:
            engine = ("--engine", "pulumi") if "pulumi" in door else ()
            assert "in place of" in deployed.must("rotate", STACK, "--yes", *engine, *ROLE).stderr
    load.require_no_failure()
    after = deployed.outputs(STACK)["databaseUrl"]
    assert urlsplit(after).username != urlsplit(before).username
    assert _enters(deployed, after)
    assert not _enters(deployed, before)
    more = ("--config", "rotation=2026-Q4") if door == "up" else ()
    assert changes(deployed.up(STACK, *ROLE, *more)) == NOTHING


def _enters(deployed: Sandboxed, url: str) -> bool:
    try:
        connect(url, authority=deployed.record["authority"]).close()
    except psycopg.OperationalError:
        return False
    return True


def _owners(deployed: Sandboxed, stack: str = STACK) -> str:
    """The URL of a branch's owner, which no output tells."""
    outputs = deployed.outputs(stack)
    password = deployed.control.get(deployed.api(outputs, "/credentials?username=xata")).json()["password"]
    return replace(Connection.parse(outputs["databaseUrl"]), user="xata", password=password).url


def _logins(deployed: Sandboxed, owners: str) -> list[bool]:
    """Whether each of the app's logins lets in; none where it has none."""
    tail = Connection.parse(owners).host.partition(".")[0].partition("-")[0][-app_role.ID_LETTERS :]
    with connect(owners, authority=deployed.record["authority"]) as session:
        found = session.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname LIKE %s ORDER BY 1", (f"%_{tail}__",))
        return [may for (may,) in found.fetchall()]


def _calls(deployed: Sandboxed, method: str) -> httpx.Response:
    """The calls to Cloudflare: to be read, or to be forgotten."""
    url = f"http://127.0.0.1:{deployed.record['cloudflarePort']}/sandbox/calls"
    return httpx.request(method, url, trust_env=False, timeout=60).raise_for_status()


def _told(deployed: Sandboxed) -> bool:
    """Whether the Worker was told of another secret since its calls were forgotten."""
    calls = _calls(deployed, "GET").json()["calls"]
    return any("secrets-bulk" in call["path"] and call["method"] == "PATCH" for call in calls)


class Moment:
    """When a run is killed: once the new login lets in, once the Worker was told of it, or while the old is watched."""

    SECONDS: Mapping[str, float] = {"made": 0, "told": 0, "watched": 6}
    """How long after that: the other login is watched for ten seconds, and the check before is done in one."""

    def __init__(self, name: str, deployed: Sandboxed) -> None:
        self._name, self._deployed, self._owners = name, deployed, _owners(deployed)
        self._since = 0.0
        _calls(deployed, "DELETE")

    def reached(self) -> bool:
        """Whether it has come."""
        made = self._name == "made"
        if not self._since and (all(_logins(self._deployed, self._owners)) if made else _told(self._deployed)):
            self._since = time.monotonic()
        return bool(self._since) and time.monotonic() - self._since >= self.SECONDS[self._name]


@pytest.mark.parametrize(
    "moment",
    [pytest.param("made", marks=pytest.mark.thorough), "told", pytest.param("watched", marks=pytest.mark.thorough)],
)
def test_a_change_that_is_killed_is_completed_and_felt_by_nobody(deployed: Sandboxed, load: Load, moment: str) -> None:
    """Whenever it ends, the app has a login that lets it in, and the next `up` leaves one of the two."""
    deployed.up(STACK, *ROLE)
    owners, before = _owners(deployed), deployed.outputs(STACK)["databaseUrl"]
    more = (*ROLE, "--config", f"rotation={moment}")
    with load:
        assert killed_when(Moment(moment, deployed).reached, deployed, "up", STACK, *more, allowed={})
        assert _enters(deployed, before)
        deployed.up(STACK, *more)
    load.require_no_failure()
    after = deployed.outputs(STACK)["databaseUrl"]
    assert _logins(deployed, owners) == [False, True]
    assert (_enters(deployed, before), _enters(deployed, after)) == (False, True)
    assert changes(deployed.up(STACK, *more)) == NOTHING


@pytest.mark.thorough
@pytest.mark.parametrize("mode", ["owner", "readonly", "readwrite"])
def test_another_right_is_felt_by_nobody(deployed: Sandboxed, load: Load, mode: str) -> None:
    """The login stays; what it may do is another thing from one moment to the next."""
    deployed.up(STACK, *ROLE)
    before = deployed.outputs(STACK)["databaseUrl"]
    with load:
        deployed.up(STACK, *APP, "--config", f"appRole={mode}")
    load.require_no_failure()
    assert deployed.outputs(STACK)["databaseUrl"] == before
    with connect(before, authority=deployed.record["authority"]) as session:
        row = session.execute("SELECT has_schema_privilege('public', 'CREATE'), current_user = session_user").fetchone()
    assert row == ((True, False) if mode == "owner" else (False, True))


def test_a_pull_requests_branch_has_logins_of_its_own_and_its_parents_never_enter(deployed: Sandboxed) -> None:
    """Tried with the parent's URL at the copy's address; the parent's app goes on."""
    parent = deployed.up(STACK, *ROLE)["outputs"]
    deployed.up("pr-7", *ROLE)
    parents, childs = (Connection.parse(deployed.outputs(stack)["databaseUrl"]) for stack in (STACK, "pr-7"))
    assert parent["databaseUser"] != childs.user
    assert childs.user.endswith(("_a", "_b"))
    assert _enters(deployed, childs.url)
    assert not _enters(deployed, replace(parents, host=childs.host).url)
    assert not _enters(deployed, replace(childs, host=parents.host).url)
    assert _enters(deployed, parents.url)


@pytest.mark.thorough
def test_the_owners_password_changes_and_the_app_does_not_notice(deployed: Sandboxed, load: Load) -> None:
    """Somebody rotates it at Xata: the next `up` finds the new one."""
    deployed.up(STACK, *ROLE)
    before = deployed.outputs(STACK)
    with load:
        asked = deployed.control.post(deployed.api(before, "/credentials/rotate"), json={"username": "xata"})
        asked.raise_for_status()
        deployed.up(STACK, *ROLE)
        deployed.up(STACK, *ROLE, "--config", "rotation=after")
    load.require_no_failure()
    assert deployed.outputs(STACK)["databaseUser"] != before["databaseUser"]


def test_the_app_gets_its_owners_login_back(deployed: Sandboxed, load: Load) -> None:
    """By leaving the setting out, in one `up`, without a request that fails; both logins are shut off."""
    deployed.up(STACK, *ROLE)
    owners, before = _owners(deployed), deployed.outputs(STACK)["databaseUrl"]
    with load:
        deployed.up(STACK, *APP)
    load.require_no_failure()
    assert _user(deployed) == "xata"
    assert _logins(deployed, owners) == [False, False]
    assert not _enters(deployed, before)
    assert changes(deployed.up(STACK, *APP)) == NOTHING
    deployed.up(STACK, *ROLE)
    assert _user(deployed).endswith(("_a", "_b"))
