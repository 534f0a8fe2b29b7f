"""./infra drift: whether what is there is still what was declared."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from operations import changes, cli, console, reporting, stack_names
from operations.display.plan import ABSENT, drift, shown
from operations.errors import ExitCode
from operations.next_steps import filled
from pulumi_embedded.api import StepFinished
from pulumi_embedded.values import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from operations.changes import ShowProgress, Target
    from operations.display.plan import Difference
    from pulumi_embedded.api import Event, Step

WORDS = {"none": "as declared", "drifted": "drifted", "repaired": "had drifted, and is as declared again"}


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "drift",
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
    cli.add_engine(parser)
    parser.add_argument("--repair", action="store_true", help="bring back what has drifted: runs `up`, without asking")
    cli.add_json(parser)


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    from operations.__main__ import explained

    results = read_drift(
        _targets(arguments),
        repair=arguments.repair,
        show=reporting.shower(verbose=arguments.verbose),
        explain=explained,
    )
    code = exit_code(results)
    if arguments.json:
        console.answer({"ok": not code, "stacks": [result.to_json() for result in results]})
    else:
        print("\n".join(_lines(results)))
    for result in results:
        if result.verdict == "drifted":
            step = f"./infra drift {result.stack} --repair brings it back; or let the program say what was found"
            console.say(filled(f"  next: {step}", stack=result.stack))
    return code


def _targets(arguments: argparse.Namespace) -> list[changes.Target]:
    """What to look at: each stack once, in the order of the command line."""
    first = changes.Target.from_arguments(argparse.Namespace(**vars(arguments), stack=""))
    names = list(dict.fromkeys(arguments.stacks))
    if not names:
        from operations.engines.choice import known_stacks

        names = known_stacks(first.folder, first.environ())
    return [replace(first, stack=name) for name in names]


def _lines(results: Sequence[StackDrift]) -> Iterator[str]:
    if not results:
        yield "no stack has a state: there is nothing that could drift"
    for result in results:
        yield f"{result.stack}: {WORDS.get(result.verdict) or '; '.join(result.errors)}"
        for one in result.left or result.found:
            yield from (f"  {line}" for line in one.lines)
        if result.next_step:
            yield f"  next: {result.next_step}"


Verdict = Literal["none", "drifted", "repaired", "failed"]


@dataclass(frozen=True, kw_only=True)
class StackDrift:
    """What was found of one stack.

    Attributes:
        stack: Its name.
        verdict: `repaired` when something had drifted and is as declared again.
        found: What had drifted; after a repair, what it was.
        left: What still differs after a repair.
        errors: Why it could not be looked at, or repaired.
        code: The exit code of those.
        next_step: What to do about them.
    """

    stack: str
    verdict: Verdict
    found: tuple[Drifted, ...] = ()
    left: tuple[Drifted, ...] = ()
    errors: tuple[str, ...] = ()
    code: ExitCode = ExitCode.SUCCESS
    next_step: str = ""

    def to_json(self) -> dict[str, Any]:
        """One entry of `stacks`."""
        return {
            "stack": self.stack,
            "result": self.verdict,
            "resources": [one.to_json() for one in self.found],
            "left": [one.to_json() for one in self.left],
            "errors": list(self.errors),
        }


def read_drift(
    targets: Sequence[Target],
    *,
    repair: bool,
    show: ShowProgress,
    explain: Callable[[Exception], tuple[str, str, ExitCode]],
) -> list[StackDrift]:
    """Read stacks one after the other; that one cannot be looked at does not keep the others from it.

    Args:
        targets: Which stacks, and how.
        repair: Whether to bring back what has drifted.
        show: Makes whoever shows the progress of a repair.
        explain: Puts an error into words.
    """
    return [_guarded(target, repair=repair, show=show, explain=explain) for target in targets]


def exit_code(results: Sequence[StackDrift]) -> ExitCode:
    """An error counts more than a drift, and of several the first: what was not looked at may have drifted, too."""
    failed = next((one.code for one in results if one.verdict == "failed"), None)
    drifted = any(one.verdict == "drifted" for one in results)
    return failed or (ExitCode.DRIFTED if drifted else ExitCode.SUCCESS)


def _guarded(
    target: Target,
    *,
    repair: bool,
    show: ShowProgress,
    explain: Callable[[Exception], tuple[str, str, ExitCode]],
) -> StackDrift:
    console.say(f"{target.stack}: looking at everything it is made of")
    try:
        result = _read_stack(target)
        return _repaired(result, target, show) if repair and result.verdict == "drifted" else result
    except Exception as error:
        message, next_step, code = explain(error)
        message, next_step = (filled(text, stack=target.stack) for text in (message, next_step))
        if code is ExitCode.UNEXPECTED:
            raise  # a defect of ours is told where all are
        return StackDrift(stack=target.stack, verdict="failed", errors=(message,), code=code, next_step=next_step)


def _read_stack(target: Target) -> StackDrift:
    """Plan a `refresh`: it reads everything, writes nothing and takes no lock."""
    engine, watch = changes.opened(target, deploys=False, kind="refresh"), Watch()
    result = engine.plan("refresh", watch)
    found = tuple(sorted(watch.found, key=lambda one: (one.type, one.name)))
    if not result.succeeded:
        code = ExitCode.INTERRUPTED if result.interrupted else ExitCode.RESOURCE_FAILED
        return StackDrift(stack=target.stack, verdict="failed", found=found, errors=result.errors, code=code)
    return StackDrift(stack=target.stack, verdict="drifted" if found else "none", found=found)


def _repaired(result: StackDrift, target: Target, show: ShowProgress) -> StackDrift:
    """Bring the stack up as its program says, then look again."""
    console.say(f"{target.stack}: {len(result.found)} drifted; bringing back what its program says")
    done = changes.change("up", replace(target, only_reads=False), yes=True, ask=None, show=show)
    if not done.result.succeeded:
        code = ExitCode.INTERRUPTED if done.result.interrupted else ExitCode.RESOURCE_FAILED
        return replace(result, verdict="failed", left=result.found, errors=done.result.errors, code=code)
    again = _read_stack(target)
    if again.verdict == "failed":
        return replace(again, found=result.found)
    return replace(result, verdict="drifted" if again.found else "repaired", left=again.found)


MASK = "[secret]"
_NOTHING = (ABSENT, None, "")


@dataclass(frozen=True, kw_only=True)
class Drifted:
    """A resource that is not as it was left.

    Attributes:
        name: Its name in the program.
        type: Its type.
        what: Whether it was changed, or is gone.
        properties: What was changed; empty where it is gone.
    """

    name: str
    type: str
    what: Literal["changed", "gone"]
    properties: tuple[Difference, ...] = ()

    @property
    def lines(self) -> list[str]:
        """What a person reads of it; secrets are masked."""
        kind = self.type.rpartition("/")[2]
        if self.what == "gone":
            return [f"-  {kind} {self.name}: gone: somebody deleted it"]
        return [
            f"~  {kind} {self.name}",
            *(f"     {one.path}: declared {_text(one.old)}, found {_text(one.new)}" for one in self.properties),
        ]

    def to_json(self) -> dict[str, Any]:
        """One entry of `resources`."""
        properties = [
            {
                "path": one.path,
                **{
                    side: _masked(value)
                    for side, value in (("declared", one.old), ("found", one.new))
                    if value is not ABSENT
                },
            }
            for one in self.properties
        ]
        return {"name": self.name, "type": self.type, "what": self.what, "properties": properties}


@dataclass
class Watch:
    """A listener that keeps what a plan of `refresh` finds."""

    found: list[Drifted] = field(default_factory=list)

    def on_event(self, event: Event) -> None:
        """Take note of a resource that was looked at."""
        if not isinstance(event, StepFinished) or event.step.op != "refresh" or event.step.internal:
            return
        step = event.step
        if event.op == "delete":
            self.found.append(Drifted(name=step.name, type=step.type, what="gone"))
        elif event.op == "update" and (changed := changed_in(step)):
            self.found.append(Drifted(name=step.name, type=step.type, what="changed", properties=changed))


def changed_in(step: Step) -> tuple[Difference, ...]:
    """The properties of a refreshed resource that drifted.

    What was not known when it was made and has come to be since, such as the first restore point, is no drift.
    """
    declared = step.old_state.inputs if step.old_state is not None else step.old or {}
    return tuple(one for one in drift(step) if one.key in declared or one.old not in _NOTHING)


def _text(value: Any) -> str:
    return "nothing" if value is ABSENT else shown(value)


def _masked(value: Any) -> Any:
    match value:
        case Secret():
            return MASK
        case dict():
            return {key: _masked(item) for key, item in value.items() if not key.startswith("__")}
        case list() | tuple():
            return [_masked(item) for item in value]
        case _:
            return value
