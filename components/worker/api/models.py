"""What the API answers, as far as it is used, and what it is sent. Pure.

Fields of answers that are not known are ignored, and none holds a secret; values of secrets that are sent are in no
representation.

Sources: Cloudflare's API reference (Workers: scripts, secrets, versions, deployments, subdomains) and wrangler's code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from components.http.models import Identifier, Model

if TYPE_CHECKING:
    from collections.abc import Mapping

WORKERS_SCRIPTS, HYPERDRIVE, SECRETS_STORE = "Workers Scripts", "Hyperdrive", "Secrets Store"
"""What permissions of a token are about; each is to be had as Read and as Write."""
SECRET_TEXT: Final = "secret_text"  # noqa: S105 - the name of a kind of binding
KEPT_BINDINGS: Final = ("secret_text", "secret_key")
"""Kinds that an upload keeps although it does not name them, as wrangler does. What happens without saying so is told
differently in different places, so it is always said."""


class Secret(Model, frozen=True, kw_only=True):
    """A secret's name and kind. The API never tells a value."""

    name: Identifier
    type: Identifier


class Binding(Model, frozen=True, kw_only=True):
    """A binding of a Worker: name and kind. `text` is a plain variable's value, and empty for everything else."""

    name: Identifier
    type: Identifier
    text: str = ""


class Settings(Model, frozen=True, kw_only=True):
    """A Worker's settings."""

    bindings: tuple[Binding, ...] = ()
    compatibility_date: str | None = None


class Named(Model, frozen=True, kw_only=True):
    """What a list tells by id and name: a Hyperdrive configuration, a Secrets Store, a secret in one."""

    id: Identifier
    name: Identifier


class Script(Model, frozen=True, kw_only=True):
    """A Worker as a list tells it."""

    id: Identifier


class Service(Model, frozen=True, kw_only=True):
    """A Worker as its service tells it."""

    id: Identifier


class Origin(Model, frozen=True, kw_only=True):
    """Where a version comes from: `wrangler`, `api`, `dash`, …; empty where it is not told."""

    source: str = ""


class Version(Model, frozen=True, kw_only=True):
    """A version of a Worker. Annotations are Cloudflare's (`workers/triggered_by`) and the uploader's."""

    id: Identifier
    number: int
    metadata: Origin = Origin(source="")
    annotations: dict[str, str] | None = None

    def annotation(self, name: str) -> str:
        """An annotation's text; empty when there is none."""
        return (self.annotations or {}).get(f"workers/{name}", "")


class Versions(Model, frozen=True, kw_only=True):
    """A page of versions, the newest first."""

    items: tuple[Version, ...]


class Share(Model, frozen=True, kw_only=True):
    """How much of the traffic a version gets, in per cent."""

    version_id: Identifier
    percentage: float


class Deployment(Model, frozen=True, kw_only=True):
    """Which versions answer."""

    id: Identifier
    versions: tuple[Share, ...]

    @property
    def only_version(self) -> str:
        """The version that gets all the traffic; empty when several share it."""
        return self.versions[0].version_id if len(self.versions) == 1 else ""


class Deployments(Model, frozen=True, kw_only=True):
    """A Worker's deployments, the newest first."""

    deployments: tuple[Deployment, ...]


class AccountSubdomain(Model, frozen=True, kw_only=True):
    """The account's name below workers.dev."""

    subdomain: str


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A Worker's code as ES modules, with its bindings. `message` and `tag` are annotations of the version.

    Attributes:
        main_module: The name of the module that exports the handlers.
        modules: Name to content.
        bindings: As the API takes them; those of secrets hold values.
        keep_bindings: Kinds that stay although they are not in `bindings`.
        compatibility_date: As YYYY-MM-DD; empty for Cloudflare's oldest.
        message: Up to 100 characters for people.
        tag: Up to 25 characters for programs.
    """

    main_module: str
    modules: Mapping[str, bytes] = field(repr=False)
    bindings: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    keep_bindings: tuple[str, ...] = KEPT_BINDINGS
    compatibility_date: str = ""
    message: str = ""
    tag: str = ""
