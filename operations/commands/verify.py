"""./infra verify STACK: prove that database and Worker answer, and that they are the right ones."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from components.connectivity.report import AppLayer, Finding, Layer, WorkerLayer, WorkerReport
from components.connectivity.worker_address import path_of
from components.connectivity.worker_probe import probe_worker
from components.connectivity.worker_verdicts import Expectation
from components.errors import InfraError, NotFoundError
from components.lazy import Lazy
from components.local import wrangler_dev
from components.worker.wrangler.findings import DATABASE_URL
from components.xata.api import client as xata
from components.xata.api.client import KEY_VARIABLE
from operations import changes, cli, console
from operations.changes import on_this_machine, place_of
from operations.commands.outputs import outputs
from operations.display.table import Row, table
from operations.errors import ExitCode
from operations.next_steps import filled
from operations.settings import read_settings
from operations.workspace import acting_in, describe_workspace
from stacks import worker_plan
from stacks.settings import CloudSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from components.connectivity.report import Report
    from components.worker import told
    from components.xata.api.models import Branch
    from operations.changes import Target
    from operations.workspace import Workspace
    from pulumi_embedded.api import Output
    from stacks.settings import Settings
else:
    told = Lazy("components.worker.told")

EXPECTED_MAJOR = 18
DEFAULT_BUDGET = 10.0
LONGEST_BUDGET = 3600


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "verify",
        text=(
            "Ask Xata how STACK's branch is, then connect to the database as the app would: name, TCP, TLS,\n"
            "authentication, database, query and identity. Last, ask the deployed Worker from outside: that it is\n"
            "healthy, and on the same branch; of dev, that `wrangler dev` gives the app this database's URL. Says\n"
            "which layer is at fault, why, and what to do; what could not be asked, such as an app that is not\n"
            "deployed yet, is not verified (exit code 5). Changes nothing."
        ),
        examples=("./infra verify dev", "./infra verify dev --json", "./infra verify staging --budget 60"),
        run=run,
    )
    cli.add_stack(parser)
    cli.add_json(parser)
    parser.add_argument(
        "--budget",
        metavar="SECONDS",
        type=budget,
        default=DEFAULT_BUDGET,
        help=f"how long to try before the verdict is final (default: {DEFAULT_BUDGET:g})",
    )


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What was found, from Xata's word on the branch to the deployed Worker's own.

    Attributes:
        branch: None for a database on this machine.
        report: What the probe says; every layer not reached when the branch leads nowhere.
        worker: What the Worker says; None for a stack without one.
        app: What `wrangler dev` gives to the app on this machine; None for a stack other than dev.
    """

    branch: BranchFinding | None
    report: Report
    worker: WorkerReport | None = None
    app: Finding | None = None

    @property
    def ok(self) -> bool:
        """Whether every layer passed: one that could not be asked did not, but for the app's where there is none."""
        branch, worker = self.branch is None or self.branch.ok is True, self.worker is None or self.worker.ok
        return branch and self.report.ok and worker and (self.app is None or self.app.ok is not False)

    def layers(self) -> list[dict[str, Any]]:
        """One entry per layer, in the order in which a connection passes them."""
        first = [] if self.branch is None else [self.branch.to_json()]
        last = (*(self.worker.findings if self.worker else ()), *([self.app] if self.app else ()))
        layers = [*first, *self.report.to_json()["layers"], *(finding.to_json() for finding in last)]
        return [{**one, "cause": filled(one["cause"]), "next": filled(one["next"])} for one in layers]

    def __str__(self) -> str:
        """One line for success, what failed and what to do otherwise."""
        branch = self.branch
        if branch is None or branch.ok is True:
            return self._answers()
        if branch.ok is None:
            return f"{self._answers()}\nnot verified: layer branch: {branch.cause}\n  next: {branch.next_step}"
        below = "" if branch.final else f"\nbelow it: {self.report}"
        return f"layer branch: {branch.cause}\n  next: {branch.next_step}{below}"

    def _answers(self) -> str:
        """What database and app say; of two faults the first, which is the other's cause."""
        if self.report.ok and self.app is not None and self.app.ok is False:
            from components.connectivity.report import failure_text

            return failure_text(self.app, 1)
        if self.worker is None or not self.report.ok:
            return str(self.report)
        if self.worker.failed is not None:
            return str(self.worker)
        waits = next((finding for finding in self.worker.findings if finding.ok is None), None)
        if waits is None:
            return f"{self.report}; {self.worker}"
        return f"{self.report}; not verified: {waits.cause}\n  next: {waits.next_step}"


