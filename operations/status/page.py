"""The same rows as one page that needs nothing else: no script, no file, no secret, and everything escaped. Pure."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import TYPE_CHECKING, Final

from operations.status import tree
from operations.status.rows import WORDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from operations.status.facts import Seen, Update
    from operations.status.rows import Row

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
STYLE: Final = """
:root { color-scheme: light dark; --back: #ffffff; --text: #1b1f24; --soft: #57606a; --edge: #d0d7de; --panel: #f6f8fa;
  --link: #0550ae; --healthy: #116329; --asleep: #0a5b83; --waiting: #7d4e00; --failing: #a40e26; --other: #57606a; }
@media (prefers-color-scheme: dark) {
  :root { --back: #0d1117; --text: #e6edf3; --soft: #9da7b3; --edge: #3d444d; --panel: #161b22;
    --link: #79c0ff; --healthy: #56d364; --asleep: #79c0ff; --waiting: #e3b341; --failing: #ff7b72;
    --other: #9da7b3; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 75rem; background: var(--back); color: var(--text);
  font: 1rem/1.45 system-ui, -apple-system, "Segoe UI", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
p { margin: 0; } p + p { margin-top: .125rem; } header p { margin-top: .25rem; }
.soft, footer { color: var(--soft); } a { color: var(--link); }
a:focus-visible, summary:focus-visible, .wide:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; }
th { overflow-wrap: break-word; }
th, td { text-align: left; vertical-align: top; padding: .5rem .75rem .5rem 0; border-bottom: 1px solid var(--edge); }
thead th { color: var(--soft); font-weight: 600; font-size: .875rem; }
.badge { display: inline-block; padding: 0 .5rem; border: 1px solid; border-radius: 1rem; font-size: .875rem;
  font-weight: 600; white-space: nowrap; margin-bottom: .125rem; }
.badge.healthy, .good { color: var(--healthy); } .badge.asleep { color: var(--asleep); }
.badge.waiting, .badge.unknown { color: var(--waiting); } .badge.failing, .bad { color: var(--failing); }
.badge.absent { color: var(--other); }
circle.healthy { fill: var(--healthy); } circle.asleep { fill: var(--asleep); } circle.failing { fill: var(--failing); }
circle.waiting, circle.unknown { fill: var(--waiting); } circle.other, circle.absent { fill: var(--other); }
.twig { fill: none; stroke: var(--edge); stroke-width: 2; } svg text { fill: var(--text); font-size: 15px; }
.wide { overflow-x: auto; background: var(--panel); border: 1px solid var(--edge); border-radius: .5rem;
  padding: .5rem; }
details { border-bottom: 1px solid var(--edge); padding: .5rem 0; } summary { cursor: pointer; font-weight: 600; }
footer { margin-top: 2rem; font-size: .875rem; }
@media (max-width: 40rem) {
  .cards, .cards tbody, .cards tr, .cards th, .cards td { display: block; border: 0; padding: 0; }
  .cards thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .cards tr { border: 1px solid var(--edge); border-radius: .5rem; padding: .75rem; margin-bottom: .75rem; }
  .cards th { font-size: 1.1rem; } .cards td:not(:empty) { margin-top: .5rem; } }
"""


def page(seen: Seen, rows: Sequence[Row], *, every: float | None = None) -> str:
    """The page.

    Args:
        seen: The look that the rows were made of.
        rows: The environments.
        every: After how many seconds a browser reads the file again, which is written anew meanwhile.
    """
    title = f"{seen.app or 'Environments'}: {_summary(rows)}"
    again = f'<meta http-equiv="refresh" content="{every:.0f}">' if every else ""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n{again}'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<header><h1>{escape(seen.app or 'Environments')}</h1>\n"
        f'<p>{escape(_summary(rows))}</p>\n<p class="soft">As of {_time(seen.at)}</p></header>\n'
        f"<main>\n{_notes(seen.notes)}{_table(rows)}{_branches(seen, rows)}{_history(rows)}</main>\n"
        "<footer>Written by <code>./infra status --html</code>. There is no secret in this page.</footer>\n"
        "</body>\n</html>\n"
    )


def _summary(rows: Sequence[Row]) -> str:
    """How many there are of each kind."""
    counted = Counter(row.verdict for row in rows)
    told = ", ".join(f"{counted[verdict]} {word.lower()}" for verdict, word in WORDS.items() if counted[verdict])
    return f"{len(rows)} environment{'' if len(rows) == 1 else 's'}: {told}" if told else "no environment"


def _notes(notes: Iterable[str]) -> str:
    return "".join(f'<p class="bad">{escape(note)}</p>\n' for note in notes)


def _table(rows: Sequence[Row]) -> str:
    """Roles are said besides the elements: on a phone a row is laid out as a card, and stays a row of a table."""
    heads = "".join(
        f'<th role="columnheader" scope="col">{name}</th>'
        for name in ("Environment", "How it is", "Database", "App", "Recently")
    )
    return (
        '<section aria-labelledby="environments"><h2 id="environments">Environments</h2>\n'
        '<table class="cards" role="table" aria-labelledby="environments">'
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead>\n'
        f'<tbody role="rowgroup">\n{"".join(map(_line, rows))}</tbody></table></section>\n'
    )


def _line(row: Row) -> str:
    lineage = f"child of {row.parent}" if row.parent else ""
    named = f"branch {row.branch}" if row.branch and row.branch != row.name else ""
    next_step = [f"Next: {row.next_step}"] if row.next_step else []
    says = [f'<span class="badge {row.verdict}">{WORDS[row.verdict].lower()}</span>', *_lines(row.says, *next_step)]
    cells = (
        "".join(says),
        "".join(_lines(named, lineage, row.size, row.sleep)),
        _link(row.url),
        "".join(_lines(*(f"{name}: {text}" for name, text in row.facts)))
        + "".join(_lines(*(f"{name} is not known: {why}" for name, why in row.unknown), kind="soft")),
    )
    told = "".join(f'<td role="cell">{cell}</td>' for cell in cells)
    return f'<tr role="row"><th role="rowheader" scope="row">{escape(row.name)}</th>{told}</tr>\n'


def _lines(*texts: str, kind: str = "") -> list[str]:
    marked = f' class="{kind}"' if kind else ""
    return [f"<p{marked}>{escape(text)}</p>" for text in texts if text]


def _link(url: str) -> str:
    """An address that leads out only where it is one of the web."""
    if not url.startswith(("https://", "http://")):
        return "".join(_lines(url))
    told = escape(url, quote=True)
    return f'<a href="{told}" rel="noreferrer">{told.partition("://")[2]}</a>'


def _branches(seen: Seen, rows: Sequence[Row]) -> str:
    found, more = tree.nodes(seen.branches, rows)
    if not found:
        return ""
    left = f'<p class="soft">and {more} more that are no environment\'s</p>' if more else ""
    return (
        '<section aria-labelledby="branches"><h2 id="branches">Branches</h2>\n'
        '<div class="wide" role="region" aria-label="Tree of branches" tabindex="0">'
        f"{tree.picture(found)}</div>{left}</section>\n"
    )


def _history(rows: Sequence[Row]) -> str:
    """What each of the newest runs had found, an environment each."""
    told = [(row.name, row.source.state.value.updates) for row in rows if row.source.state.value]
    parts = [_runs(name, updates) for name, updates in told if updates]
    if not parts:
        return ""
    return f'<section aria-labelledby="checks"><h2 id="checks">Checks</h2>\n{"".join(parts)}</section>\n'


def _runs(name: str, updates: Sequence[Update]) -> str:
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("When", "Run", "Database", "App", "By"))
    lines = "".join(map(_run, updates))
    shown = escape(name)
    count = f"{len(updates)} run{'' if len(updates) == 1 else 's'}"
    return (
        f"<details><summary>{shown}: the newest {count}</summary>"
        f'<div class="wide" role="region" aria-label="Runs of {shown}" tabindex="0"><table>'
        f"<thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div></details>\n"
    )


def _run(update: Update) -> str:
    ended = _marked(f"{update.kind}{'' if update.succeeded else ' failed'}", good=update.succeeded)
    database = (
        "" if update.database is None else _marked("passed" if update.database else "failed", good=update.database)
    )
    app = _marked(update.app, good=update.app == "passed") if update.app in {"passed", "failed"} else escape(update.app)
    cells = (_time(update.at), ended, database, app, escape(update.by))
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _checked(text: str) -> str:
    return _marked(text, good=text == "passed") if text in {"passed", "failed"} else escape(text)


def _marked(text: str, *, good: bool) -> str:
    return f'<span class="{"good" if good else "bad"}">{escape(text)}</span>'


def _time(moment: datetime) -> str:
    return f'<time datetime="{moment.isoformat(timespec="seconds")}">{moment:%Y-%m-%d %H:%M} UTC</time>'
