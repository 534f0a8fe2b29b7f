"""The sandbox as a process of its own, over a real Postgres."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import httpx
import psycopg
import pytest

from cloud_sandbox import order
from cloud_sandbox.errors import SandboxError
from cloud_sandbox.process import run as serve
from tests.sandbox.cloudflare_surface import tools
from tests.sandbox.postgres import Postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloud_sandbox.xata.postgres import Manager

PROJECT = Path(__file__).resolve().parents[4]
WAIT_SECONDS = 60
KEY = "xau_key-of-the-tests"
ORGANIZATION = "sand01"
ROOT = {"image": "postgres:17.7", "region": "us-east-1", "instanceType": "xata.micro", "replicas": 0}


@dataclass
class Sandbox:
    """A process, started and ready, and what it said about itself."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]
    client: httpx.Client
    project: str = ""

    def call(self, method: str, path: str, body: Any = None, *, expected: int = 200) -> Any:
        """Call the API below the organization."""
        answer = self.client.request(method, f"/organizations/{ORGANIZATION}/projects{path}", json=body)
        assert answer.status_code == expected, answer.text
        return answer.json() if answer.content else None

    def create(self, name: str, parent: str = "") -> str:
        """Make a branch, and the project when there is none yet."""
        if not self.project:
            self.project = self.call("POST", "", {"name": "test"}, expected=201)["id"]
        how: dict[str, Any] = (
            {"mode": "inherit", "parentID": parent} if parent else {"mode": "custom", "configuration": ROOT}
        )
        made = self.call("POST", f"/{self.project}/branches", {"name": name, **how}, expected=201)
        return str(made["id"])

    def branch(self, branch: str, rest: str = "", *, method: str = "GET", expected: int = 200, body: Any = None) -> Any:
        """Call the API about a branch."""
        return self.call(method, f"/{self.project}/branches/{branch}{rest}", body, expected=expected)

    def connect(self, branch: str, **changes: Any) -> psycopg.Connection[Any]:
        """Open a session with the branch's credentials, as a client with a verified certificate."""
        credentials = self.branch(branch, "/credentials?username=xata")
        arguments: dict[str, Any] = {
            "host": credentials["hostname"],
            "hostaddr": "127.0.0.1",
            "port": credentials["port"],
            "user": credentials["username"],
            "password": credentials["password"],
            "dbname": credentials["dbname"],
            "sslmode": "verify-full",
            "sslrootcert": self.ready["authority"],
            "connect_timeout": WAIT_SECONDS,
            "autocommit": True,
        }
        return psycopg.connect(**{**arguments, **changes})

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it and answer how it ended."""
        self.client.close()
        self.process.send_signal(number)
        return self.process.wait(WAIT_SECONDS)


@dataclass
class Starter:
    """Starts sandboxes on one folder."""

    folder: Path
    postgres: dict[str, Any]
    started: list[Sandbox] = field(default_factory=list)

    def document(self, **changes: Any) -> dict[str, Any]:
        """What goes to standard input."""
        basic = {"folder": str(self.folder), "postgres": self.postgres, "key": KEY, "organization": ORGANIZATION}
        return basic | changes

    def popen(self, document: Any, errors: IO[str] | int) -> subprocess.Popen[str]:
        """Start the process with a document."""
        process = subprocess.Popen(
            [sys.executable, "-m", "cloud_sandbox"],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        assert process.stdin
        process.stdin.write(document if isinstance(document, str) else json.dumps(document))
        process.stdin.close()
        process.stdin = None
        return process

    def start(self, **changes: Any) -> Sandbox:
        """Start one and wait until it is ready."""
        with (self.folder.parent / "sandbox.log").open("a") as log:
            process = self.popen(self.document(**changes), log)
        assert process.stdout
        ready = json.loads(process.stdout.readline() or "{}")
        assert ready, (self.folder.parent / "sandbox.log").read_text()
        headers = {"Authorization": f"Bearer {KEY}"}
        client = httpx.Client(base_url=ready["api"], headers=headers, timeout=WAIT_SECONDS, trust_env=False)
        self.started.append(Sandbox(process, ready, client))
        return self.started[-1]

    def failure(self, **changes: Any) -> str:
        """Start one that cannot start, in this process; what it says."""
        with pytest.raises(SandboxError) as caught:
            serve(order.read(json.dumps(self.document(**changes))))
        return str(caught.value)

    def end(self) -> None:
        """End them all, and leave no branch."""
        for sandbox in self.started:
            if sandbox.process.poll() is None:
                with contextlib.suppress(httpx.HTTPError, RuntimeError):
                    sandbox.client.post("/sandbox/reset")
                sandbox.stop()
            if sandbox.process.stdout:
                sandbox.process.stdout.close()


def _starter(manager: Manager, folder: Path) -> Starter:
    told = ("host", "port", "user", "password", "database")
    return Starter(folder / "sandbox", {name: getattr(manager, name) for name in told})


@pytest.fixture
def starter(manager: Manager, tmp_path: Path) -> Iterator[Starter]:
    """Sandboxes over the shared server, ended and emptied after the test."""
    made = _starter(manager, tmp_path)
    yield made
    made.end()


@pytest.fixture(scope="module")
def shared(manager: Manager, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """A sandbox that starts once."""
    made = _starter(manager, tmp_path_factory.mktemp("shared"))
    made.start()
    yield made
    made.end()


@pytest.fixture
def sandbox(shared: Starter) -> Sandbox:
    """A sandbox in which there is nothing; whoever ends it takes `starter`."""
    (running,) = shared.started
    running.client.post("/sandbox/reset").raise_for_status()
    running.project = ""
    return running


def test_from_nothing_to_a_branch_with_data(sandbox: Sandbox) -> None:
    """API, credentials, TLS and Postgres work together: a child has its parent's rows and goes its own way."""
    main = sandbox.create("main")
    with sandbox.connect(main) as session:
        session.execute("CREATE TABLE made AS SELECT 1 AS number")
    child = sandbox.create("staging", main)
    with sandbox.connect(child) as session:
        session.execute("INSERT INTO made VALUES (2)")
        assert session.execute("SELECT count(*) FROM made").fetchone() == (2,)
    with sandbox.connect(main) as session:
        assert session.execute("SELECT count(*) FROM made").fetchone() == (1,)


