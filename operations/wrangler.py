"""The app's wrangler file and what a stack's configuration expects of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.errors import ConfigurationError
from components.local.files import read_private
from components.worker.names import validate_target
from components.worker.wrangler import file as files
from components.worker.wrangler.config import read_document
from components.worker.wrangler.findings import Expectation, LocalExpectation
from components.worker.wrangler.jsonc import MalformedError
from operations import stack_names
from operations.errors import UsageError
from operations.settings import judged
from operations.workspace import PROJECT, describe_workspace
from stacks import outside
from stacks.config import file_of
from stacks.settings import DATABASE_URL, DEFAULT_WORKER, AppSettings, WorkerSettings
from stacks.worker_plan import ACCOUNT_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from components.worker.wrangler.findings import Finding


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A wrangler file, there or not, and what it must say."""

    path: Path
    expectation: Expectation


def asked(
    stack: str, overrides: Mapping[str, str], *, folder: Path = PROJECT, environ: Mapping[str, str] = os.environ
) -> Asked:
    """What a stack's configuration says of the app's wrangler file.

    Raises:
        UsageError: The stack has no app.
        ConfigurationError: The configuration is wrong, or the file is not JSON with comments.
    """
    settings = judged(describe_workspace(folder, stack, overrides=overrides, environ=environ), with_files=False)
    if not isinstance(settings, AppSettings):
        raise UsageError(f"the stack {stack} has no app, and so no wrangler.jsonc", next_step="name another stack")
    outside.refuse(file_of(stack), settings, folder)
    path = files.locate((folder / settings.app_path).resolve())
    _require_readable(path)
    worker = settings if isinstance(settings, WorkerSettings) else None
    known = worker.worker_name if worker else ""
    # The block of previews is that of all: `./infra wrangler deploy` adds the name and the branch of one.
    temporary = stack_names.is_preview(stack)
    block = settings.environment if temporary else stack
    expectation = (Expectation if worker else LocalExpectation)(
        stack=block,
        environment=settings.environment,
        branch="" if temporary else settings.branch,
        secrets=(DATABASE_URL, *(worker.worker_secrets if worker else ())),
        expected_name="" if path.is_file() and (temporary or not known) else known or f"{DEFAULT_WORKER}-{block}",
        account_id=_account(worker, environ),
    )
    return Asked(path=path, expectation=expectation)


def findings(file: Asked) -> list[Finding]:
    """Where the file differs."""
    return files.check(file.path, file.expectation)


def planned(file: Asked) -> list[str]:
    """What `write` would change, in words.

    Raises:
        components.errors.RefusedError: It is not certain what to change.
    """
    found, _, changes = files.planned(file.path, file.expectation)
    begun = [] if found.exists else [f"begin {file.path}"]
    return [*begun, *map(str, changes)]


def write(file: Asked) -> list[str]:
    """Edit the file; what was changed, in words.

    Raises:
        components.errors.InfraError: It cannot be edited, or not without changing something else.
    """
    change = files.write(file.path, file.expectation)
    return [f"{file.path}: {step}" for step in change.steps]


def _account(settings: WorkerSettings | None, environ: Mapping[str, str]) -> str:
    """The account's id where one is known; what is none is told by the commands that need it."""
    found = (settings.cloudflare_account if settings else "") or environ.get(ACCOUNT_VARIABLE, "").strip()
    return "" if validate_target(account=found) else found


def _require_readable(path: Path) -> None:
    """Refuse a file that wrangler could not read; one that is not there is told by its check."""
    if not path.is_file():
        return
    try:
        read_document(path, read_private(path).text)
    except MalformedError as error:
        raise ConfigurationError(
            f"{path}:{error.line}:{error.column}: {error.reason}", next_step=error.next_step
        ) from None
