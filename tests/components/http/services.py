"""The three services as the one client's tests see them: a read, a write that is not safe to repeat, and refusals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from components.github.client import GITHUB
from components.github.client import Client as GitHub
from components.worker.api.client import CLOUDFLARE
from components.worker.api.client import Client as Cloudflare
from components.worker.api.models import Upload
from components.xata.api.client import XATA
from components.xata.api.client import Client as Xata
from components.xata.api.models import BranchCreation
from tests.components.github import github_world as github
from tests.components.worker import workers_world as cloudflare
from tests.components.xata import scripted as xata

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.http.client import Client
    from components.http.service import Service
    from tests.components.xata.scripted import Service as Script

KEY = "xau_TopSecretKeyOfTheTests0123456789abcdef"
SCRIPT = "warehouse-manager-staging"
CHILD = BranchCreation(name="staging", parent_id="main")
UPLOAD = Upload(main_module="app.mjs", modules={"app.mjs": b"export default {}"})


@dataclass(frozen=True, kw_only=True)
class Api:
    """A service and its client.

    Attributes:
        service: What it says of itself.
        client: The class.
        read: A call that is safe to make twice, told one segment of its path.
        write: One that is not.
        readable: What the first one is answered.
        written: What the second one is answered.
        refused: Makes a refusal in the service's words, from status and message.
        write_seconds: How long the second one is waited for.
    """

    service: Service
    client: type[Client]
    read: Callable[[Any, str], object]
    write: Callable[[Any], object]
    readable: httpx.Response
    written: httpx.Response
    refused: Callable[..., httpx.Response]
    write_seconds: float
    segment: str = field(default="")

    def __str__(self) -> str:
        return self.service.name

    def of(self, script: Script, **more: Any) -> Client:
        """A client of what answers from a script, by its clock."""
        given = {"budget_seconds": 60.0, "jitter": lambda: 0.5, **more}
        return self.client(
            key=KEY,
            base_url=f"https://api.test{'/v4' if self.service.has_path else ''}",
            transport=httpx.MockTransport(script),
            clock=lambda: script.time,
            sleep=script.sleep,
            now=lambda: script.wall,
            **given,
        )

    def reads(self, client: Client) -> object:
        """Make the call that is safe."""
        return self.read(client, self.segment)


SERVICES = (
    Api(
        service=XATA,
        client=Xata,
        read=lambda client, organization: client.projects(organization),
        write=lambda client: client.create_branch("abc123", "prj_1", CHILD),
        readable=xata.answer(200, {"projects": []}),
        written=xata.answer(201, xata.SUMMARY),
        refused=xata.refusal,
        write_seconds=65.0,
        segment="abc123",
    ),
    Api(
        service=CLOUDFLARE,
        client=Cloudflare,
        read=lambda client, script: client.secrets(cloudflare.ACCOUNT, script),
        write=lambda client: client.upload_script(cloudflare.ACCOUNT, SCRIPT, UPLOAD),
        readable=cloudflare.good([]),
        written=cloudflare.good({}),
        refused=lambda status, message="nope", **headers: cloudflare.refused(status, 99999, message, **headers),
        write_seconds=60.0,
        segment=SCRIPT,
    ),
    Api(
        service=GITHUB,
        client=GitHub,
        read=lambda client, name: client.pull_request("sandbox/app", name),
        write=lambda client: client.create_comment("sandbox/app", 7, "text"),
        readable=httpx.Response(
            200, json={"number": 7, "state": "open", "head": {"ref": "a", "sha": "b"}, "base": {"ref": "a", "sha": "b"}}
        ),
        written=httpx.Response(201, json={"id": 1, "body": "text"}),
        refused=github.refused,
        write_seconds=25.0,
        segment="7",
    ),
)
