"""README's lines for plain `pulumi`, typed as they stand."""

from __future__ import annotations

import re
import subprocess

import pytest

from operations.engines import choice
from tests.clone import PROJECT, Clone

CLI = choice.installed()[0]
pytestmark = [
    pytest.mark.cli,
    pytest.mark.skipif(CLI is None, reason="no Pulumi CLI, 3.238 or newer: ./infra setup --pulumi installs it"),
]


def _lines() -> list[str]:
    """The blocks of the section, each as one script."""
    text = (PROJECT / "README.md").read_text().partition("\n## It is a Pulumi program\n")[2].partition("\n## ")[0]
    return re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def _git(clone: Clone, *words: str) -> str:
    named = ("-c", "user.name=a", "-c", "user.email=a@example.org", *words)
    return subprocess.run(["git", *named], cwd=clone.folder, capture_output=True, text=True, check=True).stdout


def _typed(clone: Clone, script: str) -> str:
    assert CLI
    said = {"PULUMI_SKIP_UPDATE_CHECK": "true", "PULUMI_SKIP_CONFIRMATIONS": "true"}
    answer = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=clone.folder,
        env=clone.environment(**said, PATH=f"{CLI.path.parent}:/usr/local/bin:/usr/bin:/bin"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


@pytest.mark.timeout(600)
def test_readmes_lines_bring_dev_up_in_a_fresh_clone_and_dirty_nothing(clone: Clone) -> None:
    """Once per clone may be twice; `./infra` finds nothing to change afterwards, and neither does git."""
    (clone.folder / ".git" / "info" / "exclude").write_text(".venv\n")
    _git(clone, "add", "--all")
    _git(clone, "commit", "--quiet", "--message", "all")
    once, often = _lines()
    _typed(clone, once)
    assert "infra-dev" in _typed(clone, often)
    _typed(clone, once)
    assert "encryptionsalt" in (clone.folder / "Pulumi.dev.yaml").read_text()
    assert _git(clone, "status", "--short") == ""
    previewed = clone.infra("preview", "dev", "--engine", "embedded")
    assert previewed.returncode == 0, previewed.stderr
    assert re.search(r"\(embedded engine\): [0-9]+ unchanged\n", previewed.stderr)
