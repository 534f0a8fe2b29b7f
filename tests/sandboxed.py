"""A clone with a running sandbox: what acceptance tests and benchmarks of the cloud stacks work in."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import psycopg

from cloud_sandbox import node
from tests.clone import SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.clone import Clone

ENGINE = ("--engine", "embedded")
NOTHING = {"create": 0, "update": 0, "replace": 0, "delete": 0}


@dataclass(frozen=True, kw_only=True)
class Sandboxed:
    """A clone whose commands work against a sandbox of its own.

    Attributes:
        clone: The clone.
    """

    clone: Clone

    @property
    def record(self) -> dict[str, Any]:
        """How the sandbox was started: address, key, passwords."""
        found: dict[str, Any] = json.loads((self.clone.folder / ".infra/sandbox/sandbox.json").read_text())
        return found

    @property
    def cache(self) -> str:
        """The XDG_CACHE_HOME in which `./infra sandbox start` finds what this machine's user has fetched."""
        return str(node.cache_folder().parents[1])

    @property
    def state(self) -> Path:
        """The folder of the stacks' states."""
        return self.clone.folder / ".infra/sandbox/state/.pulumi"

    @cached_property
    def control(self) -> httpx.Client:
        """The sandbox's own switches, and its API, with its key."""
        record = self.record
        headers = {"Authorization": f"Bearer {record['key']}"}
        return httpx.Client(base_url=record["api"], headers=headers, trust_env=False, timeout=60)

    def shell(self, **environment: str) -> dict[str, str]:
        """The environment of a shell that was told `./infra sandbox env`."""
        told = subprocess.run(
            ["sh", "-c", 'eval "$(./infra sandbox env)" && exec env -0'],
            cwd=self.clone.folder,
            env=self.clone.environment(**environment),
            capture_output=True,
            check=True,
        ).stdout
        return dict(one.split("=", 1) for one in told.decode().split("\0") if one)

    def run(self, command: str, stack: str, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a stack command, whatever it ends with."""
        engine = () if command == "verify" else ENGINE
        return self.clone.infra(command, stack, "--sandbox", *engine, *more, timeout=SECONDS, **environment)

    def must(self, command: str, stack: str, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a stack command that must end well."""
        answer = self.run(command, stack, *more, **environment)
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return answer

    def up(self, stack: str, *more: str, **environment: str) -> dict[str, Any]:
        """`up --yes --json` that must end well; its answer."""
        document: dict[str, Any] = json.loads(self.must("up", stack, "--yes", "--json", *more, **environment).stdout)
        return document

    def outputs(self, stack: str) -> dict[str, Any]:
        """The stack's outputs with their secrets."""
        document: dict[str, Any] = json.loads(self.must("outputs", stack, "--json", "--show-secrets").stdout)
        return document

    def calls(self) -> list[dict[str, Any]]:
        """Every request so far, without the sandbox's own."""
        return list(self.control.get("/sandbox/calls").json()["calls"])

    def forget_calls(self) -> None:
        """Begin the log anew."""
        self.control.delete("/sandbox/calls").raise_for_status()

    def fault(self, **order: Any) -> None:
        """Order a fault."""
        self.control.post("/sandbox/faults", json=order).raise_for_status()

    def end_faults(self) -> None:
        """Cancel every fault."""
        self.control.delete("/sandbox/faults").raise_for_status()

    def branches(self) -> dict[str, dict[str, Any]]:
        """The branches that are there, by name."""
        found = self.control.get("/sandbox/state").json()["branches"]
        return {branch["name"]: branch for branch in found if not branch["terminated"]}

    def begin_anew(self, stack: str) -> None:
        """Neither branch nor state of a stack whose branch bears its name; nothing else is touched."""
        branch = self.branches().get(stack)
        if branch is not None:
            project = f"/organizations/{self.record['organization']}/projects/{branch['project']}"
            self.control.delete(f"{project}/branches/{branch['id']}").raise_for_status()
        for folder in ("stacks/infra", "locks/organization/infra", "history/infra", "backups/infra"):
            for file in (self.state / folder).glob(f"{stack}*"):
                shutil.rmtree(file) if file.is_dir() else file.unlink()

    def api(self, outputs: Mapping[str, Any], path: str = "") -> str:
        """The path of a stack's branch in the API."""
        branch = f"/organizations/{outputs['organizationId']}/projects/{outputs['projectId']}/branches"
        return f"{branch}/{outputs['branchId']}{path}"


@contextlib.contextmanager
def sandbox_of(clone: Clone, *options: str, workers: bool = False) -> Iterator[Sandboxed]:
    """A running sandbox, whose data are removed at the end.

    Args:
        clone: Where it belongs.
        options: More of `./infra sandbox start`.
        workers: Whether it stands in for Cloudflare, too.
    """
    made = Sandboxed(clone=clone)
    started = clone.infra(
        "sandbox", "start", *(() if workers else ("--without-workers",)), *options, XDG_CACHE_HOME=made.cache
    )
    assert started.returncode == 0, started.stderr
    try:
        yield made
    finally:
        made.control.close()
        clone.infra("sandbox", "stop", "--delete-data")


def changes(document: Mapping[str, Any]) -> dict[str, int]:
    """What a run changed."""
    return {key: count for key, count in document["changes"].items() if key != "same"}


def connect(url: str, *, authority: str) -> psycopg.Connection[Any]:
    """A connection of a client that knows nothing of us: TLS proven, names below `localhost` by rule."""
    return psycopg.connect(
        re.sub(r"sslmode=\w+", "sslmode=verify-full", url),
        hostaddr="127.0.0.1",
        sslrootcert=authority,
        connect_timeout=20,
        autocommit=True,
    )


def password_of(url: str) -> str:
    """The password in a connection URL."""
    return urlsplit(url).password or ""
