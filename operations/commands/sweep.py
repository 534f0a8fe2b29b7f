"""./infra sweep: remove what closed or forgotten pull requests have left."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from operations import changes, console, options
from operations.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from operations.sweep.act import Removed
    from operations.sweep.decision import Verdict
    from operations.sweep.look import Looked

KEEP_LABEL = "keep-preview"


def add_parser(commands: options.Commands) -> None:
    """Add the command."""
    parser = options.add_command(
        commands,
        "sweep",
        summary="remove the previews of pull requests that are closed, or whose life has ended",
        text=(
            "List the previews of the project with what is to become of each, and why. Nothing is removed without\n"
            "--yes. A preview goes when its branch has our name (pr-<number>) and our mark, and its pull request is\n"
            "closed or the last day of its life is over; then its Worker and its stack's state. It works from the\n"
            "lists of Xata and GitHub, so what has no state is found, too."
        ),
        examples=("./infra sweep", "./infra sweep --yes", "./infra sweep --json --keep-label demo"),
        run=run,
    )
    parser.add_argument("--yes", action="store_true", help="remove what goes; without it, it is only listed")
    parser.add_argument(
        "--keep-label",
        metavar="LABEL",
        default=KEEP_LABEL,
        help=f"a pull request with this label keeps its preview (default: {KEEP_LABEL})",
    )
    parser.add_argument(
        "--without-github",
        action="store_true",
        help="do not ask GitHub: only what has outlived its life goes, and no label keeps it",
    )
    options.add_engine(parser)
    options.add_json(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    from operations.sweep.act import carry_out, failed  # noqa: PLC0415 - not for help and usage errors
    from operations.sweep.look import look  # noqa: PLC0415 - as above
    from operations.sweep.scene import scene  # noqa: PLC0415 - as above

    target = changes.Target.from_arguments(argparse.Namespace(**vars(arguments), stack=""))
    here = scene(target.folder, target.environ())
    seen = look(here, keep_label=arguments.keep_label, without_github=arguments.without_github)
    done: Sequence[Removed] = ()
    if arguments.yes:
        done = carry_out(here, seen.verdicts, target_of=lambda stack: replace(target, stack=stack), say=console.say)
    if arguments.json:
        console.answer(as_answer(seen, done, carried_out=arguments.yes))
    else:
        print("\n".join(table(seen.verdicts)))
    _say(seen, done, arguments)
    return ExitCode.RESOURCE_FAILED if seen.faults or failed(done) else ExitCode.SUCCESS


def as_answer(seen: Looked, done: Sequence[Removed], *, carried_out: bool) -> dict[str, Any]:
    """The answer for a program."""
    return {
        "carriedOut": carried_out,
        "goes": [_entry(one) for one in seen.verdicts if one.goes],
        "stays": [_entry(one) for one in seen.verdicts if not one.goes],
        "others": seen.others,
        "removed": [{"name": one.verdict.name, "gone": list(one.gone), "error": one.error} for one in done],
        "faults": list(seen.faults),
    }


def table(verdicts: Sequence[Verdict]) -> Iterable[str]:
    """What becomes of each preview: what goes first."""
    if not verdicts:
        return ["no preview is there"]
    rows = [("goes" if one.goes else "stays", _parts(one), _shown(one.name), one.detail) for one in verdicts]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return [
        "  ".join([*(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows
    ]


def _say(seen: Looked, done: Sequence[Removed], arguments: argparse.Namespace) -> None:
    """Say what is to be known besides the table, and what is to be done next."""
    going = sum(one.goes for one in seen.verdicts)
    staying = len(seen.verdicts) - going
    for fault in seen.faults:
        console.say(f"error: {fault}")
    console.say(f"{going} to go, {staying} to stay; {seen.others} branches are no previews")
    for one in done:
        if one.error and one.next_step:
            console.say(f"  next for {one.verdict.name}: {one.next_step}")
    if going and not arguments.yes:
        console.say("  next: ./infra sweep --yes removes what goes")


def _entry(verdict: Verdict) -> dict[str, Any]:
    return {
        "name": verdict.name,
        "reason": str(verdict.reason),
        "detail": verdict.detail,
        "branch": verdict.branch.id if verdict.branch else None,
        "worker": verdict.worker or None,
        "state": verdict.state,
    }


def _parts(verdict: Verdict) -> str:
    there = (("branch", verdict.branch), ("Worker", verdict.worker), ("state", verdict.state))
    return ", ".join(name for name, part in there if part)


def _shown(name: str) -> str:
    """A name as a terminal may show it: anybody may have given a branch any name."""
    return name if name.isprintable() and name.isascii() else ascii(name)
