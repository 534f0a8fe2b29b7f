"""The state machine's other half: Workers, their secrets and addresses, with faults, strangers and crashes at any call.

What must hold, whatever happens: a Worker that has anything of a stranger is never deleted, and none of a stranger's
secrets is changed; every error is of our tree and holds no value and no token; and once the faults stop, the next `up`
has the Worker run with the branch's URL, and the one after it changes nothing.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from components.errors import ApiError, InfraError
from components.resource import ProviderError
from components.worker import secrets
from components.worker.address import address_of
from components.worker.names import Target
from components.worker.secrets import SecretsProvider
from tests.components.worker.workers_world import ACCOUNT, TOKEN, KilledError, World

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

    from cloud_sandbox.cloudflare.models import Version

PROVIDER = SecretsProvider()
SECRET, THEIRS, PRECIOUS = "DATABASE_URL", "THEIRS", "precious"
ENVIRONMENTS = ("staging", "production", "pr-1")
ACTS = ("deploy", "deploy", "variable", "upload", "release", "secret", "unset", "delete", "other")
STATUSES = (400, 401, 403, 404, 408, 409, 429, 500, 502, 503)
OURS = {"infra-draft", "infra-code", "infra-secrets"}
"""The tags of the versions that we make."""


@dataclass(frozen=True, kw_only=True)
class WorkerAct:
    """What a stranger does to the Worker of an environment."""

    what: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What happens to one request: an order to the stand-in, or the end of our process before or after it."""

    order: dict[str, Any] = field(default_factory=dict)
    killed: str = ""


ORDERS: tuple[dict[str, Any], ...] = (
    {"cut": "before"},
    {"cut": "in"},
    {"lose_answer": True},
    {"malformed": True},
    {"delay": 30.0},
    *({"status": status, "message": f"refused, having read {TOKEN}"} for status in STATUSES),
    {"status": 429, "retry_after": "30"},
    {"status": 503, "retry_after": "soon"},
)
environments = st.sampled_from(ENVIRONMENTS)
worker_acts: SearchStrategy[WorkerAct] = st.builds(WorkerAct, what=st.sampled_from(ACTS), name=environments)
troubles: SearchStrategy[Trouble] = st.one_of(
    st.builds(Trouble, order=st.sampled_from(ORDERS)), st.builds(Trouble, killed=st.sampled_from(["before", "after"]))
)
worker_plans: SearchStrategy[list[Any]] = st.one_of(
    st.just([]),
    st.builds(
        lambda before, met: [None] * before + met,
        st.integers(0, 4),
        st.lists(st.one_of(troubles, worker_acts), min_size=1, max_size=3),
    ),
)


@dataclass(kw_only=True)
class Workers:
    """The account as somebody sees it who may look behind it, and what our state has recorded.

    Attributes:
        recorded: The outputs of `worker.Secrets` by environment.
        kept: What a stranger's secret was set to, by Worker.
        visited: The Workers that a stranger touched during the run of ours that is under way.
        values: Every value that was ever set.
    """

    world: World = field(default_factory=World)
    recorded: dict[str, dict[str, Any]] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    visited: set[str] = field(default_factory=set)
    values: set[str] = field(default_factory=set)
    wrongs: list[str] = field(default_factory=list)

    def versions(self, script: str) -> list[Version]:
        """Those of a Worker, newest last; none when it is not there."""
        worker = self.world.service.world.workers.get(script)
        return list(worker.versions) if worker else []

    def plan(self, steps: list[Any]) -> None:
        """Order what happens to the next requests."""
        self.world.calm()
        self.visited.clear()
        acts = {number: step for number, step in enumerate(steps) if isinstance(step, WorkerAct)}
        for number, step in enumerate(steps):
            if isinstance(step, Trouble) and step.order:
                self.world.fault(nth=number + 1, **step.order)
            elif isinstance(step, Trouble):
                setattr(self.world, f"kill_{step.killed}", number)

        def meddle(number: int) -> None:
            if number in acts:
                self.stranger(acts[number])
            self._watch(self.world.requests[number])

        self.world.meddle = meddle

    def stranger(self, act: WorkerAct) -> None:
        """Somebody else does something, whatever was ordered for our own requests; a refusal is theirs to bear."""
        script, faults = script_of(act.name), self.world.service.faults
        ordered = list(faults.orders)
        faults.clear()
        self.visited.add(script)
        try:
            self._act(act.what, script)
        except ApiError:
            pass
        finally:
            faults.orders.extend(ordered)

    def _act(self, what: str, script: str) -> None:
        there, other = bool(self.versions(script)), self.world.other
        if what == "deploy":
            self.world.deploy_app(script, ENVIRONMENT="theirs")
        elif what == "variable":
            self.world.deploy_app(script, **{SECRET: "readable"})
        elif what == "other":
            self.world.deploy_app(PRECIOUS)
            other.put_secret(ACCOUNT, PRECIOUS, SECRET, "theirs")
        elif there and what == "upload":
            self.world.upload_version(script)
        elif there and what == "release":
            other.deploy(ACCOUNT, script, self.versions(script)[-1].id)
        elif there and what == "secret":
            other.put_secret(ACCOUNT, script, THEIRS, "theirs-1")
            self.kept[script] = "theirs-1"
        elif there and what == "unset":
            other.delete_secret(ACCOUNT, script, SECRET)
        elif there and what == "delete":
            other.delete_script(ACCOUNT, script)
            self.kept.pop(script, None)

    def _watch(self, request: str) -> None:
        """A request of ours, judged before it is made: what it deletes has nothing of others, as far as we can know."""
        method, _, path = request.partition(" ")
        script = path.split("/")[2] if path.count("/") > 1 else ""
        if method != "GET" and script == PRECIOUS:
            self.wrongs.append(request)
        if method != "DELETE" or path.count("/") > 2:
            return
        if script in self.visited:  # between our last look and this call: nobody can know
            self.kept.pop(script, None)
            return
        for version in self.versions(script):
            ours = version.annotations.get("workers/tag") in OURS
            if not ours and version.annotations.get("workers/triggered_by") != "secret":
                self.wrongs.append(f"{request}: somebody deployed to it")
        if self.versions(script) and self.versions(script)[-1].bindings.keys() - {SECRET}:
            self.wrongs.append(f"{request}: it holds what is not ours")

    def judge(self) -> None:
        """What must hold at any moment."""
        assert not self.wrongs, self.wrongs
        for script, text in self.kept.items():
            found = self.versions(script)[-1].bindings.get(THEIRS, {}) if self.versions(script) else {}
            assert found.get("text") == text, f"a stranger's secret of {script} is {found}"
        precious = self.versions(PRECIOUS)
        assert not precious or precious[-1].bindings[SECRET]["text"] == "theirs"


