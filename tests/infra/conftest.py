"""A project that is nothing but ./infra, two packages of its own, and a command that tells how it was started."""

from __future__ import annotations

import base64
import hashlib
import importlib.machinery
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uv

if TYPE_CHECKING:
    from types import ModuleType

PROJECT = Path(__file__).resolve().parents[2]
COMMAND = """\
import json, os, sys
def main():
    try:
        import tiny
        version = tiny.VERSION
    except ImportError:
        version = None
    print(json.dumps({
        "arguments": sys.argv[1:], "folder": os.getcwd(), "python": sys.prefix, "tiny": version,
        "path": sys.path[0], "environment": dict(os.environ),
    }))
    return 42
"""


def load(file: Path) -> ModuleType:
    """Load an ./infra as a module."""
    loader = importlib.machinery.SourceFileLoader("infra_executable", str(file))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def wheel(folder: Path, name: str, version: str, files: dict[str, str]) -> str:
    """Make a wheel and return the line that pins it."""
    info = f"{name}-{version}.dist-info"
    content = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {path: hashlib.sha256(text.encode()).digest() for path, text in content.items()}
    lines = [
        f"{path},sha256={base64.urlsafe_b64encode(digests[path]).rstrip(b'=').decode()},{len(text.encode())}"
        for path, text in content.items()
    ]
    content[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""])
    file = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        for path, text in content.items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = (0o100755 if "/scripts/" in path else 0o100644) << 16
            archive.writestr(entry, text)
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}\n"


@dataclass(frozen=True, kw_only=True)
class Fresh:
    """A clone that nothing has been done to, and a package index in a folder."""

    folder: Path
    index: Path
    environment: dict[str, str]

    def command(self, *arguments: str) -> list[str]:
        """What a user types; the Python is this one, which has pip."""
        return [sys.executable, str(self.folder / "infra"), *arguments]

    def call(self, *arguments: str, folder: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        """Call it and wait."""
        return subprocess.run(
            self.command(*arguments),
            cwd=folder or self.folder,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def pin(self, name: str, version: str, *, file: str = "requirements.txt") -> None:
        """Put a package into the index, and pin it."""
        text = f"VERSION = {version!r}\n"
        (self.folder / file).write_text(wheel(self.index, name, version, {f"{name}.py": text}))

    def use_installer(self, script: str) -> None:
        """Let a shell script run before the pinned uv does, or in its place if it exits."""
        (self.index / "before-uv").write_text(script)

    def bring_in_step(self) -> None:
        """Set it up, with the real uv alone, and with what every test begins with.

        A set-up that stopped has let the stamp go and changed nothing else: it need not be made again from the start.
        """
        stamp, kept = self.folder / ".venv" / ".in-step", self.index / "in-step"
        if kept.exists() and not stamp.exists():
            shutil.copy(kept, stamp)
        self.use_installer("")
        self.pin("tiny", "1.0")
        answer = self.call()
        assert answer.returncode == 42, answer.stderr
        shutil.copy(stamp, kept)


@pytest.fixture
def fresh(tmp_path: Path) -> Fresh:
    """A clone that nothing has been done to."""
    return make_fresh(tmp_path)


def make_fresh(parent: Path) -> Fresh:
    """Make a clone in a folder with a space in its name; uv is the real one, brought by a wheel of ours."""
    folder, index = parent / "a clone", parent / "index"
    (folder / "operations").mkdir(parents=True)
    (folder / "requirements").mkdir()
    index.mkdir()
    shutil.copy(PROJECT / "infra", folder / "infra")
    (folder / "operations" / "__main__.py").write_text(COMMAND)
    dropped = ("PIP_", "UV_", "SSL_", "PYTHON", "VIRTUAL_ENV")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(dropped)} | {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(index),
        "PIP_CONFIG_FILE": os.devnull,
        "UV_OFFLINE": "1",
        "UV_NO_CONFIG": "1",
        "UV_FIND_LINKS": str(index),
        "UV_CACHE_DIR": str(parent / "cache"),
    }
    made = Fresh(folder=folder, index=index, environment=environment)
    made.use_installer("")
    script = f"#!/bin/sh\n. '{index}/before-uv'\nexec '{uv.find_uv_bin()}' \"$@\"\n"
    line = wheel(index, "uv", "1.0", {"uv-1.0.data/scripts/uv": script})
    (folder / "requirements" / "setup.txt").write_text(line)
    made.pin("tiny", "1.0")
    made.pin("copies", "1.0", file="requirements/template.txt")
    made.pin("checker", "1.0", file="requirements/dev.txt")
    return made
