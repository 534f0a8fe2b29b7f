"""What every dynamic resource here shares: one declaration of inputs and state, from which the rest is derived.

A resource is declared by two classes, its inputs and its state, which adds what is known of the thing that was made.
The provider does the work, typed in and typed out:

    class BranchProvider(Provider[BranchInputs, BranchState]):
        def create_resource(self, new): ...

    class Branch(Resource, provider=BranchProvider, module="xata", name="Branch"):
        project_id: pulumi.Output[str]

Validation, differences, secrets, unknown values in previews and the words of errors are done here, once.

A provider is pickled by reference: its module path and name are a contract with recorded state
(`components.__init__` has the ones that moved), and it must have no instance attributes, which would travel in the
state.
"""

from __future__ import annotations

import sys
import traceback
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast, get_args

import pulumi
from pulumi import dynamic
from pulumi.dynamic import CheckFailure, CheckResult, CreateResult, DiffResult, ReadResult, UpdateResult
from pulumi.output import Unknown
from pulumi.runtime.rpc import UNKNOWN
from typing_extensions import override

from components.declared import Declared, camel
from components.errors import InfraError
from components.fingerprint import fingerprint, matches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pulumi.dynamic import ConfigureRequest

    from components.declared import Field

T = TypeVar("T")

Properties = dict[str, Any]

PROVIDER_KEY = "__provider"
"""Where Pulumi keeps the pickled provider among a dynamic resource's properties."""


I = TypeVar("I", bound=Declared)  # noqa: E741 - inputs
S = TypeVar("S", bound=Declared)


def later(output: pulumi.Output[T]) -> T:
    """An output in the place of its value, among a resource's inputs: Pulumi resolves it before a provider reads it."""
    return cast("T", output)


def state(cls: type[S], inputs: Declared, **outputs: Any) -> S:
    """The state of what has these inputs.

    Args:
        cls: The declaration of the state, which begins with the inputs.
        inputs: What the program gave; or an earlier state, whose outputs are kept.
        outputs: The other attributes of the state.
    """
    return cls(**{**inputs.attributes(), **outputs})


class ProviderError(Exception):
    """What a failed call shows to the user: our text alone, with no foreign cause that could quote a secret."""


def is_known(value: Any) -> bool:
    """Whether a property is known: in previews an output that does not exist yet comes as Unknown or as its text."""
    if isinstance(value, dict):
        return all(is_known(item) for item in value.values())
    if isinstance(value, list):
        return all(is_known(item) for item in value)
    return not isinstance(value, Unknown) and bool(value != UNKNOWN)


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


def failure_text() -> str:
    """What the user reads about the exception that is being handled: our own text alone, else its traceback."""
    error = sys.exception()
    return str(error) if isinstance(error, ProviderError) else traceback.format_exc()


