"""What every dynamic provider here shares: the adapter between Pulumi's dictionaries and our free functions.

A provider class is pickled by reference: its module path and name are a contract with recorded state, so neither may
ever change, and it must have no instance attributes (they would travel in the state).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)
from pulumi.runtime.rpc import UNKNOWN
from typing_extensions import override

from components.errors import InfraError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

Properties = dict[str, Any]

PROVIDER_KEY = "__provider"
"""Where Pulumi keeps the pickled provider among a dynamic resource's properties."""


class ProviderError(Exception):
    """What a failed call shows to the user: our text alone, with no foreign cause that could quote a secret."""


def is_known(value: Any) -> bool:
    """Whether a property is known: in previews an output that does not exist yet comes as a magic string."""
    if isinstance(value, dict):
        return all(is_known(item) for item in value.values())
    if isinstance(value, list):
        return all(is_known(item) for item in value)
    return bool(value != UNKNOWN)


def plain(value: Any) -> Any:
    """Undo the wire format: whole numbers arrive as floats (pulumi/pulumi#13830)."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if key != PROVIDER_KEY}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def own_text(call: Callable[[], T]) -> T:
    """Run `call`; let errors meant for users through as their text, without the chain of causes."""
    try:
        return call()
    except InfraError as error:
        message = str(error)
    raise ProviderError(message)


class DynamicProvider(ResourceProvider):
    """Base of our providers. A subclass names its inputs and gives the functions that do the work.

    Every input is updated in place unless `replaces` names it; `judge` refuses bad ones at preview.
    """

    serialize_as_secret_always = False  # pickled by reference and without attributes, so there is nothing to hide

    inputs: ClassVar[tuple[str, ...]]
    replaces: ClassVar[frozenset[str]] = frozenset()
    delete_before_replace: ClassVar[bool] = False

    def judge(self, news: Properties) -> Mapping[str, str]:  # noqa: ARG002 - most providers have nothing to refuse
        """Say what is wrong with the known inputs: property to reason. Runs in previews; must not touch the network."""
        return {}

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
    def check(self, _olds: Any, news: Any) -> CheckResult:
        known = {key: plain(value) for key, value in news.items() if is_known(value) and key != PROVIDER_KEY}
        failures = [CheckFailure(property_, reason) for property_, reason in self.judge(known).items()]
        return CheckResult(news, failures)

    @override
    def diff(self, _id: str, _olds: Any, _news: Any) -> DiffResult:
        olds, news = plain(_olds), plain(_news)
        changed = [key for key in self.inputs if olds.get(key) != news.get(key)]
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
        return CreateResult(resource_id, {**news, **outputs})

    @override
    def update(self, _id: str, _olds: Any, _news: Any) -> UpdateResult:
        olds, news = plain(_olds), plain(_news)
        return UpdateResult({**news, **own_text(lambda: self.change(_id, olds, news))})

    @override
    def read(self, id_: str, props: Any) -> ReadResult:
        olds = plain(props)
        found = own_text(lambda: self.look(id_, olds))
        if found is None:
            return ReadResult("", {})
        # Inputs go back too (pulumi 3.216 and newer), so that drift shows as a difference of inputs.
        return ReadResult(id_, found, {key: found[key] for key in self.inputs if key in found})

    @override
    def delete(self, _id: str, _props: Any) -> None:
        own_text(lambda: self.remove(_id, plain(_props)))
