"""Where the program lies beside its app, and the workflows that fit there: one source, the files in .github/workflows.

- `app`: the app lies in this repository, or is deployed from it; the files are as they stand here.
- `folder`: this repository is a folder of the app's. GitHub reads workflows from the root alone, so they are called
  after the folder and work in it.
- `two`: two repositories. Here lies one reusable workflow, which begins what the others would; the app's has a caller.

Source of what GitHub does: https://docs.github.com/actions/reference/workflows-and-actions (reusing workflows,
contexts). Pure, but for reading the files.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import yaml

from operations.errors import UsageError
from operations.stack_names import PROJECT
from stacks.outside import repository

if TYPE_CHECKING:
    from pathlib import Path

WORKFLOWS: Final = ".github/workflows"
OF_THE_PROGRAM: Final = ("checks", "thorough")
"""What tests the program itself, and has no secret."""
OF_PULL_REQUESTS: Final = ("environment", "sweep")
"""What makes environments of pull requests and removes them; a project may do without."""
OF_THE_APP: Final = ("deploy", "plan", "nightly", "rotation", *OF_PULL_REQUESTS)
REUSED: Final = f"{WORKFLOWS}/infra.yml"
"""Of two repositories, the reusable workflow in the program's and its caller in the app's."""
PROGRAM, APP = "infra", "app"
"""Where the two repositories are checked out, beside each other."""
TOKEN: Final = "PROGRAM_TOKEN"  # noqa: S105 - the name of a secret
KEYS: Final = (
    "PULUMI_BACKEND_URL",
    "PULUMI_ACCESS_TOKEN",
    "PULUMI_CONFIG_PASSPHRASE",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "XATA_API_KEY",
    "CLOUDFLARE_API_TOKEN",
)

_FOLDER: Final = re.compile(r"(?!\.git(?:hub)?(?:/|\Z))[A-Za-z0-9_.][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_.][A-Za-z0-9_.-]*)*")
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9_.-]{1,100}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_RELEASE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,49}")
_CHECKOUT: Final = re.compile(r"( +- uses: actions/checkout@.*\n +with:\n)( +)(persist-credentials: false\n)")
_JOB: Final = re.compile(r"^  (?=[a-z-]+:$)", re.MULTILINE)


class Layout(StrEnum):
    """Where the program lies beside its app."""

    APP = "app"
    FOLDER = "folder"
    TWO = "two"


def mismatch(layout: Layout, project: Path) -> tuple[str, str] | None:
    """Why a layout does not match where a project lies: what, got and allowed, and the next step; None if it does.

    Args:
        layout: What was asked for.
        project: The project's folder. It need not be in a git repository yet, unless the layout is `folder`.
    """
    root = repository(project.resolve())
    inside, alone = root != project.resolve(), (root / ".git").exists()
    if layout is Layout.FOLDER and not inside:
        got = "is the top of its git repository" if alone else "lies in no git repository"
        what = f"the layout {layout} is for a folder of the app's repository, and {project} {got}"
        return what, f"make the project in a folder of the app's clone; or choose {Layout.APP} or {Layout.TWO}"
    if layout is not Layout.FOLDER and inside:
        what = f"the layout {layout} is for the top of a git repository, and {project} lies in that of {root}"
        return what, f"choose {Layout.FOLDER}, whose workflows GitHub finds; or move the project out of {root}"
    return None


def folder_of(project: Path) -> str:
    """Where a project lies in its git repository, as `workflows` takes it; empty at its top."""
    found = project.resolve().relative_to(repository(project.resolve())).as_posix()
    return "" if found == "." else found


def workflows(layout: Layout, folder: str = "", *, source: Path = PROJECT, previews: bool = True) -> dict[str, str]:
    """The workflows of a layout: path in the repository that holds the program, to text.

    Args:
        layout: Which one.
        folder: Of the layout `folder`, where the program lies in the app's repository, such as `infra`; else empty.
        source: The project whose files they are made of: one of the layout `app`, or a folder made of it.
        previews: Whether pull requests have environments; a source may lack the files for that.

    Raises:
        UsageError: The folder has no name that may stand in a workflow, there is one where none is wanted, or a file is
            missing.
    """
    if layout is not Layout.FOLDER and folder:
        raise UsageError(
            f"the layout {layout} has no folder, and {folder!r} was given",
            next_step=f"choose the layout {Layout.FOLDER}",
        )
    if layout is Layout.FOLDER:
        _require_folder(folder)
    of_the_app = _of_the_app(source, previews=previews)
    files = {name: _source(source, name) for name in (*OF_THE_PROGRAM, *of_the_app)}
    if layout is Layout.FOLDER:
        prefix = folder.replace("/", "-")
        return {f"{WORKFLOWS}/{prefix}-{name}.yml": _in_folder(text, folder, prefix) for name, text in files.items()}
    if layout is Layout.TWO:
        own = {f"{WORKFLOWS}/{name}.yml": files[name] for name in OF_THE_PROGRAM}
        return {**own, REUSED: _reusable([files[name] for name in of_the_app])}
    return {f"{WORKFLOWS}/{name}.yml": text for name, text in files.items()}


def caller(program: str, commit: str, release: str = "", *, source: Path = PROJECT, previews: bool = True) -> str:
    """The workflow in the app's repository that calls the reusable one: at most 20 lines, for the path `REUSED`.

    Args:
        program: The program's repository, as owner/name.
        commit: Its commit, 40 hexadecimal digits: the workflow and the program that runs are of this one.
        release: What that commit is called, for the reader and for Dependabot; empty for nothing.
        source: As of `workflows`.
        previews: As of `workflows`.

    Raises:
        UsageError: One of them is not of its form, or a file is missing.
    """
    for what, got, form, such in (
        ("the program's repository", program, _REPOSITORY, "acme/infra"),
        ("the program's commit", commit, _COMMIT, "what `git rev-parse HEAD` says there: 40 hexadecimal digits"),
        ("the program's release", release or "v1", _RELEASE, "v1.2.0"),
    ):
        if not form.fullmatch(got):
            raise UsageError(f"{what} cannot be {got[:60]!r}", next_step=f"name it as {such}")
    told = [_on(_source(source, name)) for name in _of_the_app(source, previews=previews)]
    types = dict.fromkeys(kind for one in told for kind in one.get("pull_request", {}).get("types", ()))
    times = ", ".join(f'{{cron: "{time["cron"]}"}}' for one in told for time in one.get("schedule", ()))
    secrets = "".join(f"      {name}: ${{{{ secrets.{name} }}}}\n" for name in (*KEYS, TOKEN))
    called = f"{program}/{REUSED}@{commit}" + f" # {release}" * bool(release)
    return f"""name: infra
