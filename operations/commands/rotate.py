"""./infra rotate STACK: a new password for the stack's database, now."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from components.connection import Connection
from components.errors import InfraError
from components.fingerprint import fingerprint
from components.postgres.app_role import is_login
from operations import changes, cli, console, reporting, stack_names
from operations.changes import Done, deployed, on_this_machine, place_of
from operations.console import summarize
from operations.errors import ExitCode, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from datetime import date

    from components.xata.api.client import Client
    from operations.changes import Target
    from operations.engines.interface import Engine
    from pulumi_embedded.api import Output


KEY = "infra:insteadOfPassword"
"""Names the password to be replaced: said again after a run that died, nothing is rotated twice."""


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "rotate",
        text=(
            "Bring STACK up with a new password for its branch. What an `up` refuses is refused first, and so is a\n"
            "Worker whose secret cannot be changed now; only then the password changes at Xata, and the Worker is\n"
            "told at once. Who else uses the old password is refused at the next log-in; open sessions stay. When\n"
            "the run dies in between, the next `up` or `rotate` completes it, and nothing is rotated twice.\n"
            "With infra:appRole the app has two logins of its own, used in turn: the other one gets a password, the\n"
            "Worker is told of it, and the one before is shut off when nobody uses it: no request fails.\n\n"
            "With --due it changes nothing and asks nobody: it says whether infra:rotation of STACK is this quarter,\n"
            "such as 2026-Q4, and exits with 5 when it is not; without a name, of every environment that has a file.\n"
            "A new value there rotates the password at the next `up`."
        ),
        examples=("./infra rotate staging", "./infra rotate staging --yes --json", "./infra rotate --due"),
        run=run,
    )
    parser.add_argument(
        "stack", metavar="STACK", nargs="?", type=stack_names.checked, help=f"the environment: {stack_names.ALLOWED}"
    )
    cli.add_engine(parser)
    cli.add_yes(parser)
    cli.add_json(parser)
    cli.add_config(parser)
    parser.add_argument("--due", action="store_true", help="only say whether the password is older than this quarter")


def run(arguments: argparse.Namespace) -> ExitCode:
    """Bring the stack up with a new password, and say what became of the old one."""
    from components.xata.branches.find import read_branch

    if arguments.due:
        named = [arguments.stack] if arguments.stack else stack_names.environments(stack_names.PROJECT)
        return max((_due(arguments, stack) for stack in named), default=ExitCode.SUCCESS)
    if not arguments.stack:
        raise UsageError("rotate takes the stack whose password is to be new", next_step="./infra rotate staging")
    target, show = changes.Target.from_arguments(arguments), reporting.shower(verbose=arguments.verbose)
    engine = changes.opened(target, deploys=True)
    values = deployed(engine.outputs(), target)
    _refuse_local(values, target)
    client = connected(target, engine)
    # Where the branch is gone, an `up` would make another one.
    read_branch(client, place_of(values), str(values["branchId"].value))
    branch, login = str(values["branchName"].value), Connection.parse(str(values["databaseUrl"].value))
    old, user, own = login.password, login.user, is_login(login.user)
    what = f"the app of the branch {branch}, which logs in as {user}," if own else f"the branch {branch}"
    end = "shut off once nobody uses it" if own else "refused from then on"
    console.require_agreement(
        f"{target.stack}: give {what} a new password? The old one is {end}.",
        yes=arguments.yes,
        otherwise=f"{target.stack}: nothing was changed",
        next_step=f"./infra rotate {target.stack} --yes rotates the password of the branch {branch}",
    )
    wanted = replace(target, config={**target.config, KEY: fingerprint(old)})
    engine = changes.opened(wanted, deploys=True, changes=True)
    done = Done(engine=engine.name, result=changes.carried_out(engine, "up", show))
    console.say(_fate_of_login(engine, user) if own else f"the branch {branch} {_fate(client, values, old)}")
    step = f"./infra verify {target.stack}"
    return reporting.report(done, as_json=arguments.json, next_step=step, stack=target.stack)


def _due(arguments: argparse.Namespace, stack: str) -> ExitCode:
    """Say whether it is time, by the stack's file alone."""
    from operations.settings import on_xata, read_settings
    from operations.workspace import describe_workspace

    target, today = replace(changes.Target.from_arguments(arguments), stack=stack), datetime.now(tz=UTC).date()
    settings = read_settings(describe_workspace(target.folder, target.stack, overrides=target.config), with_files=False)
    if arguments.json or not on_xata(settings):
        raise UsageError(
            "--due answers with its exit code, and for environments in the cloud only",
            next_step="./infra rotate staging --due",
        )
    why = due(getattr(settings, "rotation", ""), today)
    words = f"the environment {target.stack} {why or f'has a password of {quarter(today)}'}{_ages(target)}"
    summarize(f"{words}.\n\n", os.environ)
    print(words)
    if why:
        console.say(
            f"  next: set infra:rotation: {quarter(today)} in Pulumi.{target.stack}.yaml; the next `up` rotates it"
        )
    return ExitCode.VERIFICATION_FAILED if why else ExitCode.SUCCESS


