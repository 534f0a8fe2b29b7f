"""What up, refresh and destroy have in common: validate, plan, ask, act."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from operations import console, next_steps, out_of_reach
from operations.errors import ChangesRefusedError, UsageError
from operations.previews.files import after_destroy
from operations.protection import require_removable, two_steps
from operations.settings import on_xata, read_settings
from operations.workspace import PROJECT, describe_workspace, opened_workspace

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path
    from typing import Any, Protocol

    from components.xata.branches.place import Place
    from operations.engines.interface import Change, Engine, EngineName
    from operations.engines.recorded import Recorded
    from operations.reporting import Progress
    from operations.workspace import Workspace
    from pulumi_embedded.api import Output, Result
    from stacks.settings import Settings

if TYPE_CHECKING:

    class ShowProgress(Protocol):
        """Makes whoever shows one run."""

        def __call__(self, *, planned: bool = False) -> Progress:
            """Make it; `planned` says that the run changes nothing."""


LOCAL_STACK = "dev"
"""The only one that can be a database of this machine."""
LEAVING = "infra:leaving"
"""Said of a run that comes before a stack is taken down: what was applied to its database refuses nothing."""
HOMES = frozenset({"postgres:EmbeddedServer", "volume:Volume"})
"""The kinds of resources that hold the dev database's data."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """Which stack a command works on, and how.

    Attributes:
        stack: The stack's name.
        engine: "auto", "pulumi" or "embedded".
        config: Values of this run only.
        parallel: How many resources are worked on at once.
        verbose: Whether errors come with where they come from.
        only_reads: Which engine reads is nothing a person needs to be told, and no service is asked.
        sandbox: Whether the sandbox stands in for every real service.
        only_previews: Whether it ends with the plan, which may then go by recorded credentials.
        folder: Where Pulumi.yaml lies.
    """

    stack: str
    engine: str = "auto"
    config: Mapping[str, str] = field(default_factory=dict, repr=False)
    parallel: int = 16
    verbose: bool = False
    only_reads: bool = False
    sandbox: bool = False
    only_previews: bool = False
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
            sandbox=arguments.sandbox,
        )

    def environ(self) -> dict[str, str]:
        """The environment variables of this run.

        Raises:
            MachineError: The sandbox is asked for and does not run.
        """
        from operations.sandbox.place import Place, is_shell, own, sandboxed

        place = Place(folder=self.folder)
        if not self.sandbox:
            in_shell_of_sandbox = is_shell(os.environ, place)
            return own(os.environ) if in_shell_of_sandbox and self._is_local() else dict(os.environ)
        from operations.sandbox import lifecycle

        required = lifecycle.require_process if self.only_reads else lifecycle.require_running
        return sandboxed(os.environ, place, required(place))

    def _is_local(self) -> bool:
        """Whether the stack is a database of this machine, for which the sandbox does not stand in."""
        if self.stack != LOCAL_STACK:
            return False
        described = describe_workspace(self.folder, self.stack, overrides=self.config)
        return not on_xata(read_settings(described, with_files=False))


@dataclass(frozen=True, kw_only=True)
class Done:
    """How a change ended.

    Attributes:
        engine: What worked on it.
        result: How the run ended; that of the plan when nobody agreed.
        refused: Why the plan was not carried out; None when it was.
        document: The document of the plan, where one was asked for.
    """

    engine: EngineName
    result: Result
    refused: ChangesRefusedError | None = None
    document: Mapping[str, Any] | None = None


def opened(
    target: Target, *, deploys: bool, changes: bool = False, kind: Change | None = None, yes: bool = False
) -> Engine:
    """Open the stack, validate its configuration, and choose its engine. Nothing has been touched when this raises.

    Args:
        target: Which stack, and how.
        deploys: Whether what its configuration names must be there.
        changes: Whether an `up` is to be carried out.
        kind: What is to be done, where that may leave behind what cannot be reached.
        yes: Whether that was agreed to beforehand.
    """
    from components.xata.inputs import ONLY_PREVIEWED
    from operations.engines.choice import choose
    from operations.engines.interface import EngineOptions
    from operations.sandbox.place import Place, is_shell
    from operations.settings import read_settings, require_account, require_home, require_kept, require_reach

    def say(text: str) -> None:
        if not target.only_reads or target.verbose:
            console.say(text)

    environ = {name: value for name, value in target.environ().items() if name != ONLY_PREVIEWED}
    if target.only_previews:
        environ[ONLY_PREVIEWED] = "1"
    described = describe_workspace(target.folder, target.stack, overrides=target.config, environ=environ)
    if is_shell(described.environ, Place(folder=target.folder)):
        next_steps.in_the_sandbox()
    settings = read_settings(described, with_files=deploys)
    if not target.only_reads:
        require_reach(settings, described, sandbox=target.sandbox)
        require_kept(settings, described)
    workspace = opened_workspace(described)
    options = EngineOptions(parallel=target.parallel, verbose=target.verbose)
    engine = choose(target.engine, workspace, options, say=say)
    if kind != "destroy" and (kind or not target.only_reads):
        require_home(settings, workspace, engine.name)
    if kind is not None:
        out_of_reach.leave(engine, workspace, settings, kind, yes=yes)
    if changes:
        require_account(settings, workspace, engine.recorded)
    return engine


def preview(target: Target, *, show: ShowProgress, document: bool = False) -> Done:
    """Say what `up` would do, with the document of it if one is asked for."""
    engine = opened(replace(target, only_previews=True), deploys=True, kind="up")
    return previewed(engine, show=show, document=document)


def previewed(engine: Engine, *, show: ShowProgress, document: bool) -> Done:
    """The same of a stack that is open."""
    if not document:
        return Done(engine=engine.name, result=planned(engine, "up", show))
    with show(planned=True) as shown:
        plan, told = engine.preview(shown)
    for one in told.get("diagnostics", ()):
        one["message"] = next_steps.filled(one["message"])
    shown.summary(plan, engine.name)
    return Done(engine=engine.name, result=plan, document=told)


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
    config = target.config
    recorded_first = kind == "destroy" and bool(config.keys() - {next_steps.DATABASE})  # that says only which is meant
    if kind == "destroy":
        target = replace(target, config={**target.config, LEAVING: "true"})
    engine = opened(target, deploys=kind == "up" or recorded_first, changes=kind == "up", kind=kind, yes=yes)
    if kind == "destroy":
        require_removable(engine.recorded(), target.stack, target.environ())
    if not yes:
        step = f"./infra {kind} {target.stack} --yes carries it out"
        step = "the same command with --yes carries it out" if config else step  # which may hold what is not repeated
        if stays := unagreed(engine, kind, f"{target.stack}: ", ask=ask, show=show, next_step=step):
            return stays
    recorded_first = recorded_first and not out_of_reach.is_left(engine.recorded())
    if recorded_first or (kind == "destroy" and _keeps_otherwise(target, engine.recorded())):
        # What a resource does when it is deleted was recorded with it: other values must be recorded first.
        recorded = carried_out(engine, "up", show)
        if not recorded.succeeded:
            return Done(engine=engine.name, result=recorded)
    there = engine.recorded()
    if kind == "destroy":
        _clear(target, there)
    result = carried_out(engine, kind, show, previewed=not yes)
    if kind == "destroy" and result.succeeded:
        _say_what_stays(there, target.stack)
        _say_whether_forgotten(engine, target)
    return Done(engine=engine.name, result=result, refused=_refused_by_engine(kind, target, result))


def _keeps_otherwise(target: Target, there: Iterable[Recorded]) -> bool:
    """Whether the dev database's data would be kept, or removed, against what the stack's file says now."""
    homes = [one for one in there if one.kind in HOMES]
    if not homes:
        return False
    keep = getattr(_read_settings(target)[1], "retain_data", None)
    return keep is not None and any(_keeps(home) != keep for home in homes)


def _clear(target: Target, there: Iterable[Recorded]) -> None:
    """Remove what runs that were cut off have left of a dev database."""
    if target.stack == LOCAL_STACK:
        out_of_reach.clear(there, *_read_settings(target))


def _read_settings(target: Target) -> tuple[Workspace, Settings]:
    """The stack and its configuration, with the values of this run."""
    from operations.settings import read_settings

    described = describe_workspace(target.folder, target.stack, overrides=target.config, environ=target.environ())
    return described, read_settings(described, with_files=False)


def _keeps(home: Recorded) -> bool:
    """Whether deleting it leaves the data."""
    return home.retain or home.properties.get("retainData") is True


def _say_what_stays(there: Iterable[Recorded], stack: str) -> None:
    """Say where the data of a dev database lie that are kept, and what removes them."""
    for home in (one for one in there if one.kind in HOMES and _keeps(one)):
        place = "the folder" if home.properties.get("folder") else "the Docker volume"
        removed = "./infra destroy STACK --config retainData=false removes them"
        console.say(f"{stack}: the data are kept in {place} {home.id}; {removed}")


def _say_whether_forgotten(engine: Engine, target: Target) -> None:
    """Forget a preview's stack that was taken down, and say so."""
    if after_destroy(engine, target):
        console.say(f"{target.stack}: its state is forgotten, too")


