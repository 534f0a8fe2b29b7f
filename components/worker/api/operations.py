"""The operations of Cloudflare's API that are used: method, path, and the permission a token needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WORKERS: Final = "/accounts/{account}/workers"
SCRIPT: Final = f"{WORKERS}/scripts/{{script}}"
SECRETS: Final = f"{SCRIPT}/secrets"
WORKERS_SCRIPTS, HYPERDRIVE, SECRETS_STORE = "Workers Scripts", "Hyperdrive", "Secrets Store"
"""What permissions are about; each is to be had as Read and as Write."""
READ, WRITE = f"{WORKERS_SCRIPTS} Read", f"{WORKERS_SCRIPTS} Write"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation.

    Attributes:
        act: What it does, to complete "could not …".
        method: GET, POST, PUT, PATCH or DELETE.
        path: A template over account, script and name.
        of: What the permission is about.
        repeatable: Whether doing it twice leaves what doing it once leaves. A secret that is set to the same value
            twice is such a case, though each change makes a version of the Worker; code that is uploaded is not,
            because somebody else may have deployed in between.
    """

    act: str
    method: str
    path: str
    of: str = WORKERS_SCRIPTS
    repeatable: bool = True

    @property
    def permission(self) -> str:
        """What the token must be allowed to do on the account."""
        return f"{self.of} {'Read' if self.method == 'GET' else 'Write'}"


LIST_SCRIPTS: Final = Operation(act="list the Workers", method="GET", path=f"{WORKERS}/scripts")
READ_SERVICE: Final = Operation(act="read the Worker", method="GET", path=f"{WORKERS}/services/{{script}}")
UPLOAD_SCRIPT: Final = Operation(act="upload the Worker", method="PUT", path=SCRIPT, repeatable=False)
DELETE_SCRIPT: Final = Operation(act="delete the Worker", method="DELETE", path=SCRIPT)
READ_SETTINGS: Final = Operation(act="read the Worker's settings", method="GET", path=f"{SCRIPT}/settings")

LIST_SECRETS: Final = Operation(act="list the Worker's secrets", method="GET", path=SECRETS)
PUT_SECRET: Final = Operation(act="set a secret of the Worker", method="PUT", path=SECRETS)
DELETE_SECRET: Final = Operation(act="delete a secret of the Worker", method="DELETE", path=f"{SECRETS}/{{name}}")
CHANGE_SECRETS: Final = Operation(act="change the Worker's secrets", method="PATCH", path=f"{SCRIPT}/secrets-bulk")
"""A merge-patch by name: the same one again sets the same values. A null for a name that an earlier attempt, whose
answer was lost, has removed may be refused as "not found"; the life cycle looks again then."""

LIST_VERSIONS: Final = Operation(act="list the Worker's versions", method="GET", path=f"{SCRIPT}/versions")
UPLOAD_VERSION: Final = Operation(
    act="upload a version of the Worker", method="POST", path=f"{SCRIPT}/versions", repeatable=False
)
CHANGE_LATEST_VERSION: Final = Operation(
    act="make a version with changed secrets",
    method="PATCH",
    path=f"{WORKERS}/workers/{{script}}/versions/latest",
)
"""Made twice there are two versions of the same content, of which the second is deployed."""

LIST_DEPLOYMENTS: Final = Operation(act="list the Worker's deployments", method="GET", path=f"{SCRIPT}/deployments")
DEPLOY: Final = Operation(
    act="deploy a version of the Worker", method="POST", path=f"{SCRIPT}/deployments", repeatable=False
)

PREVIEW: Final = f"{WORKERS}/workers/{{script}}/previews/{{name}}"
READ_PREVIEW: Final = Operation(act="read the Worker's preview", method="GET", path=PREVIEW)
DELETE_PREVIEW: Final = Operation(act="delete the Worker's preview", method="DELETE", path=PREVIEW)
READ_PREVIEW_DEPLOYMENT: Final = Operation(
    act="read what the Worker's preview runs", method="GET", path=f"{PREVIEW}/deployments/latest"
)
CHANGE_PREVIEW: Final = Operation(
    act="change the secrets of the Worker's preview", method="PATCH", path=f"{PREVIEW}/deployments/latest"
)
"""A merge-patch that is in force at once, as a new deployment; made twice there are two of the same content."""

READ_ACCOUNT_SUBDOMAIN: Final = Operation(
    act="read the account's workers.dev subdomain", method="GET", path=f"{WORKERS}/subdomain"
)
READ_SUBDOMAIN: Final = Operation(act="read the Worker's workers.dev address", method="GET", path=f"{SCRIPT}/subdomain")
SET_SUBDOMAIN: Final = Operation(act="set the Worker's workers.dev address", method="POST", path=f"{SCRIPT}/subdomain")

LIST_HYPERDRIVES: Final = Operation(
    act="list the Hyperdrive configurations", method="GET", path="/accounts/{account}/hyperdrive/configs", of=HYPERDRIVE
)
STORES: Final = "/accounts/{account}/secrets_store/stores"
LIST_STORES: Final = Operation(act="list the account's Secrets Stores", method="GET", path=STORES, of=SECRETS_STORE)
LIST_STORED: Final = Operation(
    act="list the secrets of the Secrets Store", method="GET", path=f"{STORES}/{{store}}/secrets", of=SECRETS_STORE
)
