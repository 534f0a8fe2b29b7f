"""What the inputs of the Xata resources must be, and what a changed one leads to. Pure: no network, no Pulumi."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from components.errors import ConfigurationError
from components.fingerprint import matches
from components.xata.branches.names import PRODUCTION, is_preview, unfit_branch_name
from components.xata.branches.ownership import ALLOW_DELETE, allowed_names, mark
from components.xata.branches.specs import MAY_DESCEND_FROM_PRODUCTION, MOST_REPLICAS, parse_image

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PLACE: Final = ("organization", "projectId", "branchId")
"""The inputs that say which branch is meant."""

ENDPOINTS: Final = ("url", "poolerUrl", "readOnlyUrl", "host", "port", "database", "user", "password")
"""What the outputs of a connection tell."""

LONGEST_WAIT_SECONDS: Final = 3600

ONLY_PREVIEWED: Final = "INFRA_ONLY_PREVIEWED"
"""Set by `./infra preview` alone: credentials that the key may not read are then named, and the recorded ones taken."""

SETTINGS: Final = (
    "description",
    "scaleToZeroEnabled",
    "scaleToZeroMinutes",
    "backupRetentionDays",
    "backupTime",
    "instanceType",
    "replicas",
    "storage",
    "image",
)
"""The inputs of a branch's settings; each may be left out."""

_SPELLINGS: Final = {"project": ("projectId", "projectName"), "parent": ("parentId", "parentName")}
"""Inputs that are given by id or by name, and the outputs that record both."""


