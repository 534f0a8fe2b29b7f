"""What `./infra init` is told of an app: five answers, the questions of copier.yml, and what is no answer. Pure.

The answers of a project that was made of this one are kept by copier in `.copier-answers.yml`. What can be read from
the project's own files is read from them, so that a second call asks about what there is.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from operations.errors import UsageError
from operations.init.layouts import REUSED, Layout, mismatch
from operations.workspace import PROJECT
from stacks import config, stack_names
from stacks.names import LONGEST_APP, app_reason
from stacks.outside import repository

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

QUESTIONS: Final = PROJECT / "copier.yml"
APP: Final = "infra:app"
APP_PATH: Final = "infra:appPath"
EXAMPLE: Final = "examples/health-worker"
"""The app's folder, until there is one."""
PREVIEWS: Final = "previews"
"""The part that is the environments of pull requests."""
_SHOWN: Final = 40


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a project is for.

    Attributes:
        app: The app's name.
        layout: Where the program lies beside the app.
        app_path: The app's folder, as a path from the project's, such as `..`.
        environments: Those that have a file, but for dev and foundation.
        without: The parts that the project does without; of one that is there, as far as its files tell.
    """

    app: str
    layout: Layout
    app_path: str
    environments: tuple[str, ...]
    without: tuple[str, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """The answers as copier's questions have them."""
        return {
            "app": self.app,
            "layout": str(self.layout),
            "app_path": self.app_path,
            "environments": list(self.environments),
            "without": list(self.without),
        }


def questions() -> dict[str, dict[str, Any]]:
    """The questions by the name of their answer, as copier reads them: `help`, and where there are such `choices`."""
    content = yaml.safe_load(QUESTIONS.read_text(encoding="utf-8"))
    return {name: told for name, told in content.items() if not name.startswith("_")}


def there(folder: Path) -> Answers:
    """What a project's own files answer.

    Raises:
        components.errors.ConfigurationError: One of them cannot be read.
    """
    shared = config.written(folder / "Pulumi.yaml")
    environments = tuple(stack_names.environments(folder))
    said = [config.written(folder / f"Pulumi.{stack}.yaml").get(APP_PATH) for stack in (*environments, "dev")]
    path = next((one for one in said if one), ".")
    inside = not mismatch(Layout.FOLDER, folder)
    layout = Layout.FOLDER if inside else Layout.TWO if (folder / REUSED).is_file() else Layout.APP
    return Answers(
        app=shared.get(APP, ""),
        layout=layout,
        app_path=path,
        environments=environments,
        without=() if (folder / f"Pulumi.{stack_names.PREVIEW}.yaml").is_file() else (PREVIEWS,),
    )


def beginning(into: Path, app: str, app_path: str) -> Answers:
    """What a project that is to be made in a folder would answer, as far as that can be told; `app` may stay empty."""
    root = repository(into)
    inside = not mismatch(Layout.FOLDER, into)
    path = app_path or (relative(root, into) if inside else EXAMPLE)
    named = app or (root.name if inside else Path(app_path).resolve().name if app_path else "")
    own = (into / path).resolve().is_relative_to(into.resolve())
    layout = Layout.FOLDER if inside else Layout.APP if own else Layout.TWO
    return Answers(app=named, layout=layout, app_path=path, environments=tuple(questions()["environments"]["default"]))


def relative(path: Path, folder: Path) -> str:
    """A path as a stack's file has it: from the project's folder."""
    return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()


def validate(answers: Answers, folder: Path, *, made: bool) -> None:
    """Refuse answers that no project can have.

    Args:
        answers: What was answered.
        folder: The project's.
        made: Whether the project is about to be made, so that the app's folder may be one of what it will hold.

    Raises:
        UsageError: Which answer, what it is, what is allowed, and what to say instead.
    """
    validate_app(answers.app)
    if refused := mismatch(answers.layout, folder):
        raise UsageError(refused[0], next_step=refused[1])
    app = (folder / answers.app_path).resolve()
    inside = app.is_relative_to(folder.resolve())
    if answers.layout is Layout.TWO and inside:
        raise UsageError(
            f"the layout two is for an app in a repository of its own, and the app's folder {answers.app_path!r} lies "
            "in the program's",
            next_step="name the app's clone, as --app-path ../acme-shop; or choose the layout app",
        )
    if not app.is_dir() and not (made and answers.app_path == EXAMPLE):
        raise UsageError(
            f"the app's folder is {answers.app_path!r}, and there is no folder {app}",
            next_step="name the folder with the app's wrangler.jsonc, with --app-path; or make it",
        )
    validate_environments(answers.environments)


def validate_app(app: str) -> None:
    """Refuse what no app can be called.

    Raises:
        UsageError: As `validate`.
    """
    if not app or app_reason(app):
        raise UsageError(
            f"an app cannot be called {_cut(app)}: allowed are 1 to {LONGEST_APP} printable characters, with a letter "
            "from a to z or a digit among them",
            next_step="name it otherwise: --app acme-shop",
        )


def validate_environments(names: Sequence[str]) -> None:
    """Refuse what is no environment's name, or stands twice.

    Raises:
        UsageError: As `validate`.
    """
    for name in names:
        if not stack_names.is_environment(name):
            meaning = {
                stack_names.DEV: "the developer's own",
                stack_names.FOUNDATION: "the project and its root branch",
            }
            own = f"that is {meaning[name]}, which there always is; " if name in meaning else ""
            raise UsageError(
                f"an environment cannot be called {_cut(name)}: {own}allowed is {stack_names.RULE}",
                next_step="name it otherwise: --environment qa",
            )
        if list(names).count(name) > 1:
            raise UsageError(f"the environment {name} is named twice", next_step="name it once")


def validate_parts(parts: Sequence[str]) -> None:
    """Refuse a part that no project can do without.

    Raises:
        UsageError: As `validate`.
    """
    allowed = questions()["without"]["choices"]
    for part in parts:
        if part not in allowed:
            raise UsageError(
                f"a project cannot be made without {_cut(part)}: what can be left out is {', '.join(allowed)}",
                next_step="leave it out of --without; docs/new-app.md says what the others cost",
            )


def from_words(name: str, text: str) -> Any:
    """An answer as it was typed, as the value that it means: lists are of words with commas or blanks between."""
    if name in {"environments", "without"}:
        return tuple(dict.fromkeys(text.replace(",", " ").split()))
    return text.strip()


def as_words(value: Any) -> str:
    """An answer as one would type it."""
    return " ".join(value) if isinstance(value, tuple) else str(value)


def layout_of(text: str) -> Layout:
    """The layout of a name.

    Raises:
        UsageError: There is none of it.
    """
    try:
        return Layout(text)
    except ValueError:
        raise UsageError(
            f"there is no layout {_cut(text)}: the layouts are {', '.join(Layout)}", next_step="--layout app"
        ) from None


def with_given(begun: Answers, given: Mapping[str, Any]) -> Answers:
    """The answers with those in the place of the others that were given."""
    told = {"layout": begun.layout, **{name: value for name, value in given.items() if value is not None}}
    return Answers(
        app=told.get("app", begun.app),
        layout=layout_of(told["layout"]),
        app_path=told.get("app_path", begun.app_path),
        environments=tuple(told.get("environments", begun.environments)),
        without=tuple(told.get("without", begun.without)),
    )


def _cut(text: str) -> str:
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}… ({len(text)} characters)"
