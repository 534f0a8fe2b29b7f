"""./infra preview [STACK …]: what up would do."""

from __future__ import annotations

import argparse
from dataclasses import replace

from operations import changes, cli, console, next_steps, reporting, stack_names
from operations.errors import ExitCode, UsageError


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "preview",
        text=(
            "Say what `up` would do to STACK; without a name, to every environment but production. Writes nothing.\n"
            "With --json it answers with the document of `pulumi preview --json`, also when the program or a resource\n"
            "fails, of several stacks with one document behind the other; secrets are masked."
        ),
        examples=("./infra preview dev", "./infra preview staging --json", "./infra preview"),
        run=run,
    )
    parser.add_argument(
        "stacks",
        metavar="STACK",
        nargs="*",
        type=stack_names.checked,
        help=f"the environments: {stack_names.ALLOWED}; all but production's when none is named",
    )
    cli.add_engine(parser)
    cli.add_json(parser)
    cli.add_config(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    named = list(dict.fromkeys(arguments.stacks)) or _usual()
    if len(named) == 1:
        return _previewed(arguments, named[0])
    codes = []
    for stack in named:
        codes.append(_guarded(arguments, stack))
        if codes[-1] is ExitCode.INTERRUPTED:
            break
    return max(codes)


def _usual() -> list[str]:
    """All environments but production's.

    Raises:
        UsageError: There is none.
    """
    from stacks import side_by_side

    if found := side_by_side.usual(stack_names.PROJECT):
        return found
    known = ", ".join(stack_names.names(stack_names.PROJECT))
    raise UsageError("there is no environment but production's", next_step=f"name a stack: {known}")


def _guarded(arguments: argparse.Namespace, stack: str) -> ExitCode:
    """One of several: that it cannot be planned is its own answer, and does not keep the others from it."""
    from operations.__main__ import explained

    try:
        return _previewed(arguments, stack)
    except Exception as error:
        message, step, code = explained(error)
        if code is ExitCode.UNEXPECTED:
            raise  # a defect of ours is told where all are
        message, step = next_steps.filled(message), next_steps.filled(step)
        console.say(f"error: {stack}: {message}")
        console.say(f"  next: {step}")
        if arguments.json:
            told = console.of_failed_preview(message, step, code=code.value, name=code.name.lower())
            console.answer({"stack": stack, **told})
        return code


def _previewed(arguments: argparse.Namespace, stack: str) -> ExitCode:
    of_one = argparse.Namespace(**vars(arguments), stack=stack)
    next_steps.of(next_steps.Run.from_arguments(of_one))
    show = reporting.shower(verbose=arguments.verbose)
    done = changes.preview(changes.Target.from_arguments(of_one), show=show, document=arguments.json)
    if done.document:
        done = replace(done, document={"stack": stack, **done.document})
    step = "the same command with up carries it out" if arguments.config else f"./infra up {stack}"
    return reporting.report(done, as_json=arguments.json, next_step=step)