on:
  push: {{branches: [main]}}
  pull_request: {{types: [{", ".join(types)}]}}
  schedule: [{times}]
  workflow_dispatch:
permissions: {{}}
jobs:
  infra:
    uses: {called}
    permissions: {{contents: read, pull-requests: write}} # the comment
    secrets:
{secrets}"""


def _of_the_app(project: Path, *, previews: bool) -> list[str]:
    kept = [name for name in OF_PULL_REQUESTS if previews and (project / WORKFLOWS / f"{name}.yml").is_file()]
    return [name for name in OF_THE_APP if name in kept or name not in OF_PULL_REQUESTS]


def _source(project: Path, name: str) -> str:
    file = project / WORKFLOWS / f"{name}.yml"
    if not file.is_file():
        raise UsageError(
            f"there is no {file}, of which the workflows of other layouts are made",
            next_step="take those of a project of the layout app, such as the one that this project was made of",
        )
    return file.read_text(encoding="utf-8")


def _require_folder(folder: str) -> None:
    if not _FOLDER.fullmatch(folder) or {".", ".."} & set(folder.split("/")):
        raise UsageError(
            f"a workflow cannot work in the folder {folder[:60]!r}: allowed is a path from the top of the app's "
            "repository, of letters, digits, _, . and -, without .. and not in .github",
            next_step="name one such as infra",
        )


def _in_folder(text: str, folder: str, prefix: str) -> str:
    """A workflow that works in a folder, and is not taken for one of the app's own."""
    text = re.sub(r"^(name: |  group: )", rf"\1{prefix}-", text, flags=re.MULTILINE)
    text = text.replace("\npermissions: {}\n", f"\npermissions: {{}}\n\n{_working_in(folder)}", 1)
    paths = f'    paths: ["{folder}/**", "{WORKFLOWS}/{prefix}-*.yml"]\n'
    # What tests the program has nothing to say of a change of the app.
    return text.replace(
        "    branches: [main]\n  pull_request:\n", f"    branches: [main]\n{paths}  pull_request:\n{paths}", 1
    )


