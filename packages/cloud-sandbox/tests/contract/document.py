"""The service's own OpenAPI document as the judge of requests and answers."""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import httpx
import pytest
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.templating.paths.exceptions import PathError
from openapi_core.templating.paths.finders import APICallPathFinder
from openapi_core.validation.schemas.exceptions import InvalidSchemaValue
from werkzeug.datastructures import Headers, ImmutableMultiDict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jsonschema_path import SchemaPath

VARIABLE = "INFRA_TEST_XATA_OPENAPI"
SERVER = "https://api.xata.tech"
METHODS = frozenset({"get", "post", "put", "patch", "delete"})

needs_document = pytest.mark.skipif(
    not Path(os.environ.get(VARIABLE, "")).is_file(),
    reason=f"{VARIABLE} names no file: save {SERVER}/openapi.json, which anybody may read, and name it there",
)


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A request and its answer, as they travelled."""

    request: httpx.Request
    response: httpx.Response


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing about an exchange that the document does not allow.

    Attributes:
        side: `request` or `answer`.
        operation: The document's operationId; empty where it knows no such path.
        status: The answer's status; 0 for requests.
        what: Place and rule, never the value: `status.statusType: enum`.
    """

    side: str
    operation: str
    status: int
    what: str

    def __str__(self) -> str:
        return f"{self.side} {self.operation or '(no operation)'} {self.status or ''} {self.what}"


class Recorder(httpx.BaseTransport):
    """Passes requests on and keeps them: `requests` all of them, `exchanges` those that were answered."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self.requests: list[httpx.Request] = []
        self.exchanges: list[Exchange] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass one request on."""
        request.read()
        self.requests.append(request)
        response = self._inner.handle_request(request)
        response.read()
        self.exchanges.append(Exchange(request=request, response=response))
        return response

    def close(self) -> None:
        """Close what is behind."""
        self._inner.close()


@dataclass(kw_only=True)
class _Asked:
    """A request in the words of openapi-core, which notes in it what it found. The host is the document's."""

    path: str
    method: str
    body: bytes | None
    content_type: str
    host_url: str = SERVER
    parameters: RequestParameters = field(default_factory=RequestParameters)


@dataclass(frozen=True, kw_only=True)
class _Answered:
    """An answer in the words of openapi-core."""

    status_code: int
    headers: Mapping[str, Any]
    content_type: str
    data: bytes | None


