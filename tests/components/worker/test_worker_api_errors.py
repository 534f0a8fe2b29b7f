"""Answers of Cloudflare that are no success: which error they are, what it says, and what it keeps to itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import errors
from components.http.scrub import quotable
from components.worker.api.rules import RULES
from tests.components.worker.workers_world import ACCOUNT, SCRIPT, TOKEN, Scripted, app, good, refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from components.worker.api.client import Client

VALUE = "postgresql://xata:P4ss$word!%40@host.example/app?sslmode=require"


def _read(client: Client) -> Any:
    return client.secrets(ACCOUNT, SCRIPT)


def _change(client: Client) -> Any:
    return client.change_secrets(ACCOUNT, SCRIPT, {"DATABASE_URL": VALUE, "OLD": None})


def _upload(client: Client) -> Any:
    return client.upload_script(ACCOUNT, SCRIPT, app())


def _raised(call: Callable[[Client], Any], *script: httpx.Response | Exception) -> errors.ApiError:
    with pytest.raises(errors.ApiError) as caught:
        call(Scripted(*script).worker(budget_seconds=3.0))
    return caught.value


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (10007, errors.WorkerNotFoundError),
        (10090, errors.WorkerNotFoundError),
        (10056, errors.SecretNotFoundError),
        (10222, errors.NoVersionsError),
        (10025, errors.NotFoundError),
        (10215, errors.UndeployedVersionError),
        (10214, errors.UndeployedVersionError),
        (10053, errors.ConflictError),
        (10057, errors.InvalidError),
        (10063, errors.NotFoundError),
        (10000, errors.PermissionDeniedError),
        (9109, errors.PermissionDeniedError),
        (10001, errors.PermissionDeniedError),
        (10023, errors.PermissionDeniedError),
        (1000, errors.UnauthorizedError),
        (6003, errors.UnauthorizedError),
        (6111, errors.UnauthorizedError),
        (9106, errors.UnauthorizedError),
        (7000, errors.NotOfferedError),
        (7003, errors.NotOfferedError),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 403, 404])
def test_a_code_decides_whatever_the_status(code: int, error: type[Exception], status: int) -> None:
    """Which status goes with a code is documented nowhere, so the code counts; every error tells what to do."""
    found = _raised(_change, refused(status, code, "because", cf_ray="abc-FRA"))
    assert type(found) is error
    assert (found.codes, found.status, found.request_id) == ((code,), status, "abc-FRA")
    assert found.server_message == "because"
    assert found.next_step
    assert f'Cloudflare answered {status} ({code}) "because"' in found.message


def test_every_code_of_the_table_is_tested() -> None:
    """Whoever adds a code says here what it is."""
    marks = getattr(test_a_code_decides_whatever_the_status, "pytestmark", [])
    cases = next(mark.args[1] for mark in marks if mark.args[0] == ("code", "error"))
    assert {code for code, _ in cases} == set().union(*(rule.codes for rule in RULES))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, errors.InvalidError),
        (401, errors.UnauthorizedError),
        (403, errors.PermissionDeniedError),
        (404, errors.NotFoundError),
        (408, errors.BusyError),
        (409, errors.ConflictError),
        (413, errors.InvalidError),
        (423, errors.BusyError),
        (429, errors.BusyError),
        (500, errors.UnavailableError),
        (502, errors.UnavailableError),
        (503, errors.BusyError),
        (504, errors.UnavailableError),
        (520, errors.UnavailableError),
    ],
)
def test_without_a_known_code_the_status_decides(status: int, error: type[Exception]) -> None:
    """A code that nobody knows is told, and the status says what it means."""
    found = _raised(_change, refused(status, 99999))
    assert type(found) is error
    assert "99999" in found.message


@pytest.mark.parametrize(
    ("call", "permission"), [(_read, "Workers Scripts Read"), (_change, "Workers Scripts Write"), (_upload, "Write")]
)
@pytest.mark.parametrize("code", [9109, 10000, 10001, 10023])
def test_a_denial_names_the_permission_and_the_account(
    call: Callable[[Client], Any], permission: str, code: int
) -> None:
    """[D10] A wrong account is answered as a lacking permission is, so both are named."""
    found = _raised(call, refused(403, code, "Authentication error"))
    assert isinstance(found, errors.PermissionDeniedError)
    assert permission in found.message
    assert permission in found.next_step
    assert "CLOUDFLARE_ACCOUNT_ID" in found.next_step


def test_a_refused_token_names_its_variable() -> None:
    """Who has a wrong token reads where it stands, and which to make."""
    found = _raised(_read, refused(401, 1000, "Invalid API Token"))
    assert "CLOUDFLARE_API_TOKEN" in found.next_step
    assert "Workers Scripts Read" in found.next_step


def test_a_taken_name_is_told_with_the_way_out() -> None:
    """The variable in the way is named, and where it has to be removed."""
    found = _raised(_change, refused(400, 10053, "Binding name 'DATABASE_URL' already in use. Please use another."))
    assert isinstance(found, errors.ConflictError)
    assert "DATABASE_URL: another kind of binding has this name" in found.message
    assert "vars in the app's wrangler.jsonc" in found.next_step


def test_only_names_that_were_sent_are_told() -> None:
    """A server that quotes something else in that place quotes what could be anything."""
    found = _raised(_change, refused(400, 10053, "Binding name 'hunter2' already in use"))
    assert found.message.count("hunter2") == 1  # in their words alone


def test_a_failure_counts_more_than_its_code() -> None:
    """What a server says while it fails is not about the request."""
    assert type(_raised(_read, refused(500, 10007))) is errors.UnavailableError


@pytest.mark.parametrize(
    "stranger",
    [
        httpx.Response(404, text="<html>no such site"),
        httpx.Response(404, json={"message": "not found"}),
        httpx.Response(400, text=""),
        httpx.Response(200, text="<html>Log in"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"result": []}),
        httpx.Response(204),
    ],
)
@pytest.mark.parametrize("call", [_read, _change])
def test_what_is_not_in_the_envelope_is_not_cloudflares(
    call: Callable[[Client], Any], stranger: httpx.Response
) -> None:
    """The page of a proxy neither succeeds nor says that something is gone."""
    assert type(_raised(call, stranger)) is errors.MalformedAnswerError


@pytest.mark.parametrize(
    "wrong", [None, {}, "text", [1], [{"name": "A"}], [{"name": 1, "type": "secret_text"}], [{"name": "", "type": "x"}]]
)
def test_a_result_of_another_shape_is_malformed(wrong: Any) -> None:
    """[D9] It is told which part is wrong, and nothing of it is quoted."""
    found = _raised(_read, good(wrong))
    assert type(found) is errors.MalformedAnswerError
    assert "the answer is not what it should be: " in found.message


@pytest.mark.parametrize("troubles", [None, {}, "x", [1], [{}], [{"code": "x"}], [{"code": True, "message": "m"}]])
def test_errors_that_cannot_be_read_leave_the_status(troubles: Any) -> None:
    """An envelope whose errors are malformed is still a refusal."""
    body = {"success": False, "errors": troubles, "result": None}
    found = _raised(_read, httpx.Response(400, json=body))
    assert (type(found), found.codes) == (errors.InvalidError, ())


def test_unknown_fields_and_kinds_are_ignored() -> None:
    """[D9] Tomorrow's answers are read as today's."""
    found = _read(Scripted(good([{"name": "A", "type": "secret_of_tomorrow", "new": {}}])).worker())
    assert [(secret.name, secret.type) for secret in found] == [("A", "secret_of_tomorrow")]


LEAKS = [
    f"invalid value {VALUE}",
    f"invalid value {VALUE[10:25]}… (truncated)",
    f"could not parse {VALUE!r}",
    f"unexpected {VALUE[-9:]}",
    f"bearer {TOKEN} is wrong for {VALUE}",
]


@pytest.mark.parametrize("leak", LEAKS)
@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_a_value_that_the_server_quotes_is_not_shown(leak: str, status: int) -> None:
    """[F2] Not the whole value, and no piece of it: words that share one are left out."""
    found = _raised(_change, refused(status, 10021, leak, cf_ray=f"ray {TOKEN}"))
    for text in (str(found), repr(found), found.server_message, found.request_id, repr(vars(found))):
        assert not [start for start in range(len(VALUE) - 7) if VALUE[start : start + 8] in text]
        assert TOKEN not in text


@given(value=st.text(min_size=1, max_size=40), before=st.text(max_size=20), after=st.text(max_size=20))
def test_no_value_is_quotable(value: str, before: str, after: str) -> None:
    """Whatever stands around it, words with the value in them are not shown."""
    assert quotable(f"{before}{value}{after}", key=TOKEN, values=[value]) == ""


def test_words_without_a_value_are_shown() -> None:
    """Most refusals tell what is wrong, and that is worth reading; an empty value hides nothing."""
    assert quotable("too many variables", key=TOKEN, values=[VALUE, ""]) == "too many variables"
