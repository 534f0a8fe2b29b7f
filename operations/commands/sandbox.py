"""./infra sandbox: stand-ins for Xata, Cloudflare and GitHub on this machine, for runs with --sandbox."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.local.files import MOST_BYTES, read_bytes
from operations import cli, console
from operations.errors import ExitCode, UsageError
from operations.workspace import HAS_SANDBOX, PROJECT

if TYPE_CHECKING:
    import argparse

    from operations.sandbox.lifecycle import Status
    from operations.sandbox.place import Place, Record

ACTIONS = ("start", "stop", "status", "env")
NEXT = {"start": "./infra up foundation --sandbox", "stop": "./infra sandbox start finds the data again"}


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "sandbox",
        text=(
            "The sandbox is a Postgres server of its own with the interface of Xata in front of it, Cloudflare's\n"
            "runtime for Workers with the interface of Cloudflare, and a repository with GitHub's interface for\n"
            "pull requests, on this machine alone: no account is needed and nothing costs. `start` may be called\n"
            "again: it heals what was killed and keeps the data. `stop` keeps them, too; with --delete-data it\n"
            "removes them, and the state of every stack that was brought up with --sandbox. `status` fails when\n"
            "the sandbox does not run. `env` prints what a shell needs so that other programs, such as wrangler,\n"
            "pulumi and psql, meet the sandbox, too."
        ),
        examples=(
            "./infra sandbox start",
            "./infra up staging --sandbox",
            "./infra sandbox status --json",
            'eval "$(./infra sandbox env)" && pulumi stack ls',
            "./infra sandbox stop --delete-data",
        ),
        run=run,
    )
    parser.add_argument("action", metavar="ACTION", choices=ACTIONS, help=f"one of {', '.join(ACTIONS)}")
    parser.add_argument("--delete-data", action="store_true", help="with stop: remove everything the sandbox holds")
    parser.add_argument(
        "--without-workers", action="store_true", help="with start: only Xata, and nothing is fetched from npm"
    )
    parser.add_argument(
        "--settings", metavar="FILE", type=_settings, help="with start: JSON on how it is to behave (docs/sandbox.md)"
    )
    cli.add_json(parser)


def run(arguments: argparse.Namespace, *, place: Place | None = None) -> ExitCode:
    """Run the command."""
    from operations.sandbox import lifecycle
    from operations.sandbox.place import Place
    from operations.sandbox.process import NOT_WANTED, find_tools

    place = place or Place(folder=PROJECT)
    _refuse_misplaced(arguments)
    if arguments.action == "env":
        return _exports(place)
    if arguments.action == "start":
        before = lifecycle.read_status(place)
        tools = NOT_WANTED if arguments.without_workers else find_tools(console.say)
        status = lifecycle.start(place, settings=arguments.settings, tools=tools)
        if before.state == "running" and before.record == status.record:
            console.say("the sandbox runs already")
    elif arguments.action == "stop":
        (lifecycle.remove if arguments.delete_data else lifecycle.stop)(place)
        status = lifecycle.read_status(place)
        if arguments.delete_data and status.state == "stopped":
            status = replace(status, found="it was stopped, and everything that it held is removed")
    else:
        status = lifecycle.read_status(place)
    return _report(status, place, arguments)


def as_answer(status: Status, place: Place) -> dict[str, Any]:
    """The answer for a program. The key is in the record, which only this user may read."""
    record = status.record
    return {
        "sandbox": status.state,
        "found": status.found,
        "next": status.next_step,
        "api": record.api if record else "",
        "page": status_page(record) if record else "",
        "organization": record.organization if record else "",
        "gatewayPort": record.gateway_port if record else 0,
        "authority": record.authority if record else "",
        "cloudflareApi": record.cloudflare_api if record else "",
        "account": record.cloudflare_account if record else "",
        "withoutWorkers": record.without_workers if record else "",
        "githubApi": record.github_api if record else "",
        "record": str(place.record),
        "log": str(place.log),
        "data": str(status.data),
    }


def status_page(record: Record) -> str:
    """Where a browser sees what `./infra status --sandbox` tells, made anew each time."""
    return f"{record.api}/sandbox/pages/status"


def _exports(place: Place) -> ExitCode:
    """Print the shell's commands; the key and the token in them open the sandbox and nothing else."""
    from operations.sandbox.lifecycle import require_running
    from operations.sandbox.place import exports

    print(exports(os.environ, place, require_running(place)))
    console.say("this is the sandbox's environment, for a shell of its own: it hides your own keys and state there")
    return ExitCode.SUCCESS


def _report(status: Status, place: Place, arguments: argparse.Namespace) -> ExitCode:
    if arguments.json:
        console.answer(as_answer(status, place))
    else:
        print(f"sandbox: {status.state}: {status.found}")
        if status.state == "running" and status.record:
            print(f"every environment in it, as a page: {status_page(status.record)}")
    step = status.next_step if arguments.action == "status" or status.state == "damaged" else NEXT[arguments.action]
    if step and not (arguments.action == "stop" and arguments.delete_data):
        console.say(f"  next: {step}")
    wanted = "stopped" if arguments.action == "stop" else "running"
    return ExitCode.SUCCESS if status.state == wanted else ExitCode.MACHINE_NOT_READY


def _refuse_misplaced(arguments: argparse.Namespace) -> None:
    if not HAS_SANDBOX:
        raise UsageError(
            "this project was made without the sandbox (--without sandbox)",
            next_step="use that of the project that it was made of, or bring packages/cloud-sandbox over from there",
        )
    if arguments.action == "env" and arguments.json:
        raise UsageError("env prints commands for a shell, not JSON", next_step="./infra sandbox status --json")
    for name, action in (("delete_data", "stop"), ("settings", "start"), ("without_workers", "start")):
        if getattr(arguments, name) and arguments.action != action:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} belongs to {action}", next_step=f"./infra sandbox {action} {option}")


def _settings(text: str) -> dict[str, Any]:
    """Read the file.

    Raises:
        UsageError: It is not there, or no JSON object.
    """
    try:
        found = json.loads(read_bytes(Path(text), MOST_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"--settings {text}: {error}", next_step="name a file with a JSON object") from None
    if not isinstance(found, dict):
        raise UsageError(f"--settings {text} holds no JSON object", next_step='write {"name": value, …}')
    return found
