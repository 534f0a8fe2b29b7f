"""Pages of the sandbox's owner, each made by a program when somebody looks."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from cloud_sandbox import local, order, pages
from cloud_sandbox.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Sequence


def _seen(program: Sequence[str], name: str = "one") -> tuple[int, str, str | None]:
    """Status, text and the header that makes a browser ask again."""

    async def nothing(_: web.Request) -> web.Response:
        return web.Response(status=418)

    async def look() -> tuple[int, str, str | None]:
        app = local.application(nothing, body_limit=1, before=lambda made: pages.add(made, {"one": program}))
        async with TestClient(TestServer(app)) as browser, browser.get(f"/sandbox/pages/{name}") as answer:
            return answer.status, await answer.text(), answer.headers.get("Refresh")

    return asyncio.run(look())


def _program(text: str) -> list[str]:
    return [sys.executable, "-c", text]


def test_a_page_is_what_its_program_prints_whatever_its_exit_code() -> None:
    """An environment that fails is news for the page, and no failure to make it."""
    assert _seen(_program("print('<p>ä</p>'); raise SystemExit(5)")) == (200, "<p>ä</p>\n", "10")


@pytest.mark.parametrize(
    ("program", "says"),
    [
        (_program("import sys; sys.exit('no state\\n')"), "it said last: no state"),
        (["/nowhere/program"], "No such file"),
        (_program("pass"), "it said last: nothing"),
    ],
    ids=["refused", "not there", "silent"],
)
def test_a_program_without_a_page_is_quoted(program: list[str], says: str) -> None:
    """A browser shows why, and asks again."""
    status, text, again = _seen(program)
    assert (status, again) == (502, "10")
    assert says in text


def test_a_program_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for it for ever, and it does not stay."""
    monkeypatch.setattr(pages, "PROGRAM_SECONDS", 0.2)
    status, text, _ = _seen(_program("import time; time.sleep(600)"))
    assert status == 502
    assert "within" in text


def test_a_page_that_is_not_there_names_those_that_are() -> None:
    """A mistyped address is told from a broken page."""
    assert _seen(_program("pass"), "two")[:2] == (404, "pages: one\n")


@pytest.mark.parametrize("told", [["x"], {"one": "x"}, {"one": []}, {"one": [1]}])
def test_unfit_pages_are_refused(told: object) -> None:
    """A page is a program with its arguments."""
    with pytest.raises(SetupError, match="pages"):
        order.read(json.dumps({"folder": "/tmp/x", "key": "k", "pages": told}))  # noqa: S108 - nothing is written
