"""What up, refresh and destroy have in common: judge, plan, ask, act."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from operations import console
from operations.errors import ChangesRefusedError
from operations.workspace import PROJECT, open_workspace

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from engine.api import Result
    from operations.engines.interface import Change, Engine, EngineName
    from operations.progress import Progress

    ShowProgress = Callable[[], Progress]


@dataclass(frozen=True, kw_only=True)
class Target:
    """Which stack a command works on, and how.

    Attributes:
        stack: The stack's name.
        engine: "auto", "pulumi" or "embedded".
        config: Values of this run only.
        parallel: How many resources are worked on at once.
        verbose: Whether errors come with where they come from.
        only_reads: Which engine reads is nothing a person needs to be told.
        folder: Where Pulumi.yaml lies.
    """

    stack: str
    engine: str = "auto"
    config: Mapping[str, str] = field(default_factory=dict, repr=False)
    parallel: int = 16
    verbose: bool = False
    only_reads: bool = False
    folder: Path = PROJECT

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace) -> Target:
        """Take what a command line says about it; some commands have fewer options."""
        return cls(
            stack=arguments.stack,
            engine=arguments.engine,
            config=dict(getattr(arguments, "config", [])),
            parallel=getattr(arguments, "parallel", 16),
            verbose=arguments.verbose,
            only_reads=not hasattr(arguments, "config"),
        )


@dataclass(frozen=True, kw_only=True)
class Done:
    """How a change ended.

    Attributes:
        engine: What worked on it.
        result: How the run ended; that of the plan when nobody agreed.
        refused: Why the plan was not carried out; None when it was.
    """

    engine: EngineName
    result: Result
    refused: ChangesRefusedError | None = None


def opened(target: Target, *, deploys: bool) -> Engine:
    """Open the stack, judge its configuration, and choose its engine. Nothing has been touched when this raises."""
    from operations.engines.choice import choose  # noqa: PLC0415 - not for help and usage errors
    from operations.engines.interface import EngineOptions  # noqa: PLC0415 - as above
    from operations.settings import judged, require_home  # noqa: PLC0415 - as above

    def say(text: str) -> None:
        if not target.only_reads or target.verbose:
            console.say(text)

    workspace = open_workspace(target.folder, target.stack, overrides=target.config)
    settings = judged(workspace, with_files=deploys)
    options = EngineOptions(parallel=target.parallel, verbose=target.verbose)
    engine = choose(target.engine, workspace, options, say=say)
    require_home(settings, workspace, engine.name)
    return engine


def preview(target: Target, *, show: ShowProgress) -> Done:
    """Say what `up` would do."""
    engine = opened(target, deploys=True)
    return Done(engine=engine.name, result=_planned(engine, "up", show))


def change(
    kind: Change, target: Target, *, yes: bool, ask: Callable[[Result], bool] | None, show: ShowProgress
) -> Done:
    """Carry out a change, after its plan has been agreed to.

    Args:
        kind: What to do.
        target: Which stack, and how.
        yes: Agreed to beforehand; no plan is made.
        ask: Asks whether a plan, which has been shown, is to be carried out; None where nobody is there to answer.
        show: Makes whoever shows the progress of one run.
    """
    engine = opened(target, deploys=kind == "up" or bool(target.config))
    if not yes:
        plan = _planned(engine, kind, show)
        if not plan.succeeded:
            return Done(engine=engine.name, result=plan)
        if ask is None or not ask(plan):
            why = "there is no terminal to ask on, and no --yes" if ask is None else "the answer was no"
            refused = ChangesRefusedError(
                f"{target.stack}: that is the plan; nothing was changed, because {why}",
                next_step=f"./infra {kind} {target.stack} --yes carries it out",
            )
            return Done(engine=engine.name, result=plan, refused=refused)
    if kind == "destroy" and target.config:
        # What a resource does when it is deleted was recorded with it: values of this run must be recorded first.
        recorded = _carried_out(engine, "up", show)
        if not recorded.succeeded:
            return Done(engine=engine.name, result=recorded)
    return Done(engine=engine.name, result=_carried_out(engine, kind, show))


def _carried_out(engine: Engine, kind: Change, show: ShowProgress) -> Result:
    with show() as shown:
        result = engine.change(kind, shown)
    shown.summary(result, engine.name)
    return result


def _planned(engine: Engine, kind: Change, show: ShowProgress) -> Result:
    with show() as shown:
        plan = engine.plan(kind, shown)
    shown.summary(plan, engine.name)
    return plan
