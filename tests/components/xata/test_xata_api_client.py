"""The client's methods: what they send, how clients are shared, and where the key is not."""

from __future__ import annotations

import base64
import copy
import http.server
import logging
import socket
import subprocess
import sys
import threading
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from components.http.pool import USER_AGENT
from components.xata.api import errors
from components.xata.api.bodies import BranchCreation, BranchPatch, ProjectCreation, ProjectPatch, Restore
from components.xata.api.client import Client, connect, disconnect
from tests.components.xata.scripted import (
    BRANCH,
    KEY,
    MOMENT,
    ORGANIZATION,
    PROJECT,
    SUMMARY,
    WHOLE_BRANCH,
    WHOLE_PROJECT,
    Service,
    answer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

ROOM = Path(__file__).resolve().parents[3]
BASE = f"/organizations/{ORGANIZATION}"
AT = f"{BASE}/projects/{PROJECT}"
PLACE = (ORGANIZATION, PROJECT)
PER_PROJECT = {"maxAllowedInstanceType": 8000, "maxBranchesPerHour": 50, "maxBranchesPerProject": 100} | {
    "maxDescriptionLength": 50,
    "maxInstancesPerBranch": 5,
    "minInstancesPerBranch": 1,
}
PER_ORGANIZATION = PER_PROJECT | {"maxBranchesPerOrg": 1000, "maxProjects": 100, "maxProjectsPerHour": 20}
DEFAULTS = {"maxBranches": 100, "maxDescriptionLength": 50, "maxInstances": 5, "minInstances": 1}
STATUS = {"status": "enabled", "billing_status": "ok", "usage_tier": "t2", "disabled_by_admin": False}


@pytest.mark.parametrize(
    ("call", "request_line", "body", "response", "check"),
    [
        (
            lambda client: client.organizations(),
            "GET /organizations",
            None,
            answer(200, {"organizations": [{"id": "o", "name": "n", "status": STATUS | {"last_updated": MOMENT}}]}),
            lambda found: found[0].status.usage_tier == "t2",
        ),
        (
            lambda client: client.regions(ORGANIZATION),
            f"GET {BASE}/regions",
            None,
            answer(200, {"regions": []}),
            lambda found: found == [],
        ),
        (
            lambda client: client.instance_types(ORGANIZATION, "us east&1"),
            f"GET {BASE}/instanceTypes?region=us+east%261",
            None,
            answer(200, {"instanceTypes": [{"name": "xata.micro", "vcpus": 1, "ram": 1, "hourlyRate": 0.012}]}),
            lambda found: (found[0].vcpus, found[0].hourly_rate) == (1, 0.012),
        ),
        (
            lambda client: client.images(ORGANIZATION),
            f"GET {BASE}/images",
            None,
            answer(200, {"images": [{"name": "postgres:18.1", "majorVersion": "18", "fullVersion": "18.1"}]}),
            lambda found: found[0].full_version == "18.1",
        ),
        (
            lambda client: client.images(ORGANIZATION, "us-east-1"),
            f"GET {BASE}/images?region=us-east-1",
            None,
            answer(200, {"images": []}),
            lambda found: found == [],
        ),
        (
            lambda client: client.organization_limits(ORGANIZATION),
            f"GET {BASE}/limits",
            None,
            answer(200, PER_ORGANIZATION),
            lambda found: (found.max_branches_per_org, found.max_branches_per_hour) == (1000, 50),
        ),
        (
            lambda client: client.default_project_limits(ORGANIZATION),
            f"GET {BASE}/projects/limits",
            None,
            answer(200, DEFAULTS),
            lambda found: found.max_branches == 100,
        ),
        (
            lambda client: client.project_limits(*PLACE),
            f"GET {AT}/limits",
            None,
            answer(200, PER_PROJECT),
            lambda found: found.max_branches_per_project == 100,
        ),
        (
            lambda client: client.projects(ORGANIZATION),
            f"GET {BASE}/projects",
            None,
            answer(200, {"projects": [WHOLE_PROJECT]}),
            lambda found: found[0].configuration.scale_to_zero.base_branches.minutes == 30,
        ),
        (
            lambda client: client.project(*PLACE),
            f"GET {AT}",
            None,
            answer(200, WHOLE_PROJECT),
            lambda found: found.id == PROJECT,
        ),
        (
            lambda client: client.create_project(ORGANIZATION, ProjectCreation(name="p")),
            f"POST {BASE}/projects",
            {"name": "p"},
            answer(201, WHOLE_PROJECT),
            lambda found: found.name == "p",
        ),
        (
            lambda client: client.update_project(*PLACE, ProjectPatch(name="q")),
            f"PATCH {AT}",
            {"name": "q"},
            answer(200, WHOLE_PROJECT),
            lambda found: found.id == PROJECT,
        ),
        (lambda client: client.delete_project(*PLACE), f"DELETE {AT}", None, answer(204), lambda found: found is True),
        (
            lambda client: client.branches(*PLACE),
            f"GET {AT}/branches",
            None,
            answer(200, {"branches": [SUMMARY | {"backupsEnabled": False}]}),
            lambda found: found[0].name == "staging",
        ),
        (
            lambda client: client.branch(*PLACE, "b 1"),
            f"GET {AT}/branches/b%201",
            None,
            answer(200, WHOLE_BRANCH),
            lambda found: found.id == BRANCH,
        ),
        (
            lambda client: client.create_branch(*PLACE, BranchCreation(name="b", parent_id="p")),
            f"POST {AT}/branches",
            {"name": "b", "mode": "inherit", "parentID": "p"},
            answer(201, SUMMARY | {"connectionString": "postgresql://xata:hidden@h/xata"}),
            lambda found: found.id == BRANCH and "hidden" not in repr(found),
        ),
        (
            lambda client: client.update_branch(*PLACE, BRANCH, BranchPatch(replicas=1)),
            f"PATCH {AT}/branches/{BRANCH}",
            {"replicas": 1},
            answer(200, SUMMARY),
            lambda found: found.id == BRANCH,
        ),
        (
            lambda client: client.delete_branch(*PLACE, BRANCH),
            f"DELETE {AT}/branches/{BRANCH}",
            None,
            answer(204),
            lambda found: found is True,
        ),
        (
            lambda client: client.credentials(*PLACE, BRANCH),
            f"GET {AT}/branches/{BRANCH}/credentials?username=xata",
            None,
            answer(200, {"username": "xata", "password": "hidden"}),
            lambda found: found.password == "hidden",
        ),
        (
            lambda client: client.rotate_credentials(*PLACE, BRANCH),
            f"POST {AT}/branches/{BRANCH}/credentials/rotate",
            {"username": "xata"},
            answer(204),
            lambda found: found is None,
        ),
        (
            lambda client: client.backup(*PLACE, BRANCH),
            f"GET {AT}/backups/{BRANCH}",
            None,
            answer(200, {"id": BRANCH, "branchID": BRANCH, "description": "d", "latestRestore": MOMENT}),
            lambda found: (found.earliest_restore, found.latest_restore.year) == (None, 2026),
        ),
        (
            lambda client: client.restore(*PLACE, BRANCH, Restore(name="r")),
            f"POST {AT}/branches/{BRANCH}/restore",
            {"name": "r"},
            answer(201, SUMMARY),
            lambda found: found.id == BRANCH,
        ),
    ],
)
def test_each_method_is_one_request(
    call: Callable[[Client], Any],
    request_line: str,
    body: Any,
    response: httpx.Response,
    check: Callable[[Any], bool],
) -> None:
    """Method, path, query and body are the API document's, and the answer comes back typed."""
    service = Service(response)
    assert check(call(service.client()))
    (request,) = service.requests
    assert f"{request.method} {request.url.raw_path.decode()}" == request_line
    assert (service.body() if request.content else None) == body
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["User-Agent"] == USER_AGENT
    assert 0 < len(request.headers["X-Request-Id"]) <= 100
    assert ("content-type" in request.headers) == (body is not None)


def test_every_call_has_an_id_of_its_own() -> None:
    """Two calls can be told apart by support."""
    service = Service(answer(200, {"projects": []}))
    client = service.client()
    client.projects(ORGANIZATION)
    client.projects(ORGANIZATION)
    assert len({request.headers["X-Request-Id"] for request in service.requests}) == 2


def test_the_version_told_is_the_projects() -> None:
    """The user agent follows pyproject.toml."""
    project = tomllib.loads((ROOM / "pyproject.toml").read_text())["project"]
    assert f"{project['name']}/{project['version']}" == USER_AGENT


@pytest.fixture
def _fresh() -> Iterator[None]:
    disconnect()
    yield
    disconnect()


@pytest.mark.usefixtures("_fresh")
def test_clients_are_shared_by_address_and_key() -> None:
    """Whatever connects with the same pair, in whatever thread, uses the same connections."""
    environment = {"XATA_API_KEY": f" {KEY}\n", "XATA_API_BASE_URL": "http://127.0.0.1:9"}
    found: list[Client] = []
    threads = [threading.Thread(target=lambda: found.append(connect(environment))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(client) for client in found}) == 1
    assert connect({**environment, "XATA_API_BASE_URL": "http://127.0.0.1:9/"}) is found[0]
    assert connect({**environment, "XATA_API_KEY": "xau_other"}) is not found[0]
    assert connect({**environment, "XATA_API_BASE_URL": ""}).base_url == "https://api.xata.tech"
    disconnect()
    assert connect(environment) is not found[0]


@pytest.mark.usefixtures("_fresh")
@pytest.mark.parametrize("environment", [{}, {"XATA_API_KEY": ""}, {"XATA_API_KEY": " \n"}])
def test_a_missing_key_is_told_by_its_variable(environment: dict[str, str]) -> None:
    """Nothing is tried without a key."""
    with pytest.raises(errors.MissingKeyError) as caught:
        connect(environment)
    assert "XATA_API_KEY" in str(caught.value)
    assert "make a key" in caught.value.next_step


@pytest.mark.parametrize("key", ["xau_a b", "xau_a\r\nX-Evil: 1", "xau_ä", "xau_\x00"])
def test_a_key_that_is_none_is_refused_and_not_quoted(key: str) -> None:
    """What can not be a header is found before it is one."""
    with pytest.raises(errors.InputError, match="characters that no key has") as caught:
        Client(key=key)
    assert key not in str(caught.value)


@pytest.mark.usefixtures("_fresh")
def test_proxies_of_the_environment_are_not_used_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key for a service on this machine does not leave it in plain text; elsewhere the proxy is used."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    near = connect({"XATA_API_KEY": KEY, "XATA_API_BASE_URL": "http://127.0.0.1:1"})
    far = connect({"XATA_API_KEY": KEY})
    assert not [each for each in near._http._mounts.values() if each]
    assert [each for each in far._http._mounts.values() if each]


class _Handler(http.server.BaseHTTPRequestHandler):
    """A real server on a real socket: the first path segment says what it does."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer, answer less than promised, or answer slowly cut."""
        body = b'{"projects": []}'
        status, length = (200, len(body)) if "whole" in self.path else (200, len(body) + 10)
        if "refused" in self.path:
            status, body = 403, f'{{"message": "no: {self.headers["Authorization"]}"}}'.encode()
            length = len(body)
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = length != len(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    """The server, and connections that end with the test."""
    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=found.serve_forever)
    thread.start()
    yield found
    found.shutdown()
    thread.join()
    found.server_close()


def _spellings(secret: str) -> set[str]:
    return {secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode()}


def test_the_key_is_in_no_log_and_no_text(
    server: http.server.ThreadingHTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    """With everything logged, over a real socket, the key turns up nowhere but in the request."""
    caplog.set_level(logging.DEBUG)
    client = Client(key=KEY, base_url=f"http://127.0.0.1:{server.server_port}", budget_seconds=2.0)
    texts = [repr(client), str(client), repr(copy.copy(client))]
    try:
        assert client.projects("whole") == []
        for organization, error in (("refused", errors.PermissionDeniedError), ("cut", errors.UnreachableError)):
            with pytest.raises(error) as caught:
                client.projects(organization)
            texts += [str(caught.value), repr(caught.value), repr(vars(caught.value))]
    finally:
        client.close()
    texts.append(caplog.text)
    assert "HTTP Request: GET" in caplog.text
    assert not [text for text in texts if any(spelling in text for spelling in _spellings(KEY))]


def test_many_threads_share_one_client(server: http.server.ThreadingHTTPServer) -> None:
    """Fifty calls at once through one pool all get their own answer."""
    client = Client(key=KEY, base_url=f"http://127.0.0.1:{server.server_port}")
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(client.projects("whole"))) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()
    assert found == [[]] * 50


def test_a_refused_connection_is_told() -> None:
    """Where nothing listens, the call ends within its budget."""
    with socket.socket() as taken:  # bound and not listening: connections are refused, and nobody else gets the port
        taken.bind(("127.0.0.1", 0))
        client = Client(key=KEY, base_url=f"http://127.0.0.1:{taken.getsockname()[1]}", budget_seconds=1.5)
        with pytest.raises(errors.UnreachableError, match="no connection came about"):
            client.projects(ORGANIZATION)
        client.close()


def test_the_client_needs_no_pulumi() -> None:
    """The client is plain Python: importing it loads nothing of Pulumi, nor of the rooms above."""
    program = (
        "import sys, components.xata.api.client, components.xata.api.bodies; "
        "print([name for name in sys.modules if name.partition('.')[0] in "
        "{'pulumi', 'sandbox', 'stacks', 'operations', 'engine'} or name.startswith('components.xata.branches')])"
    )
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOM, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
