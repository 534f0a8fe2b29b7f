"""The bodies of requests: their shapes, and what an unreadable one is answered with.

Two ways of reading exist on the real server, and their errors differ: most handlers answer 400 with the whole text of
the failed binding, `loose` ones (project create, metrics, logs) with its status and short message.
Source: echo's binder and services/projects/api/spec/server.gen.go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloud_sandbox.xata.gojson import (
    BOOL,
    INT,
    INT32,
    OPTIONAL_BOOL,
    OPTIONAL_INT,
    OPTIONAL_INT32,
    OPTIONAL_STRING,
    STRING,
    FieldTypeError,
    FieldValueError,
    Many,
    Moment,
    Scalar,
    Shape,
    Struct,
    Texts,
    again,
    decode,
)
from cloud_sandbox.xata.goscan import EndError, Node, ScanError, scan
from cloud_sandbox.xata.messages import RefusedError

if TYPE_CHECKING:
    from cloud_sandbox.xata.wire import Request

SCALE_FIELDS: dict[str, Shape] = {"enabled": BOOL, "inactivityPeriodMinutes": INT}
SCALE = Struct(name="spec.ScaleToZeroConfiguration", fields=SCALE_FIELDS)
OPTIONAL_SCALE = Struct(name="spec.ScaleToZeroConfiguration", fields=SCALE_FIELDS, optional=True)
BOTH_SCALES: dict[str, Shape] = {"baseBranches": SCALE, "childBranches": SCALE}
CIDR = Struct(name="spec.CidrEntry", fields={"cidr": STRING, "description": OPTIONAL_STRING})
FILTER = Struct(
    name="spec.IPFilteringConfiguration",
    fields={"cidr": Many(item=CIDR, name="[]spec.CidrEntry"), "enabled": BOOL},
    optional=True,
)
PROJECT_CREATION = Struct(
    name="spec.CreateProjectJSONBody",
    fields={
        "name": STRING,
        "configuration": Struct(
            name="spec.ProjectConfiguration",
            fields={
                "ipFiltering": FILTER,
                "scaleToZero": Struct(name="spec.ProjectScaleToZeroConfiguration", fields=BOTH_SCALES),
            },
            optional=True,
        ),
    },
)
PROJECT_UPDATE = Struct(
    name="spec.UpdateProjectJSONBody",
    fields={
        "name": OPTIONAL_STRING,
        "configuration": Struct(
            name="spec.UpdateProjectConfiguration",
            fields={
                "ipFiltering": FILTER,
                "scaleToZero": Struct(name="spec.ProjectScaleToZeroConfiguration", fields=BOTH_SCALES, optional=True),
            },
            optional=True,
        ),
    },
)
BACKUP = Struct(
    name="spec.BackupConfiguration",
    fields={"backupTime": OPTIONAL_STRING, "retentionPeriod": OPTIONAL_INT32},
    optional=True,
)
PARAMETERS = Texts(optional=True)
LIBRARIES = Many(item=STRING, name="[]string", optional=True)
CLUSTER_FIELDS: dict[str, Shape] = {
    "image": STRING,
    "instanceType": STRING,
    "postgresConfigurationParameters": PARAMETERS,
    "preloadLibraries": LIBRARIES,
    "region": STRING,
    "replicas": INT32,
    "storage": OPTIONAL_INT32,
}
CLUSTER = Struct(name="spec.ClusterConfiguration", fields=CLUSTER_FIELDS)
BRANCH_COMMON: dict[str, Shape] = {
    "backupConfiguration": BACKUP,
    "description": OPTIONAL_STRING,
    "mode": Scalar(name="spec.BranchCreationDetailsMode"),
    "name": STRING,
    "scaleToZero": OPTIONAL_SCALE,
}
BRANCH_INHERIT = Struct(
    name="spec.BranchFromParent", fields={"mode": Scalar(name="spec.BranchFromParentMode"), "parentID": STRING}
)
BRANCH_CUSTOM = Struct(
    name="spec.BranchFromConfiguration",
    fields={"configuration": CLUSTER, "mode": Scalar(name="spec.BranchFromConfigurationMode")},
)
MODE_ONLY = Struct(name="", fields={"mode": STRING})
BRANCH_UPDATE = Struct(
    name="spec.BranchUpdateDetails",
    fields={
        "backupConfiguration": BACKUP,
        "description": OPTIONAL_STRING,
        "hibernate": OPTIONAL_BOOL,
        "image": OPTIONAL_STRING,
        "instanceType": OPTIONAL_STRING,
        "name": OPTIONAL_STRING,
        "postgresConfigurationParameters": PARAMETERS,
        "preloadLibraries": LIBRARIES,
        "replicas": OPTIONAL_INT32,
        "scaleToZero": OPTIONAL_SCALE,
        "storage": OPTIONAL_INT32,
    },
)
RESTORE = Struct(
    name="spec.RestoreDetails",
    fields={
        "backupConfiguration": BACKUP,
        "configuration": Struct(name="spec.ClusterConfiguration", fields=CLUSTER_FIELDS, optional=True),
        "description": OPTIONAL_STRING,
        "name": STRING,
        "scaleToZero": OPTIONAL_SCALE,
    },
)
ROTATION = Struct(name="spec.RotateCredentialsRequest", fields={"username": STRING})
METRICS = Struct(
    name="spec.BranchMetricsRequest",
    fields={
        "aggregations": Many(
            item=Scalar(name="spec.BranchMetricsRequestAggregations"), name="[]spec.BranchMetricsRequestAggregations"
        ),
        "end": Moment(),
        "instances": Many(item=STRING, name="[]string", optional=True),
        "metrics": Many(item=Scalar(name="spec.BranchMetricName"), name="[]spec.BranchMetricName"),
        "start": Moment(),
    },
)
LOG_FILTER = Struct(
    name="spec.LogFilter",
    fields={
        "field": Scalar(name="spec.LogFilterField"),
        "op": Scalar(name="spec.LogFilterOp"),
        "value": OPTIONAL_STRING,
        "values": LIBRARIES,
    },
)
LOGS = Struct(
    name="spec.BranchLogsRequest",
    fields={
        "cursor": OPTIONAL_STRING,
        "end": Moment(),
        "filters": Many(item=LOG_FILTER, name="[]spec.LogFilter", optional=True),
        "limit": OPTIONAL_INT,
        "start": Moment(),
    },
)

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
XML = ("application/xml", "text/xml")


class _UnboundError(Exception):
    """The body could not be bound: the status and short message of one way, `str()` the text of the other."""

    def __init__(self, status: int, message: str, cause: str = "") -> None:
        super().__init__(f"code={status}, message={message}" + (f", internal={cause}" if cause else ""))
        self.status, self.message = status, message


def _node(request: Request) -> Node | None:
    """The body's JSON; None when there is none to read."""
    if not request.body and "transfer-encoding" not in request.headers:
        return None
    media = (request.headers.get("content-type") or JSON).partition(";")[0].strip()
    if media == FORM or (media in XML and b"<" in request.body):
        return None
    if media in XML:
        raise _UnboundError(400, "EOF", "EOF")
    if media != JSON:
        raise _UnboundError(415, "Unsupported Media Type")
    try:
        return scan(request.body)
    except ScanError as error:
        raise _UnboundError(400, f"Syntax error: offset={error.offset}, error={error}", str(error)) from error
    except EndError as error:
        raise _UnboundError(400, str(error), str(error)) from error


