"""The client's methods: what they send, how clients are shared, and where the key is not."""

from __future__ import annotations

import base64
import copy
import http.server
import logging
import re
import socket
import threading
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from components import errors
from components.http.exchange import USER_AGENT
from components.http.service import Operation
from components.xata.api import client
from components.xata.api.client import Client, connect, disconnect
from components.xata.api.models import BranchCreation, BranchPatch, ProjectCreation, ProjectPatch, Restore
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
        for organization, error in (("refused", errors.PermissionDeniedError), ("cut", errors.UnavailableError)):
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
        with pytest.raises(errors.UnavailableError, match="nothing listens there, on this machine"):
            client.projects(ORGANIZATION)
        client.close()


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://xata.sh", "xata.sh"),
        ("https://us-east-1.xata.sh", "us-east-1.xata.sh"),
        ("https://ws-1.us-east-1.XATA.SH./db/x:main", "ws-1.us-east-1.xata.sh"),
        ("https://api.xata.io", "api.xata.io"),
        ("api.xata.io", "api.xata.io"),
        ("postgresql://ws:hidden@us-east-1.sql.xata.sh:5432/db:main", "us-east-1.sql.xata.sh"),
    ],
)
def test_addresses_of_xata_lite_are_known(text: str, host: str) -> None:
    """The service of that name that has ended is told from one that does not answer, and nothing is sent to it."""
    says = f"{host} is an address of Xata Lite, which ended on 28 February 2026; nothing was sent"
    with pytest.raises(errors.InputError, match=says) as caught:
        Client(key=KEY, base_url=text)
    assert "hidden" not in str(caught.value)
    assert "XATA_API_BASE_URL" in caught.value.next_step


@pytest.mark.parametrize("operation", [each for each in vars(client).values() if isinstance(each, Operation)])
def test_every_operation_can_be_told_of(operation: Operation) -> None:
    """The table is whole: a path below the organizations, a scope; what creates or changes is not safe to repeat."""
    assert operation.path.startswith("/organizations")
    assert re.fullmatch(r"[a-z]+:(read|write)", operation.permission)
    assert operation.act
    assert operation.repeatable == (operation.method in {"GET", "DELETE"})


@pytest.mark.parametrize("name", ["organization", "project", "branch"])
def test_an_id_that_is_none_is_named(name: str) -> None:
    """It is told which one is wrong."""
    ids = {"organization": ORGANIZATION, "project": PROJECT, "branch": BRANCH, name: "a/b"}
    service = Service()
    with pytest.raises(errors.InputError, match=f"the {name}'s id 'a/b' is a path; nothing was sent"):
        service.client().delete_branch(*ids.values())
    assert service.requests == []
