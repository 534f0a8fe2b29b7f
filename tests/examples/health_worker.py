"""What the tests of the example Worker are made of: npm, wrangler, workerd, a branch."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest
from filelock import FileLock

from cloud_sandbox import node
from cloud_sandbox.cloudflare.models import Module, Script
from cloud_sandbox.cloudflare.workerd import Workerd
from components.connectivity.worker_wire import fetch
from tests.sandbox.cloudflare_surface import tools

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.connectivity.worker_wire import HealthResponse, Loss
    from tests.sandbox.conftest import Entrance

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "health-worker"
QUIET = {"WRANGLER_SEND_METRICS": "false", "WRANGLER_SEND_ERROR_REPORTS": "false", "CI": "1"}
NO_NETWORK = ("ENOTFOUND", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "EAI_AGAIN", "ENETUNREACH", "EHOSTUNREACH")
INSTALL_SECONDS = 200


def run_in(folder: Path, command: list[str]) -> str:
    """Run one of Node's programs and answer what it says; fails with that, too."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(node.SECRETS)}
    path = os.pathsep.join([str(Path(command[0]).parent), os.environ["PATH"]])
    environment = {**kept, **QUIET, "PATH": path, "WRANGLER_LOG_PATH": str(folder / "logs")}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
    )
    said = done.stdout + done.stderr
    if done.returncode and any(word in said for word in NO_NETWORK):
        pytest.skip(f"npm's registry cannot be reached: {said.splitlines()[-1]}")
    assert done.returncode == 0, said
    return said


def npm(folder: Path, *arguments: str) -> None:
    """Run npm there."""
    found = node.find_node(node.minimum(">=20"))
    if found is None or found.npm is None:
        pytest.skip(f"npm is not there: {node.FETCH} fetches it")
    run_in(folder, [str(found.program), str(found.npm), *arguments, "--ignore-scripts", "--no-audit", "--no-fund"])


def shared(tmp_path_factory: pytest.TempPathFactory, name: str, fill: Callable[[Path], None]) -> Path:
    """A copy of the example that all processes of a test run share, filled by the first one that comes."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            half = folder.with_name(f"{name}.half")
            shutil.rmtree(half, ignore_errors=True)
            left_out = shutil.ignore_patterns("node_modules", ".wrangler", ".dev.vars")
            shutil.copytree(EXAMPLE, half, ignore=left_out)
            fill(half)
            half.rename(folder)
    return folder


@dataclass(kw_only=True)
class Worker:
    """A running Worker, behind a socket that may change."""

    socket: Path | None = None
    url: str = "http://127.0.0.1"

    def get(self, path: str = "/api/health", method: str = "GET") -> httpx.Response:
        """Ask it."""
        with httpx.Client(transport=self._transport(), timeout=60) as http:
            return http.request(method, self.url + path)

    def fetch(self, url: str, seconds: float) -> HealthResponse | Loss:
        """Ask it as the probe does."""
        return fetch(url, seconds, transport=self._transport())

    def _transport(self) -> httpx.BaseTransport:
        return httpx.HTTPTransport(uds=str(self.socket))


class Runtime:
    """Runs Workers on real workerd, and is what tells them their addresses."""

    def __init__(self, bundle: Path, folder: Path) -> None:
        self._bundle = bundle
        self._folder = folder
        self._workers: dict[str, Worker] = {}
        self._workerd: Workerd | None = None

    def switch_on(self, trusted: str) -> None:
        """Begin, trusting this authority."""
        self.switch_off()
        self._workerd = Workerd(binary=tools().workerd, folder=self._folder, addresses=self, trusted=trusted)

    def switch_off(self) -> None:
        """End all Workers."""
        if self._workerd is not None:
            self._workerd.stop()

    def start(self, name: str = "worker", **variables: str) -> Worker:
        """The example, with these variables and secrets beside the ones of staging; again under a name: changed."""
        assert self._workerd is not None
        bound = {"ENVIRONMENT": "staging", "XATA_BRANCH": "staging", **variables}
        bindings: dict[str, dict[str, Any]] = {
            key: {"name": key, "type": "plain_text", "text": text} for key, text in bound.items()
        }
        self._workerd.deploy(name, self._script(), bindings)
        return self._workers[name]

    def log(self, name: str = "worker") -> str:
        """What workerd said."""
        return (self._folder / f"{name}.log").read_text()

    def open(self, name: str) -> str:
        """The address of a Worker."""
        return self._workers.setdefault(name, Worker()).url

    def point(self, name: str, socket: Path | None) -> None:
        """A Worker answers from another socket."""
        self._workers[name].socket = socket

    def _script(self) -> Script:
        declared = settings()
        content = base64.b64encode(self._bundle.read_bytes()).decode()
        return Script(
            main="index.js",
            modules=(Module(name="index.js", type="application/javascript+module", content=content),),
            compatibility_date=declared["compatibility_date"],
            compatibility_flags=tuple(declared["compatibility_flags"]),
        )


def settings() -> dict[str, Any]:
    """The example's wrangler.jsonc; none of its texts has two slashes in it."""
    lines = (EXAMPLE / "wrangler.jsonc").read_text().splitlines()
    found: dict[str, Any] = json.loads("\n".join(line.partition("//")[0] for line in lines))
    return found


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A branch on the gateway, stamped or not."""

    entrance: Entrance
    id: str

    def url(self, *, password: str = "", database: str = "xata", sslmode: str = "require") -> str:
        """Its connection string."""
        secret = quote(password or self.entrance.branches.passwords[self.id], safe="")
        place = f"{self.entrance.host(self.id)}:{self.entrance.port}"
        return f"postgresql://xata:{secret}@{place}/{database}?sslmode={sslmode}"

    def rotate(self) -> None:
        """Give it a new password."""
        fresh = secrets.token_hex(16)
        self.entrance.branches.databases.set_password(self.id, fresh)
        self.entrance.branches.passwords[self.id] = fresh

    def comment(self, text: str | None) -> None:
        """Set the database's comment."""
        with self.entrance.connect(self.id) as session:
            name = session.execute("select current_database()").fetchone()
            assert name is not None
            said = "null" if text is None else "'" + text.replace("'", "''") + "'"
            session.execute(f'comment on database "{name[0]}" is {said}'.encode())