def _typed(problem: FieldTypeError) -> _UnboundError:
    place = f"expected={problem.go_type}, got={problem.value}, field={problem.field}, offset={problem.offset}"
    return _UnboundError(400, f"Unmarshal type error: {place}", str(problem))


def _bind(request: Request, shape: Struct) -> dict[str, Any]:
    node = _node(request)
    if node is None:
        return {}
    try:
        body: dict[str, Any] = decode(node, shape)
    except FieldTypeError as problem:
        raise _typed(problem) from problem
    except FieldValueError as problem:
        raise _UnboundError(400, str(problem), str(problem)) from problem
    return body


def read(request: Request, shape: Struct, *, loose: bool = False) -> dict[str, Any]:
    """The body's fields that were given.

    Raises:
        RefusedError: It is unreadable.
    """
    try:
        return _bind(request, shape)
    except _UnboundError as error:
        raise (RefusedError(error.status, error.message) if loose else RefusedError(400, str(error))) from error


def _bind_branch(node: Node) -> dict[str, Any]:
    """The common part of a branch creation: exact keys only, read one after another."""
    if node.kind == "null":
        return {}
    if node.kind != "object":
        offset = 1 if node.kind == "array" else node.end - node.start
        go_type = "map[string]json.RawMessage"
        raise _typed(FieldTypeError(value=node.kind, go_type=go_type, offset=offset, struct="", field=""))
    raw = dict(node.members)
    body: dict[str, Any] = {}
    for name, shape in BRANCH_COMMON.items():
        if name not in raw:
            continue
        try:
            decoded = decode(again(raw[name]), shape)
        except FieldTypeError as problem:
            text = f"error reading '{name}': {problem}"
            raise _UnboundError(400, text, text) from problem
        if decoded is not None or shape.optional:
            body[name] = decoded
    return body


def read_branch(request: Request) -> tuple[dict[str, Any], Node | None]:
    """A branch creation: its common fields, and the whole body for the part that depends on the mode.

    Raises:
        RefusedError: It is unreadable.
    """
    try:
        node = _node(request)
        return (_bind_branch(node) if node else {}), node
    except _UnboundError as error:
        raise RefusedError(400, str(error)) from error


def branch_mode(node: Node | None) -> tuple[str, dict[str, Any]]:
    """The mode of a branch creation and the fields it asks for. Keys match in any case here, unlike the common ones.

    Raises:
        ValueError: The mode is unknown, or a field has another type; the text is the server's.
    """
    if node is None:
        raise ValueError("unexpected end of JSON input")
    try:
        mode = decode(node, MODE_ONLY).get("mode", "")
        if mode not in {"inherit", "custom"}:
            raise ValueError(f"unknown discriminator value: {mode}")
        return mode, decode(node, BRANCH_INHERIT if mode == "inherit" else BRANCH_CUSTOM)
    except FieldTypeError as problem:
        raise ValueError(str(problem)) from problem
