"""A stand-in in process with a client in front, for the tests of its answers."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import httpx

from cloud_sandbox.transport import handler
from cloud_sandbox.xata.databases import NoDatabases
from cloud_sandbox.xata.service import Service
from cloud_sandbox.xata.settings import Key, Settings

TOKEN = "xau_surface"
ORGANIZATION = "/organizations/sand01"
IMAGE = "postgres:17.9"
CONFIGURATION = {"image": IMAGE, "region": "us-east-1", "instanceType": "xata.micro", "replicas": 0}
EDITIONS = ("april", "june", "august", "current")


@dataclass
class Clock:
    """A clock that a test moves; sleeping moves it too."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        """The time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


@dataclass
class Surface:
    """A service, its databases and its clock, and short names for what the tests do with them."""

    settings: Settings
    clock: Clock = field(default_factory=Clock)
    databases: NoDatabases = field(default_factory=NoDatabases)

    def __post_init__(self) -> None:
        """Start the service."""
        self.service = Service(
            self.settings,
            databases=self.databases,
            clock=self.clock,
            sleep=self.clock.sleep,
            source=random.Random(7),  # noqa: S311 - a test repeats itself
        )
        self.http = self.client(TOKEN)

    def client(self, token: str) -> httpx.Client:
        """A client with another token; none when it is empty."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        transport = httpx.MockTransport(handler(self.service, sleep=self.clock.sleep))
        return httpx.Client(base_url="http://xata.localhost", transport=transport, headers=headers)

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """One call below the organization; `body` as JSON, bytes as they are."""
        if isinstance(body, bytes):
            options["content"] = body
        elif body is not None:
            options["json"] = body
        return self.http.request(method, ORGANIZATION + path, **options)

    def project(self, name: str = "shop", **configuration: Any) -> str:
        """Make a project and answer its path."""
        body = {"name": name} | ({"configuration": configuration} if configuration else {})
        return f"/projects/{self.call('POST', '/projects', body).json()['id']}"

    def root(self, project: str, name: str = "main", **more: Any) -> str:
        """Make a root branch and answer its path; `configuration` is laid over the usual one."""
        configuration = CONFIGURATION | more.pop("configuration", {})
        body = {"name": name, "mode": "custom", "configuration": configuration, **more}
        return self._branch(project, body)

    def child(self, parent: str, name: str = "child", **more: Any) -> str:
        """Make a child branch and answer its path."""
        project, _, parent_id = parent.partition("/branches/")
        return self._branch(project, {"name": name, "mode": "inherit", "parentID": parent_id, **more})

    def _branch(self, project: str, body: dict[str, Any]) -> str:
        answer = self.call("POST", f"{project}/branches", body)
        assert answer.status_code == 201, answer.text
        return f"{project}/branches/{answer.json()['id']}"

    def message(self, answer: httpx.Response) -> tuple[int, str]:
        """Status and message of an error. `with ID`, which the newest edition writes, is left out."""
        return answer.status_code, answer.json()["message"].replace(" with ID [", " [")

    def status_type(self, branch: str) -> str:
        """The branch's status type without its prefix; counts as a look at it."""
        kind: str = self.call("GET", branch).json()["status"]["statusType"]
        return kind.removeprefix("STATUS_TYPE_")


def surface(**settings: Any) -> Surface:
    """A stand-in with these settings and one key that may do everything."""
    keys = (Key(token=TOKEN), *settings.pop("keys", ()))
    return Surface(Settings(keys=keys, **settings))
