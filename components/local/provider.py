"""The `.dev.vars` file as a resource. Module path and class name of its provider are a contract with recorded state."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import pulumi
from msgspec import Meta
from typing_extensions import override

from components.declared import About, Declared, Words
from components.errors import ConfigurationError, InfraError
from components.fingerprint import fingerprint
from components.local.dev_vars import assign, parse
from components.local.files import PRIVATE, read_private, remove_private, write_private
from components.local.ignored import require_ignored
from components.resource import Properties, Provider, Resource, state

FilePath = Annotated[str, Meta(min_length=1), Words("the path of a .dev.vars file, which is not empty", ".dev.vars")]

Values = Annotated[Mapping[str, str], Words("a map of variable names to texts")]


class DevVarsInputs(Declared):
    """Variables in a `.dev.vars` file, which `wrangler dev` gives to the Worker."""

    path: Annotated[
        FilePath,
        About("The file. A relative path starts at the project folder, so recorded state stays true when it moves."),
    ]
    values: Annotated[Values, About("Variable name to value.", secret=True, fingerprinted=True)]


class DevVarsState(DevVarsInputs):
    """A file that was written."""

    values_fingerprint: Annotated[Mapping[str, str] | None, About("Which variables are ours.", secret=True)] = None
    created: Annotated[bool, About("Whether the file was made for them.")] = False
    private: Annotated[bool, About("Whether only its owner may read it.")] = False


class DevVarsProvider(Provider[DevVarsInputs, DevVarsState]):
    """Keeps some variables of one `.dev.vars` file as declared; the rest of the file is somebody else's.

    Another path is an update: the old file is cleaned once the new one is written. Two paths may lead to one file.
    """

    @override
    def validate(self, known: Properties) -> Mapping[str, str]:
        reasons: dict[str, str] = {}
        if known.get("path"):
            try:
                require_ignored(read_private(Path(known["path"])).path)
            except InfraError as error:
                reasons["path"] = str(error)
        if "values" in known and "values" not in self.inputs.validate(known):
            try:
                assign("", known["values"])
            except ConfigurationError as error:
                reasons["values"] = error.message
        return reasons

    @override
    def needs_update(self, old: DevVarsState, news: Properties) -> bool:
        return not old.private

    @override
    def create_resource(self, new: DevVarsInputs) -> tuple[str, DevVarsState]:
        return new.path, _written(new)

    @override
    def update_resource(self, resource_id: str, old: DevVarsState, new: DevVarsInputs) -> DevVarsState:
        if Path(old.path).resolve() != Path(new.path).resolve():
            made = _written(new)
            self.delete_resource(resource_id, old)
            return made
        made = _written(new, owned=old.values_fingerprint or ())
        return replace(made, created=made.created or old.created)

    @override
    def read_resource(self, resource_id: str, old: DevVarsState) -> DevVarsState | None:
        """What the file holds of our variables; None when it is gone. Other lines are not looked at."""
        path = Path(old.path)
        file = read_private(path) if path.parent.is_dir() else None
        if file is None or not file.exists:
            return None
        recorded, found = old.values_fingerprint or {}, parse(file.text)
        prints = {key: fingerprint(found[key], like=earlier) for key, earlier in recorded.items() if key in found}
        return replace(old, values_fingerprint=prints, private=file.private)

    @override
    def delete_resource(self, resource_id: str, old: DevVarsState) -> None:
        """Remove our variables, and the file when we made it and nothing else is left in it."""
        path = Path(old.path)
        file = read_private(path) if path.parent.is_dir() else None
        if file is None or not file.exists:
            return
        text = assign(file.text, {}, drop=old.values_fingerprint or ())
        if old.created and not text.strip():
            remove_private(file.path)
        elif text != file.text:
            write_private(file.path, text)


class DevVars(Resource, provider=DevVarsProvider, module="local", name="DevVars"):
    """Variables in a `.dev.vars` file. Other lines of the file are kept."""

    path: pulumi.Output[str]
    created: pulumi.Output[bool]
    private: pulumi.Output[bool]


def _written(new: DevVarsInputs, *, owned: Iterable[str] = ()) -> DevVarsState:
    """Set the values in the file and remove what we own but no longer declare.

    Raises:
        LocalError: The folder or the file is in the way.
        RefusedError: Git would let the file be committed, or another line is in the way.
    """
    file = read_private(Path(new.path))
    require_ignored(file.path)
    declared = dict(sorted(new.values.items()))  # the order is lost on the way from the program
    text = assign(file.text, declared, drop=[key for key in owned if key not in new.values])
    if file.exists and not file.private:
        sys.stderr.write(f"{file.path}: mode {file.mode or 0:o} let others read it; it is {PRIVATE:o} now\n")
    if text != file.text or not file.private:
        write_private(file.path, text)
    return state(DevVarsState, new, created=not file.exists, private=True)
