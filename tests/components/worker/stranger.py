"""What somebody else does with Workers, such as wrangler or the dashboard, and this program never."""

from __future__ import annotations

from typing import TYPE_CHECKING

from components.http.service import Content, Operation
from components.worker.api import client, models
from components.worker.api.client import SCRIPT, SECRETS, WORKERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.worker.api.models import Upload

PUT_SECRET = Operation(act="set a secret", method="PUT", path=SECRETS, permission=client.WRITE)
UPLOAD_VERSION = Operation(act="upload a version", method="POST", path=f"{SCRIPT}/versions", permission=client.WRITE)
CHANGE_LATEST_VERSION = Operation(
    act="make a version",
    method="PATCH",
    path=f"{WORKERS}/workers/{{script}}/versions/latest",
    permission=client.WRITE,
)


class Stranger(client.Client):
    """A client that can do more."""

    def put_secret(self, account: str, script: str, name: str, value: str) -> models.Secret:
        """Set one secret; a version with it is deployed at once."""
        return self._read(models.Secret, PUT_SECRET, account, script, content=Content(body=client.secret(name, value)))

    def upload_version(self, account: str, script: str, upload: Upload) -> models.Version:
        """Upload a version that is not deployed."""
        return self._read(models.Version, UPLOAD_VERSION, account, script, content=client.form(upload))

    def change_latest_version(self, account: str, script: str, changes: Mapping[str, str | None]) -> models.Version:
        """Make a version like the newest one with other secrets, which is not deployed."""
        content = Content(body={"env": client.patch(changes)}, type=client.MERGE_PATCH)
        return self._read(models.Version, CHANGE_LATEST_VERSION, account, script, content=content)
