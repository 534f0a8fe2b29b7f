"""A wrangler file beside what is expected of it: makes findings that stand where a value does. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.worker.wrangler.expectation import Expectation, Finding, Severity
from components.worker.wrangler.jsonc import is_object

if TYPE_CHECKING:
    from components.worker.wrangler.config import Config
    from components.worker.wrangler.jsonc import Node

_PLAIN_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A file and what is expected of it."""

    config: Config
    expectation: Expectation

    @property
    def block(self) -> str:
        """The path of the stack's block."""
        return f"env.{self.expectation.stack}"

    def finding(
        self, severity: Severity, offset: int, what: str, *, found: str = "", expected: str = "", next_step: str = ""
    ) -> Finding:
        """A finding at an offset of the text; without a next step of its own, `write` mends it."""
        line, column = self.config.document.place(offset)
        return Finding(
            severity=severity,
            what=what,
            found=found,
            expected=expected,
            next_step=next_step or self.expectation.write_command,
            line=line,
            column=column,
        )


def shown(node: Node | None) -> str:
    """A value for a message; text that could be a secret is not quoted."""
    if node is None:
        return ""
    if isinstance(node.data, str):
        return repr(node.data) if _PLAIN_WORD.fullmatch(node.data) else f"a text of {len(node.data)} characters"
    if isinstance(node.data, dict | list):
        return "an object" if is_object(node) else "a list"
    return f"{node.data:.15g}" if isinstance(node.data, float) else json.dumps(node.data)
