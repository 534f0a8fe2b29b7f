"""The project that tests work on: this one's keys, for an app of the tests' own, whatever a team calls and sets its."""

from __future__ import annotations

import re
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


def write_stacks(folder: Path) -> None:
    """Give a folder the project's file and those of its stacks, in the place of any others."""
    for file in folder.glob("Pulumi.*.yaml"):
        file.unlink()
    text = (PROJECT / "Pulumi.yaml").read_text()
    (folder / "Pulumi.yaml").write_text(re.sub(r"(?m)^(  infra:app:) .*$", rf"\1 {APP}", text))
    for stack, lines in STACKS.items():
        (folder / f"Pulumi.{stack}.yaml").write_text(f"config:\n{lines}")