def project_faults(news: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the known inputs of a project: name to reason."""
    from components.xata.branches.projects import judge_project  # noqa: PLC0415 - loads the models

    return {**_empty(news, "organization"), **judge_project(news)}


def branch_faults(news: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the known inputs of a branch: name to reason."""
    found = {
        "name": unfit_branch_name(news["name"]) if "name" in news else "",
        "stack": _stack_fault(news),
        "parent": _parent_fault(news),
        "root": _root_fault(news),
        "mostPreviews": _most_fault(news),
        **_empty(news, "organization", "project", "region"),
    }
    return {key: reason for key, reason in found.items() if reason}


def settings_faults(news: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the known settings of a branch: name to reason."""
    from components.xata.branches.settings import judge_settings  # noqa: PLC0415 - loads the models

    return {**_empty(news, *PLACE), **judge_settings(declared(news))}


def connection_faults(news: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the known inputs of a connection: name to reason."""
    found = _empty(news, *PLACE)
    if not isinstance(news.get("rotation", ""), str):
        found["rotation"] = f"{news['rotation']!r} is not a text such as 2026-Q4"
    if news.get("ownPassword") not in {None, True, False}:
        found["ownPassword"] = f"{news['ownPassword']!r} is neither true nor false"
    seconds = news.get("readyTimeoutSeconds", 1)
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 1 <= seconds <= LONGEST_WAIT_SECONDS:
        found["readyTimeoutSeconds"] = f"{seconds!r} is not a whole number of seconds from 1 to {LONGEST_WAIT_SECONDS}"
    return found


def _empty(news: Mapping[str, Any], *keys: str) -> dict[str, str]:
    return {key: f"the {key} is empty" for key in keys if key in news and not news[key]}


def _most_fault(news: Mapping[str, Any]) -> str:
    most = news.get("mostPreviews")
    fits = most is None or (isinstance(most, int) and not isinstance(most, bool) and most >= 1)
    return "" if fits else f"mostPreviews is {most!r}; allowed is a whole number from 1"


def _stack_fault(news: Mapping[str, Any]) -> str:
    try:
        if "stack" in news:
            mark(str(news["stack"]))
    except ConfigurationError as error:
        return error.message
    return ""


def _parent_fault(news: Mapping[str, Any]) -> str:
    parent, name = news.get("parent"), str(news.get("name", ""))
    if parent is None:
        return ""
    if not parent or parent == name:
        return f"{parent!r} cannot be the parent of {name!r}; name another branch, such as main"
    if parent != PRODUCTION or name in MAY_DESCEND_FROM_PRODUCTION or news.get("allowParent") == parent:
        return ""
    return (
        f"the branch {name} would be a copy of all of production's data; set infra:parent to staging or main, or, if "
        "that copy is meant, infra:allowParent to production"
    )


def _root_fault(news: Mapping[str, Any]) -> str:
    root = news.get("root")
    if root is None:
        return ""
    if news.get("parent"):
        return "a branch has a parent or a root configuration, not both"
    if not isinstance(root, dict) or parse_image(str(root.get("image"))) is None:
        return "image must be an image's name such as postgres:18.1"
    if not root.get("instanceType"):
        return "instanceType is empty; name one that the region offers, such as xata.micro"
    replicas = root.get("replicas", 0)
    if isinstance(replicas, bool) or not isinstance(replicas, int) or not 0 <= replicas <= MOST_REPLICAS:
        return f"replicas is {replicas!r}; allowed is a whole number from 0 to {MOST_REPLICAS}"
    return ""


def same_identity(key: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether a changed input still means the same branch: another spelling of one thing, or a value of its birth."""
    before, after = olds.get(key), news.get(key)
    if before == after or key == "mostPreviews":
        return True
    if key == "insteadOf":
        return not after or after != olds.get("branchId")
    if key in _SPELLINGS:
        return bool(after) and after in {olds.get(name) for name in _SPELLINGS[key]}
    if key == "root" and isinstance(before, dict) and isinstance(after, dict):
        return not image_moves(before.get("image"), after.get("image"))
    return False


def image_moves(before: Any, after: Any) -> bool:
    """Whether another image means another database: minor versions of one offering change in place."""
    old, new = parse_image(str(before)), parse_image(str(after))
    if old is None or new is None:
        return bool(before != after)
    return (old.offering, old.major) != (new.offering, new.major)


def declared(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are given, neither absent nor empty."""
    given = set(properties) & set(SETTINGS)
    return {key: properties[key] for key in sorted(given) if properties[key] not in (None, "")}


def is_default(key: str, olds: Mapping[str, Any]) -> bool:
    """Whether a setting that is not declared is as it was before it was, as far as the last update or refresh saw."""
    default = (olds.get("defaults") or {}).get(key)
    return key not in (olds.get("declared") or ()) and default in (None, olds.get(key))


def is_complete(olds: Mapping[str, Any]) -> bool:
    """Whether recorded outputs hold a whole connection, and one that a deployment has passed on."""
    return bool(olds.get("current")) and all(olds.get(key) for key in ENDPOINTS)


def is_to_be_replaced(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    """Whether the recorded password is the one that another is wanted in the place of."""
    return matches(olds.get("password"), news.get("insteadOfPassword"))


def refused_settings(olds: Mapping[str, Any], news: Mapping[str, Any]) -> dict[str, str]:
    """Which changes of a branch's settings can never be carried out: name to reason."""
    found: dict[str, str] = {}
    if olds.get("branchId") != news.get("branchId"):
        return found
    before, after = olds.get("storage"), news.get("storage")
    if before and not after:
        found["storage"] = f"it is {before} GB and can only grow: leave infra:storageGigabytes at {before}"
    elif before and after < before:
        found["storage"] = f"it is {before} GB and can only grow; {after} GB would be less"
    if reason := _image_refusal(olds.get("image"), news.get("image")):
        found["image"] = reason
    return found


def _image_refusal(before: Any, after: Any) -> str:
    old, new = parse_image(str(before)), parse_image(str(after))
    if old is not None and not after:
        return (
            f"a branch keeps its image for life: leave infra:postgresImage at {before}, or say "
            f"{old.offering}:{old.major} for any minor version"
        )
    if old is None or new is None:
        return ""
    if (old.offering, old.major) != (new.offering, new.major):
        return f"a branch keeps its kind and major version for life: it cannot change from {before} to {after}"
    if old.minor and new.minor is not None and new.minor < old.minor:
        return f"a branch does not go back to an older minor version: it cannot change from {before} to {after}"
    return ""


def refused_replacement(
    what: str, olds: Mapping[str, Any], news: Mapping[str, Any], keys: Iterable[str], environment: Mapping[str, str]
) -> str:
    """Why a branch or project may not be replaced because of these inputs; empty when it may."""
    name, changed = str(olds.get("name", "")), sorted(keys)
    if not changed or (what == "branch" and is_preview(name)) or name in allowed_names(environment):
        return ""
    told = ", ".join(f"{key} from {olds.get(key)!r} to {news.get(key)!r}" for key in changed)
    return (
        f"{', '.join(changed)}: the {what} {name!r} is protected, and a {what} cannot change its {told}: it would be "
        "deleted with its data and made anew\n"
        f"  next: put the old value back; or, if the data may go for good, set infra:protect to false and name it: "
        f"{ALLOW_DELETE}={name}"
    )
