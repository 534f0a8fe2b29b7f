"""What the API answers, as far as it is used. Fields that are not known are ignored; nothing here holds a secret.

Sources: Cloudflare's API reference (Workers: scripts, secrets, versions, deployments, subdomains) and wrangler's code.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Identifier = Annotated[str, Field(min_length=1)]

SECRET_TEXT = "secret_text"  # noqa: S105 - the name of a kind of binding


class Model(BaseModel):
    """What all models share: unknown fields ignored, no conversion of types, no changes."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, populate_by_name=True, strict=True, hide_input_in_errors=True
    )


class Secret(Model):
    """A secret's name and kind. The API never tells a value."""

    name: Identifier
    type: Identifier


class Binding(Model):
    """A binding of a Worker: name and kind. `text` is a plain variable's value, and empty for everything else."""

    name: Identifier
    type: Identifier
    text: str = Field("", repr=False)


class Settings(Model):
    """A Worker's settings."""

    bindings: tuple[Binding, ...] = Field((), strict=False)
    compatibility_date: str | None = None


class Named(Model):
    """What a list tells by id and name: a Hyperdrive configuration, a Secrets Store, a secret in one."""

    id: Identifier
    name: Identifier


class Script(Model):
    """A Worker as a list tells it."""

    id: Identifier


class Service(Model):
    """A Worker as its service tells it."""

    id: Identifier


class Origin(Model):
    """Where a version comes from: `wrangler`, `api`, `dash`, …; empty where it is not told."""

    source: str = ""


class Version(Model):
    """A version of a Worker. Annotations are Cloudflare's (`workers/triggered_by`) and the uploader's."""

    id: Identifier
    number: int
    metadata: Origin = Origin(source="")
    annotations: dict[str, str] | None = None

    def annotation(self, name: str) -> str:
        """An annotation's text; empty when there is none."""
        return (self.annotations or {}).get(f"workers/{name}", "")


class Versions(Model):
    """A page of versions, the newest first."""

    items: tuple[Version, ...] = Field(strict=False)


class Share(Model):
    """How much of the traffic a version gets, in per cent."""

    version_id: Identifier
    percentage: float


class Deployment(Model):
    """Which versions answer."""

    id: Identifier
    versions: tuple[Share, ...] = Field(strict=False)

    @property
    def only_version(self) -> str:
        """The version that gets all the traffic; empty when several share it."""
        return self.versions[0].version_id if len(self.versions) == 1 else ""


class Deployments(Model):
    """A Worker's deployments, the newest first."""

    deployments: tuple[Deployment, ...] = Field(strict=False)


class Preview(Model):
    """A preview of a Worker: its name, the label it has in addresses, and those, the first one for people."""

    id: Identifier
    name: Identifier
    slug: Identifier
    urls: tuple[str, ...] = Field((), strict=False)


class PreviewBinding(Model):
    """A binding of a preview's deployment, of which only the kind is told."""

    type: Identifier


class PreviewDeployment(Model):
    """What a preview runs."""

    id: Identifier
    annotations: dict[str, str] | None = None
    env: dict[str, PreviewBinding] = Field(default_factory=dict)

    def annotation(self, name: str) -> str:
        """An annotation's text; empty when there is none."""
        return (self.annotations or {}).get(f"workers/{name}", "")


class AccountSubdomain(Model):
    """The account's name below workers.dev."""

    subdomain: str


class Subdomain(Model):
    """Whether a Worker, and its previews, are reached below workers.dev."""

    enabled: bool
    previews_enabled: bool = False