def test_a_restart_continues(starter: Starter) -> None:
    """Ports, projects, branches, passwords, data and pull requests are there again, also after a kill."""
    github: dict[str, Any] = {"token": "ghs_token-of-the-tests", "port": 0}
    first = starter.start(github=github)
    main = first.create("main")
    with first.connect(main) as session:
        session.execute("CREATE TABLE made AS SELECT 1 AS number")
    before = first.branch(main), first.branch(main, "/credentials?username=xata")
    told = {"number": 7, "labels": ["keep"]}
    httpx.post(f"{first.ready['githubApi']}/sandbox/pulls", json=told, trust_env=False).raise_for_status()
    assert first.stop(signal.SIGKILL) == -signal.SIGKILL
    second = starter.start(github=github)
    second.project = first.project
    assert {**second.ready, "pid": 0} == {**first.ready, "pid": 0}
    assert github["token"] not in json.dumps(second.ready)
    assert (second.branch(main), second.branch(main, "/credentials?username=xata")) == before
    with second.connect(main) as session:
        assert session.execute("SELECT number FROM made").fetchone() == (1,)
    path = f"{second.ready['githubApi']}/repos/sandbox/app/pulls/7"
    answer = httpx.get(path, headers={"Authorization": f"Bearer {github['token']}"}, trust_env=False)
    assert answer.json()["labels"][0]["name"] == "keep"


def test_rotation_lets_the_old_password_in_no_more(sandbox: Sandbox) -> None:
    """The new password works, and the old one is refused."""
    main = sandbox.create("main")
    old = sandbox.branch(main, "/credentials?username=xata")["password"]
    sandbox.branch(main, "/credentials/rotate", method="POST", body={"username": "xata"}, expected=204)
    assert sandbox.branch(main, "/credentials?username=xata")["password"] != old
    with sandbox.connect(main) as session:
        assert session.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError, match='password authentication failed for user "xata"'):
        sandbox.connect(main, password=old)


def test_deleting_a_branch_ends_its_sessions(sandbox: Sandbox) -> None:
    """Whoever is in is told, and nobody gets in any more."""
    main = sandbox.create("main")
    credentials = sandbox.branch(main, "/credentials?username=xata")
    with sandbox.connect(main) as session:
        sandbox.branch(main, method="DELETE", expected=204)
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="branch not found"):
        psycopg.connect(host=credentials["hostname"], hostaddr="127.0.0.1", port=credentials["port"], user="xata")


def test_a_branch_put_to_sleep_ends_its_sessions(sandbox: Sandbox) -> None:
    """A branch hibernated by hand says so to new sessions, and takes them when it is woken."""
    main = sandbox.create("main")
    with sandbox.connect(main) as session:
        sandbox.branch(main, method="PATCH", body={"hibernate": True})
        with pytest.raises(psycopg.errors.AdminShutdown):
            session.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="branch is hibernated, reactivate it to continue"):
        sandbox.connect(main)
    sandbox.branch(main, method="PATCH", body={"hibernate": False})
    with sandbox.connect(main) as session:
        assert session.execute("SELECT 1").fetchone() == (1,)


