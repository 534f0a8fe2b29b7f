"""The client of Cloudflare's API for Workers: one method per operation that is used, typed in and out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeVar

from components.errors import NotFoundError, SecretNotFoundError, WorkerNotFoundError
from components.http import client
from components.http.client import malformed
from components.http.service import EVERY, Content, Operation, Service
from components.worker.api import models
from components.worker.api.models import HYPERDRIVE, SECRETS_STORE, WORKERS_SCRIPTS
from components.worker.api.rules import NO_SUBDOMAIN, RULES, WORKER_GONE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from components.http.answers import Answer
    from components.worker.api.models import Upload

TOKEN_VARIABLE, ACCOUNT_VARIABLE = "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID"
READ, WRITE = f"{WORKERS_SCRIPTS} Read", f"{WORKERS_SCRIPTS} Write"
WRITE_SECONDS: Final = 60.0
"""A change is deployed to the whole network before it is answered; giving up early would leave its fate unknown."""
WHOLE: Final = 100
MOST_PAGES: Final = 1000
GONE: Final = (WorkerNotFoundError, SecretNotFoundError)
"""Proof that there is nothing to delete: a 404 with another code is an error."""
MERGE_PATCH, MODULE = "application/merge-patch+json", "application/javascript+module"

CLOUDFLARE: Final = Service(
    name="Cloudflare",
    default_url="https://api.cloudflare.com/client/v4",
    # The first is wrangler's, the second that of Cloudflare's own packages and of its Pulumi provider.
    url_variables=("CLOUDFLARE_API_BASE_URL", "CLOUDFLARE_BASE_URL"),
    key_variable=TOKEN_VARIABLE,
    noun="API token",
    how_to_get_key=f"make a token with the permission {WRITE} in the dashboard, and set {TOKEN_VARIABLE}",
    status_page="https://www.cloudflarestatus.com",
    rules=RULES,
    nouns={"account": "account id", "script": "Worker's name", "secret": "secret's name"},
    id_header="cf-ray",
    id_noun="ray",
    enveloped=True,
    waited_for=EVERY - {"GET"},
    write_seconds=WRITE_SECONDS,
)

WORKERS: Final = "/accounts/{account}/workers"
SCRIPT: Final = f"{WORKERS}/scripts/{{script}}"
SECRETS: Final = f"{SCRIPT}/secrets"

T = TypeVar("T")


def _operation(act: str, method: str, path: str, *, of: str = WORKERS_SCRIPTS, repeatable: bool = True) -> Operation:
    """One operation. `of` is what the token's permission is about.

    A secret that is set to the same value twice is repeatable, though each change makes a version of the Worker; code
    that is uploaded is not, because somebody else may have deployed in between.
    """
    permission = f"{of} {'Read' if method == 'GET' else 'Write'}"
    return Operation(act=act, method=method, path=path, permission=permission, repeatable=repeatable)


LIST_SCRIPTS: Final = _operation("list the Workers", "GET", f"{WORKERS}/scripts")
READ_SERVICE: Final = _operation("read the Worker", "GET", f"{WORKERS}/services/{{script}}")
UPLOAD_SCRIPT: Final = _operation("upload the Worker", "PUT", SCRIPT, repeatable=False)
DELETE_SCRIPT: Final = _operation("delete the Worker", "DELETE", SCRIPT)
READ_SETTINGS: Final = _operation("read the Worker's settings", "GET", f"{SCRIPT}/settings")

LIST_SECRETS: Final = _operation("list the Worker's secrets", "GET", SECRETS)
DELETE_SECRET: Final = _operation("delete a secret of the Worker", "DELETE", f"{SECRETS}/{{secret}}")
CHANGE_SECRETS: Final = _operation("change the Worker's secrets", "PATCH", f"{SCRIPT}/secrets-bulk")
"""A merge-patch by name: the same one again sets the same values. A null for a name that an earlier attempt, whose
answer was lost, has removed may be refused as "not found"; the life cycle looks again then."""

LIST_VERSIONS: Final = _operation("list the Worker's versions", "GET", f"{SCRIPT}/versions")
LIST_DEPLOYMENTS: Final = _operation("list the Worker's deployments", "GET", f"{SCRIPT}/deployments")
DEPLOY: Final = _operation("deploy a version of the Worker", "POST", f"{SCRIPT}/deployments", repeatable=False)

READ_ACCOUNT_SUBDOMAIN: Final = _operation("read the account's workers.dev subdomain", "GET", f"{WORKERS}/subdomain")

LIST_HYPERDRIVES: Final = _operation(
    "list the Hyperdrive configurations", "GET", "/accounts/{account}/hyperdrive/configs", of=HYPERDRIVE
)
STORES: Final = "/accounts/{account}/secrets_store/stores"
LIST_STORES: Final = _operation("list the account's Secrets Stores", "GET", STORES, of=SECRETS_STORE)
LIST_STORED: Final = _operation(
    "list the secrets of the Secrets Store", "GET", f"{STORES}/{{store}}/secrets", of=SECRETS_STORE
)


class Client(client.Client):
    """Cloudflare's API for Workers. All but an upload and a deployment is made again while the budget lasts."""

    SERVICE = CLOUDFLARE

    # The Worker.

    def scripts(self, account: str) -> list[models.Script]:
        """All Workers of the account."""
        pages = self._pages(list[models.Script], LIST_SCRIPTS, account)
        return [script for page in pages for script in page]

    def service(self, account: str, script: str) -> models.Service | None:
        """The Worker; None when there is none of that name."""
        try:
            return self._read(models.Service, READ_SERVICE, account, script)
        except WorkerNotFoundError:
            return None

    def settings(self, account: str, script: str) -> models.Settings:
        """The Worker's settings, with the names and kinds of all its bindings."""
        return self._read(models.Settings, READ_SETTINGS, account, script)

    def upload_script(self, account: str, script: str, upload: Upload) -> None:
        """Upload code and deploy it at once, over whatever is there; makes the Worker when it is not there.

        AmbiguousError when no usable answer came: look at what is there before it is made again.
        """
        self._do(UPLOAD_SCRIPT, account, script, content=form(upload))

    def delete_script(self, account: str, script: str) -> bool:
        """Delete the Worker with all its versions; False when it was gone. Refused while other Workers refer to it."""
        return self._delete(DELETE_SCRIPT, account, script, gone=GONE)

    # Secrets.

    def secrets(self, account: str, script: str) -> list[models.Secret]:
        """Names and kinds of the secrets of the newest version; never values."""
        pages = self._pages(list[models.Secret], LIST_SECRETS, account, script)
        return [secret for page in pages for secret in page]

    def change_secrets(self, account: str, script: str, changes: Mapping[str, str | None]) -> None:
        """Set secrets (a value) and delete secrets (None), all or nothing, in one version that is deployed at once.

        At most 100 names. UndeployedVersionError while a newer version waits; SecretNotFoundError when one to delete
        is not there; ConflictError when another kind of binding has the name.
        """
        content = secret_content({"secrets": patch(changes)}, changes)
        self._do(CHANGE_SECRETS, account, script, content=content)

    def delete_secret(self, account: str, script: str, name: str) -> bool:
        """Delete one secret; False when it was gone."""
        content = Content(query={"url_encoded": "true"}, names=(name,))
        return self._delete(DELETE_SECRET, account, script, name, content=content, gone=GONE)

    # Versions and deployments.

    def versions(self, account: str, script: str) -> Iterator[models.Version]:
        """The Worker's versions, the newest first; asks for more of them as they are read."""
        pages = self._pages(models.Versions, LIST_VERSIONS, account, script)
        return (version for page in pages for version in page.items)

    def deployments(self, account: str, script: str) -> list[models.Deployment]:
        """The Worker's deployments, the newest first."""
        found = self._read(models.Deployments, LIST_DEPLOYMENTS, account, script)
        return list(found.deployments)

    def deploy(self, account: str, script: str, version: str, *, message: str = "") -> None:
        """Give a version all the traffic. AmbiguousError when no usable answer came."""
        share = {"version_id": version, "percentage": WHOLE}
        body = {"strategy": "percentage", "versions": [share], "annotations": version_notes(message)}
        self._do(DEPLOY, account, script, content=Content(body=body))

    # Addresses.

    def account_subdomain(self, account: str) -> str:
        """The account's name below workers.dev; empty when it has none."""
        try:
            found = self._read(models.AccountSubdomain, READ_ACCOUNT_SUBDOMAIN, account)
        except NotFoundError as error:
            if {NO_SUBDOMAIN, *WORKER_GONE}.isdisjoint(error.codes):  # Cloudflare says both
                raise
            return ""
        return found.subdomain

    # What Cloudflare's own provider makes; here it is only looked for.

    def hyperdrives(self, account: str) -> list[models.Named]:
        """The account's Hyperdrive configurations."""
        return self._named(LIST_HYPERDRIVES, account)

    def stores(self, account: str) -> list[models.Named]:
        """The account's Secrets Stores."""
        return self._named(LIST_STORES, account)

    def stored(self, account: str, store: str) -> list[models.Named]:
        """The secrets of a Secrets Store, whose id it takes."""
        return self._named(LIST_STORED, account, store)

    def _named(self, operation: Operation, *segments: str) -> list[models.Named]:
        return [one for page in self._pages(list[models.Named], operation, *segments) for one in page]

    def _pages(self, kind: type[T], operation: Operation, *segments: str) -> Iterator[T]:
        """The pages of a list, one call each, as far as the caller reads.

        The list says how many things there are and which page this is. One that says neither has a single page; one
        that tells another page than was asked for would go round in circles, and is malformed.

        Raises:
            ApiError: As its tree says.
        """
        seen = 0
        for number in range(1, MOST_PAGES + 1):
            content = Content(query={"page": str(number)} if number > 1 else {})
            call, answer = self._call(operation, *segments, content=content)
            page, total = _place(answer)
            if page not in {None, number} and number > 1:
                raise malformed(call, answer, f"page {number} of the list says that it is {page}")
            length = _length(answer)
            if length or number == 1:
                yield self._parsed(kind, call, answer)
            seen += length
            if not length or page is None or total is None or seen >= total:
                return