class WorkerRules(RuleBasedStateMachine):
    """What our program and others do to Workers. The whole machine says which URL an environment's branch has."""

    workers: Workers

    def url_of(self, name: str) -> str:
        """What the Worker of an environment is to be told."""
        raise NotImplementedError

    @rule(name=environments, plan=worker_plans)
    def publish(self, name: str, plan: list[Any]) -> None:
        """`up` looks at the Worker's secrets, and sets what is to be set."""
        self._try_on_workers(plan, lambda: self._up(name))

    @rule(name=environments, plan=worker_plans)
    def withdraw(self, name: str, plan: list[Any]) -> None:
        """`destroy` removes them."""
        self._try_on_workers(plan, lambda: self._destroy(name))

    @rule(name=environments, plan=worker_plans)
    def locate(self, name: str, plan: list[Any]) -> None:
        """`up` looks the Worker's address up."""
        target = Target(account=ACCOUNT, script=script_of(name))
        found = self._try_on_workers(plan, lambda: address_of(self.workers.world.client, target, {}))
        assert found in {None, f"https://{script_of(name)}.sandbox.workers.dev"}

    @rule(act=worker_acts)
    def meet_a_stranger(self, act: WorkerAct) -> None:
        """Somebody else acts between two of our runs."""
        self.workers.stranger(act)

    @rule(name=environments)
    def settle(self, name: str) -> None:
        """The faults stop: one `up` has the Worker run with the URL, and a second one changes nothing."""
        workers, script = self.workers, script_of(name)
        workers.plan([])
        with mock.patch.object(secrets, "connect", return_value=workers.world.client):
            if self._is_variable(script):
                with pytest.raises(ProviderError, match=SECRET):
                    self._up(name)
                return
            if there := workers.versions(script):  # what waits would be deployed along
                workers.world.other.deploy(ACCOUNT, script, there[-1].id)
            self._up(name)
            assert workers.world.values(script)[SECRET] == self.url_of(name)
            workers.world.requests.clear()
            self._up(name)
        assert not [request for request in workers.world.requests if not request.startswith("GET")]

    def _try_on_workers(self, plan: list[Any], work: Callable[[], Any]) -> Any:
        """Run with faults. An error must be ours; a killed run has done what it has done."""
        workers = self.workers
        workers.plan(plan)
        try:
            with mock.patch.object(secrets, "connect", return_value=workers.world.client):
                return work()
        except KilledError:
            return None
        except (ProviderError, InfraError) as error:
            self._judge_words("".join(traceback.format_exception(error)) + repr(vars(error)))
            return None
        finally:
            workers.world.calm()

    def _judge_words(self, told: str) -> None:
        """No secret in what a user, a log or an engine may show of an error."""
        for secret in (TOKEN, *self.workers.values):
            assert secret not in told, "a secret in an error"

    def _is_variable(self, script: str) -> bool:
        """Whether an app's deployment made a readable variable of the secret: only the app can mend that."""
        newest = self.workers.versions(script)[-1:]
        return any(one.bindings.get(SECRET, {}).get("type") == "plain_text" for one in newest)

    def _up(self, name: str) -> None:
        """A refresh and what it asks for, each step recorded as an engine does."""
        workers, url = self.workers, self.url_of(name)
        workers.values.add(url)
        inputs = {"account": ACCOUNT, "script": script_of(name), "values": {SECRET: url}}
        if name in workers.recorded:
            found = PROVIDER.read(name, workers.recorded[name])
            workers.recorded[name] = dict(found.outs or {})
            if not found.id:
                del workers.recorded[name]
        if name not in workers.recorded:
            workers.recorded[name] = dict(PROVIDER.create(inputs).outs or {})
        elif PROVIDER.diff(name, workers.recorded[name], inputs).changes:
            workers.recorded[name] = dict(PROVIDER.update(name, workers.recorded[name], inputs).outs or {})

    def _destroy(self, name: str) -> None:
        if name in self.workers.recorded:
            PROVIDER.delete(name, self.workers.recorded[name])
            del self.workers.recorded[name]
            versions = self.workers.versions(script_of(name))
            found = versions[-1].bindings.get(SECRET, {}) if versions else {}
            assert script_of(name) in self.workers.visited or found.get("type") != "secret_text"


def script_of(name: str) -> str:
    """An environment's Worker."""
    return f"warehouse-manager-{name}"
