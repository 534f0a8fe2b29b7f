"""What the app's build tool left for wrangler to deploy, such as Vite's plugin does. Reads files alone.

The build writes `.wrangler/deploy/config.json` beside the app's wrangler file. It leads wrangler (`deploy`, `versions
upload` and `preview` without `--config`) to a file of the build's: one environment, chosen by CLOUDFLARE_ENV at build
time. wrangler refuses another `--env`, but not for a build that was made for no environment: it deploys that as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from components.errors import ConfigurationError
from components.local.files import read_private
from components.worker.wrangler.jsonc import MalformedError, parse

if TYPE_CHECKING:
    from pathlib import Path

REDIRECT = (".wrangler", "deploy", "config.json")


@dataclass(frozen=True, kw_only=True)
class Built:
    """A build.

    Attributes:
        file: The wrangler file that the build tool wrote.
        environment: The environment that it was built for; empty for none.
        name: The Worker that it deploys to.
    """

    file: Path
    environment: str
    name: str


def find(wrangler: Path, environment: str) -> Built | None:
    """The build that wrangler deploys instead of the app's source; None where there is none.

    Args:
        wrangler: The app's wrangler file.
        environment: The block of the environment that is to be deployed, for the next step.

    Raises:
        ConfigurationError: The redirect leads nowhere, or what it leads to cannot be read.
    """
    redirect = wrangler.parent.joinpath(*REDIRECT)
    if not redirect.is_file():
        return None
    place = _read(redirect, wrangler, environment).get("configPath")
    if not place or not isinstance(place, str):
        raise _unfit(f"{redirect} names no configPath", wrangler, environment)
    file = (redirect.parent / place).resolve()
    found = _read(file, wrangler, environment)
    return Built(file=file, environment=str(found.get("targetEnvironment") or ""), name=str(found.get("name") or ""))


def require_for(built: Built, wrangler: Path, environment: str, name: str, *, renamed: bool) -> None:
    """Refuse a build that was made for another environment or Worker than this one.

    Args:
        built: The build.
        wrangler: The app's wrangler file.
        environment: The block of the environment.
        name: The Worker that the block deploys to.
        renamed: Whether wrangler is told another name, so that the build's own counts only where it is all there is.

    Raises:
        ConfigurationError: Which one it was made for, and the command that builds for this one.
    """
    if built.environment not in {environment, ""}:
        raise _unfit(
            f"the build in {built.file.parent} is of the environment {built.environment}", wrangler, environment
        )
    if built.name != name and not (renamed and built.environment):
        called = f"the Worker {built.name}" if built.name else "no Worker"
        raise _unfit(f"the build in {built.file.parent} is for {called}, not for {name}", wrangler, environment)


def _read(file: Path, wrangler: Path, environment: str) -> dict[str, Any]:
    if not file.is_file():
        raise _unfit(f"there is no {file}", wrangler, environment)
    try:
        found = parse(read_private(file).text).root.data
    except MalformedError as error:
        raise _unfit(f"{file}:{error.line}:{error.column}: {error.reason}", wrangler, environment) from None
    if not isinstance(found, dict):
        raise _unfit(f"{file} holds no object", wrangler, environment)
    return found


def _unfit(what: str, wrangler: Path, environment: str) -> ConfigurationError:
    return ConfigurationError(
        f"{what}, and it is what wrangler deploys for {environment}",
        next_step=f"build the app for it, such as: cd {wrangler.parent} && CLOUDFLARE_ENV={environment} npm run build; "
        f"or remove {wrangler.parent.joinpath(*REDIRECT)} to deploy the source",
    )
