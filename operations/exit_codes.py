"""What the exit code of ./infra says.

`docs/exit-codes.md` is generated from here: `python -m operations.exit_codes`.
"""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "exit-codes.md"


class ExitCode(IntEnum):
    """The exit codes; a number once given keeps its meaning."""

    SUCCESS = 0
    UNEXPECTED = 1
    BAD_CONFIGURATION = 2
    CHANGES_REFUSED = 3
    RESOURCE_FAILED = 4
    VERIFICATION_FAILED = 5
    MACHINE_NOT_READY = 6
    LOCKED = 7
    DRIFTED = 8
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.SUCCESS: "Done, or nothing to do.",
    ExitCode.UNEXPECTED: "A defect of this program: please report what `--verbose` prints.",
    ExitCode.BAD_CONFIGURATION: (
        "A wrong command line, stack name, stack file or value; a passphrase that does not open the state, state that "
        "cannot be read, a stack without outputs, a missing API key, a document that is no preview. "
        "Nothing was touched."
    ),
    ExitCode.CHANGES_REFUSED: (
        "Not carried out: nobody agreed to the plan (no terminal and no `--yes`, or the answer was no), "
        "what would be deleted is protected, or carrying it out would lose data or show a secret; "
        "`gate` found a loss that no label allows."
    ),
    ExitCode.RESOURCE_FAILED: (
        "A resource, the program or a service failed; what was made before is recorded, and the next `up` goes on."
    ),
    ExitCode.VERIFICATION_FAILED: (
        "`verify` found a layer that does not answer as it should, or could not ask one: an app that is not deployed "
        "yet, no key. `wrangler check` found an error, or `rotate --due` a password of an earlier quarter. The answer "
        "names it."
    ),
    ExitCode.MACHINE_NOT_READY: (
        "This machine lacks something: the set-up failed, an engine is missing, the sandbox does not run. "
        "`./infra doctor` looks for it."
    ),
    ExitCode.LOCKED: "Somebody else works on the stack; the message says who.",
    ExitCode.DRIFTED: "`drift` found that something is not as it was declared; the answer says what.",
    ExitCode.INTERRUPTED: "Ctrl-C or SIGTERM; what was made is recorded, and the next `up` goes on.",
}


def document() -> str:
    """The page that documents the exit codes."""
    rows = [f"| {code.value} | {code.name.lower().replace('_', ' ')} | {MEANINGS[code]} |" for code in ExitCode]
    return "\n".join(["# Exit codes of ./infra", "", "| code | name | meaning |", "|---|---|---|", *rows, ""])


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
