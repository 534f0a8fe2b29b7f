"""./infra init: make this project that of an app, or make a project for another app of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from components.lazy import Lazy
from operations import cli, console
from operations.errors import ChangesRefusedError, ExitCode, UsageError
from operations.workspace import PROJECT

if TYPE_CHECKING:
    import argparse

    from operations.init import answers as asked
    from operations.init import fitting, layouts, template
    from operations.init.answers import Answers
    from operations.init.fitting import Fitting
else:
    asked = Lazy("operations.init.answers")
    fitting = Lazy("operations.init.fitting")
    layouts = Lazy("operations.init.layouts")
    template = Lazy("operations.init.template")

FLAGS: Final = {
    "app": "--app",
    "layout": "--layout",
    "app_path": "--app-path",
    "environments": "--environment",
    "without": "--without",
}
"""The flag of each answer, in the order of asking."""
AGREE: Final = "the same with --yes makes the changes, with --dry-run it shows them"


def add_parser(commands: cli.Commands) -> None:
    """Add the command."""
    parser = cli.add_command(
        commands,
        "init",
        text=(
            "Make this project that of your app: its name, its folder, a file for each environment, the workflows of\n"
            "the layout, what git ignores in the app's folder, and the blocks of its wrangler.jsonc. On a terminal it\n"
            "asks for what no option says. Called again, it changes what differs. Every change is shown, and made\n"
            "once you agree; nothing is written before all of it is known.\n"
            "With --into it makes a project for another app of this one, in a folder that is not there yet; `upgrade`\n"
            "brings that to a newer version later."
        ),
        examples=(
            "./infra init",
            "./infra init --app acme-shop --app-path ../acme-shop --environment staging --environment qa",
            "./infra init --dry-run --app acme-shop",
            "./infra init --into ../acme-shop/infra --yes",
        ),
        run=run,
    )
    parser.add_argument("--into", metavar="DIR", type=Path, help="make a project there, of this one's commit")
    _add_answers(parser)
    parser.add_argument("--dry-run", action="store_true", help="show the changes, and make none")
    parser.add_argument("--yes", action="store_true", help="make the changes without asking")


def _add_answers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--app", metavar="NAME", help="the app's name, of which all other names are made")
    parser.add_argument(
        "--layout",
        metavar="LAYOUT",
        help="where the program lies: app (at the top of its repository), folder (in a folder of the app's), or two "
        "(in a repository beside the app's)",
    )
    parser.add_argument("--app-path", metavar="DIR", help="the app's folder, with its wrangler.jsonc")
    parser.add_argument(
        "--environment",
        metavar="NAME",
        action="append",
        dest="environments",
        help="an environment besides dev; repeatable; those not named go",
    )
    parser.add_argument(
        "--without",
        metavar="PART",
        action="append",
        help="with --into: a part that the project does without: workflows, previews, sandbox; repeatable",
    )


def run(arguments: argparse.Namespace) -> ExitCode:
    """Run the command."""
    given = {name: getattr(arguments, name) for name in FLAGS}
    if given["app_path"] is not None:
        given["app_path"] = asked.relative(Path(given["app_path"]), arguments.into or PROJECT)
    asked.validate_parts(given["without"] or ())
    if arguments.into:
        return _made(arguments, arguments.into.absolute(), given)
    if given["without"]:
        raise UsageError(
            "--without is for a project that is made with --into; this one is there already",
            next_step="git rm what you do not want: docs/new-app.md names the files of each part",
        )
    answers = _answered(asked.there(PROJECT), given, arguments, PROJECT)
    _require_other_project(answers)
    asked.validate(answers, PROJECT, made=False)
    planned = fitting.plan(answers, PROJECT, environ=os.environ)
    if _agreed(planned, arguments, "this project"):
        for change in planned.changes:
            change.write()
    _tell(planned.notes)
    if not planned.changes:
        console.say(f"nothing to change: this is the project of {answers.app}\n  next: ./infra up dev")
    elif not arguments.dry_run:
        console.say(f"this is the project of {answers.app}\n  next: git diff, then ./infra up dev --yes")
    return ExitCode.SUCCESS


def _made(arguments: argparse.Namespace, place: Path, given: dict[str, Any]) -> ExitCode:
    """Make a project for another app."""
    template.require_source()
    template.require_place(place)
    if not (arguments.yes or arguments.dry_run or console.can_ask()):
        raise ChangesRefusedError(f"nothing was made, because {console.why_not(asked=False)}", next_step=AGREE)
    begun = asked.beginning(place, given["app"] or "", given["app_path"] or "")
    answers = _answered(begun, given, arguments, place)
    asked.validate(answers, place, made=True)
    with template.copied(answers, place) as copy:
        planned = fitting.plan(answers, copy, place=place, environ=os.environ)
        if not _agreed(planned, arguments, f"{place}, with {template.files(copy)} files", copy=copy, place=place):
            return ExitCode.SUCCESS
        template.put(copy, place, planned)
    _tell(planned.notes)
    console.say(
        f"{place} is the project of {answers.app}\n"
        f"  next: cd {fitting.shown(place, Path.cwd())}, then ./infra up dev --yes and ./infra test; commit it with git"
    )
    return ExitCode.SUCCESS


def _answered(begun: Answers, given: dict[str, Any], arguments: argparse.Namespace, folder: Path) -> Answers:
    """The answers: those given, of a person who is there the others, and else what can be told without one.

    Raises:
        UsageError: An answer is missing, or is none.
    """
    answers = asked.with_given(begun, given)
    if console.can_ask() and not arguments.yes:
        told = asked.questions()
        wanted = [name for name in FLAGS if given[name] is None and (arguments.into or name != "without")]
        answers = asked.with_given(answers, {name: _ask(name, told[name], answers, folder) for name in wanted})
        asked.validate_parts(answers.without)
    if not answers.app:
        raise UsageError(
            "the app's name is not known, and there is no terminal to ask for it", next_step="add --app acme-shop"
        )
    return answers


def _ask(name: str, told: dict[str, Any], answers: Answers, folder: Path) -> Any:
    """Ask one question; an empty line takes what stands in brackets."""
    default = getattr(answers, name)
    if name == "app_path":
        default = fitting.shown(folder / default, Path.cwd())
    choices = f" ({', '.join(told['choices'])})" if "choices" in told else ""
    console.say(told["help"])
    text = console.asked(f"  {FLAGS[name].removeprefix('--')}{choices} [{asked.as_words(default)}]: ")
    if not text:
        return None
    value = asked.from_words(name, text)
    return asked.relative(Path(value), folder) if name == "app_path" else value


def _require_other_project(answers: Answers) -> None:
    """Refuse what this project cannot become.

    Raises:
        UsageError: The program's workflows would run in the wrong repository.
    """
    if answers.layout is layouts.Layout.TWO and fitting.has_workflows_of_app(PROJECT):
        raise UsageError(
            "the layout two needs a project without the workflows that run in the app's repository, and this one has "
            f"them in {layouts.WORKFLOWS}",
            next_step="make the program's repository of this one: ./infra init --into DIR --layout two --app-path DIR",
        )


def _agreed(
    planned: Fitting, arguments: argparse.Namespace, what: str, *, copy: Path | None = None, place: Path | None = None
) -> bool:
    """Show the changes; whether they are to be made.

    Raises:
        ChangesRefusedError: Nobody agreed.
    """
    if not planned.changes and not place:
        return False
    for change in planned.changes:
        # Of a new file its name says enough, where the whole text is not asked for.
        text = change.diff() if arguments.dry_run or change.old is not None else f"{change}\n"
        print(text.replace(str(copy), str(place)) if copy else text, end="")
    if arguments.dry_run:
        console.say(f"{what}: nothing was written")
        return False
    console.require_agreement(
        f"{what}: make these changes?", yes=arguments.yes, otherwise="nothing was written", next_step=AGREE
    )
    return True


def _tell(notes: tuple[str, ...]) -> None:
    for note in notes:
        console.say(f"note: {note}")
