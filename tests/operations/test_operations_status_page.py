"""The page of `./infra status --html`: what is in it, and how a browser shows it."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from operations.status.facts import Found, Health, Seen, Twig
from operations.status.page import page
from operations.status.rows import rows
from operations.status.tree import MOST_OTHERS, nodes, picture
from tests import browser
from tests.operations import status_seen
from tests.operations.status_seen import NOW, branch, everything, facts, stored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.browser import Browser

HOSTILE = "</style><script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"


def text_of(seen: Seen) -> str:
    """The page of a look."""
    return page(seen, rows(seen))


class Elements(HTMLParser):
    """The elements of a page, and what they hold."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.found.append((tag, dict(attrs)))


def hostile() -> Seen:
    """Names and words in which somebody has put what a browser would run."""
    outputs = {**stored().outputs, "healthUrl": f"javascript:alert(1)//{HOSTILE}"}
    seen, run = status_seen.picture(), replace(stored().updates[0], by=HOSTILE, app=HOSTILE)
    worst = facts(
        branch=Found(value=branch(HOSTILE)),
        parent_name=HOSTILE,
        state=Found(value=stored(outputs=outputs, updates=[run])),
        health=Found(value=Health(state="failing", says=HOSTILE, next_step=HOSTILE)),
        restore_point=Found(why=HOSTILE),
    )
    return replace(seen, facts=[worst], branches=[Twig(id="a", name=HOSTILE)], notes=(HOSTILE,), app=HOSTILE)


def test_nothing_that_somebody_wrote_becomes_an_element() -> None:
    """Every name and every word is text; an address that is none of the web is no link."""
    elements = Elements(text_of(hostile())).found
    assert {tag for tag, _ in elements} & {"script", "img", "a"} == set()
    assert [name for _, attributes in elements for name in attributes if name.startswith("on")] == []
    assert HOSTILE not in text_of(hostile())


def test_the_page_needs_nothing_else() -> None:
    """No script, no style, font or picture of elsewhere; and a policy that would keep them out."""
    text = text_of(status_seen.picture())
    elements = Elements(text).found
    assert {tag for tag, _ in elements} & {"script", "link", "img", "iframe", "object"} == set()
    assert [value for _, found in elements for name, value in found.items() if name == "src"] == []
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text


def test_the_page_says_the_same_as_the_table() -> None:
    """Every environment with all that its row holds."""
    text = re.sub(r"<[^>]+>", "\n", text_of(everything()))
    for row in rows(everything()):
        told = [row.name, row.says, row.size, row.sleep, *(f"{name}: {one}" for name, one in row.facts)]
        told += [f"{name} is not known: {why}" for name, why in row.unknown]
        assert [one for one in told if one not in text.splitlines() and one] == []


def test_a_page_that_is_written_again_is_read_again() -> None:
    """Only where somebody writes it: a file that nobody writes need not be read twice."""
    seen = everything()
    assert 'http-equiv="refresh" content="30"' in page(seen, rows(seen), every=30)
    assert "refresh" not in text_of(seen)


def drawn(*twigs: tuple[str, str | None]) -> tuple[list[tuple[str, int, int | None]], int]:
    """The places of branches, given as id and parent."""
    found, more = nodes([Twig(id=name, name=name, parent=parent) for name, parent in twigs], [])
    return [(one.name, one.depth, one.above) for one in found], more


def test_a_tree_stands_below_its_root() -> None:
    """Children are below their parent, one step further in; the parent of one may be gone, and it is a root then."""
    found, more = drawn(("pr-7", "staging"), ("staging", "main"), ("main", None), ("orphan", "gone"))
    assert found == [("main", 0, None), ("staging", 1, 0), ("pr-7", 2, 1), ("orphan", 0, None)]
    assert more == 0


def test_of_many_branches_the_environments_are_shown() -> None:
    """What is no environment's is told by its number alone, once there is too much of it."""
    others = [Twig(id=f"x{number}", name=f"x{number}", parent="br_main") for number in range(MOST_OTHERS + 50)]
    seen = status_seen.picture()
    found, more = nodes([*others, *seen.branches], rows(seen))
    assert {"main", "staging", "production", "pr-7", "pr-8"} <= {one.name for one in found}
    assert (len(found), more) == (MOST_OTHERS + 5, 50)


def test_a_circle_of_branches_ends() -> None:
    """No server tells of one; a page that never comes would be worse than one without them."""
    found, more = drawn(("a", "b"), ("b", "a"), ("c", "c"), ("main", None))
    assert (found, more) == ([("c", 0, None), ("main", 0, None)], 2)


def test_without_a_list_the_environments_tell_the_tree() -> None:
    """What each says of its parent is drawn; a database of this machine is no branch of the project."""
    seen = replace(everything(), branches=())
    found, _ = nodes(seen.branches, rows(seen))
    assert [(one.name, one.depth) for one in found] == [("main", 0), ("staging", 1), ("pr-7", 2)]


