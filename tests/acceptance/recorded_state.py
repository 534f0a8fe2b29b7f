"""State as a release of this program recorded it, and the services as they were then.

A release records its own, from its own checkout, which needs wrangler's tools
(`.venv/bin/python -m cloud_sandbox.node`):

    .venv/bin/python -m tests.acceptance.recorded_state NAME

It brings every kind of stack up in a throw-away sandbox and keeps what came of it in `recorded/NAME`: a state for each
stack, encrypted with PASSPHRASE, and the memory of the stand-ins. All secrets in it are of that sandbox, which is gone.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cloud_sandbox.cloudflare import service as cloudflare
from cloud_sandbox.cloudflare import settings as cloudflare_settings
from cloud_sandbox.cloudflare.runtime import NoRuntime
from cloud_sandbox.xata import service as xata
from cloud_sandbox.xata import settings as xata_settings
from cloud_sandbox.xata.databases import NoDatabases
from tests.acceptance.conftest import cloned
from tests.contract.served import served
from tests.sandboxed import sandbox_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clone import Clone

RECORDED = Path(__file__).parent / "recorded"
PASSPHRASE = "recorded"
CLOUD = ("foundation", "staging", "production", "pr-7")
NAME = ("--config", "app=warehouse-manager")
"""The app is one of the tests' own, whatever Pulumi.yaml calls this repository's."""
APP = (*NAME, "--config", "appPath=examples/health-worker")
XATA, CLOUDFLARE = "xata", "cloudflare"
"""The files with the memory of the stand-ins."""
KEY, TOKEN = "xao_recorded", "recorded-token-of-an-account-that-is-gone"
PLACE = "{clone}"
"""Stands for the folder around the clone, in which its data lie too."""


def record(folder: Path) -> None:
    """Bring every kind of stack up with this checkout, and keep their states and the stand-ins' memory."""
    folder.mkdir(parents=True)
    with cloned() as clone, sandbox_of(clone, workers=True) as sandbox:
        for stack in CLOUD:
            options = NAME if stack == CLOUD[0] else APP
            sandbox.up(stack, *options, PULUMI_CONFIG_PASSPHRASE=PASSPHRASE)
        told = ("--yes", "--engine", "embedded", *APP)
        dev = clone.infra("up", "dev", *told, PULUMI_CONFIG_PASSPHRASE=PASSPHRASE)
        assert dev.returncode == 0, dev.stderr
        service = clone.folder / ".infra/sandbox/service"
        found = {stack: sandbox.state / f"stacks/infra/{stack}.json" for stack in CLOUD}
        found |= {"dev": clone.folder / ".infra/state/.pulumi/stacks/infra/dev.json"}
        found |= {XATA: service / "state.json", CLOUDFLARE: service / "cloudflare/state.json"}
        for name, file in found.items():
            text = file.read_text().replace(str(clone.folder.parent), PLACE)
            (folder / f"{name}.json").write_text(json.dumps(json.loads(text), indent=1) + "\n")


def put_back(folder: Path, clone: Clone) -> None:
    """Give a clone the recorded states of all stacks."""
    stacks = clone.folder / ".infra/state/.pulumi/stacks/infra"
    stacks.mkdir(parents=True)
    (stacks.parents[1] / "meta.yaml").write_text("version: 1\n")
    for stack in (*CLOUD, "dev"):
        text = (folder / f"{stack}.json").read_text().replace(PLACE, str(clone.folder.parent))
        (stacks / f"{stack}.json").write_text(text)


@contextlib.contextmanager
def services(folder: Path) -> Iterator[dict[str, str]]:
    """Serve what Xata and Cloudflare held, without databases and Workers behind; what a run must be told of it."""
    saved: dict[str, dict[str, Any]] = {
        name: json.loads((folder / f"{name}.json").read_text()) for name in (XATA, CLOUDFLARE)
    }
    organization = saved[XATA]["service"]["organizations"][0]["id"]
    keys = (xata_settings.Key(token=KEY, organization=organization),)
    branches = xata.Service(
        xata_settings.Settings(organization=organization, port=saved[XATA]["gatewayPort"], keys=keys),
        databases=NoDatabases(),
    )
    branches.restore(saved[XATA]["service"])
    tokens = (cloudflare_settings.Token(token=TOKEN),)
    workers = cloudflare.Service(cloudflare_settings.Settings(tokens=tokens, calls=0), runtime=NoRuntime())
    workers.restore(saved[CLOUDFLARE]["service"])
    with served(branches) as api, served(workers) as edge:
        yield {
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "XATA_API_BASE_URL": api,
            "XATA_API_KEY": KEY,
            "XATA_ORGANIZATION_ID": organization,
            "CLOUDFLARE_API_BASE_URL": f"{edge}{cloudflare.BASE_PATH}",
            "CLOUDFLARE_API_TOKEN": TOKEN,
            "CLOUDFLARE_ACCOUNT_ID": cloudflare_settings.DEFAULT_ACCOUNT,
            "INFRA_WORKER_ADDRESSES": f"{edge}/sandbox/workers",
        }


if __name__ == "__main__":
    record(RECORDED / sys.argv[1])
