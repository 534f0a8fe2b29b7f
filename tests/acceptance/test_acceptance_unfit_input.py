"""What is no such file, or too much of one, is told in a sentence: as a user meets it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.clone import Clone

SECONDS = 60
"""Without limits some of these take for ever; a limit that works takes less than a second, and a busy machine more."""
BOMB = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
NUMBERS = {"budget": ["nan", "0", "1e400"], "parallel": ["0", "9" * 5000]}


def _told(answer: subprocess.CompletedProcess[str]) -> str:
    """What a command that fails says, which is no traceback and no defect of the program."""
    assert answer.returncode in {2, 6}, answer.stderr
    assert "next: " in answer.stderr
    assert "Traceback" not in answer.stderr
    return answer.stderr


@pytest.mark.parametrize(
    "file",
    [
        "Pulumi.dev.yaml",
        pytest.param("Pulumi.yaml", marks=pytest.mark.thorough),
        pytest.param("Pulumi.preview.yaml", marks=pytest.mark.thorough),
    ],
)
def test_yaml_has_limits(untouched: Clone, file: str) -> None:
    """Whatever is too deep, too much behind aliases, or too long: the file is named, and the limit."""
    place = untouched.folder / file
    stack = "pr-7" if file == "Pulumi.preview.yaml" else "dev"
    kept = place.read_bytes()
    unfit = {
        "deeper than 100 levels": b"config: " + b"[" * 100_000,
        "more than 10000 values": f"{BOMB}config:\n  infra:sqlFiles: *a11\n".encode(),
        "bytes": b"#" * 50_000_000,
    }
    try:
        for words, content in unfit.items():
            place.write_bytes(content)
            answer = untouched.infra("preview", stack, "--engine", "embedded", timeout=SECONDS)
            assert words in _told(answer)
            assert file in answer.stderr
    finally:
        place.write_bytes(kept)


def _made(file: Path, content: bytes | None) -> Path:
    """The file with this content; a pipe without."""
    if content is None:
        os.mkfifo(file)
    else:
        file.write_bytes(content)
    return file


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"one\0two\n", "zero byte"),
        (b"\xff\xfe\n", "not UTF-8"),
        pytest.param(b"\n", "is empty", marks=pytest.mark.thorough),
        pytest.param(b"x" * 5_000_000, "bytes", marks=pytest.mark.thorough),
        (None, "nobody writes into it"),
    ],
    ids=["zero", "bytes", "empty", "long", "pipe"],
)
def test_a_passphrase_file_that_holds_none_is_told(
    untouched: Clone, tmp_path: Path, content: bytes | None, words: str
) -> None:
    """Its path and what is wrong with it; no state is touched with what it does not hold."""
    file = _made(tmp_path / "passphrase", content)
    answer = untouched.infra("preview", "dev", timeout=SECONDS, PULUMI_CONFIG_PASSPHRASE_FILE=str(file))
    assert words in _told(answer)
    assert str(file) in answer.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("sync", "--event"),
        pytest.param(("gate",), marks=pytest.mark.thorough),
        pytest.param(("comment", "--dry-run"), marks=pytest.mark.thorough),
        ("sandbox", "start", "--settings"),
    ],
)
def test_a_document_that_is_too_deep_or_a_pipe_is_told(
    untouched: Clone, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """An event, a plan and settings are read within limits, and a pipe is not waited for."""
    deep = _made(tmp_path / "deep.json", b"[" * 100_000)
    pipe = _made(tmp_path / "pipe.json", None)
    for file in (deep, pipe):
        answer = untouched.infra(
            *command, str(file), timeout=SECONDS, GITHUB_REPOSITORY="example/app", GITHUB_TOKEN="none"
        )
        assert answer.returncode not in {0, 1}, answer.stderr
        assert str(file) in answer.stderr + answer.stdout


@pytest.mark.parametrize("option", NUMBERS)
def test_a_number_that_is_none_is_told(untouched: Clone, option: str) -> None:
    """The option, what was given, and what is allowed."""
    command = {"budget": "verify", "parallel": "preview"}[option]
    for value in NUMBERS[option]:
        said = _told(untouched.infra(command, "dev", f"--{option}={value}"))
        assert f"--{option}: {value!r} is not a" in said


RECORDS = {
    ".infra/state/.pulumi/stacks/infra/dev.json": ("preview", "dev", "--engine", "embedded"),
    ".infra/state/.pulumi/locks/organization/infra/dev/1b.json": ("unlock", "dev"),
    ".infra/state/infra-infra-dev.json": ("preview", "dev", "--engine", "embedded"),
    ".infra/sandbox/sandbox.json": ("preview", "staging", "--sandbox", "--engine", "embedded"),
}
"""What the program itself has written, and a command that reads it."""


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_of_the_program_that_is_none_is_told(untouched: Clone, record: str) -> None:
    """State, lock, the database's place, the sandbox: too deep, or a pipe, which is not waited for."""
    file = untouched.folder / record
    file.parent.mkdir(parents=True, exist_ok=True)
    named = "dev is locked by somebody" if file.parent.name == "dev" else str(file)
    for content in (b"[" * 100_000, None):
        _made(file, content)
        try:
            answer = untouched.infra(*RECORDS[record], timeout=SECONDS, PULUMI_CONFIG_PASSPHRASE="none")
        finally:
            file.unlink()
        assert answer.returncode not in {0, 1}, answer.stderr
        assert named in answer.stderr
