"""./infra upgrade: bring a project that `init --into` has made to a newer version of the one it was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.lazy import Lazy
from operations import cli, console
from operations.errors import ChangesRefusedError, ExitCode

if TYPE_CHECKING:
    import argparse

    from operations.init import template
else:
    template = Lazy("operations.init.template")


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "upgrade",
        text=(
            "Bring a project that `./infra init --into` has made to the newest version of the one it was made of.\n"
            "What your team changed stays: it is a merge of three, the version that yours was made of, the newer one,\n"
            "and yours. Where both changed the same lines, both stand in the file, between git's marks, and the exit\n"
            "code is 3. It needs a git repository without changes, and commits nothing: `git diff` shows what it did."
        ),
        examples=("./infra upgrade", "./infra upgrade --to v1.2.0"),
        run=run,
    )
    parser.add_argument(
        "--to",
        metavar="VERSION",
        help="a release, branch or commit (default: the newest release; where there is none, the newest commit)",
    )


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command.

    Raises:
        ChangesRefusedError: Some lines were changed on both sides.
    """
    done = template.upgrade(arguments.to)
    if done.before == done.after:
        console.say(f"nothing is newer: this project is of {done.before}")
        return ExitCode.SUCCESS
    console.say(f"from {done.before} to {done.after}: {len(done.changed)} files changed")
    if done.conflicts:
        raise ChangesRefusedError(
            f"both your team and the newer version changed the same lines of {', '.join(done.conflicts)}; both stand "
            "there, between <<<<<<< and >>>>>>>, and nothing is lost",
            next_step="choose what is to stay, then git add these files, ./infra test, git commit; "
            "or take all of it back: git reset --hard, git clean -d -i",
        )
    console.say("  next: git diff; ./infra init, which brings the workflows in step; ./infra test; git commit -a")
    return ExitCode.SUCCESS
