"""The stack file of a pull request, which nobody commits: made of the template that all of them share.

Pulumi wants a file for each stack: it finds the configuration there, and keeps there what its key is derived from
(`encryptionsalt`). It is made again when the template changes; what belongs to this one stack, the salt and the values
that are encrypted with it, is kept.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from components.lazy import Lazy
from components.local.files import read_private, write_private
from operations.cli import NAMESPACE
from operations.errors import ChangesRefusedError, UsageError
from operations.workspace import acting_in
from pulumi_embedded.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import yaml

    from operations.changes import Target
    from operations.engines.interface import Engine
    from pulumi_embedded.project import yamlfile
else:
    yaml = Lazy("yaml")
    yamlfile = Lazy("pulumi_embedded.project.yamlfile")

TEMPLATE: Final = "Pulumi.preview.yaml"
SALT: Final = "encryptionsalt"
_HEAD = "# Made of Pulumi.preview.yaml ({digest}) by ./infra, which makes it again when that changes.\n"


def ensure(folder: Path, stack: str) -> None:
    """Make the stack's file when there is none, or when the template is another than it was made of.

    Raises:
        UsageError: The template is missing, is not what a stack's file is, or holds an encrypted value.
        components.errors.LocalError: The file cannot be read or written.
    """
    template = text_in(folder)
    wanted = content_of(template)
    head = _HEAD.format(digest=hashlib.sha256(template.encode()).hexdigest()[:16])
    present = read_private(folder / f"Pulumi.{stack}.yaml")
    if present.text.startswith(head):
        return
    write_private(present.path, head + yaml.safe_dump(_kept(wanted, present.text), sort_keys=False))


def text_in(folder: Path) -> str:
    """The template's text.

    Raises:
        UsageError: It is missing.
    """
    template = read_private(folder / TEMPLATE)
    if not template.exists:
        raise UsageError(
            f"{TEMPLATE} is missing in {folder}: the stacks of pull requests are made of it",
            next_step=f"bring it back: git checkout -- {TEMPLATE}; a project that was made without previews has none",
        )
    return template.text


def content_of(text: str) -> dict[str, Any]:
    """The template's content, in which nothing belongs to a single stack.

    Raises:
        UsageError: It holds no keys, or something does.
        pulumi_embedded.errors.ProjectError: It is not YAML.
    """
    try:
        content = yamlfile.parse(text, TEMPLATE) or {}
        config = content.get("config") or {}
        secret = sorted(key for key, value in config.items() if _is_secret(value))
    except AttributeError:
        raise UsageError(
            f"{TEMPLATE} is not a stack's file in YAML", next_step="write the keys below config:, as in Pulumi.yaml"
        ) from None
    for found in [SALT] if SALT in content else secret:
        raise UsageError(
            f"{TEMPLATE} holds {found}, which belongs to one stack alone: every stack encrypts with a key of its own",
            next_step=f"remove it there; set a secret for one preview with ./infra config set pr-<number> {found} "
            "--secret, which is kept in that stack's file",
        )
    own = {key if ":" in key else f"{NAMESPACE}:{key}": value for key, value in config.items()}
    return {**content, "config": {**_defaults(), **own}}


def _defaults() -> dict[str, Any]:
    """A preview's own, which a template may leave out: Pulumi would take those that Pulumi.yaml has for all stacks."""
    from stacks.settings import PreviewSettings

    return {f"{NAMESPACE}:{key}": value for key, value in PreviewSettings.defaults.items()}


def _kept(wanted: Mapping[str, Any], present: str) -> dict[str, Any]:
    """The new content, with what the file there has of its own."""
    try:
        old = yamlfile.parse(present, SALT) or {}
        secret = {key: value for key, value in (old.get("config") or {}).items() if _is_secret(value)}
        salt = {SALT: old[SALT]} if SALT in old else {}
    except (ProjectError, AttributeError, TypeError):
        return dict(wanted)
    return {**wanted, "config": {**wanted["config"], **secret}, **salt}


def _is_secret(value: Any) -> bool:
    return isinstance(value, dict) and "secure" in value


def forget(engine: Engine, folder: Path, stack: str, *, settled: bool = False) -> bool:
    """Remove the state of a preview, then the stack file that was made of the template.

    Stacks of the other environments are never forgotten: their history tells what was done.

    Args:
        engine: Works on the stack.
        folder: Where Pulumi.yaml lies.
        stack: The stack's name.
        settled: Whether what creations that were cut off have left is gone, too.

    Returns:
        Whether there was any state.

    Raises:
        pulumi_embedded.errors.HeldError: The state holds resources. Nothing was removed.
        pulumi_embedded.errors.LockedError, StateLockedError: Somebody else works on the stack.
    """
    removed = engine.remove(settled=settled)
    remove_file(folder, stack)
    return removed


def remove_file(folder: Path, stack: str) -> None:
    """Remove the stack file of a preview, which was made of the template."""
    (folder / f"Pulumi.{stack}.yaml").unlink(missing_ok=True)


def after_destroy(engine: Engine, target: Target) -> bool:
    """Forget the stack that was taken down, when it is a preview's, with what runs that were cut off left unrecorded.

    Returns:
        Whether there was any state.

    Raises:
        ChangesRefusedError: Something that may be left cannot be looked for.
        components.errors.InfraError: Something is left, and may not or cannot be removed.
    """
    from components.deletion.leftovers import remove_lost
    from components.xata.branches.names import is_preview

    if not is_preview(target.stack):
        return False
    with acting_in(target.environ()):
        left = [one.name for one in engine.unsettled() if not remove_lost(one.kind, one.properties)]
    if left:
        raise ChangesRefusedError(
            f"{target.stack}: its state is not forgotten: it notes that the creation of {', '.join(left)} was cut off, "
            "and whether that exists cannot be seen from here",
            next_step=f"look for it and delete it; then ./infra refresh {target.stack} drops the note, and "
            f"./infra destroy {target.stack} forgets the state",
        )
    return forget(engine, target.folder, target.stack, settled=True)