class Judge:
    """Says what the document does not allow. Fields that it does not name count: nobody can rely on them."""

    def __init__(self, document: Path) -> None:
        self._api = OpenAPI.from_file_path(str(document))
        self._finder = APICallPathFinder(self._api.spec)
        self._root: dict[str, Any] = self._api.spec.read_value()

    @property
    def operations(self) -> dict[str, str]:
        """Every operation's path by its id."""
        return {
            operation["operationId"]: path
            for path, item in self._root["paths"].items()
            for method, operation in item.items()
            if method in METHODS
        }

    def operation(self, request: httpx.Request) -> str:
        """The operationId of a request; empty where the document knows none."""
        found = self._find(_asked(request))
        return (found / "operationId").read_str() if found else ""

    def scopes(self, request: httpx.Request) -> list[str]:
        """What the document says that a key must be allowed for a request."""
        found = self._find(_asked(request))
        security = (found / "security").read_value() if found else []
        return sorted({scope for one in security for scopes in one.values() for scope in scopes})

    def of_request(self, request: httpx.Request) -> list[Problem]:
        """What is wrong with a request."""
        asked = _asked(request)
        found = self._find(asked)
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", UserWarning
            )  # it does not know the kind of log-in, and it says so each time
            words = [word for error in self._api.iter_request_errors(asked) for word in _words(error)]
        if found and asked.body:
            words += self._strays(asked.body, found / "requestBody")
        return self._problems("request", request, 0, words)

    def of_answer(self, exchange: Exchange) -> list[Problem]:
        """What is wrong with an answer."""
        asked, answered = _asked(exchange.request), _answered(exchange.response)
        errors = self._api.iter_response_errors(asked, answered)
        words = [word for error in errors for word in _words(error)]
        found = self._find(asked)
        if found:
            words += self._rules_beyond(answered, found / "responses")
        return self._problems("answer", exchange.request, answered.status_code, words)

    def _rules_beyond(self, answered: _Answered, responses: SchemaPath) -> Iterator[str]:
        """What the document leaves open: fields that have no name, the shape of errors, a body where there is none."""
        response = responses / str(answered.status_code)
        if response.exists() and "content" in response:
            yield from self._strays(answered.data or b"", response)
        elif answered.status_code >= HTTPStatus.BAD_REQUEST:
            yield from self._strays(
                answered.data or b"{}", self._api.spec / "components" / "responses" / "GenericError"
            )
        elif answered.data:
            yield "a body"

    def _find(self, asked: _Asked) -> SchemaPath | None:
        try:
            found: SchemaPath = self._finder.find(asked.method, f"{asked.host_url}{asked.path}").operation
        except PathError:
            return None
        return found

    def _problems(self, side: str, request: httpx.Request, status: int, words: Iterable[str]) -> list[Problem]:
        operation = self.operation(request)
        return [Problem(side=side, operation=operation, status=status, what=word) for word in words]

    def _strays(self, body: bytes, holder: SchemaPath) -> list[str]:
        """The fields of a body that its schema does not name, and what an error's body must hold."""
        schema = (holder / "content" / "application/json" / "schema").read_value()
        return sorted(set(self._unnamed(_parsed(body), schema, "")))

    def _unnamed(self, value: Any, schema: dict[str, Any], place: str) -> Iterator[str]:
        schema = self._resolved(schema)
        if isinstance(value, list):
            for item in value:
                yield from self._unnamed(item, schema.get("items", {}), f"{place}[].")
        if not isinstance(value, dict) or isinstance(schema.get("additionalProperties"), dict):
            return
        named = self._named(schema)
        for key, inner in value.items():
            if key in named:
                yield from self._unnamed(inner, named[key], f"{place}{key}.")
            else:
                yield f"{place}{key}: not in the document"

    def _named(self, schema: dict[str, Any]) -> dict[str, Any]:
        parts = [self._resolved(part) for kind in ("allOf", "oneOf", "anyOf") for part in schema.get(kind, [])]
        inner = [self._named(part) for part in parts]
        return {key: value for one in (*inner, schema.get("properties", {})) for key, value in one.items()}

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        reference = schema.get("$ref", "")
        return (
            self._resolved(self._root["components"]["schemas"][reference.rpartition("/")[2]]) if reference else schema
        )


@cache
def judge() -> Judge:
    """The one judge of this process: reading the document takes longer than a hundred judgements."""
    return Judge(Path(os.environ[VARIABLE]))


def _asked(request: httpx.Request) -> _Asked:
    path, _, query = request.url.raw_path.decode().partition("?")
    return _Asked(
        path=path,
        method=request.method.lower(),
        body=request.content or None,
        content_type=request.headers.get("content-type", "").lower(),
        parameters=RequestParameters(
            query=ImmutableMultiDict(parse_qsl(query)), header=Headers(list(request.headers.items()))
        ),
    )


def _answered(response: httpx.Response) -> _Answered:
    return _Answered(
        status_code=response.status_code,
        headers=dict(response.headers),
        content_type=response.headers.get("content-type", "").lower(),
        data=response.content or None,
    )


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return {"(no JSON)": None}


def _words(error: Exception) -> Iterator[str]:
    """What is wrong, place by place, without the values, which may be secrets."""
    cause = error.__cause__ or error
    if not isinstance(cause, InvalidSchemaValue):
        yield type(cause).__name__
        return
    for one in cause.schema_errors:
        steps = ["[]" if isinstance(step, int) else str(step) for step in one.absolute_path]  # type: ignore[attr-defined] # declared as Exception, is a ValidationError of jsonschema
        missing = f" {one.message.split(chr(39))[1]}" if one.validator == "required" else ""  # type: ignore[attr-defined] # as above
        yield f"{'.'.join(steps) or 'body'}: {one.validator}{missing}"  # type: ignore[attr-defined] # as above
