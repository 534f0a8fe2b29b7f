"""What the inputs of the Worker resources must be. Pure: no network, no Pulumi."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from components.worker.secrets.names import AS_SET, CHOICES, account_fault, owner_fault, script_fault, values_fault

if TYPE_CHECKING:
    from collections.abc import Mapping


def secrets_faults(news: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the known inputs of a Worker's secrets: name to reason. No value is ever quoted."""
    found = {
        "account": account_fault(news["account"]) if "account" in news else "",
        "script": script_fault(news["script"]) if "script" in news else "",
        "values": values_fault(news["values"]) if "values" in news else "",
        "onUndeployedVersion": _choice_fault(news.get("onUndeployedVersion", CHOICES[0])),
        "owner": owner_fault(news.get("owner")),
    }
    return {key: reason for key, reason in found.items() if reason}


def are_as_set(olds: Mapping[str, Any]) -> bool:
    """Whether the secrets are where they belong, and nobody else touched them, as far as recorded outputs know."""
    return not olds.get("missing") and not olds.get("arrived") and olds.get("state", AS_SET) == AS_SET


def preview_faults(news: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the known inputs of a Worker's preview: name to reason. No value is ever quoted."""
    found = {
        "account": account_fault(news["account"]) if "account" in news else "",
        "script": script_fault(news["script"]) if "script" in news else "",
        "name": owner_fault(news["name"] or "") if "name" in news else "",
        "values": values_fault(news["values"]) if "values" in news else "",
    }
    return {key: reason for key, reason in found.items() if reason}


def _choice_fault(choice: Any) -> str:
    return "" if choice in CHOICES else f"{choice!r} is not a choice; allowed are {', '.join(CHOICES)}"
