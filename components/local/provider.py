"""The `.dev.vars` resource's adapter to Pulumi.

The class path is a contract with recorded state: never move or rename it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from components.dynamic import DynamicProvider
from components.errors import ConfigurationError, InfraError
from components.fingerprint import fingerprint
from components.local.dev_vars import assign, parse
from components.local.files import PRIVATE, read_private, remove_private, write_private
from components.local.ignored import require_ignored

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class DevVarsProvider(DynamicProvider):
    """Keeps some variables of one `.dev.vars` file as declared; the rest of the file is somebody else's.

    A relative path starts at the project folder, where Pulumi starts providers, so recorded state stays true when the
    clone moves. Another path is an update: the old file is cleaned once the new one is written.
    """

    inputs = ("path", "values")
    fingerprinted: ClassVar[frozenset[str]] = frozenset({"values"})
    secret_inputs: ClassVar[frozenset[str]] = frozenset({"values"})

    @override
    def judge(self, news: dict[str, Any]) -> Mapping[str, str]:
        return faults(news)

    @override
    def needs_update(self, olds: dict[str, Any], news: dict[str, Any]) -> bool:
        return olds.get("private") is not True

    @override
    def make(self, news: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return news["path"], write(news["path"], news["values"])

    @override
    def change(self, resource_id: str, olds: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
        return move(olds, news)

    @override
    def look(self, resource_id: str, olds: dict[str, Any]) -> dict[str, Any] | None:
        return look(olds)

    @override
    def remove(self, resource_id: str, olds: dict[str, Any]) -> None:
        clean(olds["path"], olds.get("valuesFingerprint", {}), created=olds.get("created") is True)


def faults(news: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the known inputs: name to reason. Values are never shown."""
    found: dict[str, str] = {}
    if not news.get("path", "?"):
        found["path"] = "the path of the .dev.vars file is empty"
    elif "path" in news:
        try:
            require_ignored(read_private(Path(news["path"])).path)
        except InfraError as error:
            found["path"] = str(error)
    if "values" in news:
        try:
            assign("", news["values"])
        except ConfigurationError as error:
            found["values"] = error.message
    return found


def write(path: str, values: Mapping[str, str], *, owned: Iterable[str] = ()) -> dict[str, Any]:
    """Set `values` in the file and remove what we own but no longer declare; the outputs besides the inputs.

    Raises:
        LocalError: The folder or the file is in the way.
        RefusedError: Git would let the file be committed, or another line is in the way.
    """
    file = read_private(Path(path))
    require_ignored(file.path)
    declared = dict(sorted(values.items()))  # the order is lost on the way from the program
    text = assign(file.text, declared, drop=[key for key in owned if key not in values])
    if file.exists and not file.private:
        sys.stderr.write(f"{file.path}: mode {file.mode or 0:o} let others read it; it is {PRIVATE:o} now\n")
    if text != file.text or not file.private:
        write_private(file.path, text)
    return {"created": not file.exists, "private": True}


def move(olds: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, Any]:
    """Set the values in the declared file, then remove ours from the one that held them; two paths may lead to one.

    Raises:
        LocalError: The folder or a file is in the way. What was written before stays.
        RefusedError: Git would let the file be committed, or another line is in the way.
    """
    owned, old = olds.get("valuesFingerprint", {}), Path(olds["path"])
    created = olds.get("created") is True
    if old.resolve() == Path(news["path"]).resolve():
        outputs = write(news["path"], news["values"], owned=owned)
        return {**outputs, "created": outputs["created"] or created}
    outputs = write(news["path"], news["values"])
    clean(olds["path"], owned, created=created)
    return outputs


def look(olds: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the file holds of our variables; None when it is gone. Other lines are not looked at."""
    path = Path(olds["path"])
    if not path.parent.is_dir():
        return None
    file = read_private(path)
    if not file.exists:
        return None
    recorded, found = olds.get("valuesFingerprint", {}), parse(file.text)
    prints = {key: fingerprint(found[key], like=earlier) for key, earlier in recorded.items() if key in found}
    return {**olds, "valuesFingerprint": prints, "private": file.private}


def clean(path: str, owned: Iterable[str], *, created: bool) -> None:
    """Remove our variables, and the file when we made it and nothing else is left in it."""
    if not Path(path).parent.is_dir():
        return
    file = read_private(Path(path))
    if not file.exists:
        return
    text = assign(file.text, {}, drop=owned)
    if created and not text.strip():
        remove_private(file.path)
    elif text != file.text:
        write_private(file.path, text)
