"""./infra setup, with a download site of the test's own."""

from __future__ import annotations

import hashlib
import http.server
import io
import json
import tarfile
import threading
from typing import TYPE_CHECKING, Any

import pytest

from operations.commands import setup
from operations.engines import choice
from operations.errors import ExitCode, MachineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

VERSION = "3.300.0"
CLI = b"#!/bin/sh\necho v3.300.0\n"


def _archive(*members: tuple[str, bytes | str]) -> bytes:
    """An archive as Pulumi publishes them; a member with a text instead of bytes is a link to it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
            else:
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content if isinstance(content, bytes) else b""))
    return packed.getvalue()


RIGHT = _archive(("pulumi/pulumi", CLI), ("pulumi/pulumi-language-python", b"#!/bin/sh\n"))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A download site: its address, and the folder whose files it has."""
    folder = tmp_path / "site"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any, **more: Any) -> None:
            super().__init__(*arguments, directory=str(folder), **more)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", folder
        server.shutdown()


@pytest.fixture
def versions(site: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the CLI goes, on a machine without one; the site has the right archive, and the pin is the site's."""
    address, folder = site
    platform = setup.this_platform()
    (folder / f"pulumi-v{VERSION}-{platform}.tar.gz").write_bytes(RIGHT)
    pin = {"version": VERSION, "address": address, "sha256": {platform: hashlib.sha256(RIGHT).hexdigest()}}
    file = tmp_path / "pinned_cli.json"
    file.write_text(json.dumps(pin))
    monkeypatch.setattr(setup, "FILE", file)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return tmp_path / "home" / "versions"


def _sent(site: tuple[str, Path], content: bytes) -> None:
    """Let the site send something else."""
    (archive,) = site[1].iterdir()
    archive.write_bytes(content)


def test_setup_says_what_is_in_step(infra: Callable[..., Any]) -> None:
    """Without --pulumi nothing is downloaded."""
    answer = infra("setup")
    assert answer.code == ExitCode.SUCCESS
    assert "requirements.txt" in answer.err


def test_what_is_pinned_has_a_checksum_for_each_platform() -> None:
    """The version is one that commands take, the address is read over TLS only, and no value is a stand-in."""
    pin = setup.pinned()
    assert tuple(map(int, pin.version.split("."))) >= choice.OLDEST
    assert pin.address.startswith("https://")
    assert sorted(pin.sha256) == ["darwin-arm64", "darwin-x64", "linux-arm64", "linux-x64"]
    assert {len(bytes.fromhex(value)) for value in pin.sha256.values()} == {32}
    assert len(set(pin.sha256.values())) == 4


def test_the_pinned_cli_is_installed_and_found(
    infra: Callable[..., Any], versions: Path, site: tuple[str, Path]
) -> None:
    """Its programs may be run, it is what `--engine auto` finds, nothing else is left; it is not fetched twice."""
    answer = infra("setup", "--pulumi")
    assert answer.code == ExitCode.SUCCESS, answer.err
    program = versions / VERSION / "bin" / "pulumi"
    assert f"ready: Pulumi {VERSION} ({program})" in answer.err
    assert {path.name: path.stat().st_mode & 0o777 for path in program.parent.iterdir()} == {
        "pulumi": 0o755,
        "pulumi-language-python": 0o755,
    }
    assert [path.name for path in versions.iterdir()] == [VERSION]
    _sent(site, b"")
    assert infra("setup", "--pulumi").code == ExitCode.SUCCESS


def test_another_archive_than_the_pinned_one_is_not_kept(
    infra: Callable[..., Any], versions: Path, site: tuple[str, Path]
) -> None:
    """A wrong checksum is a sentence with both values, and nothing is unpacked."""
    other = _archive(("pulumi/pulumi", CLI + b"# and more\n"))
    _sent(site, other)
    answer = infra("setup", "--pulumi")
    assert answer.code == ExitCode.MACHINE_NOT_READY
    assert hashlib.sha256(other).hexdigest() in answer.err
    assert hashlib.sha256(RIGHT).hexdigest() in answer.err
    assert "--engine embedded" in answer.err
    assert list(versions.iterdir()) == []


def test_an_unreachable_download_site_is_a_sentence(
    infra: Callable[..., Any], versions: Path, site: tuple[str, Path]
) -> None:
    """Where the site has no such file the URL is named, and the way without it."""
    next(site[1].iterdir()).unlink()
    answer = infra("setup", "--pulumi")
    assert answer.code == ExitCode.MACHINE_NOT_READY
    assert f"{site[0]}/pulumi-v{VERSION}-" in answer.err
    assert "404" in answer.err
    assert "--engine embedded" in answer.err
    assert list(versions.iterdir()) == []


def test_a_platform_without_a_checksum_is_refused_by_name(
    infra: Callable[..., Any], versions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that have one are named, and what to do without."""
    known = setup.this_platform()
    monkeypatch.setattr(setup, "this_platform", lambda: "plan9-mips")
    answer = infra("setup", "--pulumi")
    assert answer.code == ExitCode.MACHINE_NOT_READY
    assert f"no Pulumi CLI is pinned for plan9-mips; there is one for {known}" in answer.err
    assert "--engine embedded" in answer.err
    assert not versions.exists()


@pytest.mark.parametrize(
    "member",
    [("pulumi/../../outside", b"x"), ("/outside", b"x"), ("pulumi/..", b"x"), ("pulumi/link", "/etc/passwd")],
    ids=["above", "absolute", "dots", "link"],
)
def test_an_archive_with_anything_but_programs_is_refused(versions: Path, site: tuple[str, Path], member: Any) -> None:
    """Also one with the right checksum is unpacked into its place alone."""
    content = _archive(("pulumi/pulumi", CLI), member)
    _sent(site, content)
    digest = hashlib.sha256(content).hexdigest()
    pin = setup.Pin(version=VERSION, address=site[0], sha256={setup.this_platform(): digest})
    with pytest.raises(MachineError, match="which is no program of it"):
        setup.install(pin, versions.parent, on=setup.this_platform())
    assert list(versions.iterdir()) == []
    assert [path.name for path in versions.parent.iterdir()] == ["versions"]