def test_a_connection_is_held_while_a_branch_starts(starter: Starter) -> None:
    """With time between the states, a connection made at once waits and gets in."""
    sandbox = starter.start(settings={"pace": "time", "hibernated": 0.3, "transient": 0.3, "secret": 0})
    main = sandbox.create("main")
    with sandbox.connect(main) as session:
        assert session.execute("SELECT 1").fetchone() == (1,)
    assert sandbox.branch(main)["status"]["statusType"].endswith("HEALTHY")


def test_files_are_private_and_the_process_list_has_no_secret(shared: Starter, sandbox: Sandbox) -> None:
    """What holds secrets has mode 600, and neither arguments nor environment nor output tell one."""
    sandbox.create("main")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in shared.folder.iterdir()}
    assert set(modes.values()) == {0o600}
    assert {"state.json", "authority.pem", "authority.key", "gateway.pem"} <= modes.keys()
    process = Path("/proc") / str(sandbox.process.pid)
    told = json.dumps(sandbox.ready).encode()
    if process.is_dir():
        told += (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
    for secret in (KEY, shared.postgres["password"]):
        assert secret.encode() not in told


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_to(starter: Starter, number: int) -> None:
    """With status 0, also while a session is open."""
    sandbox = starter.start()
    with sandbox.connect(sandbox.create("main")) as session:
        assert sandbox.stop(number) == 0
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")


def test_a_second_sandbox_on_the_folder_is_refused(shared: Starter, sandbox: Sandbox) -> None:
    """Two would overwrite each other's state."""
    assert sandbox.process.poll() is None
    assert "another sandbox runs on" in shared.failure()


@pytest.mark.parametrize("which", ["apiPort", "gatewayPort"])
def test_a_port_that_was_asked_for_and_is_taken_is_told(starter: Starter, which: str) -> None:
    """The error names the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"cannot listen on port {port}" in starter.failure(**{which: port})


def test_the_gateways_port_never_changes(starter: Starter) -> None:
    """Connection strings have it, so a start without it fails; the API may move."""
    first = starter.start()
    first.stop()
    with socket.create_server(("127.0.0.1", first.ready["gatewayPort"])):
        complaint = starter.failure()
    assert f"the gateway cannot listen on port {first.ready['gatewayPort']}" in complaint
    with socket.create_server(("127.0.0.1", first.ready["apiPort"])):
        second = starter.start()
    assert second.ready["gatewayPort"] == first.ready["gatewayPort"]
    assert second.ready["apiPort"] != first.ready["apiPort"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"key": None}, "has no key"),
        ({"postgres": {}}, "postgres has no host"),
        ({"apiPort": 70000}, "apiPort is a number from 0 to 65535, not 70000"),
        ({"apiPort": "80"}, "apiPort is a number from 0 to 65535"),
        ({"nonsense": 1}, "unknown parts: nonsense"),
        ({"settings": {"nonsense": 1}}, "settings has unknown parts: nonsense"),
        ({"settings": {"keys": [{"nonsense": 1}]}}, "settings.keys is a list of objects with token"),
        ({"settings": {"cloudflare": {"nonsense": 1}}}, "settings.cloudflare has unknown parts: nonsense"),
        ({"settings": {"cloudflare": []}}, "settings.cloudflare"),
        ({"cloudflare": []}, "no cloudflare"),
        ({"cloudflare": {"account": "a", "token": "t"}}, "cloudflare has no workerd"),
        ({"cloudflare": {"account": "a", "token": "t", "workerd": "w", "port": -1}}, "port is a number"),
        ({"settings": {"github": {"nonsense": 1}}}, "settings.github has unknown parts: nonsense"),
        ({"github": []}, "no github"),
        ({"github": {"port": 1}}, "github has no token"),
        ({"github": {"token": "very-secret", "nonsense": 1}}, "github has unknown parts: nonsense"),
        ({"settings": {"pace": "slow"}}, "pace 'slow'"),
        ({"organization": "nobody-knows"}, "the organization 'nobody-knows'"),
    ],
)
def test_a_wrong_document_is_told(changes: dict[str, Any], text: str) -> None:
    """What is missing, unknown or of another type is named, without a value that may be secret."""
    postgres = {"host": "127.0.0.1", "port": 1, "user": "sandbox", "password": "very-secret", "database": "sandbox"}
    document = {"folder": "sandbox", "postgres": postgres, "key": KEY} | changes
    with pytest.raises(SandboxError) as caught:
        order.read(json.dumps(document)).settings(port=1)
    assert text in str(caught.value)
    assert not {"very-secret", KEY} & set(str(caught.value).split())


@pytest.mark.parametrize("document", ["", "[]", "{"])
def test_something_else_than_a_document_is_told(document: str) -> None:
    """No JSON object, no sandbox."""
    with pytest.raises(SandboxError, match="standard input holds no JSON object"):
        order.read(document)


def test_a_start_that_fails_ends_with_words(starter: Starter) -> None:
    """Status 1, the reason on standard error, nothing on standard output."""
    process = starter.popen(starter.document(key=None), subprocess.PIPE)
    said, complaint = process.communicate(timeout=WAIT_SECONDS)
    assert (process.returncode, said) == (1, "")
    assert complaint == "the document has no key, or it is not of type str\n"


def test_a_damaged_state_is_told_and_kept(starter: Starter) -> None:
    """The file stays as it is for whoever can mend it."""
    starter.folder.mkdir()
    state = starter.folder / "state.json"
    state.write_text('{"version": 1')
    assert f"{state} cannot be read" in starter.failure()
    assert state.read_text() == '{"version": 1'


def test_without_postgres_it_does_not_start(starter: Starter) -> None:
    """The error names the place, not the password."""
    starter.postgres = starter.postgres | {"port": 1}
    complaint = starter.failure()
    assert "Postgres at 127.0.0.1:1: it does not answer" in complaint
    assert starter.postgres["password"] not in complaint


def test_what_was_being_made_at_a_crash_is_removed(starter: Starter, manager: Manager) -> None:
    """A database whose branch nobody knows goes with the next start, and known ones stay."""
    first = starter.start()
    known, leftover = first.create("main"), "a" * 26
    first.stop()
    state = starter.folder / "state.json"
    data = json.loads(state.read_text())
    state.write_text(json.dumps(data | {"making": [leftover, known]}))
    with manager.connected() as session:
        session.execute(f'CREATE DATABASE "{leftover}"')
        second = starter.start()
        second.project = first.project
        names = {name for (name,) in session.execute("SELECT datname FROM pg_database")}
    assert leftover not in names
    assert known in names
    assert json.loads(state.read_text())["making"] == []


def test_it_outlives_its_postgres(starter: Starter, postgres_folder: Path) -> None:
    """While Postgres is away, writes answer the masked 500 and sessions are refused; afterwards all is as before."""
    server = Postgres(postgres_folder / "away")
    starter.postgres = starter.postgres | {"port": server.port}
    sandbox = starter.start()
    main = sandbox.create("main")
    server.stop()
    answer = sandbox.call(
        "POST", f"/{sandbox.project}/branches", {"name": "x", "mode": "inherit", "parentID": main}, expected=500
    )
    assert answer["message"].startswith("Internal Error (Request ID: req_")
    with pytest.raises(psycopg.OperationalError, match="the Postgres below the sandbox does not answer"):
        sandbox.connect(main)
    server.start()
    with sandbox.connect(main) as session:
        assert session.execute("SELECT 1").fetchone() == (1,)
    sandbox.create("x", main)
    sandbox.stop()
    server.stop()


def test_workers_are_stood_in_for_where_wanted(starter: Starter, sandbox: Sandbox) -> None:
    """Cloudflare's API answers its one token, also after a restart; a start without it has none."""
    account, token = "a" * 32, "t" * 40
    told = {"account": account, "token": token, "workerd": str(tools().workerd)}
    first = starter.start(cloudflare=told)
    assert first.ready["account"] == account
    assert token not in json.dumps(first.ready)
    first.stop()
    second = starter.start(cloudflare=told)
    assert second.ready["cloudflareApi"] == first.ready["cloudflareApi"]
    for given, accepted in ((token, True), ("n" * 40, False)):
        headers = {"Authorization": f"Bearer {given}"}
        answer = httpx.get(f"{second.ready['cloudflareApi']}/accounts/{account}/workers/scripts", headers=headers)
        assert answer.is_success is accepted, answer.text
    assert "cloudflareApi" not in sandbox.ready


def test_a_runtime_that_does_not_run_ends_the_start_with_words(starter: Starter) -> None:
    """Nothing is left running, and the reason is on standard error."""
    told = {"account": "a" * 32, "token": "t" * 40, "workerd": "/nowhere/workerd"}
    assert "workerd" in starter.failure(cloudflare=told)
