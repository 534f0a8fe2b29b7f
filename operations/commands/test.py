"""./infra test: everything a change must pass."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from operations import cli, console
from operations.workspace import HAS_SANDBOX, NOT_FOR_CHILDREN, PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

EPILOG = """\
examples:
  ./infra test                              everything: linter, formatter, types, imports, tests
  ./infra test --all                        the tests of packages that have not changed, too
  ./infra test tests/operations -k verify   some tests: what follows goes to pytest
  ./infra test --quick                      a first look, in about a minute: what QUICK in this command's file names
  ./infra test workflows                    the workflows' commands against the sandbox, at full length
"""
TEXT = (
    "Check everything a change must pass: linter, formatter, types, imports and tests; the tests of a package in\n"
    "packages/ that has not changed since they passed in this clone are left out but with `--all`. With other\n"
    "arguments, only pytest runs, with these arguments. `--quick` is a first look in about a minute: everything but\n"
    "mypy, and of the tests the house rules, the declarations, the commands and one dev database; the rest decides.\n"
    "`workflows` alone runs what .github/workflows would run, with recorded events."
)
WORKFLOWS = "workflows"
QUICK_OPTION = "--quick"
ALL_OPTION = "--all"
QUICK = (
    # the house rules
    "tests/test_house_rules.py",
    "tests/test_documents.py",
    # what may be declared, and what recorded state holds
    "tests/stacks/test_stacks_config.py",
    "tests/stacks/test_stacks_contract.py",
    "tests/components/test_provider_contract.py",
    # rules without a server or a process
    "tests/components/xata/test_branches_rules.py",
    "tests/components/worker/test_wrangler_jsonc.py",
    "packages/pulumi-embedded/tests/engine/test_engine_goal.py",
    "packages/pulumi-embedded/tests/engine/test_engine_planner.py",
    # every command, in one process; those two start others
    "tests/operations",
    "--ignore=tests/operations/test_operations_sandbox.py",
    "--ignore=tests/operations/test_operations_terminal.py",
    # and one database, for real
    "tests/acceptance/test_acceptance_dev.py::test_up_gives_a_stamped_postgres_18_and_dev_vars",
)
"""What a first look runs: a file is here if it fails soon where something is wrong, and takes a few seconds at most."""
PACKAGES = ("packages/cloud-sandbox", "packages/pulumi-embedded")
"""What imports nothing of the program, so that its tests depend on its own files and on what it stands in for."""
STOOD_FOR = ("requirements.txt", "requirements/dev.txt", "tests/plugin.py")
"""What else decides how a package's tests end: Pulumi's version and the other pins, and what holds for every test."""
PROGRAMS = ("pulumi", "node", "psql", "docker")
"""Programs that switch tests on where they are found."""
PASSED = Path(sys.prefix) / "passed"
"""A file for each package whose tests have passed: its fingerprint. A new environment has to prove them again."""
THOROUGH = "INFRA_TEST_THOROUGH"
"""The variable with which tests that take minutes run, too."""
IMPORT_LINTER = """
import glob, sys
from importlinter.cli import lint_imports
files = ["pyproject.toml", *glob.glob("packages/*/pyproject.toml")]
sys.exit(max(lint_imports(config_filename=file) for file in files))
"""
OF_THE_PROGRAM = () if HAS_SANDBOX else ("stacks", "components", "operations", "packages/pulumi-embedded/src")
"""What is typed for sure: most tests are typed by the sandbox, too."""
CHECKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ruff check", ("-m", "ruff", "check", "--no-fix", ".")),
    ("ruff format", ("-m", "ruff", "format", "--check", ".")),
    ("mypy", ("-m", "mypy", *OF_THE_PROGRAM)),
    ("import-linter", ("-c", IMPORT_LINTER)),
)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How one check ended."""

    name: str
    code: int
    output: str


