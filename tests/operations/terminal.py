"""What both engines print of the program `shop`, and the page that shows it: `python -m tests.operations.terminal`.

The page's text of the Pulumi CLI is recorded where there is one on the PATH, and kept elsewhere.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from operations.engines.embedded import EmbeddedEngine
from operations.engines.interface import EngineOptions
from operations.reporting import Progress
from operations.workspace import Workspace

PROGRAM = Path(__file__).parent / "programs" / "shop"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "terminal.md"
PREVIEW = Path(__file__).parent / "data" / "shop-preview.json"
PASSPHRASE = "correct horse"
DRIFT = {"shelf-left": {"wood": "plastic", "note": {"text": "by the author\nsigned", "since": 2020}}}
INTRODUCTION = """# What a terminal shows

The same small program, run by both engines, as it is written where there is no terminal: into a log or a pipe. In a
terminal `./infra` draws the same tree in colour while it works. Its lines are the same whichever engine works below it;
the second text of each pair is what plain `pulumi` prints.

- A plan lists what changes, below what that stands in; what stays as it is is counted.
- A property is told with its old and its new value, and with a remark where it forces a replacement. What somebody else
  has changed is told as drift, with what the plan makes of it. A secret is `[secret]`.
- A plan ends with the outputs of the stack that it changes. The Pulumi CLI tells nobody whether a secret output
  changes, so on its engine those are left out. The document of a preview has no future outputs, on either engine.
- Long values are cut around their first difference, and text of several lines is told line by line.
- `NO_COLOR` takes the colours away, `FORCE_COLOR` gives the signs of plain lines theirs, and `TERM=dumb` asks for plain
  lines in a terminal.
- A program reads the plan as `./infra preview STACK --json`: the document of `pulumi preview --json`
  ([schema](schemas/preview.schema.json)), which is there on standard output also when the preview fails.
"""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One run of the program.

    Attributes:
        title: What it is about.
        command: The words after ./infra.
        pulumi: The words after pulumi.
        config: Values of this run.
        drifted: Whether somebody else has changed a shelf.
    """

    title: str
    command: str
    pulumi: str
    config: dict[str, str] = field(default_factory=dict)
    drifted: bool = False


SCENES = (
    Scene(title="Making everything", command="up --yes", pulumi="up --yes --skip-preview"),
    Scene(
        title="A plan that updates, replaces and deletes",
        command="preview",
        pulumi="preview --diff",
        config={"edition": "2"},
    ),
    Scene(
        title="A plan that meets what somebody else has changed",
        command="preview",
        pulumi="preview --diff",
        drifted=True,
    ),
    Scene(title="A program that fails", command="preview", pulumi="preview", config={"edition": "3"}),
    Scene(title="Taking everything down: the plan", command="destroy", pulumi="destroy --preview-only"),
)
FAILING = Scene(
    title="A resource that fails", command="up --yes", pulumi="up --yes --skip-preview", config={"fail": "true"}
)


@dataclass(kw_only=True)
class Shop:
    """The program in a folder of its own, with its state."""

    folder: Path

    def __post_init__(self) -> None:
        if not self.folder.exists():
            shutil.copytree(PROGRAM, self.folder, ignore=shutil.ignore_patterns("__pycache__"))
            (self.folder / "state").mkdir()
            (self.folder / "Pulumi.dev.yaml").write_text("config: {}\n")

    def drift(self, *, drifted: bool) -> None:
        """Let somebody else change a shelf, or undo it."""
        outside = self.folder / "outside.json"
        outside.write_text(json.dumps(DRIFT if drifted else {}))

    def engine(self, config: dict[str, str]) -> EmbeddedEngine:
        """The embedded engine, which works on one resource after the other."""
        workspace = Workspace(
            folder=self.folder,
            stack="dev",
            backend_url=f"file://{self.folder / 'state'}",
            passphrase=PASSPHRASE,
            overrides={f"shop:{key}": value for key, value in config.items()},
        )
        return EmbeddedEngine(workspace=workspace, options=EngineOptions(parallel=1))

    def embedded(self, scene: Scene) -> tuple[str, dict[str, Any]]:
        """What ./infra shows of a scene, and the document of a preview."""
        self.drift(drifted=scene.drifted)
        engine, stream = self.engine(scene.config), io.StringIO()
        document: dict[str, Any] = {}
        plans = "--yes" not in scene.command
        with Progress(stream=stream, planned=plans) as shown:
            if scene.command == "preview":
                result, document = engine.preview(shown)
            elif plans:
                result = engine.plan("destroy", shown)
            else:
                result = engine.change("up", shown)
        shown.summary(result, engine.name)
        return self._anywhere(stream.getvalue()), document

    def pulumi(self, scene: Scene, *more: str) -> str:
        """What the CLI prints of a scene."""
        self.drift(drifted=scene.drifted)
        values = [word for key, value in scene.config.items() for word in ("--config", f"{key}={value}")]
        command = ["pulumi", *scene.pulumi.split(), *more, *values, "--stack", "dev", "--color", "never"]
        return self._anywhere(self.call(*command, "--non-interactive", "--config-file", "lent.yaml"))

    def call(self, *command: str) -> str:
        """Run a command of the CLI."""
        shutil.copy(self.folder / "Pulumi.dev.yaml", self.folder / "lent.yaml")
        environment = {
            # The language host takes the first python3, which has to be one with Pulumi's SDK.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
        }
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.stdout

    def _anywhere(self, text: str) -> str:
        """The text without what only this folder and this machine say."""
        text = re.sub(r'File "/[^"]*/([^/"]+/[^/"]+)"', r'File "…/\1"', text.replace(f"{self.folder}/", ""))
        lines = text.strip("\n").splitlines()
        return "".join(f"{line.rstrip()}\n" for line in lines)


