"""Secrets are where they must be and nowhere else: one run with everything in it, then a search of all it left."""

from __future__ import annotations

import base64
import json
import os
import re
import stat
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from tests.sandboxed import ENGINE, Sandboxed, password_of

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_LINE = 65_536
THOROUGH = bool(os.environ.get("INFRA_TEST_THOROUGH"))
"""More kinds of runs, which take the same ways through the program."""


class Watch:
    """Looks at the command lines of all processes while something runs."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.1):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(file.read_bytes()[:LONGEST_LINE].decode(errors="replace"))
                except OSError:  # it has ended
                    continue


def _spellings(secret: str) -> Iterator[str]:
    """A secret as it might be written: plain, in a URL, in JSON, and in base64 wherever its first byte falls."""
    yield secret
    yield quote(secret, safe="")
    yield json.dumps(secret)[1:-1]
    for lead in range(3):
        encoded = base64.b64encode(b"\0" * lead + secret.encode()).decode().rstrip("=")
        yield encoded[4 if lead else 0 : -4]  # without the letters that neighbours share


def _everything(sandboxed: Sandboxed, secrets: set[str]) -> str:
    """Every kind of run, well and badly, as talkative as it can be; what they said."""
    said = []

    def run(command: str, *more: str, **environment: str) -> None:
        answer = sandboxed.run(command, "staging", *more, **environment)
        said.append(answer.stdout + answer.stderr)

    def note() -> dict[str, Any]:
        outputs = sandboxed.outputs("staging")
        secrets.update(password_of(value) for key, value in outputs.items() if re.fullmatch("database.*Url", key))
        return outputs

    run("up", "--yes", "--json", "--verbose")
    outputs = note()
    if THOROUGH:
        run("up", "--yes", "--verbose")
        run("preview", "--verbose", "--config", "rotation=2026-Q4")
        run("outputs", "--json")
        run("verify", "--json", "--verbose")
    run("rotate", "--yes", "--verbose")
    note()
    sandboxed.control.post(sandboxed.api(outputs, "/credentials/rotate"), json={"username": "xata"})
    run("verify", "--json", "--verbose")
    orders: tuple[dict[str, Any], ...] = (
        {"path": "credentials", "malformed": True, "times": 0},
        {"path": "branches", "status": 401, "message": f"no such key {sandboxed.record['key']}", "times": 0},
        {"path": "credentials", "status": 403, "times": 0},
        {"path": "branches/", "cut": "in", "times": 3},
    )
    for order in orders if THOROUGH else orders[:2]:
        sandboxed.fault(**order)
        run("up", "--yes", "--verbose")
        sandboxed.end_faults()
    run("up", "--yes", "--verbose")
    note()
    if THOROUGH:
        run("refresh", "--yes", "--verbose")
    run("destroy", "--yes", "--verbose")
    return "".join(said)


def _files_with(folders: list[Path], *needles: str) -> set[str]:
    """The files that hold any of these texts, whatever else is in them."""
    patterns = [f"--regexp={needle}" for needle in needles]
    command = ["grep", "-rlaF", "--exclude-dir=.venv", *patterns, "--", *map(str, folders)]
    return set(subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines())


def test_secrets_are_nowhere_but_in_private_files(fresh_sandbox: Sandboxed) -> None:
    """[F2] No key, password or passphrase is in console, JSON, log, state, history, process list or temporary file."""
    clone = fresh_sandbox.clone
    temporary = clone.home / "tmp"
    temporary.mkdir()
    status = json.loads(clone.infra("sandbox", "status", "--json").stdout)
    record, service = Path(status["record"]), clone.folder / ".infra/sandbox/service/state.json"
    passphrase = clone.folder / ".infra/passphrase"
    secrets = {fresh_sandbox.record["key"], fresh_sandbox.record["postgresPassword"]}
    with Watch() as watch:
        fresh_sandbox.must("up", "foundation", "--yes", TMPDIR=str(temporary))
        said = _everything(fresh_sandbox, secrets)
    secrets.add(passphrase.read_text().strip())
    assert len(secrets) >= 6
    assert all(secrets)
    private = {str(record), str(service), str(passphrase)}
    searched = [clone.folder.parent, Path(status["data"])]
    assert _files_with(searched, fresh_sandbox.record["key"]) == {str(record)}, "the search finds nothing"
    needles = {needle for secret in secrets for needle in _spellings(secret)}
    assert not [needle for needle in needles if needle in said]
    assert not [line for line in watch.seen if any(needle in line for needle in needles)]
    assert _files_with(searched, *needles) <= private
    for file in private:
        assert stat.S_IMODE(Path(file).stat().st_mode) == 0o600
    assert any("--sandbox" in line and ENGINE[1] in line for line in watch.seen), "nothing was watched"
