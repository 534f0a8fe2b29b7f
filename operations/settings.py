"""The stack's configuration, read and validated before an engine starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from operations.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from operations.engines.interface import EngineName
    from operations.engines.recorded import Recorded
    from operations.workspace import Workspace
    from stacks.settings import Settings

KEY_VARIABLE = "XATA_API_KEY"
TOLD = "worker:Secrets"
"""The kind of resource by which a Worker has its secrets."""
RUN_VARIABLE = "GITHUB_ACTIONS"
"""Set to "true" in every run of a workflow."""


def read_settings(workspace: Workspace, *, with_files: bool) -> Settings:
    """Read the stack's file with the overrides of this run, and validate it.

    Secrets stay encrypted: neither the engine's key nor their values are needed to validate the rest.

    Args:
        workspace: The stack.
        with_files: Whether what it names must be there, and its program too: for deploying, not for looking at a stack
            or taking it down.

    Raises:
        pulumi_embedded.errors.ProjectError: A file cannot be read, or a value is not of the type that Pulumi.yaml
            declares.
        components.errors.ConfigurationError: An unknown key, or a value that is not allowed; or another stack would
            share what is to be the stack's own.
    """
    from pulumi_embedded.project import load_config, load_project
    from stacks import side_by_side
    from stacks.config import check, read

    project = load_project(workspace.folder)
    config = load_config(
        project, workspace.stack, overrides=workspace.overrides, crypter=lambda _ciphertext: "", for_cli=True
    )
    plain = {key: value for key, value in config.plain.items() if key not in config.secret_keys}
    given = workspace.overrides.keys()
    if with_files:
        settings = check(workspace.stack, plain, folder=workspace.folder, shared=config.shared, given=given)
        side_by_side.refuse_shared(settings, workspace.folder)
        return settings
    return read(workspace.stack, plain, shared=config.shared, given=given)


def on_xata(settings: Settings) -> bool:
    """Whether the stack is made of a Xata branch."""
    from stacks.settings import XataSettings

    return isinstance(settings, XataSettings) and getattr(settings, "database", "xata") == "xata"


def require_reach(settings: Settings, workspace: Workspace, *, sandbox: bool) -> None:
    """Refuse in words what cannot be reached: Xata without a key, or a database of this machine in the sandbox.

    Raises:
        UsageError: XATA_API_KEY is not set, or --sandbox makes no sense for the stack.
    """
    stack = workspace.stack
    if on_xata(settings):
        if not workspace.environ.get(KEY_VARIABLE):
            raise UsageError(
                f"the stack {stack} is a Xata branch, and the environment variable {KEY_VARIABLE} is not set",
                next_step=f"export {KEY_VARIABLE}=… (an API key of Xata; docs/xata.md names its permissions); "
                "or try everything without an account: ./infra sandbox start, then add --sandbox",
            )
    elif sandbox:
        raise UsageError(
            f"the stack {stack} is a database on this machine, which --sandbox has nothing to stand in for",
            next_step="leave --sandbox out; or, for the branch dev in the sandbox, add --config database=xata",
        )


def require_kept(settings: Settings, workspace: Workspace) -> None:
    """Refuse to work on a cloud stack where a workflow's machine would take its state with it, or leave it open.

    Raises:
        UsageError: No place for the state is named, or its secrets would be encrypted with an empty passphrase.
    """
    told = workspace.environ
    if told.get(RUN_VARIABLE) != "true" or not on_xata(settings):
        return
    place = told.get("PULUMI_BACKEND_URL", "")
    if not place:
        raise UsageError(
            f"this is a workflow's run, whose machine is not kept, and PULUMI_BACKEND_URL is not set: the state of "
            f"{workspace.stack} would be lost",
            next_step="give the GitHub environment of the job a secret PULUMI_BACKEND_URL (docs/workflows.md)",
        )
    if told.get("PULUMI_CONFIG_PASSPHRASE") == "" and not place.startswith("https://"):
        raise UsageError(
            "PULUMI_CONFIG_PASSPHRASE is set and empty: whoever reads the state could read the secrets in it",
            next_step="give the GitHub environment of the job a secret PULUMI_CONFIG_PASSPHRASE (docs/workflows.md)",
        )


def require_account(settings: Settings, workspace: Workspace, recorded: Callable[[], Iterable[Recorded]]) -> None:
    """Refuse an `up` that would take a Worker's secrets away only because this shell does not name the account.

    Raises:
        UsageError: The stack has a Worker, `infra:worker` is auto, and no account is known.
    """
    from stacks import worker_plan
    from stacks.settings import CloudSettings

    if not isinstance(settings, CloudSettings) or settings.worker != "auto":
        return
    if worker_plan.account(settings, workspace.environ):
        return
    if any(one.kind == TOLD for one in recorded()):
        raise UsageError(
            f"the Worker of {workspace.stack} has its secrets from this stack, and no Cloudflare account is known now: "
            "they would be taken away from it; nothing was changed",
            next_step=f"export {worker_plan.ACCOUNT_VARIABLE}=… and {worker_plan.TOKEN_VARIABLE}=…; or, if it is to do "
            "without, set infra:worker to off",
        )


def require_home(settings: Settings, workspace: Workspace, engine: EngineName) -> None:
    """Refuse in words when the dev database lives where this engine, or this machine at the moment, cannot reach it.

    Raises:
        components.errors.LocalError: Docker is wanted and does not answer.
        components.errors.RefusedError: The record of where the database lives is damaged.
    """
    from stacks.home import require

    environment = {**workspace.environ, "PULUMI_BACKEND_URL": workspace.backend_url, "INFRA_ENGINE": engine}
    require(settings, workspace.folder, environment)