def _working_in(folder: str) -> str:
    return f"defaults:\n  run:\n    working-directory: {folder}\n"


def _reusable(texts: list[str]) -> str:
    """The jobs of all, each with the event that it is for; of one that several have, with the events of all."""
    jobs: dict[str, str] = {}
    events: dict[str, list[str]] = {}
    for text in texts:
        begins = _begins(text)
        for block in _JOB.split(text.partition("\njobs:\n")[2])[1:]:
            name, _, body = block.rstrip("\n").partition(":\n")
            if jobs.setdefault(name, body) != body:
                raise ValueError(f"two workflows have a job {name}, and they differ")
            events.setdefault(name, []).append(begins)
    shown = [f"  {name}:\n{_when(body, events[name])}\n" for name, body in jobs.items()]
    return _CHECKOUT.sub(_both, f"{_head()}jobs:\n" + "\n".join(shown))


def _head() -> str:
    secrets = "".join(f"      {name}:\n        required: false\n" for name in (*KEYS, TOKEN))
    return f"""\
# Called by the app's repository: events, pull requests, GitHub environments and token are that one's; the program is of
# the commit that the caller names. Made of the workflows of the layout `app` by operations/init/layouts.py.
name: infra

on:
  workflow_call:
    secrets:
{secrets}
permissions: {{}}

# The runs of one pull request wait for each other, and so do deployments; none is cut off. Of those that wait, only the
# newest is carried out, so its jobs are begun by each event of a pull request.
concurrency:
  group: infra-${{{{ github.event_name }}}}-${{{{ github.event.number || github.event.schedule }}}}
  cancel-in-progress: false

{_working_in(PROGRAM)}
"""


def _begins(text: str) -> str:
    """The condition that stands for a workflow's `on:`; branches are the caller's to name."""
    told = _on(text)
    if "pull_request" in told:
        open_ones = "" if "closed" in told["pull_request"]["types"] else " && github.event.action != 'closed'"
        return f"{_named('pull_request')}{open_ones}"
    if "schedule" in told:
        times = [f"github.event.schedule == '{one['cron']}'" for one in told["schedule"]]
        return f"({' || '.join([*times, *(_named(one) for one in told if one != 'schedule')])})"
    return _named("push")


def _on(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)["on"]  # noqa: S506 - it makes nothing but text
    return found


def _named(event: str) -> str:
    return f"github.event_name == '{event}'"


def _when(body: str, events: list[str]) -> str:
    """A job that is begun by these events alone."""
    begins = events[0] if len(events) == 1 else f"({' || '.join(events)})"
    has = re.search(r"^    if: (.*)$", body, re.MULTILINE)
    if not has:
        return re.sub(r"^(    name: .*\n)", rf"\1    if: {begins}\n", body, count=1)
    condition = re.sub(r"^\$\{\{ (.*) \}\}$", r"\1", has[1])
    return body.replace(has[0], f"    if: ${{{{ {begins} && {condition} }}}}", 1)


def _both(found: re.Match[str]) -> str:
    """The app's code first, then the program beside it."""
    step, pad, rest = found.groups()
    return (
        f"{step}{pad}path: {APP}\n{pad}{rest}"
        f"{step}{pad}repository: ${{{{ job.workflow_repository }}}}\n{pad}ref: ${{{{ job.workflow_sha }}}}\n"
        f"{pad}path: {PROGRAM}\n{pad}token: ${{{{ secrets.{TOKEN} || github.token }}}}\n{pad}{rest}"
    )
