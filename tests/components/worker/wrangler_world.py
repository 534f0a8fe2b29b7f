"""What the tests of the wrangler file share: samples, layouts made at random, and wrangler itself as the judge."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from components.worker.wrangler.findings import Expectation

if TYPE_CHECKING:
    from random import Random

SAMPLES = Path(__file__).parent / "data" / "wrangler"
STAGING = Expectation(
    stack="staging", environment="staging", branch="staging", expected_name="warehouse-manager-staging"
)
DEV = Expectation(stack="dev", environment="development", branch="dev")
COMMENTS = ("// a comment, with { [ \" and '\n", "/* a comment */", '/* two\n * lines: "a": 1, */', "/**/", "//\n")


def sample(name: str) -> str:
    """The text of a sample file."""
    return (SAMPLES / f"{name}.jsonc").read_bytes().decode()


def wild(data: Any, dice: Random) -> str:
    """The data with blanks, line ends, comments and trailing commas wherever they may stand."""

    def gap() -> str:
        pieces = [" ", "  ", "\t", "\n", "\r\n", "\n    ", *COMMENTS]
        return "".join(dice.choices(pieces, k=dice.choice([0, 0, 1, 1, 2, 3])))

    def listed(items: list[str]) -> str:
        trailing = f",{gap()}" if items and dice.random() < 0.3 else ""
        return gap() + f",{gap()}".join(item + gap() for item in items) + trailing

    def write(value: Any) -> str:
        if isinstance(value, dict):
            members = [f"{json.dumps(key)}{gap()}:{gap()}{write(item)}" for key, item in value.items()]
            return f"{{{listed(members)}}}"
        if isinstance(value, list):
            return f"[{listed([write(item) for item in value])}]"
        return json.dumps(value, ensure_ascii=dice.random() < 0.5)

    return dice.choice(["", "\ufeff"]) + gap() + write(data) + gap()


def tidy(data: Any, *, unit: str, line_end: str, indent: str = "") -> str:
    """The data as a formatter lays it out: a line for each member, lists on one line."""
    if not isinstance(data, dict):
        return json.dumps(data, ensure_ascii=False)
    if not data:
        return "{}"
    inner = indent + unit
    members = [
        f"{inner}{json.dumps(key)}: {tidy(value, unit=unit, line_end=line_end, indent=inner)}"
        for key, value in data.items()
    ]
    return "{" + line_end + f",{line_end}".join(members) + line_end + indent + "}"


def modules() -> Path:
    """The folder of npm packages that holds wrangler; skips the test where there is none."""
    folder = os.environ.get("INFRA_TEST_NODE_MODULES", "")
    if not folder or not (Path(folder) / "wrangler").is_dir() or not shutil.which("node"):
        pytest.skip("wrangler is not there: npm install it, then set INFRA_TEST_NODE_MODULES=FOLDER/node_modules")
    return Path(folder)


READ_BY_NODE = """
const { unstable_readConfig, experimental_readRawConfig } = require(`${process.argv[2]}/wrangler`);
const fs = require("node:fs");
const answer = ({ file, env }) => {
  let raw;
  try { raw = experimental_readRawConfig({ config: file }).rawConfig; } catch (error) {
    const { line, column } = error.location ?? {};
    return { refused: error.text ?? error.message, line, column };
  }
  try {
    const { name, vars, secrets, route, routes, account_id } = unstable_readConfig(
      { config: file, env }, { hideWarnings: true });
    return { raw, name, vars, secrets, route, routes, account_id };
  } catch (error) { return { raw, invalid: error.message }; }
};
fs.writeFileSync(process.argv[4], JSON.stringify(JSON.parse(fs.readFileSync(process.argv[3])).map(answer)));
"""


def read_by_wrangler(folder: Path, texts: list[str], *, environment: str | None = None) -> list[dict[str, Any]]:
    """What wrangler's own reader makes of the texts.

    For each `raw` and what counts in the environment, or why it is `refused` and the `line`.
    """
    packages = modules()
    files = []
    for number, text in enumerate(texts):
        file = folder / str(number) / "wrangler.jsonc"
        file.parent.mkdir(parents=True)
        file.write_bytes(text.encode())
        files.append({"file": str(file), "env": environment})
    script, asked, answered = (folder / name for name in ("read.cjs", "asked.json", "answered.json"))
    script.write_text(READ_BY_NODE)
    asked.write_text(json.dumps(files))
    quiet = {"WRANGLER_SEND_METRICS": "false", "WRANGLER_SEND_ERROR_REPORTS": "false", "CI": "1", "HOME": str(folder)}
    quiet |= {"PATH": os.environ["PATH"], "WRANGLER_LOG_PATH": str(folder / "logs")}
    command = ["node", str(script), str(packages), str(asked), str(answered)]
    subprocess.run(command, env=quiet, cwd=folder, capture_output=True, timeout=180, check=True)
    answers: list[dict[str, Any]] = json.loads(answered.read_text())
    return answers
