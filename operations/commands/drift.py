"""./infra drift: whether what is there is still what was declared."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from operations import changes, console, options, reporting, stack_names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from operations.drifting import Look
    from operations.exit_codes import ExitCode

WORDS = {"none": "as declared", "drifted": "drifted", "repaired": "had drifted, and is as declared again"}


def add_parser(commands: options.Commands) -> None:
    """Add the command."""
    parser = options.add_command(
        commands,
        "drift",
        summary="say what was changed or deleted behind a stack's back, and bring it back",
        text=(
            "Look at everything STACKs are made of (without a name: all that have a state) and say what differs from\n"
            "what was declared. Changes nothing and takes no lock. With --repair, `up` brings every stack that has\n"
            "drifted back to what its program says, and it is looked at again."
        ),
        examples=("./infra drift", "./infra drift staging production --json", "./infra drift staging --repair"),
        run=run,
    )
    parser.add_argument(
        "stacks",
        metavar="STACK",
        nargs="*",
        type=stack_names.checked,
        help=f"the environments: {stack_names.ALLOWED}; all that have a state when none is named",
    )
    options.add_engine(parser)
    parser.add_argument("--repair", action="store_true", help="bring back what has drifted: runs `up`, without asking")
    options.add_json(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    from operations.__main__ import judged  # noqa: PLC0415 - it imports this module
    from operations.drifting import exit_code, looked_at  # noqa: PLC0415 - loads the engine

    looks = looked_at(
        _targets(arguments), repair=arguments.repair, show=reporting.shower(verbose=arguments.verbose), judge=judged
    )
    code = exit_code(looks)
    if arguments.json:
        console.answer({"ok": not code, "stacks": [look.to_json() for look in looks]})
    else:
        print("\n".join(_lines(looks)))
    for look in looks:
        if look.verdict == "drifted":
            step = f"./infra drift {look.stack} --repair brings it back; or let the program say what was found"
            console.say(f"  next: {step}")
    return code


def _targets(arguments: argparse.Namespace) -> list[changes.Target]:
    """What to look at: each stack once, in the order of the command line."""
    first = changes.Target.from_arguments(argparse.Namespace(**vars(arguments), stack=""))
    names = list(dict.fromkeys(arguments.stacks))
    if not names:
        from operations.engines.known import known_stacks  # noqa: PLC0415 - reads YAML

        names = known_stacks(first.folder, first.environ())
    return [replace(first, stack=name) for name in names]


def _lines(looks: Sequence[Look]) -> Iterator[str]:
    if not looks:
        yield "no stack has a state: there is nothing that could drift"
    for look in looks:
        yield f"{look.stack}: {WORDS.get(look.verdict) or '; '.join(look.errors)}"
        for one in look.left or look.found:
            yield from (f"  {line}" for line in one.lines)
        if look.next_step:
            yield f"  next: {look.next_step}"