def add_parser(commands: cli.Commands) -> None:
    """Add the command to the list; its own command line is read by `parse`."""
    commands.add_parser("test", help=cli.COMMANDS["test"], add_help=False)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line: only help is ours, the rest is pytest's."""
    parser = cli.Parser(
        prog="./infra test",
        usage="./infra test [pytest arguments ...]",
        description=TEXT,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if arguments and arguments[0] in {"-h", "--help"}:
        parser.parse_args(["--help"])
    return argparse.Namespace(run=run, pytest_arguments=list(arguments), verbose=False)


def check(folder: Path, *, quick: bool = False) -> list[Outcome]:
    """Run everything but the tests, side by side; in a first look not mypy, which takes a minute by itself."""
    processes = [(name, _start(folder, command)) for name, command in CHECKS if not (quick and name == "mypy")]
    return [Outcome(name=name, output=process.communicate()[0], code=process.returncode) for name, process in processes]


def run(arguments: argparse.Namespace) -> int:
    """Run the command; the exit code is that of the checks, or that of the tests, after everything has run."""
    first, given = arguments.pytest_arguments[:1], arguments.pytest_arguments
    if first == [WORKFLOWS]:
        return _workflows(given[1:])
    quick = first == [QUICK_OPTION]
    if given and not quick and given != [ALL_OPTION]:
        return _pytest(map(_absolute, given))
    with ThreadPoolExecutor(max_workers=1) as beside:  # mypy takes one core for a minute
        checked = beside.submit(_checked, quick=quick)
        tests = _pytest([*QUICK, *given[1:]]) if quick else _tests(everything=bool(given))
    if code := checked.result():
        console.say("a check FAILED: what it said stands above, between the tests")
    return code or tests


def _tests(*, everything: bool) -> int:
    """Run the tests, those of packages that are as they passed only when everything is asked for; note what passes."""
    prints = {package: fingerprint(PROJECT, package) for package in PACKAGES}
    left_out = [] if everything else [package for package in PACKAGES if _passed(package) == prints[package]]
    for package in left_out:
        console.say(f"{package} has not changed since its tests passed here: they are left out (--all runs them)")
    code = _pytest(f"--ignore={package}" for package in left_out)
    if code == 0:
        PASSED.mkdir(exist_ok=True)
        for package, value in prints.items():
            (PASSED / Path(package).name).write_text(value)
    return code


def fingerprint(project: Path, package: str) -> str:
    """What decides how a package's tests end, in one word: files, pins, variables, and the programs on the PATH."""
    contents = hashlib.sha256()
    own = (path for path in (project / package).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    for path in sorted([*own, *(project / name for name in STOOD_FOR)]):
        contents.update(f"\0{path.relative_to(project)}\0".encode() + path.read_bytes())
    for name, value in sorted(os.environ.items()):
        if name.startswith("INFRA_TEST_"):
            named = Path(value).read_bytes() if Path(value).is_file() else b""
            contents.update(f"\0{name}={value}\0".encode() + named)
    contents.update(repr([shutil.which(program) for program in PROGRAMS]).encode())
    return contents.hexdigest()


def _passed(package: str) -> str:
    kept = PASSED / Path(package).name
    return kept.read_text() if kept.is_file() else ""


def _checked(*, quick: bool) -> int:
    """Run the checks and tell how each ended; the code of the first that failed."""
    code, started = 0, time.monotonic()
    for outcome in check(PROJECT, quick=quick):
        console.say(f"{outcome.name}: {'ok' if outcome.code == 0 else 'FAILED'}")
        if outcome.code:
            console.say(outcome.output.rstrip())
        code = code or outcome.code
    console.say(f"checks took {time.monotonic() - started:.0f} s")
    return code


def _workflows(arguments: Sequence[str]) -> int:
    """Run the workflows' tests at full length."""
    os.environ.setdefault(THOROUGH, "1")
    return _pytest([str(PROJECT / "tests" / WORKFLOWS), *map(_absolute, arguments)])


def _pytest(arguments: Iterable[str]) -> int:
    return subprocess.run(  # noqa: S603 - our own interpreter, with the user's arguments for pytest
        [sys.executable, "-m", "pytest", *arguments], cwd=PROJECT, env=_environment(), check=False
    ).returncode


def _absolute(argument: str) -> str:
    """Paths are meant from the user's folder; pytest runs in the project's."""
    path, colons, name = argument.partition("::")
    exists = not argument.startswith("-") and Path(path).exists()
    return f"{Path(path).absolute()}{colons}{name}" if exists else argument


def _start(folder: Path, command: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own interpreter, with arguments of ours
        [sys.executable, *command],
        cwd=folder,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in NOT_FOR_CHILDREN}