def verify(target: changes.Target, *, budget_seconds: float) -> Verification:
    """Ask Xata for a stack's branch, and probe database and Worker that the stack's outputs name.

    Raises:
        UsageError: The stack has no outputs.
    """
    from components.connection import Connection
    from components.connectivity.probe import probe

    values = outputs(target)
    environ = target.environ()
    branch = _branch(values, target, environ, budget_seconds)
    if branch is not None and branch.final:
        return Verification(branch=branch, report=_not_reached(), worker=_worker(values, None, budget_seconds))
    with acting_in(environ):  # authorities to trust are named there, and proxies
        report = probe(
            Connection.parse(str(values["databaseUrl"].value)),
            expected_branch=str(values["branchName"].value),
            expected_major=EXPECTED_MAJOR,
            budget_seconds=budget_seconds,
        )
        worker = _worker(values, report, budget_seconds)
        if worker is not None:
            report = _advised(report, values, target, environ)
    found = Verification(branch=branch, report=report, worker=worker, app=_app(target, values))
    return found if found.ok or branch is not None else _possible(found, target)


def _possible(found: Verification, target: changes.Target) -> Verification:
    """The same, without the advice of an `up` that would be refused now: instead, why, and what lets it through."""
    from components.errors import InfraError
    from operations.errors import CommandError

    try:
        changes.opened(target, deploys=True, kind="up")
    except (InfraError, CommandError) as error:
        refused = error
    else:
        return found

    def step(one: Finding) -> Finding:
        advised = one.ok is False and f"./infra up {target.stack}" in filled(one.next_step, stack=target.stack)
        return replace(one, next_step=f"{refused.message}; {refused.next_step}") if advised else one

    report = replace(found.report, findings=tuple(map(step, found.report.findings)))
    return replace(found, report=report, app=found.app and step(found.app))


def _app(target: changes.Target, values: Mapping[str, Output]) -> Finding | None:
    if target.stack != "dev":
        return None

    return read_app(target, str(values["databaseUrl"].value))


def _branch(
    values: Mapping[str, Output], target: changes.Target, environ: Mapping[str, str], seconds: float
) -> BranchFinding | None:
    if on_this_machine(values):
        return None

    return read_branch(values, target.stack, environ, seconds=seconds)


def _worker(values: Mapping[str, Output], database: Report | None, seconds: float) -> WorkerReport | None:
    """What the Worker says; None without one. Nobody is asked where the database is known to be gone."""
    if not values.get("healthUrl") or not values["healthUrl"].value:
        return None

    if database is None:
        return worker_not_reached()
    return read_worker(values, database, seconds=seconds)


def _advised(
    report: Report, values: Mapping[str, Output], target: changes.Target, environ: Mapping[str, str]
) -> Report:
    """The report with a next step that leads on, also where an `up` cannot tell the Worker now."""
    if report.ok:
        return report
    from operations.settings import read_settings
    from operations.workspace import describe_workspace

    settings = read_settings(describe_workspace(target.folder, target.stack, environ=environ), with_files=False)
    return advised(report, values, settings, target.stack)


def _not_reached() -> Report:
    from components.connectivity.report import Finding, Layer, Report

    return Report(findings=tuple(Finding(layer=layer, ok=None) for layer in Layer))


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    found = verify(changes.Target.from_arguments(arguments), budget_seconds=arguments.budget)
    if arguments.json:
        console.answer({"stack": arguments.stack, "ok": found.ok, "layers": found.layers()})
    else:
        print("\n".join(table(rows(found.layers()), sys.stdout)))
    console.say(f"{arguments.stack}: {found}")
    return ExitCode.SUCCESS if found.ok else ExitCode.VERIFICATION_FAILED


