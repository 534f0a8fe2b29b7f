"""The app's own files of variables: what `wrangler dev` gave to the app before `./infra up dev`, it gives after it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.components.worker.wrangler_world import modules

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.clone import Clone

CONFIG = {
    "name": "shop",
    "main": "src/index.js",
    "compatibility_date": "2026-03-01",
    "env": {"dev": {"vars": {"ENVIRONMENT": "development", "XATA_BRANCH": "dev"}}},
}
SHOWS_ALL = "export default { fetch: (_request, env) => Response.json(env) };\n"
KEY = "STRIPE_KEY=example\n"
OURS = {"DATABASE_URL", "XATA_BRANCH", "ENVIRONMENT"}
START_SECONDS = 120
CASES = {
    "env-beside-dev-vars": ({".env": f"{KEY}SESSION_SALT=example\n"}, ".env.local"),
    "dev-vars-dev": ({".dev.vars.dev": KEY}, ".dev.vars.dev"),
    "both-of-wrangler": ({".dev.vars": KEY, ".env": "OTHER=example\n"}, ".dev.vars"),
}
"""What an app has, and where ours go."""


AROUND = ".."
"""Of an app in whose repository the program is a folder."""


def _app(clone: Clone, path: str, files: Mapping[str, str], config: Mapping[str, Any] = CONFIG) -> Path:
    folder = (clone.folder / path).resolve()
    (folder / "src").mkdir(parents=True, exist_ok=True)
    if path == AROUND:
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    (folder / "src" / "index.js").write_text(SHOWS_ALL)
    (folder / "wrangler.jsonc").write_text(json.dumps(config))
    (folder / ".gitignore").write_text(".dev.vars*\n.env*\n.wrangler\n")
    for file, text in files.items():
        (folder / file).write_text(text)
    stack = clone.folder / "Pulumi.dev.yaml"
    others = [line for line in stack.read_text().splitlines() if "appPath" not in line]
    stack.write_text("\n".join([*others, f"  infra:appPath: {path}", ""]))
    return folder


def _up(clone: Clone) -> str:
    """Bring the stack up; what is said on standard error."""
    done = clone.infra("up", "dev", "--yes", "--engine", "embedded")
    assert done.returncode == 0, done.stderr
    return done.stderr


def _layer(clone: Clone) -> tuple[int, dict[str, Any]]:
    """The exit code of `verify dev`, and its layer of the app."""
    done = clone.infra("verify", "dev", "--json")
    layers = json.loads(done.stdout)["layers"]
    return done.returncode, next(layer for layer in layers if layer["layer"] == "wrangler dev")


def _served(folder: Path, packages: Path) -> dict[str, str]:
    """What the Worker of `wrangler dev --env dev` has."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["node", str(packages / "wrangler" / "bin" / "wrangler.js"), "dev", "--env", "dev", "--ip", "127.0.0.1"]
    quiet = {"PATH": os.environ["PATH"], "HOME": str(folder), "CI": "1", "WRANGLER_SEND_METRICS": "false"}
    with subprocess.Popen(
        [*command, "--port", str(port), "--inspector-port", "0"],
        cwd=folder,
        env=quiet,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            return _answer(f"http://127.0.0.1:{port}/", server)
        finally:
            server.terminate()


def _answer(url: str, server: subprocess.Popen[bytes]) -> dict[str, str]:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            told: dict[str, str] = httpx.get(url, timeout=START_SECONDS, trust_env=False).json()
        except httpx.TransportError:
            time.sleep(0.2)
        else:
            return told
    pytest.fail(f"wrangler dev did not answer; it ended with {server.poll()}")


@pytest.mark.parametrize(
    "case", ["env-beside-dev-vars", pytest.param("dev-vars-dev", marks=pytest.mark.thorough), "both-of-wrangler"]
)
def test_ours_go_where_wrangler_reads_and_the_apps_own_stay(deployed: Clone, case: str) -> None:
    """The file that wrangler reads holds ours, what the app had stays, and no file is begun that hides another."""
    files, target = CASES[case]
    folder = _app(deployed, f"examples/{case}", files)
    _up(deployed)
    assert {path.name for path in folder.glob(".*v*")} - {".wrangler"} == {*files, target}
    assert "DATABASE_URL=" in (folder / target).read_text()
    for file, text in files.items():
        assert text in (folder / file).read_text()
    code, layer = _layer(deployed)
    assert (code, layer["ok"]) == (0, True)
    assert layer["cause"].split(";")[0] == f"DATABASE_URL is in {target}"
    assert ("does not read OTHER of .env" in layer["cause"]) == (case == "both-of-wrangler")


@pytest.mark.wrangler
@pytest.mark.parametrize("case", ["env-beside-dev-vars", pytest.param("dev-vars-dev", marks=pytest.mark.thorough)])
def test_wrangler_dev_gives_the_worker_all_of_it(deployed: Clone, case: str) -> None:
    """The real `wrangler dev --env dev` serves our URL beside every variable that the app had."""
    packages, (files, target) = modules(), CASES[case]
    folder = _app(deployed, f"examples/{case}-served", files)
    _up(deployed)
    served = _served(folder, packages)
    assert served.keys() == OURS | {line.partition("=")[0] for text in files.values() for line in text.splitlines()}
    assert served["DATABASE_URL"] in (folder / target).read_text()


def test_a_url_that_wrangler_does_not_read_fails_the_verification(deployed: Clone) -> None:
    """A file that is added later hides ours: verify says so, and the next up writes it there."""
    folder = _app(deployed, AROUND, {})
    _up(deployed)
    (folder / ".dev.vars.dev").write_text(KEY)
    code, layer = _layer(deployed)
    assert (code, layer["ok"]) == (5, False)
    assert "wrangler dev reads .dev.vars.dev" in layer["cause"]
    assert layer["next"].startswith("./infra up dev")
    _up(deployed)
    assert _layer(deployed)[1]["ok"] is True
    assert not (folder / ".dev.vars").exists()
    checked = deployed.infra("wrangler", "check", "dev")
    assert (checked.returncode, checked.stdout) == (0, f"{folder / 'wrangler.jsonc'}: as dev expects it\n")


def test_a_list_of_secrets_is_not_begun_for_dev(deployed: Clone) -> None:
    """`wrangler write dev` leaves the app's variables alone; of a list that is there, what it keeps back is told."""
    folder = _app(deployed, "examples/secrets", {".dev.vars": KEY})
    done = deployed.infra("wrangler", "write", "dev", "--yes")
    assert done.returncode == 0, done.stderr
    assert "secrets" not in (folder / "wrangler.jsonc").read_text()
    dev = {**CONFIG["env"]["dev"], "secrets": {"required": ["ANOTHER"]}}  # type: ignore[index] # a literal of this file
    (folder / "wrangler.jsonc").write_text(json.dumps({**CONFIG, "env": {"dev": dev}}))
    assert "keeps STRIPE_KEY of .dev.vars from the Worker" in _up(deployed)
    code, layer = _layer(deployed)
    assert (code, layer["ok"], layer["next"]) == (5, False, "./infra wrangler write dev")
    done = deployed.infra("wrangler", "write", "dev", "--yes")
    assert done.returncode == 0, done.stderr
    code, layer = _layer(deployed)
    assert (code, layer["ok"]) == (0, True)
    assert "STRIPE_KEY" in layer["cause"]
