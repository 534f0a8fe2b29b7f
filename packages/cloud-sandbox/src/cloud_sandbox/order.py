"""What the sandbox is told on standard input.

{
  "folder": "/home/me/project/.infra/sandbox/xata",
  "postgres": {"host": "127.0.0.1", "port": 20001, "user": "sandbox", "password": "…", "database": "sandbox"},
                                   optional; without it branches are names only, and nothing can connect to them
  "key": "xau_…",                  every right in the organization; more keys can stand in settings
  "organization": "sand01",        optional
  "apiPort": 0, "gatewayPort": 0,  optional; 0 is the port of the last run, else a free one
  "settings": {"pace": "time"},    optional; the fields of `cloud_sandbox.xata.settings.Settings`; those of
                                   `cloud_sandbox.cloudflare.settings.Settings` in an object named "cloudflare", those
                                   of `cloud_sandbox.github.settings.Settings` in one named "github"
  "cloudflare": {                  optional; without it nothing stands in for Cloudflare
    "account": "5a4d…", "token": "…", "workerd": "/a/program", "port": 0
  },
  "github": {"token": "…", "port": 0},  optional; without it nothing stands in for GitHub
  "pages": {"status": ["/a/program", "--an-option"]}   optional; see `cloud_sandbox.pages`
}
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from cloud_sandbox.cloudflare import settings as workers
from cloud_sandbox.errors import SetupError
from cloud_sandbox.github import settings as pulls
from cloud_sandbox.xata.postgres import Manager
from cloud_sandbox.xata.settings import DEFAULT_ORGANIZATION, Key, Organization, Region, Settings

LAST_PORT = 65535
PARTS = {"keys": Key, "organizations": Organization, "regions": Region}
"""The fields of the settings that are lists of objects."""
OURS = {"organization", "port"}
"""The fields of the settings that are told elsewhere."""


@dataclass(frozen=True, kw_only=True)
class Cloudflare:
    """What the stand-in for Cloudflare is told. `token` has every right on the account."""

    account: str
    token: str = field(repr=False)
    workerd: Path
    port: int = 0
    more: dict[str, Any] = field(default_factory=dict, repr=False)

    def settings(self) -> workers.Settings:
        """Its settings.

        Raises:
            SandboxError: One of them makes no sense.
        """
        parts = {"tokens": workers.Token}
        given: dict[str, Any] = {name: _value(name, value, parts) for name, value in self.more.items()}
        tokens = (workers.Token(token=self.token), *given.pop("tokens", ()))
        return workers.Settings(account=self.account, tokens=tokens, **given)


@dataclass(frozen=True, kw_only=True)
class GitHub:
    """What the stand-in for GitHub is told. `token` may read and write pull requests, as a workflow's may."""

    token: str = field(repr=False)
    port: int = 0
    more: dict[str, Any] = field(default_factory=dict, repr=False)

    def settings(self) -> pulls.Settings:
        """Its settings.

        Raises:
            SandboxError: One of them makes no sense.
        """
        given: dict[str, Any] = {
            name: _value(name, value, {"tokens": pulls.Token}) for name, value in self.more.items()
        }
        tokens = (pulls.Token(token=self.token), *given.pop("tokens", ()))
        return pulls.Settings(tokens=tokens, **given)


@dataclass(frozen=True, kw_only=True)
class Order:
    """The document, read."""

    folder: Path
    key: str = field(repr=False)
    postgres: Manager | None = None
    organization: str = DEFAULT_ORGANIZATION
    api_port: int = 0
    gateway_port: int = 0
    more: dict[str, Any] = field(default_factory=dict, repr=False)
    cloudflare: Cloudflare | None = None
    github: GitHub | None = None
    pages: dict[str, list[str]] = field(default_factory=dict)

    def settings(self, *, port: int) -> Settings:
        """The service's settings, with the gateway's port.

        Raises:
            SandboxError: One of them makes no sense.
        """
        given: dict[str, Any] = {name: _value(name, value) for name, value in self.more.items()}
        keys = (Key(token=self.key, organization=self.organization), *given.pop("keys", ()))
        return Settings(organization=self.organization, port=port, keys=keys, **given)


