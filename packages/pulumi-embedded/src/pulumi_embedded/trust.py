"""Which pickled providers may be run: loading a pickle runs whatever it says, and a state may come from anywhere.

Two kinds are run: what the program of this run registers, since that program runs anyhow; and the bare reference to a
class of the project's own code, which is what Pulumi's SDK writes for a provider that is defined in a module and has no
attributes. Everything else that only a state holds is refused by name, and never loaded to find out what it is.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any, Final

from pulumi_embedded.errors import UnsupportedError
from pulumi_embedded.goal import name_of, type_of
from pulumi_embedded.values import UNKNOWN, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pulumi_embedded.state import ResourceState

PROVIDER_KEY: Final = "__provider"
"""Where Pulumi keeps the pickled provider among a dynamic resource's properties (`pulumi.dynamic.PROVIDER_KEY`)."""

_NAMES: Final = re.compile(rb"\x80[\x04\x05]\x95.{8}\x8c.([\w.]{1,255})\x94\x8c.(\w{1,255})\x94.*", re.DOTALL)


class Trust:
    """Decides which providers may be run.

    Args:
        folder: The program's folder, from which its modules are imported.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._accepted: set[str] = set()

    def declare(self, inputs: Mapping[str, Any]) -> None:
        """Accept the provider that the program registers a resource with."""
        text = _text(inputs)
        if isinstance(text, str):
            self._accepted.add(text)

    def check(self, urn: str, *properties: Mapping[str, Any]) -> None:
        """Raise UnsupportedError when the first of these that names a provider, names one that may not be run."""
        text = next((found for one in properties if (found := _text(one)) not in (None, UNKNOWN)), None)
        if text is None or (isinstance(text, str) and text in self._accepted):
            return
        if not isinstance(text, str) or not self._class_of(text):
            raise _refusal(urn)
        self._accepted.add(text)

    def check_recorded(self, resources: Iterable[ResourceState]) -> None:
        """Refuse, before anything is done, a state that names a provider which may not be run."""
        for state in resources:
            self.check(state.urn, state.inputs)
            self.check(state.urn, state.outputs)

    def replace_recorded(self, old: ResourceState, inputs: Mapping[str, Any]) -> None:
        """Let the program's provider take the place of a recorded one; nothing runs that one.

        A provider that travels whole is another text with each edit of its code. Where the program names a class of a
        module, the state holds one of this name, which may have been code or elsewhere before it moved there: anything
        else was put there, and is refused.
        """
        text = _text(inputs)
        if not isinstance(text, str):
            self.check_recorded([old])
            return
        name = self._class_of(text)
        for kind, recorded in (("inputs", old.inputs), ("outputs", old.outputs)):
            found = _text(recorded)
            if found in (None, text):
                continue
            if name and not _names(name, found):
                self.check(old.urn, recorded)
            else:
                setattr(old, kind, {**recorded, PROVIDER_KEY: inputs[PROVIDER_KEY]})

    def _class_of(self, text: str) -> str:
        """The class of the project's modules that a provider is a bare reference to; empty when it is none."""
        pickled = _unpacked(text)
        names = _NAMES.fullmatch(pickled)
        if names is None or pickled != _reference(pickled[1], *names.groups()):
            return ""
        module, name = (part.decode("ascii") for part in names.groups())
        return name if self._defines(module.split("."), name) else ""

    def _defines(self, module: list[str], name: str) -> bool:
        """Whether a file of the project defines this class, which has a base; files are only read.

        A class or a module that moved is looked for where the package says that it is: in a line of its `__init__.py`,
        such as `    "rooms.before": "rooms.today",` or `    "rooms.before.Class": "rooms.today",`.
        """
        pattern = re.compile(rb"^class %s\([^)]" % name.encode(), re.MULTILINE)
        places = (self._moved_to([*module, name]), module, self._moved_to(module))
        file = next((file for place in places for file in self._files(place)), None)
        return file is not None and bool(pattern.search(file.read_bytes()))

    def _moved_to(self, module: list[str]) -> list[str]:
        line = rb'^ *"%s": "([\w.]+)",$' % re.escape(".".join(module).encode())
        found = (re.search(line, file.read_bytes(), re.MULTILINE) for file in self._files(module[:1]))
        return next((match[1].decode("ascii").split(".") for match in found if match), [])

    def _files(self, module: list[str]) -> list[Path]:
        """The file of a module of the project, where there is one."""
        if not module or "__main__" in module or not all(part.isidentifier() for part in module):
            return []
        place = self._folder.joinpath(*module)
        return [file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file()][:1]


def _reference(protocol: int, module: bytes, name: bytes) -> bytes:
    """The pickle of an object without attributes whose class is found by its name, byte for byte."""
    body = b"\x8c%c%s\x94\x8c%c%s\x94\x93\x94)\x81\x94." % (len(module), module, len(name), name)
    return b"\x80%c\x95%s%s" % (protocol, len(body).to_bytes(8, "little"), body)


def _unpacked(text: str) -> bytes:
    """The pickle, as the server of providers reads it; empty when that is none."""
    try:
        return base64.b64decode(text)
    except (ValueError, binascii.Error):
        return b""


def _names(name: str, recorded: Any) -> bool:
    """Whether a recorded provider, code or reference, has a class of this name in it; it is only searched."""
    return isinstance(recorded, str) and b"\x8c%c%s\x94" % (len(name), name.encode()) in _unpacked(recorded)


def _text(properties: Mapping[str, Any]) -> Any:
    return plain(properties.get(PROVIDER_KEY))


def _refusal(urn: str) -> UnsupportedError:
    return UnsupportedError(
        f"The state of {type_of(urn)} {name_of(urn)!r} holds a provider that is neither a class of this project's "
        "modules nor one that the program registers in this run; running it could do anything, so nothing was run.",
        next_step="find out who wrote this state, or restore it from its backup; one of your own, defined in "
        "__main__.py or with attributes, is recorded as code: define its class in a module under the same name and run "
        "`up` without `refresh: always` in Pulumi.yaml, which records the name alone; or take the Pulumi CLI for this "
        "run, which runs whatever a state holds",
    )
