"""The client of Cloudflare's API for Workers: one method per operation that is used, typed in and out."""

from __future__ import annotations

import os
import random
import re
import time
from typing import TYPE_CHECKING, Any

from components.http.attempts import Timing
from components.http.pool import may_be_key, pool
from components.http.shared import Shared
from components.worker.api import address, bodies, models, operations
from components.worker.api.address import DEFAULT_BASE_URL
from components.worker.api.bodies import Content
from components.worker.api.door import Door
from components.worker.api.errors import (
    InputError,
    MissingAccountError,
    MissingTokenError,
    NoSubdomainError,
    NotFoundError,
    SecretNotFoundError,
    WorkerNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import httpx

    from components.worker.api.bodies import Upload

TOKEN_VARIABLE, ACCOUNT_VARIABLE = "CLOUDFLARE_API_TOKEN", "CLOUDFLARE_ACCOUNT_ID"
ACCOUNT = re.compile(r"[0-9a-f]{32}")
WHOLE = 100


class Client:
    """Cloudflare's API for Workers, seen with one token. Safe to use from many threads.

    Every method raises errors below `errors.CloudflareError`, and InputError before anything is sent. What is safe to
    do twice is repeated while the budget lasts; an upload or a deployment only when nothing can have been done.

    Args:
        token: The API token; it appears nowhere but in the requests.
        base_url: The API's address with its path: https, or plain http to this machine.
        transport: What carries the requests; None for the network.
        budget_seconds: What one call may take with all its repeats. A write that was begun is always waited for.
        clock: Seconds that only ever grow.
        sleep: Waits for so many seconds.
        jitter: A number from 0 to 1, for the pauses between repeats.
        now: Seconds since the epoch, for a `Retry-After` date in an answer without a date of its own.
    """

    def __init__(
        self,
        *,
        token: str,
        base_url: str = DEFAULT_BASE_URL,
        transport: httpx.BaseTransport | None = None,
        budget_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.base_url = address.base_url(base_url)
        timing = Timing(budget_seconds=budget_seconds, clock=clock, sleep=sleep, jitter=jitter, now=now)
        self._http = pool(self.base_url, transport)
        self._door = Door(self._http, base_url=self.base_url, token=_judged(token), timing=timing)

    def __repr__(self) -> str:
        return f"Client(base_url={self.base_url!r})"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # The Worker.

    def scripts(self, account: str) -> list[models.Script]:
        """All Workers of the account."""
        pages = self._door.pages(list[models.Script], operations.LIST_SCRIPTS, account=account)
        return [script for page in pages for script in page]

    def service(self, account: str, script: str) -> models.Service | None:
        """The Worker; None when there is none of that name."""
        try:
            return self._door.read(models.Service, operations.READ_SERVICE, account=account, script=script)
        except WorkerNotFoundError:
            return None

    def settings(self, account: str, script: str) -> models.Settings:
        """The Worker's settings, with the names and kinds of all its bindings."""
        return self._door.read(models.Settings, operations.READ_SETTINGS, account=account, script=script)

    def upload_script(self, account: str, script: str, upload: Upload) -> None:
        """Upload code and deploy it at once, over whatever is there; makes the Worker when it is not there.

        AmbiguousError when no usable answer came: look at what is there before it is made again.
        """
        self._door.do(operations.UPLOAD_SCRIPT, upload.content(), account=account, script=script)

    def delete_script(self, account: str, script: str) -> bool:
        """Delete the Worker with all its versions; False when it was gone. Refused while other Workers refer to it."""
        return self._delete(operations.DELETE_SCRIPT, account=account, script=script)

    # Secrets.

    def secrets(self, account: str, script: str) -> list[models.Secret]:
        """Names and kinds of the secrets of the newest version; never values."""
        pages = self._door.pages(list[models.Secret], operations.LIST_SECRETS, account=account, script=script)
        return [secret for page in pages for secret in page]

    def change_secrets(self, account: str, script: str, changes: Mapping[str, str | None]) -> None:
        """Set secrets (a value) and delete secrets (None), all or nothing, in one version that is deployed at once.

        At most 100 names. UndeployedVersionError while a newer version waits; SecretNotFoundError when one to delete
        is not there; NameTakenError when another kind of binding has the name.
        """
        content = bodies.secret_content({"secrets": bodies.patch(changes)}, changes)
        self._door.do(operations.CHANGE_SECRETS, content, account=account, script=script)

    def put_secret(self, account: str, script: str, name: str, value: str) -> models.Secret:
        """Set one secret; a version with it is deployed at once."""
        content = bodies.secret_content(bodies.secret(name, value), {name: value}, kind="application/json")
        return self._door.read(models.Secret, operations.PUT_SECRET, content, account=account, script=script)

    def delete_secret(self, account: str, script: str, name: str) -> bool:
        """Delete one secret; False when it was gone."""
        content = Content(query={"url_encoded": "true"}, names=(name,))
        return self._delete(operations.DELETE_SECRET, content, account=account, script=script, name=name)

    # Versions and deployments.

    def versions(self, account: str, script: str) -> Iterator[models.Version]:
        """The Worker's versions, the newest first; asks for more of them as they are read."""
        pages = self._door.pages(models.Versions, operations.LIST_VERSIONS, account=account, script=script)
        return (version for page in pages for version in page.items)

    def upload_version(self, account: str, script: str, upload: Upload) -> models.Version:
        """Upload a version that is not deployed. AmbiguousError when no usable answer came."""
        return self._door.read(
            models.Version, operations.UPLOAD_VERSION, upload.content(), account=account, script=script
        )

    def change_latest_version(
        self, account: str, script: str, changes: Mapping[str, str | None], *, message: str = "", tag: str = ""
    ) -> models.Version:
        """Make a version like the newest one with other secrets, which is not deployed; values as `change_secrets`."""
        body: dict[str, Any] = {"env": bodies.patch(changes), "annotations": bodies.version_notes(message, tag)}
        content = bodies.secret_content(body, changes)
        return self._door.read(
            models.Version, operations.CHANGE_LATEST_VERSION, content, account=account, script=script
        )

    def deployments(self, account: str, script: str) -> list[models.Deployment]:
        """The Worker's deployments, the newest first."""
        found = self._door.read(models.Deployments, operations.LIST_DEPLOYMENTS, account=account, script=script)
        return list(found.deployments)

    def deploy(self, account: str, script: str, version: str, *, message: str = "") -> None:
        """Give a version all the traffic. AmbiguousError when no usable answer came."""
        share = {"version_id": version, "percentage": WHOLE}
        body = {"strategy": "percentage", "versions": [share], "annotations": bodies.version_notes(message)}
        self._door.do(operations.DEPLOY, Content(body=body), account=account, script=script)

    # Previews.

    def preview(self, account: str, script: str, name: str) -> models.Preview:
        """A preview of the Worker. NotFoundError when there is none, or no Worker."""
        return self._door.read(models.Preview, operations.READ_PREVIEW, account=account, script=script, name=name)

    def preview_deployment(self, account: str, script: str, name: str) -> models.PreviewDeployment:
        """What a preview runs. NotFoundError when nothing was deployed to it."""
        operation = operations.READ_PREVIEW_DEPLOYMENT
        return self._door.read(models.PreviewDeployment, operation, account=account, script=script, name=name)

    def change_preview(
        self, account: str, script: str, name: str, changes: Mapping[str, str | None], *, tag: str
    ) -> None:
        """Set and delete secrets of what a preview runs; in force at once. Values as `change_secrets`."""
        body: dict[str, Any] = {"env": bodies.patch(changes), "annotations": bodies.version_notes("", tag)}
        content = bodies.secret_content(body, changes)
        self._door.do(operations.CHANGE_PREVIEW, content, account=account, script=script, name=name)

    def delete_preview(self, account: str, script: str, name: str) -> bool:
        """Delete a preview with all that was deployed to it; False when it was gone."""
        try:
            self._door.do(operations.DELETE_PREVIEW, account=account, script=script, name=name)
        except NotFoundError as error:
            return error.attempts > 1
        return True

    # Addresses.

    def account_subdomain(self, account: str) -> str:
        """The account's name below workers.dev; empty when it has none."""
        try:
            found = self._door.read(models.AccountSubdomain, operations.READ_ACCOUNT_SUBDOMAIN, account=account)
        except (NoSubdomainError, WorkerNotFoundError):  # Cloudflare says 10007 here, too
            return ""
        return found.subdomain

    def subdomain(self, account: str, script: str) -> models.Subdomain:
        """Whether the Worker is reached below workers.dev."""
        return self._door.read(models.Subdomain, operations.READ_SUBDOMAIN, account=account, script=script)

    def set_subdomain(self, account: str, script: str, *, enabled: bool, previews: bool) -> models.Subdomain:
        """Have the Worker, and its previews, reached below workers.dev or not."""
        content = Content(body={"enabled": enabled, "previews_enabled": previews})
        return self._door.read(models.Subdomain, operations.SET_SUBDOMAIN, content, account=account, script=script)

    # What Cloudflare's own provider makes; here it is only looked for.

    def hyperdrives(self, account: str) -> list[models.Named]:
        """The account's Hyperdrive configurations."""
        return self._named(operations.LIST_HYPERDRIVES, account=account)

    def stores(self, account: str) -> list[models.Named]:
        """The account's Secrets Stores."""
        return self._named(operations.LIST_STORES, account=account)

    def stored(self, account: str, store: str) -> list[models.Named]:
        """The secrets of a Secrets Store, whose id it takes."""
        return self._named(operations.LIST_STORED, account=account, store=store)

    def _named(self, operation: operations.Operation, **segments: str) -> list[models.Named]:
        return [one for page in self._door.pages(list[models.Named], operation, **segments) for one in page]

    def _delete(self, operation: operations.Operation, content: Content | None = None, **segments: str) -> bool:
        """Whether it was there. Gone on a repeat means that an earlier attempt, whose answer is lost, deleted it.

        Only the codes that say so are proof that it is gone: a 404 with another one is an error.
        """
        try:
            self._door.do(operation, content or Content(), **segments)
        except (WorkerNotFoundError, SecretNotFoundError) as error:
            return error.attempts > 1
        return True


_shared: Shared[Client] = Shared()


def connect(environment: Mapping[str, str] = os.environ) -> Client:
    """The client for `CLOUDFLARE_API_TOKEN` and the base URL; the same one for the same pair.

    Raises:
        MissingTokenError: There is no token.
        AddressError: The base URL is none.
    """
    token, url = environment.get(TOKEN_VARIABLE, "").strip(), address.base_url_in(environment)
    return _shared.get(url, token, lambda: Client(token=token, base_url=url))


def disconnect() -> None:
    """Close the connections of every client that `connect` made; the next `connect` makes new ones."""
    _shared.close()


def account_in(environment: Mapping[str, str] = os.environ) -> str:
    """The account id in `CLOUDFLARE_ACCOUNT_ID`.

    Raises:
        MissingAccountError: There is none.
        InputError: It is not an account id.
    """
    found = environment.get(ACCOUNT_VARIABLE, "").strip()
    next_step = f"set {ACCOUNT_VARIABLE} to the account id that the dashboard shows (32 hexadecimal digits)"
    if not found:
        raise MissingAccountError(
            f"there is no account id: {ACCOUNT_VARIABLE} is not set or empty", next_step=next_step
        )
    if not ACCOUNT.fullmatch(found):
        raise InputError(
            f"{ACCOUNT_VARIABLE} is not an account id, it has {len(found)} characters", next_step=next_step
        )
    return found


def _judged(token: str) -> str:
    if not token.strip():
        raise MissingTokenError(
            f"there is no API token: {TOKEN_VARIABLE} is not set or empty",
            next_step=f"make a token with the permission {operations.WRITE} in the dashboard, and set {TOKEN_VARIABLE}",
        )
    if not may_be_key(token.strip()):
        raise InputError(
            f"the API token in {TOKEN_VARIABLE} holds characters that no token has (blanks, line ends, other scripts)",
            next_step="copy the token once more, without quotes and without its name",
        )
    return token.strip()
