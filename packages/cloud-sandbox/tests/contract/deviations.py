"""Where the service differs from its own document. The service wins; each difference says how it is known.

A difference that no exchange shows any more must go: a test sees to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.contract.document import Problem


@dataclass(frozen=True, kw_only=True)
class Deviation:
    """One known difference.

    Attributes:
        side: `answer` or `request`.
        operations: The operationIds, as a regular expression.
        status: The answer's status.
        what: The problem's words, as a regular expression.
        reason: Why the service is right and the document is not.
    """

    side: str
    operations: str
    status: int
    what: str
    reason: str

    def covers(self, problem: Problem) -> bool:
        """Whether this is that difference."""
        return (
            (problem.side, problem.status) == (self.side, self.status)
            and re.fullmatch(self.operations, problem.operation) is not None
            and re.fullmatch(self.what, problem.what) is not None
        )


DEVIATIONS = (
    Deviation(
        side="answer",
        operations="describeBranch",
        status=200,
        what=r"status\.instanceCount: minimum",
        reason="a branch that sleeps, or is not made yet, has no instances; the document says at least 1",
    ),
    Deviation(
        side="answer",
        operations="describeBranch",
        status=200,
        what=r"status\.statusType: enum",
        reason="one known spelling leaves STATUS_TYPE_ out; the document knows only the other",
    ),
    Deviation(
        side="answer",
        operations="describeBranch",
        status=200,
        what=r"configuration\.storage: maximum",
        reason="storage grows to 1024 by PATCH; the document's 250 is what a new branch has",
    ),
    Deviation(
        side="answer",
        operations="getBranchCredentials",
        status=200,
        what=r"(hostname|port|dbname|connectionString): not in the document",
        reason="six fields since 28 July 2026; this copy of the document knows two",
    ),
    Deviation(
        side="answer",
        operations="listRegions",
        status=200,
        what=r"regions\.\[\]: required provider",
        reason="the server of April 2026 does not tell the provider",
    ),
    Deviation(
        side="answer",
        operations="getOrganizationLimits|getProjectLimits",
        status=200,
        what="maxStorageGBPerBranch: not in the document",
        reason="the newest source has it; the document is from August 2026",
    ),
    Deviation(
        side="answer",
        operations="getOrganizationLimits",
        status=404,
        what="ResponseNotFound",
        reason="the server of April 2026 has no such route",
    ),
    Deviation(
        side="answer",
        operations="getDefaultProjectLimits",
        status=401,
        what="ResponseNotFound",
        reason="every route asks for a key; the document names only 200 here",
    ),
    Deviation(
        side="answer",
        operations="getDefaultProjectLimits",
        status=403,
        what="ResponseNotFound",
        reason="every route judges the key's scopes; the document names only 200 here",
    ),
    Deviation(
        side="answer",
        operations="",
        status=200,
        what="PathNotFound",
        reason="/_hello is there and not in the document",
    ),
    Deviation(
        side="answer",
        operations="",
        status=404,
        what="(Path|Operation)NotFound",
        reason="an unknown route has no operation; it answers as every refusal does",
    ),
)

NOT_SERVED = {
    "account": (
        "createOrganization|updateOrganization|deleteOrganization|.*Organization(Member|Invitation|APIKey).*|.*UserAPIKeys?"
        "|listOrganizationAPIKeys|getOrganizationMembershipLimits|requestOrganizationDeletion|.*Billing.*|registerMarketplace"
    ),
    "another host": "query|websocket",
    "operating Postgres": "branchMetrics|branchLogs|getBranchPostgresConfig|listExtensions",
    "inbound": ".*Webhook",
    "user sessions only": ".*GithubAppInstallations?|.*GithubRepository",
}
"""Operations that no part of ours asks for, by the reason; the stand-in answers them as it does unknown routes."""