def test_the_picture_is_told_in_words() -> None:
    """Whoever does not see it is told each branch and its parent."""
    seen = status_seen.picture()
    text = picture(nodes(seen.branches, rows(seen))[0])
    assert "main; staging, child of main; pr-7, child of staging; pr-8, child of staging; production" in text


def test_the_file_is_replaced_in_one_step(
    tmp_path: Path, infra: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everybody may read it; a folder that is not there is said to be missing."""
    monkeypatch.setattr("operations.status.asking.look", lambda *_, **__: everything())
    file = tmp_path / "status.html"
    file.write_text("before")
    assert infra("status", "--html", str(file)).code == 5  # something is not known
    assert file.stat().st_mode & 0o777 == 0o644
    assert file.read_text().startswith("<!doctype html>")
    answer = infra("status", "--html", str(tmp_path / "none" / "status.html"))
    assert answer.code == 6
    assert "none" in answer.err


@pytest.fixture(scope="module")
def shown() -> Iterator[Browser]:
    """A browser for the tests of this module."""
    with browser.opened() as made:
        yield made


CONTRAST = """
(() => {
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const numbers = text => text.match(/[0-9.]+/g).map(Number);
  const behind = element => {
    for (; element; element = element.parentElement) {
      const found = numbers(getComputedStyle(element).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  document.querySelectorAll('details').forEach(one => one.open = true);
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest('title, desc')) continue;
    const style = getComputedStyle(element);
    const [a, b] = [numbers(element.closest('svg') ? style.fill : style.color), behind(element)].map(light);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push([walker.currentNode.data, ratio]);
  }
  return found;
})()
"""
SHAPE = """
(ids => ({
  wide: document.documentElement.scrollWidth - screen.width,
  dark: getComputedStyle(document.body).backgroundColor !== 'rgb(255, 255, 255)',
  cards: getComputedStyle(document.querySelector('.cards tr')).display === 'block',
  lang: document.documentElement.lang,
  title: document.title,
  landmarks: ['header', 'main', 'footer'].map(one => document.querySelectorAll(one).length),
  headings: [...document.querySelectorAll('h1, h2, h3')].map(one => one.tagName).join(' '),
  unlabelled: [...document.querySelectorAll('section, [role=region], table[role], svg')].filter(one =>
    !one.ariaLabel && !(one.getAttribute('aria-labelledby') || '').split(' ').every(id => document.getElementById(id))
  ).length,
  headless: [...document.querySelectorAll('table')].filter(one => !one.querySelector('th[scope=col]')).length,
  rows: [...document.querySelectorAll('tbody th')].map(one => one.scope + ' ' + one.textContent),
  doubled: ids.length - new Set(ids).size,
  unreachable: [...document.querySelectorAll('.wide')].filter(one => one.tabIndex !== 0).length,
}))([...document.querySelectorAll('[id]')].map(one => one.id))
"""


@pytest.mark.browser
@pytest.mark.skipif(not browser.PROGRAM, reason=browser.HOW_TO_GET)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200], ids=["phone", "desk"])
def test_everybody_can_read_it(shown: Browser, width: int, dark: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """Nothing is wider than the screen, all text stands out, each part has a name, and nothing is asked for."""
    shown.show(text_of(status_seen.picture()), width=width, dark=dark)
    found = shown.evaluate(SHAPE)
    names = ["dev", "staging", "production", "pr-7", "pr-8"]
    assert found == {
        "wide": 0,
        "dark": dark,
        "cards": width == 360,
        "lang": "en",
        "title": "acme-shop: 5 environments: 3 healthy, 1 asleep, 1 failing",
        "landmarks": [1, 1, 1],
        "headings": "H1 H2 H2 H2",
        "unlabelled": 0,
        "headless": 0,
        "rows": [f"row {name}" for name in names],
        "doubled": 0,
        "unreachable": 0,
    }
    assert shown.evaluate(CONTRAST) == []
    assert [url for url in shown.asked if not url.startswith("file:")] == []
    assert len(shown.asked) == 1


@pytest.mark.browser
@pytest.mark.skipif(not browser.PROGRAM, reason=browser.HOW_TO_GET)
@pytest.mark.parametrize("width", [360, 1200], ids=["phone", "desk"])
def test_long_and_hostile_words_break_no_page(shown: Browser, width: int) -> None:
    """Nothing of them runs, and nothing runs out of the screen."""
    long = facts("a-name-as-long-as-is", branch=Found(value=branch("x" * 200)), parent_name="y" * 200)
    for seen in (hostile(), replace(status_seen.picture(), facts=[long], branches=(), at=NOW)):
        shown.show(text_of(seen), width=width)
        assert shown.evaluate("document.documentElement.scrollWidth - screen.width") == 0
        assert shown.evaluate("document.querySelectorAll('script, img').length") == 0
