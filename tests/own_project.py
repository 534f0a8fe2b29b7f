"""The project that tests work in: a copy of this one for an app of their own, whatever a team calls and sets its."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

PROJECT = Path(__file__).resolve().parent.parent
APP: Final = "warehouse-manager"
_EXAMPLE: Final = "  infra:appPath: examples/health-worker\n"
STACKS: Final = {
    "dev": "  infra:database: auto\n",
    "foundation": "  infra:checkMode: enforce\n",
    "staging": _EXAMPLE,
    "production": _EXAMPLE,
    "preview": f"  infra:parent: staging\n  infra:protect: false\n  infra:backupRetentionDays: 2\n{_EXAMPLE}",
}
"""What the stacks' files say below `config:`."""


def copy_project(folder: Path) -> None:
    """Make a folder of what git knows of this repository, its environment, and the tests' own stack files."""
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=PROJECT,
        capture_output=True,
        check=True,
    ).stdout.decode()
    for name in filter(None, tracked.split("\0")):
        if (PROJECT / name).is_file() and not name.startswith("packages/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name)
            _copy_compiled(PROJECT / name, folder / name)
    for name in (".venv", "packages"):  # an environment knows where its packages lie, so the two go together
        (folder / name).symlink_to(PROJECT / name)
    write_stacks(folder)


def _copy_compiled(source: Path, copy: Path) -> None:
    """Spare the copy's first command what compiling every module takes."""
    compiled = Path(importlib.util.cache_from_source(source)) if source.suffix == ".py" else source
    if compiled != source and compiled.is_file():
        there = copy.parent / "__pycache__" / compiled.name
        there.parent.mkdir(exist_ok=True)
        shutil.copy2(compiled, there)


def write_stacks(folder: Path) -> None:
    """Give a folder the project's file and those of its stacks, in the place of any others."""
    for file in folder.glob("Pulumi.*.yaml"):
        file.unlink()
    text = (PROJECT / "Pulumi.yaml").read_text()
    (folder / "Pulumi.yaml").write_text(re.sub(r"(?m)^(  infra:app:) .*$", rf"\1 {APP}", text))
    for stack, lines in STACKS.items():
        (folder / f"Pulumi.{stack}.yaml").write_text(f"config:\n{lines}")