def _ages(target: Target) -> str:
    """How old each password is by the stack's state, to follow a sentence; empty where no state can be read."""
    from operations.status.rows import ago
    from operations.status.stored import States

    found = States(target.folder, target.environ()).read(target.stack, history=False).value
    now = datetime.now(tz=UTC)
    told = [f"{whose} {ago(now - since)} old" for whose, since in found.passwords()] if found else []
    return f" ({', '.join(told)})" if told else ""


def _fate(client: Client, values: Mapping[str, Output], old: str) -> str:
    """What became of the password, as Xata says it; to complete "the branch …"."""
    from components.xata.branches import credentials

    try:
        found = credentials.current(client, place_of(values), str(values["branchId"].value))
    except InfraError as error:
        return f"could not be asked whether its password is new: {error.message}"
    same = found is not None and found.endpoints.password == old
    return "has the password that it had: nothing was rotated" if same else "has a new password"


def _fate_of_login(engine: Engine, user: str) -> str:
    """Which login the app has, as the state says it; the outputs tell it only after a run that ended well."""
    found = [one.properties.get("user") for one in engine.recorded() if one.kind == "postgres:AppLogin"]
    if found == [user]:
        return f"the app goes on with the login {user}: nothing was rotated"
    if not found:
        return f"the app had the login {user}; the state does not say which one it has now"
    return f"the app's login is {found[0]}, with a new password, in place of {user}"


def _refuse_local(values: Mapping[str, Output], target: Target) -> None:
    if on_this_machine(values):
        raise UsageError(
            f"the stack {target.stack} is a database on this machine, whose password was made here and is used nowhere "
            "else: there is nothing to rotate at Xata",
            next_step=f"for a new one: ./infra destroy {target.stack}, then ./infra up {target.stack}; data are kept",
        )


def connected(target: Target, engine: Engine) -> Client:
    """Xata's API, if it is the server that the stack's branch was made at.

    Raises:
        components.errors.InfraError: There is no key, or it is another server.
    """
    from components.xata.provider import client_for

    made_at = next((one.api for one in engine.recorded() if one.kind == "xata:Branch"), "")
    return client_for(made_at, target.environ())


_QUARTER = re.compile(r"[0-9]{4}-Q[1-4]")
MONTHS = 3


def quarter(day: date) -> str:
    """The quarter of a day, such as 2026-Q4."""
    return f"{day.year}-Q{(day.month - 1) // MONTHS + 1}"


def due(rotation: str, today: date) -> str:
    """Why the password is to be rotated, to complete "the environment …"; empty when it is not.

    Args:
        rotation: What `infra:rotation` says.
        today: The day.
    """
    now = quarter(today)
    if not rotation:
        return "has no infra:rotation, so nothing tells when its password was made"
    if not _QUARTER.fullmatch(rotation):
        return f"has the infra:rotation {rotation!r}, which is no quarter such as {now}"
    return f"has a password of {rotation}, and this is {now}" if rotation < now else ""
