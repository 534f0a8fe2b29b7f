"""What every dynamic provider here shares: the adapter between Pulumi's dictionaries and our free functions.

A provider class is pickled by reference: its module path and name are a contract with recorded state, so neither may
ever change, and it must have no instance attributes (they would travel in the state).
"""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)
from typing_extensions import override

from components.fingerprint import fingerprint, matches
from components.resource import PROVIDER_KEY, Properties, ProviderError, failure_text, is_known, own_text, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pulumi.dynamic import ConfigureRequest


__all__ = ["DynamicProvider", "Properties", "ProviderError", "is_known", "own_text", "plain"]


class DynamicProvider(ResourceProvider):
    """Base of our providers. A subclass names its inputs and gives the functions that do the work.

    Every input is updated in place unless `replaces` names it; `judge` refuses bad ones at preview.
    """

    serialize_as_secret_always = False  # pickled by reference and without attributes, so there is nothing to hide

    inputs: ClassVar[tuple[str, ...]]
    replaces: ClassVar[frozenset[str]] = frozenset()
    delete_before_replace: ClassVar[bool] = False
    fingerprinted: ClassVar[frozenset[str]] = frozenset()
    """Secret inputs that outputs do not repeat: a salted fingerprint stands there as `<name>Fingerprint` instead."""

    secret_inputs: ClassVar[frozenset[str]] = frozenset()
    """The CLI prints the value of a property that a check refuses, secret or not: these are refused in words alone."""

    def judge(self, news: Properties) -> Mapping[str, str]:  # noqa: ARG002 - most providers have nothing to refuse
        """Say what is wrong with the known inputs: property to reason. Runs in previews; must not touch the network."""
        return {}

    def judge_change(self, olds: Properties, news: Properties) -> Mapping[str, str]:  # noqa: ARG002 - as above
        """Say which changes from the recorded to the known inputs can never be carried out: property to reason."""
        return {}

    def inputs_in(self, found: Properties) -> Properties:
        """Which of the properties that `look` found are inputs."""
        return {key: found[key] for key in self.inputs if key in found}

    def needs_update(self, olds: Properties, news: Properties) -> bool:  # noqa: ARG002 - for subclasses
        """Whether recorded outputs ask for an update although no input changed (a stopped server, a failed check)."""
        return False

    def make(self, news: Properties) -> tuple[str, Properties]:
        """Create; returns the id and the outputs besides the inputs."""
        raise NotImplementedError

    def change(self, resource_id: str, olds: Properties, news: Properties) -> Properties:
        """Update in place; returns the outputs besides the inputs."""
        raise NotImplementedError

    def look(self, resource_id: str, olds: Properties) -> Properties | None:
        """Read reality; returns inputs and outputs as found, or None when the thing is gone."""
        del resource_id
        return olds

    def remove(self, resource_id: str, olds: Properties) -> None:
        """Delete; what is already gone is fine."""

    # Pulumi's side. Positional signatures are the SDK's.

    @override
    def configure(self, req: ConfigureRequest) -> None:
        """Have the server of this process send our errors without a traceback, which is all that it can send itself.

        The server is the process's main module: its calls end in `traceback.format_exc()` (pulumi/dynamic/__main__.py).
        """
        del req
        server = sys.modules["__main__"]
        if hasattr(server, "DynamicResourceProviderServicer"):
            server.traceback = SimpleNamespace(format_exc=failure_text)  # type: ignore[attr-defined] # not ours

    @override
    def check(self, _olds: Any, news: Any) -> CheckResult:
        known = {key: plain(value) for key, value in news.items() if is_known(value) and key != PROVIDER_KEY}
        refused = {**self.judge(known), **self.judge_change(plain(_olds or {}), known)}
        failures = [self._failure(property_, reason) for property_, reason in refused.items()]
        return CheckResult(news, failures)

    @override
    def diff(self, _id: str, _olds: Any, _news: Any) -> DiffResult:
        olds, news = plain(_olds), plain(_news)
        changed = [key for key in self.inputs if not self._same(key, olds, news)]
        replaces = [key for key in changed if key in self.replaces and is_known(news.get(key))]
        return DiffResult(
            changes=bool(changed) or self.needs_update(olds, news),
            replaces=replaces,
            stables=[],
            delete_before_replace=self.delete_before_replace,
        )

    @override
    def create(self, props: Any) -> CreateResult:
        news = plain(props)
        resource_id, outputs = own_text(lambda: self.make(news))
        return CreateResult(resource_id, {**self._echo(news, {}), **outputs})

    @override
    def update(self, _id: str, _olds: Any, _news: Any) -> UpdateResult:
        olds, news = plain(_olds), plain(_news)
        outputs = own_text(lambda: self.change(_id, olds, news))
        return UpdateResult({**self._echo(news, olds), **outputs})

    @override
    def read(self, id_: str, props: Any) -> ReadResult:
        olds = plain(props)
        found = own_text(lambda: self.look(id_, olds))
        if found is None:
            return ReadResult("", {})
        if self.fingerprinted:  # The secret ones are not at hand, and sending the others alone would drop them.
            return ReadResult(id_, found)
        # Inputs go back too (pulumi 3.216 and newer), so that drift shows as a difference of inputs.
        return ReadResult(id_, found, self.inputs_in(found))

    @override
    def delete(self, _id: str, _props: Any) -> None:
        own_text(lambda: self.remove(_id, plain(_props)))

    def _failure(self, property_: str, reason: str) -> CheckFailure:
        if property_ in self.secret_inputs:
            return CheckFailure("", f"{property_}: {reason}")
        return CheckFailure(property_, reason)

    def _same(self, key: str, olds: Properties, news: Properties) -> bool:
        if key in self.fingerprinted:
            recorded = olds.get(f"{key}Fingerprint")
            return is_known(news[key]) and matches(news[key], recorded) if key in news else recorded is None
        return bool(olds.get(key) == news.get(key))

    def _echo(self, news: Properties, olds: Properties) -> Properties:
        """What outputs repeat of the inputs: everything but the secrets, which leave a fingerprint."""
        prints = {
            f"{key}Fingerprint": fingerprint(news[key], like=olds.get(f"{key}Fingerprint"))
            for key in self.fingerprinted
            if key in news
        }
        return {**{key: value for key, value in news.items() if key not in self.fingerprinted}, **prints}
