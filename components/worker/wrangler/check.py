"""That the app's wrangler file deploys what the stack expects: it gates what depends on it, and is never written."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import pulumi
from typing_extensions import override

from components.declared import About, Words
from components.errors import ConfigurationError
from components.local.files import portable
from components.resource import Properties, Provider, Resource, state
from components.worker.wrangler.file import check, digest, locate, worker_name
from components.worker.wrangler.findings import Expectation, Finding, Text, errors

if TYPE_CHECKING:
    from collections.abc import Mapping


class WranglerConfigInputs(Expectation):
    """Which file, what it must say, and what follows where it does not. Nothing of it is a secret."""

    path: Annotated[
        Text,
        About(
            "The file, or the app's folder. A relative path starts at the project folder, where Pulumi starts "
            "providers; so does, in the state, an absolute one inside it, and stays true when the clone moves."
        ),
    ]
    mode: Annotated[
        Literal["enforce", "warn", "off"],
        Words("enforce, warn or off", "enforce"),
        About("`enforce` fails the deployment on errors, `warn` only reports, `off` does not read the file."),
    ] = "enforce"
    digest: Annotated[str, About("A fingerprint of the file, which the resource takes: another one checks again.")] = ""


class WranglerConfigState(WranglerConfigInputs):
    """What was found."""

    ok: bool = False
    worker_name: Annotated[str, About("As wrangler derives it from the file.")] = ""
    findings: Annotated[Sequence[str], About("Each in a line with its place.")] = ()


class WranglerConfigProvider(Provider[WranglerConfigInputs, WranglerConfigState]):
    """Checks the file; when it changes, it is checked again. A preview tells what it finds."""

    @override
    def validate(self, known: Properties) -> Mapping[str, str]:
        """Tell what a check finds, as far as the inputs are known: in mode `enforce` errors are refused."""
        needed = {"path", "stack", "environment", "branch", "mode"}
        if not needed <= known.keys() or self.inputs.validate(known) or known["mode"] == "off":
            return {}
        new = WranglerConfigInputs.of(known)
        path = locate(Path(new.path))
        found = check(path, new)
        refused = errors(found) if new.mode == "enforce" else []
        for finding in found:
            if finding not in refused:
                sys.stderr.write(f"{finding.told(str(path))}\n")
        return {"path": _listed(refused, path)} if refused else {}

    @override
    def create_resource(self, new: WranglerConfigInputs) -> tuple[str, WranglerConfigState]:
        return f"wrangler-{new.stack}", _checked(new)

    @override
    def update_resource(
        self, resource_id: str, old: WranglerConfigState, new: WranglerConfigInputs
    ) -> WranglerConfigState:
        return _checked(new)

    @override
    def read_resource(self, resource_id: str, old: WranglerConfigState) -> WranglerConfigState:
        if old.mode == "off":
            return old
        return replace(_checked(replace(old, mode="warn")), mode=old.mode, digest=digest(Path(old.path)))


class WranglerConfig(Resource, provider=WranglerConfigProvider, module="worker", name="WranglerConfig"):
    """That the app's wrangler file deploys what the stack expects."""

    ok: pulumi.Output[bool]
    worker_name: pulumi.Output[str]
    findings: pulumi.Output[list[str]]
    mode: pulumi.Output[str]

    def __init__(self, name: str, inputs: WranglerConfigInputs, opts: pulumi.ResourceOptions | None = None) -> None:
        seen = "" if inputs.mode == "off" else digest(Path(inputs.path))
        super().__init__(name, replace(inputs, path=portable(inputs.path, Path.cwd()), digest=seen), opts)


def _checked(new: WranglerConfigInputs) -> WranglerConfigState:
    """Check the file as the inputs ask.

    Raises:
        ConfigurationError: The file has errors and the mode is `enforce`.
    """
    if new.mode == "off":
        return state(WranglerConfigState, new, ok=False, worker_name="", findings=[])
    path = locate(Path(new.path))
    found = check(path, new)
    refused = errors(found)
    if refused and new.mode == "enforce":
        raise ConfigurationError(_listed(refused, path))
    told = [finding.told(str(path)) for finding in found]
    return state(WranglerConfigState, new, ok=not refused, worker_name=worker_name(path, new.stack), findings=told)


def _listed(found: list[Finding], path: Path) -> str:
    return "the app's wrangler file does not fit the stack\n" + "\n".join(finding.told(str(path)) for finding in found)