def _refused_by_engine(kind: Change, target: Target, result: Result) -> ChangesRefusedError | None:
    """What the CLI refuses by itself, where the state is not ours to read: the two steps are told all the same."""
    if kind != "destroy" or result.succeeded or not any("protect" in error for error in result.errors):
        return None
    return ChangesRefusedError(
        f"{target.stack}: not taken down: it is protected", next_step=two_steps(target.stack, [])
    )


def unagreed(
    engine: Engine,
    kind: Change,
    about: str,
    *,
    ask: Callable[[Result], bool] | None,
    show: ShowProgress,
    next_step: str,
) -> Done | None:
    """Show the plan and ask; how it ends where that failed or nobody agreed, None where it is to be carried out."""
    plan = planned(engine, kind, show)
    if not plan.succeeded:
        return Done(engine=engine.name, result=plan)
    if ask is not None and ask(plan):
        return None
    why = f"{about}that is the plan; nothing was changed, because {console.why_not(asked=ask is not None)}"
    return Done(engine=engine.name, result=plan, refused=ChangesRefusedError(why, next_step=next_step))


def carried_out(engine: Engine, kind: Change, show: ShowProgress, *, previewed: bool = False) -> Result:
    """Carry a change out that has been agreed to, and show how it goes; `previewed`: its plan has been looked at."""
    with show() as shown:
        result = engine.change(kind, shown, previewed=previewed)
    shown.summary(result, engine.name)
    return result