def rows(layers: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The findings as rows of a table, with the next step under the layer at fault."""
    verdicts = {True: ("ok", "green"), False: ("FAILED", "red"), None: ("not reached", "yellow")}
    found = []
    for layer in layers:
        word, colour = verdicts[layer["ok"]]
        time = "" if layer["milliseconds"] is None else f"{layer['milliseconds']:.1f} ms"
        below = (f"next: {layer['next']}",) if layer["ok"] is not True and layer["next"] else ()
        cells = (layer["layer"], f"{word:<11}", f"{time:>10}")
        found.append(Row(cells=cells, text=layer["cause"], below=below, coloured=1, colour=colour))
    return found


def budget(text: str) -> float:
    """Read a number of seconds that a command line gives.

    Raises:
        ArgumentTypeError: It is none, or out of range.
    """
    value = float(text) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text, re.ASCII) else 0.0
    if not 0 < value <= LONGEST_BUDGET:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0 and up to {LONGEST_BUDGET}")
    return value


BRANCH_LAYER: Final = "branch"
PATIENCE_SECONDS: Final = 15.0
"""A service that lost one of its parts says so after up to 14 s."""


@dataclass(frozen=True, kw_only=True)
class BranchFinding:
    """What was found.

    Attributes:
        ok: None when the branch could not be asked about.
        cause: What was seen.
        next_step: What to do about it.
        milliseconds: How long it took; None when nobody was asked.
        final: Whether a connection cannot lead anywhere.
    """

    ok: bool | None
    cause: str
    next_step: str = ""
    milliseconds: float | None = None
    final: bool = False

    def to_json(self) -> dict[str, Any]:
        """One entry of `layers`."""
        rounded = None if self.milliseconds is None else round(self.milliseconds, 1)
        return {
            "layer": BRANCH_LAYER,
            "ok": self.ok,
            "cause": self.cause,
            "next": self.next_step,
            "milliseconds": rounded,
        }


def read_branch(
    values: Mapping[str, Output], stack: str, environ: Mapping[str, str], *, seconds: float
) -> BranchFinding | None:
    """Ask Xata for the branch that a stack's outputs name; None for a database on this machine.

    Args:
        values: The stack's outputs.
        stack: The stack's name.
        environ: Holds the key.
        seconds: How long to ask, if that is more than a dead service takes to say so.
    """
    if on_this_machine(values):
        return None
    if not environ.get(KEY_VARIABLE):
        step = f"export {KEY_VARIABLE}=… (docs/xata.md names its permissions)"
        return BranchFinding(ok=None, cause=f"not asked: {KEY_VARIABLE} is not set", next_step=step)
    begun = time.monotonic()
    try:
        found = _asked_branch(xata.connect(environ).within(max(seconds, PATIENCE_SECONDS)), values, stack)
    except InfraError as error:
        found = BranchFinding(ok=None, cause=f"cannot be asked: {error.message}", next_step=error.next_step)
    milliseconds = (time.monotonic() - begun) * 1000
    return BranchFinding(
        ok=found.ok, cause=found.cause, next_step=found.next_step, milliseconds=milliseconds, final=found.final
    )


def _asked_branch(client: xata.Client, values: Mapping[str, Output], stack: str) -> BranchFinding:
    place, branch_id = place_of(values), str(values["branchId"].value)
    name = str(values["branchName"].value)
    try:
        branch = client.branch(place.organization, place.project, branch_id)
    except NotFoundError:
        return _missing_branch(client, place.organization, place.project, f"{name} ({branch_id})", stack)
    return branch_finding(branch, name, stack)


def _missing_branch(client: xata.Client, organization: str, project: str, branch: str, stack: str) -> BranchFinding:
    """Gone is only what is missing from a project that the key can see."""
    try:
        client.project(organization, project)
    except NotFoundError:
        return BranchFinding(
            ok=False,
            cause=f"the project {project} of the branch {branch} is not there, or this key does not reach it",
            next_step=f"check XATA_API_KEY and XATA_API_BASE_URL; if it was deleted: ./infra refresh {stack}",
        )
    return BranchFinding(
        ok=False,
        cause=f"gone: the branch {branch} was deleted, and not by this program",
        next_step=f"./infra refresh {stack} takes note of it, then ./infra up {stack} makes it again, "
        "as a copy of its parent",
        final=True,
    )


def branch_finding(branch: Branch, name: str, stack: str) -> BranchFinding:
    """What a branch's state means for whoever wants to connect."""
    kind, text = branch.status.kind, branch.status.text
    renamed = "" if branch.name == name else f"; it is called {branch.name!r} now, and up gives it its name back"
    if kind == "hibernated" and not branch.scale_to_zero.enabled:
        return BranchFinding(
            ok=False,
            cause=f"asleep, and put to sleep by hand: no connection wakes it{renamed}",
            next_step=f"./infra up {stack} wakes it",
            final=True,
        )
    if kind == "fault":
        return BranchFinding(
            ok=False,
            cause=f"at fault: {text}{renamed}",
            next_step="look at the branch in Xata's console; a fault may clear by itself",
        )
    words = {"healthy": "healthy", "hibernated": "asleep: the first connection wakes it"}
    return BranchFinding(ok=True, cause=words.get(kind, f"{kind}: {text}") + renamed)


def read_worker(values: Mapping[str, Output], database: Report, *, seconds: float) -> WorkerReport:
    """Ask the Worker that a stack's outputs name.

    Args:
        values: The stack's outputs.
        database: What the database said from here, for the cause of a 503.
        seconds: How long to try.
    """
    report = probe_worker(
        str(values["healthUrl"].value),
        Expectation(
            environment=str(values["environment"].value),
            branch=str(values["branchName"].value),
            path=path_of(str(values["healthUrl"].value)),
        ),
        database=lambda: database,
        budget_seconds=seconds,
        first=True,
        say=console.say,
    )
    return _waiting(report) if report.absent and _never_seen(values) else report


def advised(report: Report, values: Mapping[str, Output], settings: Settings, stack: str) -> Report:
    """The database's report; where `up` is to carry a new password on, and cannot now, what stops it is said first.

    Args:
        report: What the database said.
        values: The stack's outputs.
        settings: The stack's configuration.
        stack: The stack's name.
    """
    failed = report.failed
    if failed is None or failed.layer is not Layer.AUTHENTICATION or not isinstance(settings, CloudSettings):
        return report
    obstacle = _obstacle(values, settings)
    if not obstacle:
        return report
    next_step = f"{obstacle}; then ./infra up {stack} carries the current password on"
    found = (replace(one, next_step=next_step) if one is failed else one for one in report.findings)
    return replace(report, findings=tuple(found))


def _obstacle(values: Mapping[str, Output], settings: CloudSettings) -> str:
    """The next step of what keeps the Worker from being told another password now; empty when nothing does."""
    try:
        account = worker_plan.account(settings, os.environ)
        if account:
            plan = worker_plan.Plan(
                account=account,
                script=str(values["workerName"].value),
                wrangler=Path(),
            )
            told.require(worker_plan.told(plan, settings))
    except InfraError as error:
        return error.next_step
    return "" if account else f"export {worker_plan.ACCOUNT_VARIABLE}=… and {worker_plan.TOKEN_VARIABLE}=…"


def worker_not_reached() -> WorkerReport:
    """The verdicts where nobody was asked."""
    return WorkerReport(findings=tuple(Finding(layer=layer, ok=None) for layer in WorkerLayer), attempts=0)


def _never_seen(values: Mapping[str, Output]) -> bool:
    """Whether the last `up` found no app either: then its absence is no fault."""
    from components.connectivity.inputs import WAITING

    checks = values["checks"].value if "checks" in values else {}
    return bool(checks.get("worker", {}).get("state") == WAITING)


def _waiting(report: WorkerReport) -> WorkerReport:
    first, *others = report.findings
    waits = replace(first, ok=None, cause=f"the app is not deployed yet: {first.cause}", milliseconds=None)
    return replace(report, findings=(waits, *others))


def app_folder(place: Workspace) -> Path:
    """The folder of the app of the stack dev.

    Raises:
        InfraError: The configuration is wrong.
    """
    return (place.folder / str(getattr(read_settings(place, with_files=False), "app_path", "."))).resolve()


def read_app(target: Target, url: str) -> Finding:
    """Whether the Worker of `wrangler dev --env dev` is given this URL, and what of the app's own it is not given.

    Args:
        target: The stack dev.
        url: What its database is reached by.
    """
    try:
        place = describe_workspace(target.folder, target.stack, overrides=target.config, environ=target.environ())
        return app_finding(app_folder(place), url)
    except InfraError as error:
        cause = f"cannot be told: {error.message}"
        return Finding(layer=AppLayer.VARIABLES, ok=False, cause=cause, next_step=error.next_step)


def app_variables(folder: Path) -> tuple[wrangler_dev.Variables, wrangler_dev.Loss | None]:
    """What `wrangler dev` reads in an app's folder, and what keeps the database's URL from the Worker.

    Raises:
        InfraError: A file there cannot be read.
    """
    found = wrangler_dev.variables(folder)
    return found, found.withheld(DATABASE_URL)


def app_finding(folder: Path, url: str) -> Finding:
    """The verdict on an app's folder.

    Raises:
        InfraError: A file there cannot be read.
    """
    found, withheld = app_variables(folder)
    if withheld:
        return Finding(layer=AppLayer.VARIABLES, ok=False, cause=withheld.what, next_step=withheld.next_step)
    files = " and ".join(file.name for file in found.files) or "no file"
    if found.values.get(DATABASE_URL) != url:
        what = f"another {DATABASE_URL}" if DATABASE_URL in found.values else f"no {DATABASE_URL}"
        cause = f"wrangler dev reads {files} in {folder}, with {what} in it"
        return Finding(layer=AppLayer.VARIABLES, ok=False, cause=cause, next_step="./infra up dev writes it there")
    counts = next(file.name for file in reversed(found.files) if DATABASE_URL in wrangler_dev.read(file))
    cause = "; ".join([f"{DATABASE_URL} is in {counts}", *(loss.what for loss in found.losses())])
    return Finding(layer=AppLayer.VARIABLES, ok=True, cause=cause)
