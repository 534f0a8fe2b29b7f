"""What runs Workers: how it is found, and how a shell meets it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from operations.sandbox import process

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_tools_are_told_and_their_fetching_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the module prints is taken; what it says meanwhile is passed on."""
    answer = '{"node": "/n", "wrangler": "/w", "workerd": "/d", "modules": "/m"}'
    monkeypatch.setattr(
        process, "FIND_TOOLS", ("-c", f"import sys; sys.stderr.write('fetching\\n'); print('{answer}')")
    )
    said: list[str] = []
    assert process.find_tools(said.append) == process.Tools(node="/n", wrangler="/w", workerd="/d")
    assert said == ["fetching"]


def test_npx_wrangler_is_the_apps_own_or_the_sandboxs(tmp_path: Path) -> None:
    """Without an installed one no registry is asked; other programs are npx's business."""
    node = tmp_path / "node"
    node.write_text('#!/bin/sh\necho "node $@"\n')
    node.chmod(0o755)
    commands = tmp_path / "a folder"
    process.write_commands(commands, process.Tools(node=str(node), wrangler="/the/wrangler.js", workerd="/d"))

    def said(*words: str) -> str:
        return subprocess.run(
            [commands / "npx", *words], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout

    assert said("wrangler", "deploy", "a b") == "node /the/wrangler.js deploy a b\n"
    (tmp_path / "node_modules/.bin").mkdir(parents=True)
    (tmp_path / "node_modules/.bin/wrangler").touch()
    npx = tmp_path / "npx"
    npx.write_text('#!/bin/sh\necho "npx $@"\n')
    npx.chmod(0o755)
    text = (commands / "npx").read_text()
    (commands / "npx").write_text(text.replace(text.splitlines()[-1], f'exec "{npx}" "$@"'))
    assert said("wrangler", "deploy") == "npx wrangler deploy\n"