class Provider(dynamic.ResourceProvider, Generic[I, S]):
    """Base of our providers. A subclass is given its inputs and its state, and says what is done.

    Every input is updated in place unless its declaration says that another value replaces.
    """

    serialize_as_secret_always = False  # pickled by reference and without attributes, so there is nothing to hide

    inputs: ClassVar[type[Declared]]
    state: ClassVar[type[Declared]]
    delete_before_replace: ClassVar[bool] = False

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        cls.inputs, cls.state = get_args(cls.__orig_bases__[0])  # type: ignore[attr-defined] # python/typeshed#3983

    # What a subclass says.

    def validate(self, known: Properties) -> Mapping[str, str]:  # noqa: ARG002 - most declarations say it all
        """What is wrong beyond the declaration with the known inputs: property to reason. No request in previews."""
        return {}

    def validate_change(self, old: S, known: Properties) -> Mapping[str, str]:  # noqa: ARG002 - as above
        """Which changes from the recorded to the known inputs can never be carried out: property to reason."""
        return {}

    def validate_new(self, known: Properties) -> Mapping[str, str]:  # noqa: ARG002 - as above
        """What keeps a resource with these known inputs from being made: property to reason."""
        return {}

    def is_same(self, name: str, olds: Properties, news: Properties) -> bool:
        """Whether an input still means the same; a value that a preview does not know is unknown."""
        return bool(olds.get(name) == news.get(name))

    def needs_update(self, old: S, news: Properties) -> bool:  # noqa: ARG002 - as above
        """Whether the state asks for an update although no input changed (a stopped server, a failed check)."""
        return False

    def require_replaceable(self, olds: Properties, news: Properties, replaces: list[str]) -> None:
        """Refuse a plan in which what must stay would be made anew: only the recorded state tells, which check lacks.

        Raises:
            InfraError: It must stay.
        """

    def create_resource(self, new: I) -> tuple[str, S]:
        """Create; the id and the state."""
        raise NotImplementedError

    def update_resource(self, resource_id: str, old: S, new: I) -> S:
        """Update in place; the state."""
        raise NotImplementedError

    def read_resource(self, resource_id: str, old: S) -> S | None:
        """Read what is there; None when the thing is gone."""
        del resource_id
        return old

    def delete_resource(self, resource_id: str, old: S) -> None:
        """Delete; what is already gone is fine."""

    def read_inputs(self, found: S) -> Properties:
        """Which of what was read are inputs: so drift shows as a difference of inputs."""
        properties = found.properties()
        return {field.name: properties[field.name] for field in self.inputs.fields() if field.name in properties}

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
        refused = {**self.inputs.validate(known), **self.validate(known)}
        if not refused:
            old = self._state(plain(_olds)) if _olds else None
            refused = dict(self.validate_change(old, known) if old is not None else self.validate_new(known))
        return CheckResult(news, [self._failure(property_, reason) for property_, reason in refused.items()])

    @override
    def diff(self, _id: str, _olds: Any, _news: Any) -> DiffResult:
        olds, news = plain(_olds), plain(_news)
        changed = [field for field in self.inputs.fields() if not self._is_same(field, olds, news)]
        replaces = [field.name for field in changed if field.about.replaces and is_known(news.get(field.name))]
        own_text(lambda: self.require_replaceable(olds, news, replaces))
        return DiffResult(
            changes=bool(changed) or self.needs_update(self._state(olds), news),
            replaces=replaces,
            stables=[],
            delete_before_replace=self.delete_before_replace,
        )

    @override
    def create(self, props: Any) -> CreateResult:
        news = plain(props)
        resource_id, made = own_text(lambda: self.create_resource(self._new(news)))
        return CreateResult(resource_id, self._recorded(made, {}))

    @override
    def update(self, _id: str, _olds: Any, _news: Any) -> UpdateResult:
        olds, news = plain(_olds), plain(_news)
        made = own_text(lambda: self.update_resource(_id, self._state(olds), self._new(news)))
        return UpdateResult(self._recorded(made, olds))

    @override
    def read(self, id_: str, props: Any) -> ReadResult:
        olds = plain(props)
        found = own_text(lambda: self.read_resource(id_, self._state(olds)))
        if found is None:
            return ReadResult("", {})
        if self._fingerprinted:  # The secret ones are not at hand, and sending the others alone would drop them.
            return ReadResult(id_, {**olds, **found.properties()})
        return ReadResult(id_, found.properties(), self.read_inputs(found))

    @override
    def delete(self, _id: str, _props: Any) -> None:
        own_text(lambda: self.delete_resource(_id, self._state(plain(_props))))

    def _new(self, news: Properties) -> I:
        return cast("I", self.inputs.of(news))

    def _state(self, olds: Properties) -> S:
        return cast("S", self.state.of(olds))

    def _failure(self, property_: str, reason: str) -> CheckFailure:
        """A refusal; of a secret in words alone, because the CLI prints the value of a property that is refused."""
        if property_ in {field.name for field in self.inputs.fields() if field.about.secret}:
            return CheckFailure("", f"{property_}: {reason}")
        return CheckFailure(property_, reason)

    @property
    def _fingerprinted(self) -> list[str]:
        return [field.name for field in self.inputs.fields() if field.about.fingerprinted]

    def _is_same(self, field: Field, olds: Properties, news: Properties) -> bool:
        name = field.name
        if field.about.fingerprinted:
            recorded = olds.get(f"{name}Fingerprint")
            return is_known(news[name]) and matches(news[name], recorded) if name in news else recorded is None
        return self.is_same(name, olds, news)

    def _recorded(self, made: S, olds: Properties) -> Properties:
        """What the state repeats: everything but the secrets that leave a fingerprint."""
        properties = made.properties()
        for name in self._fingerprinted:
            if name in properties:
                key = f"{name}Fingerprint"
                properties[key] = fingerprint(properties.pop(name), like=olds.get(key))
        return properties


class Resource(dynamic.Resource):
    """Base of our resources: `Branch("name", BranchInputs(…), opts)`. Outputs are attributes in snake case."""

    provider: ClassVar[type[Provider[Any, Any]]]

    def __init_subclass__(cls, *, provider: type[Provider[Any, Any]], module: str, name: str, **arguments: Any) -> None:
        super().__init_subclass__(module=module, name=name, **arguments)
        cls.provider = provider

    def __init__(self, name: str, inputs: Declared, opts: pulumi.ResourceOptions | None = None) -> None:
        given = {field.name: _given(field, inputs) for field in self.provider.inputs.fields()}
        declared = self.provider.state.fields()
        secret = [field.name for field in declared if field.about.secret]
        merged = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(additional_secret_outputs=secret))
        super().__init__(self.provider(), name, {**dict.fromkeys(field.name for field in declared), **given}, merged)

    def __getattr__(self, attribute: str) -> Any:
        """An output by its name in Python; Pulumi keeps it under its property's name."""
        try:
            return self.__dict__[camel(attribute)]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no output {attribute!r}") from None


def _given(field: Field, inputs: Declared) -> Any:
    """An input as Pulumi gets it: a secret as one, whatever the program gave."""
    value = getattr(inputs, field.attribute)
    return pulumi.Output.secret(value) if field.about.secret and value is not None else value
