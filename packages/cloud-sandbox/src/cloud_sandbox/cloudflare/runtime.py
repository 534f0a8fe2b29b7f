"""What runs the scripts: real workerd, or its twin in memory that only remembers them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from cloud_sandbox.cloudflare.models import Bindings, Script


class ScriptError(Exception):
    """The runtime does not accept a script; the text is what it says, without values of bindings."""


class Runtime(Protocol):
    """Runs one script for each name. Every call blocks until it is done and may come from any thread."""

    def deploy(self, name: str, script: Script, bindings: Bindings) -> None:
        """Enveloped from this script with these bindings from now on; the one before answers until it is ready.

        Raises:
            ScriptError: It does not start; what ran before goes on.
        """

    def remove(self, name: str) -> None:
        """Stop answering; a name that is not known is fine."""

    def url(self, name: str) -> str:
        """Where it is reached, without a slash at the end; empty when it is not run at all."""


class NoRuntime:
    """Remembers what would run: `scripts` by name."""

    def __init__(self) -> None:
        self.scripts: dict[str, tuple[Script, Bindings]] = {}

    def deploy(self, name: str, script: Script, bindings: Bindings) -> None:
        """Remember it."""
        self.scripts[name] = (script, bindings)

    def remove(self, name: str) -> None:
        """Forget it."""
        self.scripts.pop(name, None)

    def url(self, name: str) -> str:  # noqa: ARG002 - the protocol's
        """Nowhere."""
        return ""