def timeless(text: str) -> str:
    """A text without the times in it."""
    return re.sub(r" \(\d+\.\d s\)", "", re.sub(r"in \d+\.\d s", "in 1.0 s", text))


PLUGIN_FOUND = re.compile(r"warning: using pulumi-\S+ from \$PATH")
"""What the CLI remarks about a machine that has plugins on its PATH."""


def comparable(document: dict[str, Any]) -> dict[str, Any]:
    """The document of a preview without what differs from run to run: times, ids, and where in which file."""
    text = re.sub(r"::[0-9a-f]{8}-[0-9a-f-]{27}", "::id", json.dumps(document))
    document = json.loads(text)
    document["duration"] = 1
    for step in document.get("steps", ()):
        for side in ("oldState", "newState"):
            for name in ("stackTrace", "sourcePosition", "created", "modified"):
                step.get(side, {}).pop(name, None)
            tied = step.get(side, {}).pop("propertyDependencies", {})  # the CLI lists those without a dependency or not
            if any(tied.values()):
                step[side]["propertyDependencies"] = {key: urns for key, urns in tied.items() if urns}
    told = [{**one, "message": one["message"].rstrip()} for one in document.get("diagnostics", ())]
    if told := [one for one in told if not PLUGIN_FOUND.match(one["message"])]:
        document["diagnostics"] = told
    else:
        document.pop("diagnostics", None)
    return document


def blocks(page: str) -> dict[tuple[str, str], str]:
    """The texts of the page by title and program."""
    texts: dict[tuple[str, str], str] = {}
    for section in page.split("\n## ")[1:]:
        title = section.partition("\n")[0]
        for program, text in re.findall(
            r"^```console\n\$ (?:\./)?(infra|pulumi) .*\n([^`]*)```$", section, re.MULTILINE
        ):
            texts[title, program] = text
    return texts


def page(texts: dict[tuple[str, str], str]) -> str:
    """The page that shows these texts."""
    parts = [INTRODUCTION]
    for scene in (*SCENES, FAILING):
        name, _, rest = scene.command.partition(" ")
        words = f"{name} dev {rest} --engine embedded".replace("  ", " ")
        for program, command in (("infra", f"./infra {words}"), ("pulumi", f"pulumi {scene.pulumi} --stack dev")):
            title = f"## {scene.title}\n\n" if program == "infra" else ""
            parts.append(f"{title}```console\n$ {command}\n{texts[scene.title, program]}```\n")
    return "\n".join(parts)


def record() -> None:
    """Write the page, and the CLI's document where there is a CLI."""
    texts = blocks(PAGE.read_text(encoding="utf-8")) if PAGE.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        shop, other = Shop(folder=Path(folder) / "shop"), Shop(folder=Path(folder) / "other")
        has_cli = shutil.which("pulumi") is not None
        if has_cli:
            other.call("pulumi", "stack", "init", "dev", "--non-interactive")
        for scene in (*SCENES, FAILING):
            texts[scene.title, "infra"] = shop.embedded(scene)[0]
            if has_cli:
                texts[scene.title, "pulumi"] = other.pulumi(scene)
        if has_cli:
            told = json.loads(other.pulumi(SCENES[1], "--json"))
            PREVIEW.write_text(json.dumps(comparable(told), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    PAGE.write_text(page(texts), encoding="utf-8")


if __name__ == "__main__":
    record()
