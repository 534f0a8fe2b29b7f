"""./infra verify STACK: prove that database and Worker answer, and that they are the right ones."""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from operations import changes, console, options
from operations.commands.outputs import outputs
from operations.deployed import on_this_machine
from operations.display.table import Row, table
from operations.exit_codes import ExitCode
from operations.next_steps import filled
from operations.workspace import acting_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from components.connectivity.report import Finding, Report, WorkerReport
    from operations.branch_layer import BranchFinding
    from pulumi_embedded.api import Output

EXPECTED_MAJOR = 18
DEFAULT_BUDGET = 10.0
LONGEST_BUDGET = 3600


def add_parser(commands: options.Commands) -> None:
    """Add the command."""
    parser = options.add_command(
        commands,
        "verify",
        summary="prove that the database and the app answer, layer by layer",
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
    options.add_stack(parser)
    options.add_json(parser)
    parser.add_argument(
        "--budget",
        metavar="SECONDS",
        type=_budget,
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
            from components.connectivity.report import failure_text  # noqa: PLC0415 - not for help

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
    from components.connection import Connection  # noqa: PLC0415 - not for help and usage errors
    from components.connectivity.probe import probe  # noqa: PLC0415 - as above

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
    from components.errors import InfraError  # noqa: PLC0415 - not for help
    from operations.errors import CommandError  # noqa: PLC0415 - as above

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

    from operations import app_layer  # noqa: PLC0415 - not for help and usage errors

    return app_layer.read(target, str(values["databaseUrl"].value))


def _branch(
    values: Mapping[str, Output], target: changes.Target, environ: Mapping[str, str], seconds: float
) -> BranchFinding | None:
    if on_this_machine(values):
        return None
    from operations.branch_layer import look  # noqa: PLC0415 - loads the HTTP client

    return look(values, target.stack, environ, seconds=seconds)


def _worker(values: Mapping[str, Output], database: Report | None, seconds: float) -> WorkerReport | None:
    """What the Worker says; None without one. Nobody is asked where the database is known to be gone."""
    if not values.get("healthUrl") or not values["healthUrl"].value:
        return None
    from operations import worker_layers  # noqa: PLC0415 - loads the HTTP client

    if database is None:
        return worker_layers.not_reached()
    return worker_layers.look(values, database, seconds=seconds)


def _advised(
    report: Report, values: Mapping[str, Output], target: changes.Target, environ: Mapping[str, str]
) -> Report:
    """The report with a next step that leads on, also where an `up` cannot tell the Worker now."""
    if report.ok:
        return report
    from operations import worker_layers  # noqa: PLC0415 - loads the HTTP client
    from operations.settings import judged  # noqa: PLC0415 - not for help and usage errors
    from operations.workspace import describe_workspace  # noqa: PLC0415 - as above

    settings = judged(describe_workspace(target.folder, target.stack, environ=environ), with_files=False)
    return worker_layers.advised(report, values, settings, target.stack)


def _not_reached() -> Report:
    from components.connectivity.report import Finding, Layer, Report  # noqa: PLC0415 - not for help

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


def _budget(text: str) -> float:
    value = float(text) if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text, re.ASCII) else 0.0
    if not 0 < value <= LONGEST_BUDGET:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0 and up to {LONGEST_BUDGET}")
    return value
