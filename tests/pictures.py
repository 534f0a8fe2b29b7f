"""The terminals that README shows, recorded in a fresh clone: `python -m tests.pictures`."""

from __future__ import annotations

import io
import re
import subprocess
import tempfile
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from tests.clone import PROJECT, Clone, make_clone

FOLDER = PROJECT / "docs" / "images"
COLUMNS = 112
TERMINALS: dict[str, tuple[str, ...]] = {
    "up-dev": ("up dev --yes --engine embedded", "verify dev", "psql dev -- -c 'select 1 as one'"),
    "commands": ("",),
}
"""File to the commands that are typed one after another."""
FORMAT = re.sub(r"\s*@font-face \{\{.*?\}\}|<!--.*?-->", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
"""Rich's own, but for the fonts that it would have a page ask others for."""


def typed(clone: Clone, command: str) -> str:
    """A command with its prompt, and what it printed, in colour."""
    done = subprocess.run(
        ["sh", "-c", f"./infra {command}"],
        cwd=clone.folder,
        env=clone.environment(FORCE_COLOR="1", NO_COLOR="", COLUMNS=str(COLUMNS)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    shown = f"./infra {command}".replace(" --engine embedded", "").rstrip()
    return f"\x1b[1m$ {shown}\x1b[0m\n{done.stdout}\n".replace(str(clone.folder), "~/app").replace(str(clone.home), "~")


def picture(text: str) -> str:
    """A terminal's text as an SVG that stands by itself."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi(text.rstrip("\n")))
    drawn = console.export_svg(title="", code_format=FORMAT, unique_id="terminal")
    return "".join(f"{line.rstrip()}\n" for line in drawn.splitlines())


def main() -> None:
    """Record all of them."""
    for name, commands in TERMINALS.items():
        with tempfile.TemporaryDirectory() as parent:
            Path(parent).chmod(0o755)
            clone = make_clone(Path(parent))
            project = clone.folder / "Pulumi.yaml"
            project.write_text(re.sub(r"(?m)^(.*infra:app: ).*$", r"\1shop", project.read_text(), count=1))
            text = "".join(typed(clone, command) for command in commands)
            (FOLDER / f"{name}.svg").write_text(picture(text), encoding="utf-8")
            if any("up dev" in one for one in commands):
                clone.infra("destroy", "dev", "--yes", "--config", "retainData=false")


if __name__ == "__main__":
    main()
