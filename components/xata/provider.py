"""Pulumi's side of the room. Module path and class names are a contract with recorded state: never change them.

The API key comes from the environment alone, and only where the API is talked to: a preview works without one. Every
resource records the address of the API that it was made at, because an id means nothing to another server. The work
is done in `properties`, which loads the HTTP client: it is imported where it is needed, and a preview does without.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from components.dynamic import DynamicProvider, Properties, ProviderError, is_known, plain
from components.xata import rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi.dynamic import DiffResult


class ProjectProvider(DynamicProvider):
    """A project, and its defaults for branches that are made without settings of their own.

    `adopt` speaks about the moment of birth; a later change of it is recorded and changes nothing on the server.
    """

    inputs = (
        "organization",
        "name",
        "scaleToZeroBaseEnabled",
        "scaleToZeroBaseMinutes",
        "scaleToZeroChildEnabled",
        "scaleToZeroChildMinutes",
        "adopt",
    )
    replaces = frozenset({"organization"})
    delete_before_replace = True  # names are unique in an organization

    @override
    def judge(self, news: Properties) -> Mapping[str, str]:
        return rules.project_faults(news)

    @override
    def diff(self, _id: str, _olds: Any, _news: Any) -> DiffResult:
        result = super().diff(_id, _olds, _news)
        _refuse(rules.refused_replacement("project", plain(_olds), plain(_news), result.replaces or [], os.environ))
        return result

    @override
    def make(self, news: Properties) -> tuple[str, Properties]:
        from components.xata import properties  # noqa: PLC0415 - loads the HTTP client

        return properties.make_project(news)

    @override
    def change(self, resource_id: str, olds: Properties, news: Properties) -> Properties:
        from components.xata import properties  # noqa: PLC0415 - loads the HTTP client

        return properties.change_project(resource_id, olds, news)

    @override
    def look(self, resource_id: str, olds: Properties) -> Properties | None:
        from components.xata import properties  # noqa: PLC0415 - loads the HTTP client

        return properties.look_at_project(resource_id, olds)

    @override
    def remove(self, resource_id: str, olds: Properties) -> None:
        from components.xata import properties  # noqa: PLC0415 - loads the HTTP client

        properties.remove_project(resource_id, olds)


class BranchProvider(DynamicProvider):
    """A branch's identity. It returns as soon as there is an id: who needs the database waits in BranchConnection.

    `adopt`, `allowParent` and the root configuration speak about the moment of birth; a later change of them is
    recorded and changes nothing on the server (what a root branch runs on is changed by BranchSettings); that of
    `mostPreviews` is no change at all. `insteadOf` is one while it is the id of this very branch: a fresh copy is then
    made beside it, and it goes last, when nobody uses it any more. The name a branch really has is told as
    `currentName`: one that was renamed behind our back gets its name back.
    """

    inputs = (
        "organization",
        "project",
        "name",
        "stack",
        "parent",
        "region",
        "root",
        "adopt",
        "allowParent",
        "mostPreviews",
        "insteadOf",
    )
    replaces = frozenset({"organization", "project", "name", "stack", "parent", "region", "root", "insteadOf"})
    delete_before_replace = True  # names are unique in a project

    @override
    def judge(self, news: Properties) -> Mapping[str, str]:
        return rules.branch_faults(news)

    @override
    def diff(self, _id: str, _olds: Any, _news: Any) -> DiffResult:
        result = super().diff(_id, _olds, _news)
        _refuse(rules.refused_replacement("branch", plain(_olds), plain(_news), result.replaces or [], os.environ))
        if result.replaces == ["insteadOf"]:
            result.delete_before_replace = False  # the old one has given its name away
        return result

    @override
    def needs_update(self, olds: Properties, news: Properties) -> bool:
        return bool(olds.get("currentName") != olds.get("name"))

    @override
    def make(self, news: Properties) -> tuple[str, Properties]:
        from components.xata import properties  # noqa: PLC0415 - loads the HTTP client

        return properties.make_branch(news)

    @override
    def change(self, resource_id: str, olds: Properties, news: Properties) -> Properties:
        from components.xata import properties  # noqa: PLC0415 - loads the HTTP client

        return properties.change_branch(resource_id, olds, news)

    @override
    def look(self, resource_id: str, olds: Properties) -> Properties | None:
        from components.xata import properties  # noqa: PLC0415 - loads the HTTP client

        return properties.look_at_branch(resource_id, olds)

    @override
    def remove(self, resource_id: str, olds: Properties) -> None:
        from components.xata import properties  # noqa: PLC0415 - loads the HTTP client

        properties.remove_branch(resource_id, olds)

    @override
    def _same(self, key: str, olds: Properties, news: Properties) -> bool:
        return rules.same_identity(key, olds, news)


class BranchSettingsProvider(DynamicProvider):
    """What can change on a branch, which keeps it when this goes.

    An instance type that is not given any more goes back to the parent's; storage and image cannot go back, so taking
    them out is refused. The others have no default here: what declares them says theirs.
    """

    inputs = (
        "organization",
        "projectId",
        "branchId",
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
    replaces = frozenset({"organization", "projectId", "branchId"})

    @override
    def judge(self, news: Properties) -> Mapping[str, str]:
        return rules.settings_faults(news)

    @override
    def judge_change(self, olds: Properties, news: Properties) -> Mapping[str, str]:
        return rules.refused_settings(olds, news)

    @override
    def needs_update(self, olds: Properties, news: Properties) -> bool:
        return bool(olds.get("asleep"))

    @override
    def make(self, news: Properties) -> tuple[str, Properties]:
        from components.xata import properties  # noqa: PLC0415 - loads the HTTP client

        return news["branchId"], properties.apply_settings({}, news)

    @override
    def change(self, resource_id: str, olds: Properties, news: Properties) -> Properties:
        from components.xata import properties  # noqa: PLC0415 - loads the HTTP client

        return properties.apply_settings(olds, news)

    @override
    def look(self, resource_id: str, olds: Properties) -> Properties | None:
        from components.xata import properties  # noqa: PLC0415 - loads the HTTP client

        return properties.look_at_settings(resource_id, olds)

    @override
    def _same(self, key: str, olds: Properties, news: Properties) -> bool:
        if key not in rules.PLACE and news.get(key) in (None, ""):
            return rules.is_default(key, olds)
        return _same_place(key, olds, news)

    @override
    def inputs_in(self, found: Properties) -> Properties:
        return {key: found[key] for key in (*sorted(self.replaces), *found["declared"]) if key in found}


class BranchConnectionProvider(DynamicProvider):
    """A branch that can be logged in to, and how. A changed `rotation` gives it a new password.

    So does `insteadOfPassword`, while it is the fingerprint of the recorded one. With `ownPassword` it gets one when
    this is made. A run that is killed in between makes it again, and gives it yet another one: whatever is recorded is
    not what the branch was born with. `told` says whose secret the URL is; another one is no change by itself.
    """

    inputs = (
        "organization",
        "projectId",
        "branchId",
        "rotation",
        "ownPassword",
        "insteadOfPassword",
        "told",
        "readyTimeoutSeconds",
    )
    replaces = frozenset({"organization", "projectId", "branchId"})

    @override
    def judge(self, news: Properties) -> Mapping[str, str]:
        return rules.connection_faults(news)

    @override
    def needs_update(self, olds: Properties, news: Properties) -> bool:
        return not rules.is_complete(olds)

    @override
    def make(self, news: Properties) -> tuple[str, Properties]:
        from components.xata import properties  # noqa: PLC0415 - loads the HTTP client

        return news["branchId"], properties.make_connection(news)

    @override
    def change(self, resource_id: str, olds: Properties, news: Properties) -> Properties:
        from components.xata import properties  # noqa: PLC0415 - loads the HTTP client

        return properties.change_connection(olds, news)

    @override
    def look(self, resource_id: str, olds: Properties) -> Properties | None:
        from components.xata import properties  # noqa: PLC0415 - loads the HTTP client

        return properties.look_at_connection(resource_id, olds)

    @override
    def _same(self, key: str, olds: Properties, news: Properties) -> bool:
        if key == "insteadOfPassword":
            return not rules.is_to_be_replaced(olds, news)
        return key == "told" or _same_place(key, olds, news)


def _same_place(key: str, olds: Properties, news: Properties) -> bool:
    """Whether an input is unchanged.

    Branches have ids of their own: the project of the same branch is the same, also where a preview does not know it.
    """
    if key in rules.PLACE and not is_known(news.get(key)) and is_known(news.get("branchId")):
        return bool(olds.get("branchId") == news.get("branchId"))
    return bool(olds.get(key) == news.get(key))


def _refuse(reason: str) -> None:
    """Fail a plan in words: check cannot, because only the recorded outputs tell whether a change is one."""
    if reason:
        raise ProviderError(reason)
