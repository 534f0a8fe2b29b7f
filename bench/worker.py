"""Staging's Worker in the sandbox: its secrets against wrangler's, and the time from `up` to a healthy answer."""

from __future__ import annotations

import json
import statistics
import subprocess
from typing import TYPE_CHECKING

import httpx

from bench.measure import Comparison, Run, compare, run_command
from bench.xata import CALL_SECONDS, CHAIN, RATIO, READY_SECONDS, RUNS, STACK, Measured, from_nothing
from cloud_sandbox import node
from operations.sandbox.place import OFFLINE
from tests.sandboxed import sandbox_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clone import Clone
    from tests.sandboxed import Sandboxed

SECRETS = {"DATABASE_URL": "postgresql://xata:pa55%21$HOME@branch.example/app", "A": "a", "B": "b", "C": "c", "D": "d"}
WORKER = "measured"
AGAINST_WRANGLER = 0.33
WORKER_CHAIN = 2
"""Calls of Cloudflare's API between the checked database and the answer: the secrets, and which version they made."""
PROPAGATION_SECONDS = 5.0
"""How long the Worker goes on answering as before after its secrets were set."""
OURS = """\
import json, os, sys
from components.worker import changes
from components.worker.api.client import connect
from components.worker.names import Target
news = json.load(sys.stdin)
client, worker = connect(os.environ), Target.of(news)
changes.put(client, worker, news["values"])
changes.version_of_change(client, worker)
"""
"""What `worker.Secrets` does when it is made, as a whole process: neither Pulumi nor the rest of `up` is in it."""


def compare_secrets(clone: Clone, folder: Path) -> list[Comparison]:
    """Five secrets of one Worker that is there, set by us and by wrangler, in a sandbox of this clone.

    Each side is a process from its start to its end, on the same stand-in, which starts workerd anew for each change.
    `wrangler secret put` takes one secret, so it is called once for each of them.
    """
    (clone.folder / ".venv").unlink()  # a set-up of its own, as users have it, without what only developers need
    with sandbox_of(clone, workers=True) as sandboxed:
        sides = _Sides(sandboxed, folder)
        sides.bulk()  # makes the Worker: from here on both sides change one that is there
        count = len(SECRETS)
        return [
            compare(
                f"{count} secrets of one Worker against wrangler secret bulk",
                ours=sides.ours,
                theirs=sides.bulk,
                limit=AGAINST_WRANGLER,
            ),
            compare(
                f"{count} secrets of one Worker against wrangler secret put, {count} times",
                ours=sides.ours,
                theirs=sides.one_by_one,
                limit=AGAINST_WRANGLER,
                runs=3,
            ),
        ]


class _Sides:
    """The commands of both sides, their input in files: no secret stands on a command line."""

    def __init__(self, sandboxed: Sandboxed, folder: Path) -> None:
        record = sandboxed.record
        self._tools, self._folder, self._clone = node.installed(), folder, sandboxed.clone.folder
        self._environment = sandboxed.clone.environment(
            CLOUDFLARE_API_BASE_URL=record["cloudflareApi"],
            CLOUDFLARE_API_TOKEN=record["cloudflareToken"],
            CLOUDFLARE_ACCOUNT_ID=record["cloudflareAccount"],
            WRANGLER_LOG_PATH=str(folder / "logs"),
            CI="1",
            **OFFLINE,
        )
        values = {"values": SECRETS, "account": record["cloudflareAccount"], "script": WORKER}
        (folder / "ours.json").write_text(json.dumps(values))
        (folder / "bulk.json").write_text(json.dumps(SECRETS))
        for name, text in SECRETS.items():
            (folder / name).write_text(text)

    def ours(self) -> Run:
        """Our life cycle, on the interpreter that the embedded engine runs it on."""
        return self._run("ours.json", str(self._clone / ".venv/bin/python"), "-c", OURS, PYTHONPATH=str(self._clone))

    def bulk(self) -> Run:
        """`wrangler secret bulk`."""
        return self._wrangler("bulk", "bulk.json", given="bulk.json")

    def one_by_one(self) -> Run:
        """`wrangler secret put` for each of them."""
        runs = [self._wrangler("put", name, given=name) for name in SECRETS]
        return Run(seconds=sum(one.seconds for one in runs), megabytes=max(one.megabytes for one in runs))

    def _wrangler(self, *arguments: str, given: str) -> Run:
        return self._run(given, *self._tools.wrangler_command("secret", *arguments, "--name", WORKER))

    def _run(self, given: str, *command: str, **more: str) -> Run:
        environment = {**self._environment, **more}
        return run_command(command, folder=self._folder, environment=environment, given=self._folder / given)


def measure(clone: Clone, other: Clone, folder: Path) -> list[Measured]:
    """`up` of staging from no branch to a healthy answer, in turn in a sandbox that answers at once and in a slow one.

    The first one's time is our own part of the critical path; the rest of it is what the slow one waits for.
    """
    settings = folder / "slow.json"
    pace = {"pace": "time", "hibernated": 1.0, "transient": READY_SECONDS - 1.0, "secret": 0.5}
    settings.write_text(json.dumps({**pace, "cloudflare": {"propagation": PROPAGATION_SECONDS}}), encoding="utf-8")
    with sandbox_of(clone, workers=True) as plain, sandbox_of(other, "--settings", str(settings), workers=True) as slow:
        for one in (plain, slow):
            one.up(STACK)
            deploy(one)
        slow.fault(delay=CALL_SECONDS, times=0)
        _order(slow, delay=CALL_SECONDS, times=0)
        pairs = [(_to_a_healthy_answer(plain), _to_a_healthy_answer(slow)) for _ in range(RUNS)]
    waits = (CHAIN + WORKER_CHAIN) * CALL_SECONDS + READY_SECONDS + PROPAGATION_SECONDS
    ratio = statistics.median(found / (base + waits) for base, found in pairs)
    found = statistics.median(found for _, found in pairs)
    return [
        Measured(
            claim=f"up of staging to a healthy Worker, the same and {PROPAGATION_SECONDS:.0f} s until the edge has it",
            found=f"{found:.2f} s, {ratio:.2f} times the critical path",
            best=f"{statistics.median(base for base, _ in pairs) + waits:.2f} s",
            limit=f"{RATIO:.2f}",
            holds=ratio <= RATIO,
        )
    ]


def _to_a_healthy_answer(sandboxed: Sandboxed) -> float:
    """Seconds of `up` where there is neither branch nor secret, and the app is deployed: its check is the last step."""
    took = from_nothing(sandboxed)
    state = sandboxed.outputs(STACK)["checks"]["worker"]["state"]
    if state != "passed":
        raise RuntimeError(f"the Worker check ended as {state!r}: a time of something that did not happen says nothing")
    return took


def deploy(sandboxed: Sandboxed) -> None:
    """Deploy the example with wrangler, as its user does."""
    app = sandboxed.clone.folder / "examples" / "health-worker"
    script = 'eval "$(../../infra sandbox env)" && npm ci --ignore-scripts && npx wrangler deploy --env staging'
    subprocess.run(
        ["sh", "-c", script],
        cwd=app,
        env=sandboxed.clone.environment(CI="1"),
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _order(sandboxed: Sandboxed, **order: float) -> None:
    """Order a fault of the stand-in for Cloudflare."""
    url = f"http://127.0.0.1:{sandboxed.record['cloudflarePort']}/sandbox/faults"
    httpx.post(url, json=order, trust_env=False).raise_for_status()
