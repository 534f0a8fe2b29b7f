"""The stand-in's own surface, below `/sandbox/`: what a test orders and asks that no real server offers.

::

    GET, DELETE /sandbox/calls             the log of calls
    GET, POST, DELETE /sandbox/faults      what goes wrong (`faults.Fault`)
    POST /sandbox/clock                    {"advance": seconds}
    POST, DELETE /sandbox/branches         branches without databases (`seeding`), by the thousand
    POST /sandbox/branches/{id}            {"statusType": "FAULT" or "" to end it, "status": text, "hibernate": bool,
                                            "clusterGone": bool}
    POST /sandbox/organizations/{id}       {"status", "tier", "created", "limits"}
    POST /sandbox/flags                    {"branchCreationDisabled": bool, "childBranchCreationDisabled": bool}
    GET /sandbox/state                     projects and branches, without passwords
    POST /sandbox/reset                    everything gone, databases too
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from cloud_sandbox.errors import SandboxError
from cloud_sandbox.faults import fault_of
from cloud_sandbox.wire import JSON_TYPE, Request, Response, encode
from cloud_sandbox.xata import life
from cloud_sandbox.xata.seeding import seed, unseed

if TYPE_CHECKING:
    from collections.abc import Callable

    from cloud_sandbox.xata.service import Service

PREFIX = "/sandbox/"
STATUS_TYPES = ("", "HEALTHY", "TRANSIENT", "FAULT", "HIBERNATED")
SECRETS = ("password", "new_password")


class ControlError(SandboxError):
    """An order the stand-in does not understand; the text says which part."""


class Control:
    """Carries out the orders on one service."""

    def __init__(self, service: Service) -> None:
        self.service, self.world = service, service.world
        self._orders: dict[tuple[str, str], Callable[[dict[str, Any]], Any]] = {
            ("GET", "calls"): lambda _: {"calls": service.log.listed()},
            ("DELETE", "calls"): lambda _: service.log.clear(),
            ("GET", "faults"): lambda _: {"faults": service.faults.listed()},
            ("POST", "faults"): lambda data: service.faults.add(fault_of(data)),
            ("DELETE", "faults"): lambda _: service.faults.clear(),
            ("POST", "branches"): lambda data: seed(self.world, data),
            ("DELETE", "branches"): lambda data: unseed(self.world, data),
            ("POST", "clock"): self._advance,
            ("POST", "flags"): self._flags,
            ("GET", "state"): lambda _: self._state(),
            ("POST", "reset"): lambda _: self._reset(),
        }

    def handle(self, request: Request) -> Response:
        """Carry out one order: 200 with JSON, 204 without, 400 with what is wrong, 404 for no such order."""
        try:
            result = self._carry_out(request)
        except SandboxError as error:
            return _json(400, {"message": str(error)})
        except LookupError as error:
            return _json(404, {"message": f"there is no {error.args[0]}"})
        self.world.tell()
        return Response(status=204) if result is None else _json(200, result)

    def _carry_out(self, request: Request) -> Any:
        name, _, which = request.path.removeprefix(PREFIX).strip("/").partition("/")
        data = _data(request.body)
        if request.method == "POST" and which and name in {"branches", "organizations"}:
            return self._branch(which, data) if name == "branches" else self._organization(which, data)
        if which or (request.method, name) not in self._orders:
            raise LookupError(f"{request.method} {request.path}")
        return self._orders[request.method, name](data)

    def _advance(self, data: dict[str, Any]) -> None:
        seconds = data.get("advance")
        if not isinstance(seconds, int | float) or isinstance(seconds, bool):
            raise ControlError(f"advance is a number of seconds, not {seconds!r}")
        self.world.advance(seconds)

    def _flags(self, data: dict[str, Any]) -> None:
        with self.world.mutex:
            self.world.creation_disabled = bool(data.get("branchCreationDisabled", self.world.creation_disabled))
            child = bool(data.get("childBranchCreationDisabled", self.world.child_creation_disabled))
            self.world.child_creation_disabled = child

    def _organization(self, which: str, data: dict[str, Any]) -> None:
        with self.world.mutex:
            organization = self.world.organization(which)
            known = {name: data[name] for name in ("status", "tier", "created", "limits", "name") if name in data}
            self.world.organizations[which] = replace(organization, **known)
            self.world.changed()

    def _branch(self, which: str, data: dict[str, Any]) -> None:
        with self.world.mutex:
            branch = self.world.branches.get(which)
            if branch is None or branch.terminated:
                raise LookupError(f"branch {which}")
            kind = str(data.get("statusType", "")).removeprefix("STATUS_TYPE_")
            if kind not in STATUS_TYPES:
                raise ControlError(f"statusType is one of {STATUS_TYPES}, not {kind!r}")
            if "statusType" in data:
                branch.life.fault = f"{kind}:{data.get('status', '')}" if kind else ""
            if data.get("hibernate") is True:
                self.world.put_to_sleep(branch, by="manual")
            elif data.get("hibernate") is False:
                life.wake(self.service.settings, branch, self.world.now)
            branch.life.gone = bool(data.get("clusterGone", branch.life.gone))
            self.world.changed()

    def _state(self) -> dict[str, Any]:
        with self.world.mutex:
            branches = [asdict(branch) for branch in self.world.branches.values()]
            projects = [asdict(project) for project in self.world.projects.values()]
        for branch in branches:
            for secret in SECRETS:
                branch["cluster"].pop(secret)
        return {"branches": branches, "now": self.world.now / 1e6, "projects": projects}

    def _reset(self) -> None:
        for project in list(self.world.projects):
            with self.world.lock(project):
                for branch in self.world.branches_of(project):
                    self.world.remove_database(branch)
                    branch.terminated = True
        with self.world.mutex:
            self.world.projects.clear()
            self.world.branches.clear()
            self.world.creation_disabled = self.world.child_creation_disabled = False
            self.world.changed()
        self.service.faults.clear()
        self.service.log.clear()


def _data(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body or b"{}")
    except ValueError as error:
        raise ControlError(f"the body is no JSON: {error}") from error
    if not isinstance(data, dict):
        raise ControlError("the body is a JSON object")
    return data


def _json(status: int, body: Any) -> Response:
    return Response(status=status, headers={"Content-Type": JSON_TYPE}, body=encode(body))