def read(text: str) -> Order:
    """Read the document.

    Raises:
        SetupError: It is no JSON object, or a part is missing, unknown or of another type. Values are not quoted.
    """
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise SetupError("standard input holds no JSON object", next_step="see the docstring of cloud_sandbox/order.py")
    _require(document, {"folder": str, "key": str}, "the document")
    known = {"folder", "postgres", "key", "organization", "apiPort", "gatewayPort", "settings", "cloudflare", "github"}
    known |= {"pages"}
    _refuse_unknown(document.keys() - known, known, "the document")
    more = dict(document.get("settings") or {})
    of_workers, of_pulls = more.pop("cloudflare", {}), more.pop("github", {})
    _refuse_unknown(more.keys() - _SETTINGS, _SETTINGS, "settings")
    return Order(
        folder=Path(document["folder"]),
        postgres=_postgres(document.get("postgres")),
        key=document["key"],
        organization=document.get("organization", DEFAULT_ORGANIZATION),
        api_port=_port(document, "apiPort"),
        gateway_port=_port(document, "gatewayPort"),
        more=more,
        cloudflare=_cloudflare(document.get("cloudflare"), of_workers),
        github=_github(document.get("github"), of_pulls),
        pages=_pages(document.get("pages", {})),
    )


_SETTINGS = {name.name for name in fields(Settings)} - OURS
_OF_WORKERS = {name.name for name in fields(workers.Settings)} - {"account"}
_OF_PULLS = {name.name for name in fields(pulls.Settings)}


def _postgres(told: Any) -> Manager | None:
    if told is None:
        return None
    _require({"postgres": told}, {"postgres": dict}, "the document")
    _require(told, {"host": str, "port": int, "user": str, "password": str, "database": str}, "postgres")
    _refuse_unknown(told.keys() - {part.name for part in fields(Manager)}, set(), "postgres")
    return Manager(**told)


def _cloudflare(told: Any, more: Any) -> Cloudflare | None:
    _require({"settings.cloudflare": more}, {"settings.cloudflare": dict}, "the document")
    _refuse_unknown(more.keys() - _OF_WORKERS, _OF_WORKERS, "settings.cloudflare")
    if told is None:
        return None
    _require({"cloudflare": told}, {"cloudflare": dict}, "the document")
    _require(told, {"account": str, "token": str, "workerd": str}, "cloudflare")
    _refuse_unknown(told.keys() - {"account", "token", "workerd", "port"}, set(), "cloudflare")
    return Cloudflare(
        account=told["account"],
        token=told["token"],
        workerd=Path(told["workerd"]),
        port=_port(told, "port"),
        more=more,
    )


def _github(told: Any, more: Any) -> GitHub | None:
    _require({"settings.github": more}, {"settings.github": dict}, "the document")
    _refuse_unknown(more.keys() - _OF_PULLS, _OF_PULLS, "settings.github")
    if told is None:
        return None
    _require({"github": told}, {"github": dict}, "the document")
    _require(told, {"token": str}, "github")
    _refuse_unknown(told.keys() - {"token", "port"}, set(), "github")
    return GitHub(token=told["token"], port=_port(told, "port"), more=more)


def _pages(told: Any) -> dict[str, list[str]]:
    _require({"pages": told}, {"pages": dict}, "the document")
    for name, command in told.items():
        if not (isinstance(command, list) and command and all(isinstance(part, str) for part in command)):
            raise SetupError(f"pages.{name} is a program with its arguments, as a list of strings")
    return dict(told)


def _require(document: dict[str, Any], parts: dict[str, type], where: str) -> None:
    for name, kind in parts.items():
        if not isinstance(document.get(name), kind):
            raise SetupError(f"{where} has no {name}, or it is not of type {kind.__name__}")


def _refuse_unknown(unknown: set[str], known: set[str], where: str) -> None:
    if unknown:
        raise SetupError(f"{where} has unknown parts: {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")


def _port(document: dict[str, Any], name: str) -> int:
    port = document.get(name, 0)
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= LAST_PORT:
        raise SetupError(f"{name} is a number from 0 to {LAST_PORT}, not {port!r}")
    return port


def _value(name: str, value: Any, parts: dict[str, Any] = PARTS) -> Any:
    """A setting as its field wants it: objects where JSON has none, tuples where it has lists."""
    if name not in parts:
        return tuple(value) if isinstance(value, list) else value
    try:
        return tuple(parts[name](**{key: _value("", part) for key, part in one.items()}) for one in value)
    except (TypeError, AttributeError):
        allowed = ", ".join(part.name for part in fields(parts[name]))
        raise SetupError(f"settings.{name} is a list of objects with {allowed}") from None
