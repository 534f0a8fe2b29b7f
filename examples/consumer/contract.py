"""What this project reads of infra's outputs, judged before it is used. Copy it, and name what yours reads.

./infra outputs staging --json | python3 examples/consumer/contract.py
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1
READS = {"environment": str, "databaseHost": str, "databasePort": int, "databaseName": str, "databaseReadOnlyUrl": str}


class ContractError(Exception):
    """The outputs are not what this project reads. It says what is wrong, and shows no value but the version."""


def read(outputs: Mapping[str, Any], name: str) -> Any:
    """One output of an environment.

    Raises:
        ContractError: The environment keeps another version of the contract, or the output is not as it says.
    """
    version, value = _whole(outputs.get("contractVersion")), _whole(outputs.get(name))
    if type(version) is not int or version != VERSION:
        found = "is not there" if version is None else f"is {version!r}"
        step = "adapt this project" if type(version) is int and version > VERSION else "bring that environment up anew"
        raise ContractError(f"version {VERSION} of the contract is missing: contractVersion {found}; {step}")
    if type(value) is not READS[name]:
        found = "is not there" if value is None else f"is a {type(value).__name__}"
        raise ContractError(f"{name} {found}; version {VERSION} of the contract says {READS[name].__name__}")
    return value


def _whole(value: Any) -> Any:
    """Pulumi hands every number over as a float."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


if __name__ == "__main__":
    try:
        given = json.load(sys.stdin)
        for output in READS:
            read(given, output)
    except ContractError as error:
        sys.exit(f"error: {error}")