def planned(engine: Engine, kind: Change, show: ShowProgress) -> Result:
    """Make a plan, and show it."""
    with show(planned=True) as shown:
        plan = engine.plan(kind, shown)
    shown.summary(plan, engine.name)
    return plan


LOCAL = "local"
"""The branch id of a database on this machine."""
WITHOUT_APP = frozenset({LOCAL_STACK, "foundation"})
"""Stacks in which no app is deployed."""


def deployed(values: Mapping[str, Output], target: Target) -> Mapping[str, Output]:
    """The outputs of a stack that has some.

    Raises:
        UsageError: It has none.
    """
    return require_some(values, target.stack, f"./infra up {target.stack}")


def require_some(values: Mapping[str, Output], stack: str, next_step: str) -> Mapping[str, Output]:
    """The outputs of a stack that has some.

    Raises:
        UsageError: It has none.
    """
    if not values:
        raise UsageError(
            f"the stack {stack} has no outputs: it was never deployed, or has been destroyed", next_step=next_step
        )
    return values


def unseen(values: Mapping[str, Output], stack: str) -> list[str]:
    """What a deployment that ended well has not seen healthy, one sentence each.

    Args:
        values: The stack's outputs.
        stack: The stack's name.
    """
    checks = values["checks"].value if "checks" in values else {}
    database, worker = checks.get("database", {}), checks.get("worker", {})
    found = []
    if database and not database["ok"]:
        found.append(
            "the database was not checked: infra:checkMode is off"
            if database["mode"] == "off"
            else f"the database did not pass its check, and infra:checkMode is warn: ./infra verify {stack} says why"
        )
    if not worker or worker["ok"] or stack in WITHOUT_APP:
        return found
    if not values["workerName"].value:
        return [*found, "the app was not checked: no Cloudflare account is known, or infra:worker is off"]
    states = {
        "waiting for the app": f"the app was not checked: it is not deployed yet; ./infra wrangler deploy {stack}",
        "not checked": "the app was not checked: infra:workerCheckMode is off",
    }
    failed = f"the app did not pass its check, and infra:workerCheckMode is warn: ./infra verify {stack} says why"
    return [*found, states.get(worker["state"], failed)]


def on_this_machine(values: Mapping[str, Output]) -> bool:
    """Whether the database is none of Xata's branches."""
    return "branchId" not in values or values["branchId"].value == LOCAL


def place_of(values: Mapping[str, Output]) -> Place:
    """Where the branch lives."""
    from components.xata.branches.place import Place

    return Place(organization=str(values["organizationId"].value), project=str(values["projectId"].value))
