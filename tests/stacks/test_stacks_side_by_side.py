"""The environments of a folder: which there are, and what two of them cannot have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from components.errors import ConfigurationError
from stacks import config, side_by_side, stack_names

if TYPE_CHECKING:
    from pathlib import Path

APP = "infra:app: acme-shop"


def _folder(folder: Path, **files: str) -> Path:
    """A project with these stack files: name to lines of its `config`, divided by `;`."""
    for name, lines in {"": APP, **files}.items():
        said = "\n".join(f"  {line.strip()}" for line in lines.split(";") if line.strip())
        file = f"Pulumi.{name}.yaml" if name else "Pulumi.yaml"
        (folder / file).write_text(f"config:\n{said}\n" if said else "")
    return folder


def _refuse(folder: Path, stack: str) -> None:
    said = config.written(folder / "Pulumi.yaml")
    raw = {**said, **config.written(folder / config.file_of(stack))}
    side_by_side.refuse_shared(config.read(stack, raw, shared=said), folder)


def test_the_stacks_are_the_files(tmp_path: Path) -> None:
    """An empty file, and one without `config`, are whole; templates and files of pull requests are no environments."""
    _folder(tmp_path, dev="", foundation="", production="", qa="", preview="", **{"pr-7": "", "dev-anna": "", "QA": ""})
    (tmp_path / "Pulumi.qa.yaml").write_text("encryptionsalt: v1:x\n")
    assert stack_names.names(tmp_path) == ["dev", "foundation", "dev-anna", "qa", "production"]
    assert side_by_side.branches(tmp_path) == {"dev", "main", "dev-anna", "qa", "production"}


def test_a_file_that_grows_when_it_is_written_out_is_not_written_out(tmp_path: Path) -> None:
    """Aliases in aliases, a few hundred bytes that mean gigabytes, in a file that lies beside."""
    levels = [f"infra:k{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    _folder(tmp_path, qa="", bomb=";".join(["infra:k0: &a0 [x, x]", *levels]))
    assert config.written(tmp_path / "Pulumi.bomb.yaml") == {"infra:k0": '["x","x"]'}
    _refuse(tmp_path, "qa")


@pytest.mark.parametrize(
    ("name", "words", "step"),
    [
        ("Staging", "a stack's name is a lower-case letter.*; did you mean staging", "the stacks are dev, staging"),
        (
            "Production",
            r"there is a Pulumi\.Production\.yaml, and",
            r"git mv Pulumi\.Production\.yaml Pulumi\.production",
        ),
        (
            "production",
            r"there is a Pulumi\.Production\.yaml, and",
            r"git mv Pulumi\.Production\.yaml Pulumi\.production",
        ),
        ("q a", "a stack's name is", "the stacks are"),
        ("q\u00e4", "a stack's name is", "the stacks are"),
        ("preview", "and not preview", "the stacks are"),
        ("pr-7-old-abcdefgh", "a stack's name is", "the stacks are"),
        ("a" * 100, r"… \(100 characters\): a stack's name is", "the stacks are"),
        ("stagin", r"there is no Pulumi\.stagin\.yaml; did you mean staging\?", "make that file: an empty one does"),
        ("PR-7", "no stack of a pull request", "the stacks are"),
    ],
)
def test_what_is_no_stack_is_told_in_words(tmp_path: Path, name: str, words: str, step: str) -> None:
    """What is wrong with the name, or which file is missing; plain Pulumi takes any."""
    _folder(tmp_path, dev="", staging="", Production="")
    with pytest.raises(ConfigurationError, match=rf"(?s){words}.*\n  next: .*{step}"):
        side_by_side.require_stack(name, tmp_path)
    side_by_side.require_stack("staging", tmp_path)
    side_by_side.require_stack("pr-7", tmp_path)


SHARED = {
    "a branch": ({"qa": "infra:branch: staging", "staging": ""}, "qa", "the Xata branch 'staging'"),
    "one branch of two": ({"a": "infra:branch: x", "b": "infra:branch: x"}, "b", "the Xata branch 'x'"),
    "the root": ({"qa": "infra:branch: main; infra:parent: x", "foundation": ""}, "qa", "the Xata branch 'main'"),
    "dev's": ({"qa": "infra:branch: dev", "dev": ""}, "dev", "the Xata branch 'dev'"),
    "a Worker": ({"a": "infra:workerName: x", "b": "infra:workerName: x"}, "a", "the Worker 'x'"),
    "another's Worker": ({"a": "infra:workerName: acme-shop-b", "b": ""}, "b", "the Worker 'acme-shop-b'"),
    "a preview's": ({"a": "infra:workerName: x-pr-7", "preview": "infra:workerName: x"}, "pr-7", "the Worker 'x-pr-7'"),
}
APART = {
    "two projects": ({"a": "infra:branch: x; infra:project: one", "b": "infra:branch: x; infra:project: two"}, "b"),
    "two accounts": (
        {"a": f"infra:workerName: x; infra:cloudflareAccount: {'a' * 32}", "b": "infra:workerName: x"},
        "b",
    ),
    "no Worker": ({"a": "infra:workerName: x", "b": "infra:workerName: x; infra:worker: off"}, "b"),
    "one word for the app": ({"a": "infra:environment: qa", "b": "infra:environment: qa"}, "b"),
    "what cannot be read": ({"a": "infra:branch: b; infra:nonsense: 1", "b": ""}, "b"),
}


@pytest.mark.parametrize("case", SHARED)
def test_two_environments_share_nothing(tmp_path: Path, case: str) -> None:
    """Neither branch nor Worker; both files are named, and the key that tells them apart."""
    files, stack, what = SHARED[case]
    _folder(tmp_path, **files)
    other = next(name for name in files if name not in {stack, "preview" if stack == "pr-7" else ""})
    both = rf"{config.file_of(stack)} and Pulumi\.{other}\.yaml would share {what}.*\n  next: set another infra:"
    with pytest.raises(ConfigurationError, match=both):
        _refuse(tmp_path, stack)


@pytest.mark.parametrize("case", APART)
def test_what_only_looks_alike_is_let_be(tmp_path: Path, case: str) -> None:
    """The same name in another project or account is another thing; a file that is wrong is its own plan's matter."""
    files, stack = APART[case]
    _refuse(_folder(tmp_path, **files), stack)


def test_production_is_who_tells_its_app_so(tmp_path: Path) -> None:
    """Copies of these branches are asked for by name; that of the branch `production` always is."""
    _folder(tmp_path, live="infra:environment: production", qa="", production="infra:branch: prod-eu")
    assert side_by_side.production_branches(tmp_path) == ("live", "prod-eu")
    (tmp_path / "Pulumi.live.yaml").write_text("config:\n  infra:environment: production\n  infra:nonsense: 1\n")
    (tmp_path / "Pulumi.odd.yaml").write_text("config: [")
    assert side_by_side.production_branches(tmp_path) == ("live", "odd", "prod-eu")
