"""Schemathesis attacks the stand-in: whatever is sent, the answers are the document's or of a known difference."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.contract.deviations import DEVIATIONS, NOT_SERVED
from tests.contract.document import VARIABLE, Exchange, judge, needs_document
from tests.contract.standin import KEY, LOCAL, ORGANIZATION, StandIn
from tests.contract.tour import NO_BACKUPS_REGION, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = needs_document

EXAMPLES_VARIABLE = "INFRA_TEST_XATA_EXAMPLES"
EXAMPLES = int(os.environ.get(EXAMPLES_VARIABLE) or (12 if os.environ.get("INFRA_TEST_THOROUGH") else 4))
NO_INPUT = {"getOrganizationsList"}
"""Nothing can be wrong in what takes nothing."""


class Target:
    """A stand-in with something in it, so that an attack gets past the first 404."""

    def __init__(self) -> None:
        self.http = StandIn().http()
        self.projects = f"/organizations/{ORGANIZATION}/projects"
        self.project = self._make(self.projects, {"name": "one"})
        branches = f"{self.projects}/{self.project}/branches"
        root = self._make(branches, {"name": "main", "mode": "custom", "configuration": ROOT})
        child = self._make(branches, {"name": "child", "mode": "inherit", "parentID": root})
        far = {**ROOT, "region": NO_BACKUPS_REGION}
        self.branches = (root, child, self._make(branches, {"name": "far", "mode": "custom", "configuration": far}))

    def _make(self, path: str, body: dict[str, Any]) -> str:
        return str(self.http.post(path, json=body).json()["id"])


@cache
def _document() -> Any:
    return schemathesis.openapi.from_path(os.environ[VARIABLE])


def _attacks() -> Iterator[Any]:
    if not Path(os.environ.get(VARIABLE, "")).is_file():
        return
    for operation in judge().operations:
        if any(re.fullmatch(words, operation) for words in NOT_SERVED.values()):
            continue
        for mode in GenerationMode:
            if mode is GenerationMode.POSITIVE or operation not in NO_INPUT:
                yield pytest.param(operation, mode, id=f"{operation}-{mode.value}")


def _send(case: schemathesis.Case[Any], target: Target) -> Exchange:
    arguments = case.as_transport_kwargs(base_url=LOCAL, headers={"Authorization": f"Bearer {KEY}"})
    arguments.pop("cookies", None)
    prepared = requests.Request(**{key: value for key, value in arguments.items() if key != "timeout"}).prepare()
    body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body
    headers = {key: value for key, value in prepared.headers.items() if key.lower() != "content-length"}
    request = httpx.Request(str(prepared.method), str(prepared.url), headers=headers, content=body)
    return Exchange(request=request, response=target.http.send(request))


def _may_fail(operation: str, exchange: Exchange) -> bool:
    """Where the real service answers 5xx, too: what it has not, and what its database cannot hold."""
    if exchange.response.status_code == httpx.codes.NOT_IMPLEMENTED:
        return True
    body = exchange.request.content
    unstorable = b"\\u0000" in body or len(body) > 2_000
    return unstorable or (
        operation == "getBackup" and exchange.response.status_code == httpx.codes.INTERNAL_SERVER_ERROR
    )


@pytest.mark.parametrize(("operation", "mode"), list(_attacks()))
def test_an_attack_meets_only_known_answers(operation: str, mode: GenerationMode) -> None:
    """[G1] Good and bad input of every served operation is answered as documented, and never breaks the stand-in."""
    attacked = _document().find_operation_by_id(operation)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def attack(data: st.DataObject) -> None:
        target = Target()
        case = data.draw(attacked.as_strategy(generation_mode=mode))
        branch = data.draw(st.sampled_from(target.branches))
        real = {"organizationID": ORGANIZATION, "projectID": target.project, "branchID": branch, "backupID": branch}
        if data.draw(st.integers(0, 3)):  # mostly: what is really there
            case.path_parameters.update({key: real[key] for key in case.path_parameters.keys() & real.keys()})
        exchange = _send(case, target)
        known = exchange.response.status_code < httpx.codes.INTERNAL_SERVER_ERROR or _may_fail(operation, exchange)
        assert known, f"{exchange.response.status_code}: {exchange.response.text}"
        problems = judge().of_answer(exchange)
        assert not [str(one) for one in problems if not any(deviation.covers(one) for deviation in DEVIATIONS)]
        target.http.get(target.projects).raise_for_status()

    attack()
