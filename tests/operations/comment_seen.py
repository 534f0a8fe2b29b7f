"""What a reviewer sees below a pull request: the picture in the README, of a recorded plan and of a schema.

It is made anew by `.venv/bin/python -m tests.operations.comment_seen`, which needs a chromium.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt

from operations.schema.compare import Change, Danger
from operations.schema.render import Document, markdown
from tests.browser import opened

FOLDER: Final = Path(__file__).resolve().parent
PICTURE: Final = FOLDER.parents[1] / "docs/images/pull-request-comment.png"
PLAN: Final = FOLDER / "review/recorded/staging-weakened.md"
ORDERS: Final = Change(
    verb="changed",
    kind="TABLE",
    name="public.orders",
    lines=["- note text", "+ total numeric(10,2) DEFAULT 0 NOT NULL", "- status text", "+ status public.order_status"],
)
TYPE: Final = Change(
    verb="added",
    kind="TYPE",
    name="public.order_status",
    lines=["+ CREATE TYPE public.order_status AS ENUM (", "+     'new',", "+     'printed'", "+ );"],
)
SCHEMA: Final = Document(
    old="staging",
    new="pr-7",
    dangers=[
        Danger(rule="column-dropped", table="public.orders", name="note"),
        Danger(rule="type-changed", table="public.orders", name="status", old="text", new="public.order_status"),
    ],
    changes=[ORDERS, TYPE],
)
STYLE: Final = """
body { margin: 16px; font: 14px/1.5 -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif;
  color: #1f2328; }
article { border: 1px solid #d1d9e0; border-radius: 6px; margin-bottom: 16px; }
header { background: #f6f8fa; border-bottom: 1px solid #d1d9e0; border-radius: 6px 6px 0 0; padding: 6px 16px;
  color: #59636e; }
header b { color: #1f2328; }
header span { border: 1px solid #d1d9e0; border-radius: 2em; padding: 0 7px; font-size: 12px; }
section { padding: 0 16px; }
h2 { font-size: 21px; border-bottom: 1px solid #d1d9e0; padding-bottom: 6px; }
h3 { font-size: 17.5px; }
table { border-collapse: collapse; }
th, td { border: 1px solid #d1d9e0; padding: 6px 13px; }
code, pre { font: 12px/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
code { background: #818b981f; border-radius: 6px; padding: 2.4px 4.8px; }
h3 code { font-size: 17.5px; }
pre { background: #f6f8fa; border-radius: 6px; padding: 16px; }
pre code { background: none; padding: 0; }
ins, del { text-decoration: none; display: inline-block; width: 100%; }
ins { background: #dafbe1; color: #116329; }
del { background: #ffebe9; color: #82071e; }
details { margin: 16px 0; }
"""
"""As github.com draws it, roughly."""


def page(texts: list[str]) -> str:
    """Comments one below the other as a page; what is folded in the last one is unfolded where something changed."""
    shown = [_comment(text) for text in texts]
    shown[-1] = re.sub(r"<details>(?=<summary>\d+ changed)", "<details open>", shown[-1])
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{''.join(shown)}"


def _comment(text: str) -> str:
    html = MarkdownIt("commonmark").enable("table").render(text)
    html = re.sub(r"(?m)^((?:<pre><code[^>]*>)?)(\+ .*)$", r"\1<ins>\2</ins>", html)
    html = re.sub(r"(?m)^((?:<pre><code[^>]*>)?)(- .*)$", r"\1<del>\2</del>", html)
    head = "<header><b>github-actions</b> <span>bot</span> commented now • edited</header>"
    return f"<article>{head}<section>{html}</section></article>"


def main() -> None:
    """Make the picture."""
    texts = [PLAN.read_text(encoding="utf-8"), markdown(SCHEMA, commit="0a1b2c3d4e5f")]
    with opened() as browser:
        text = page(texts)
        browser.show(text, width=808)
        browser.show(text, width=808, height=browser.evaluate("document.documentElement.scrollHeight"))
        PICTURE.write_bytes(browser.screenshot())


if __name__ == "__main__":
    main()
