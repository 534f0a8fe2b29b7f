"""A whole world in one process: the stand-in, a client of it, a time that only moves when somebody sleeps, meddlers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from cloud_sandbox.transport import handler
from cloud_sandbox.xata.databases import NoDatabases
from cloud_sandbox.xata.service import Service
from cloud_sandbox.xata.settings import Key, Settings
from components.xata.api.client import Client
from components.xata.api.models import BranchCreation, ClusterConfiguration, ProjectCreation
from components.xata.branches.clock import Clock
from components.xata.branches.place import Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.xata.api.models import Branch, BranchSummary

KEY = "xau_" + "k" * 40
ORGANIZATION = "sand01"
REGION = "us-east-1"
IMAGE = "postgres:18.1"
TYPE = "xata.micro"
START = 1_780_000_000.0


@dataclass
class Fault:
    """What happens instead of an answer.

    `lose`: the request is carried out and its answer lost; `cut`: it never arrives; otherwise a status with a message
    or a body.
    """

    method: str
    path: str
    kind: str = ""
    status: int = 0
    message: str = ""
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1


class World:
    """One organization with one project, empty.

    Attributes:
        seconds: How much time has passed.
        calls: Every request so far, as `GET branches/*`.
        faults: What goes wrong, first match first.
        meddle: Called before each request with its number from 0: what other people do.
    """

    def __init__(self, **settings: Any) -> None:
        self.seconds = 0.0
        self.calls: list[str] = []
        self.bodies: list[bytes] = []
        self.request = httpx.Request("GET", "http://127.0.0.1:1/")
        self.faults: list[Fault] = []
        self.meddle: Callable[[int], None] = lambda _number: None
        self.service = Service(
            Settings(organization=ORGANIZATION, keys=(Key(token=KEY),), **settings),
            databases=NoDatabases(),
            clock=lambda: START + self.seconds,
        )
        self.client = Client(
            key=KEY,
            base_url="http://127.0.0.1:1",
            transport=httpx.MockTransport(self._answer),
            clock=lambda: self.seconds,
            sleep=self._sleep,
            jitter=lambda: 1.0,
            now=lambda: START + self.seconds,
        )
        self.clock = Clock(now=lambda: self.seconds, wall=lambda: START + self.seconds, sleep=self._sleep)
        self.other = Client(
            key=KEY, base_url="http://127.0.0.1:1", transport=httpx.MockTransport(handler(self.service))
        )
        self.place = Place(organization=ORGANIZATION, project=self.other_project())

    def other_project(self, name: str = "warehouse-manager") -> str:
        """Somebody makes a project; its id."""
        return self.other.create_project(ORGANIZATION, ProjectCreation(name=name)).id

    def root(
        self, name: str = "main", description: str | None = None, region: str = REGION, image: str = IMAGE
    ) -> BranchSummary:
        """Somebody makes a branch without parent."""
        configuration = ClusterConfiguration(image=image, region=region, instance_type=TYPE, replicas=0)
        return self.make(BranchCreation(name=name, description=description, configuration=configuration))

    def child(self, name: str, parent: str, description: str | None = None) -> BranchSummary:
        """Somebody makes a child of the branch with this id."""
        return self.make(BranchCreation(name=name, description=description, parent_id=parent))

    def make_root(self, name: str = "main", description: str | None = None) -> None:
        """The same as `root`, to be called by a meddler."""
        self.root(name, description)

    def make_child(self, name: str, parent: str, description: str | None = None) -> None:
        """The same as `child`, to be called by a meddler."""
        self.child(name, parent, description)

    def make(self, creation: BranchCreation) -> BranchSummary:
        """Somebody makes a branch."""
        return self.other.create_branch(self.place.organization, self.place.project, creation)

    def there(self) -> dict[str, str]:
        """The names of the branches there are, with their ids."""
        return {branch.name: branch.id for branch in self.other.branches(ORGANIZATION, self.place.project)}

    def read(self, branch_id: str) -> Branch:
        """A branch as it is."""
        return self.other.branch(ORGANIZATION, self.place.project, branch_id)

    def change(self, branch_id: str, **body: Any) -> None:
        """Somebody changes a branch, in the API's own words."""
        self._raw("PATCH", f"branches/{branch_id}", body)

    def delete(self, branch_id: str) -> None:
        """Somebody deletes a branch."""
        self._raw("DELETE", f"branches/{branch_id}", None)

    def rotate(self, branch_id: str) -> None:
        """Somebody rotates a branch's password."""
        self._raw("POST", f"branches/{branch_id}/credentials/rotate", {"username": "xata"})

    def set_fault(self, branch_id: str, fault: str) -> None:
        """The platform reports this state, as `TYPE: phase`, whatever the branch does; an empty one ends it."""
        self.service.world.branches[branch_id].life.fault = fault

    def fault(self, method: str, path: str, kind: str = "", **changes: Any) -> None:
        """Let something go wrong: `path` is a pattern for the part behind the project."""
        self.faults.append(Fault(method=method, path=path, kind=kind, **changes))

    def has_secret(self, branch_id: str) -> bool:
        """Whether a branch's credentials can be read; without them rotating is an error."""
        path = f"/organizations/{ORGANIZATION}/projects/{self.place.project}/branches/{branch_id}/credentials"
        headers = {"Authorization": f"Bearer {KEY}"}
        request = httpx.Request("GET", f"http://127.0.0.1:1{path}?username=xata", headers=headers)
        return handler(self.service)(request).status_code == httpx.codes.OK

    def carry_out_last(self) -> None:
        """Let the service do what the request in hand asks for."""
        handler(self.service)(self.request)

    def writes(self) -> list[str]:
        """The requests that change something."""
        return [call for call in self.calls if not call.startswith("GET")]

    def _raw(self, method: str, path: str, body: Any) -> None:
        url = f"http://127.0.0.1:1/organizations/{ORGANIZATION}/projects/{self.place.project}/{path}"
        request = httpx.Request(method, url, json=body, headers={"Authorization": f"Bearer {KEY}"})
        answer = handler(self.service)(request)
        assert answer.status_code < 300, answer.text

    def _sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def _answer(self, request: httpx.Request) -> httpx.Response:
        number = len(self.calls)
        path = request.url.path.partition("/projects")[2].partition("/")[2].partition("/")[2] or "project"
        shown = re.sub(r"branches/[^/]+", "branches/*", path)
        self.calls.append(f"{request.method} {shown}")
        self.bodies.append(request.content)
        self.request = request
        self.meddle(number)
        for fault in self.faults:
            if fault.times and fault.method == request.method and re.fullmatch(fault.path, shown.replace("*", ".")):
                fault.times -= 1
                return self._go_wrong(fault, request)
        return handler(self.service)(request)

    def _go_wrong(self, fault: Fault, request: httpx.Request) -> httpx.Response:
        if fault.kind == "lose":
            handler(self.service)(request)
        if fault.kind in {"lose", "cut"}:
            raise httpx.ReadError("the connection was lost", request=request)
        return httpx.Response(
            fault.status, json=fault.body or {"message": fault.message}, headers=fault.headers, request=request
        )