connect, disconnect = Client.connect, Client.disconnect


def _place(answer: Answer) -> tuple[int | None, int | None]:
    """The number of a list's page, from 1, and how many things all pages hold; None for what is not told."""
    info = answer.document.get("result_info")
    told = [info.get(name) for name in ("page", "total_count")] if isinstance(info, dict) else [None, None]
    page, total = (one if type(one) is int and one >= 0 else None for one in told)
    return page, total


def _length(answer: Answer) -> int:
    """How many things a page holds: the result is a list, or an object with one list in it."""
    result = answer.document.get("result")
    lists = [result] if isinstance(result, list) else list(result.values()) if isinstance(result, dict) else []
    return next((len(found) for found in lists if isinstance(found, list)), 0)


def form(upload: Upload) -> Content:
    """What an upload sends: the metadata, and one part for each module."""
    metadata: dict[str, Any] = {
        "main_module": upload.main_module,
        "bindings": [dict(binding) for binding in upload.bindings],
        "keep_bindings": list(upload.keep_bindings),
        "annotations": version_notes(upload.message, upload.tag),
    }
    if upload.compatibility_date:
        metadata["compatibility_date"] = upload.compatibility_date
    modules = tuple((name, (name, content, MODULE)) for name, content in upload.modules.items())
    head = ("metadata", ("metadata.json", json.dumps(metadata).encode(), "application/json"))
    secrets = (str(binding["text"]) for binding in upload.bindings if binding.get("type") == models.SECRET_TEXT)
    return Content(parts=(head, *modules), values=tuple(secrets))


def version_notes(message: str, tag: str = "") -> dict[str, str]:
    """Annotations of a version or a deployment, without the empty ones."""
    given = {"workers/message": message, "workers/tag": tag}
    return {name: text for name, text in given.items() if text}


def secret(name: str, value: str) -> dict[str, str]:
    """A secret as the API takes it."""
    return {"name": name, "type": models.SECRET_TEXT, "text": value}


def patch(changes: Mapping[str, str | None]) -> dict[str, dict[str, str] | None]:
    """A merge-patch by name: a value sets, None removes, what is not named stays."""
    return {name: None if value is None else secret(name, value) for name, value in changes.items()}


def secret_content(body: Any, changes: Mapping[str, str | None]) -> Content:
    """What a change of secrets sends."""
    values = tuple(value for value in changes.values() if value is not None)
    return Content(body=body, type=MERGE_PATCH, values=values, names=tuple(changes))
