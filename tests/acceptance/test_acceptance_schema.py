"""What a pull request changes in the schema, from two real databases to the comment that a reviewer reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandboxed import Sandboxed

NUMBER = 77
STACK = f"pr-{NUMBER}"
ORDERS = "create table orders (id bigint primary key, note text, status text default 'new')"
BRANCH = "alter table orders add total numeric(10,2) default 0 not null, drop note"
COMMENT = """\
<!-- infra: what this pull request changes in the schema -->

## The schema of `pr-77` drops what holds data

Compared with `main`: 1 changed object.

### Look at this first

- 🛑 `public.orders`: the column `note` is dropped, or renamed: its values are gone for all that use this name

<details><summary>1 changed</summary>

`public.orders` (`table`)

```diff
- note text
+ total numeric(10,2) DEFAULT 0 NOT NULL
```

</details>
"""


def test_a_pull_request_that_adds_a_column_and_drops_another(sandboxed: Sandboxed, tmp_path: Path) -> None:
    """Its comment as a whole text: the branch below the foundation's is compared with that one."""
    sandboxed.must("psql", "foundation", "--", "-qc", ORDERS)
    try:
        sandboxed.up(STACK, "--config", "parent=main")
        sandboxed.must("psql", STACK, "--", "-qc", BRANCH)
        found = sandboxed.clone.infra("schema", "diff", STACK, "--json", "--sandbox")
        assert found.returncode == 0, found.stderr
        (tmp_path / "schema.json").write_text(found.stdout, encoding="utf-8")
        with httpx.Client(base_url=f"{sandboxed.record['githubApi']}/sandbox", trust_env=False) as github:
            github.post("/reset").raise_for_status()
            github.post("/pulls", json={"number": NUMBER}).raise_for_status()
            words = ("comment", "--schema", str(tmp_path / "schema.json"), "--pull-request", str(NUMBER), "--sandbox")
            written = sandboxed.clone.infra(*words)
            assert written.returncode == 0, written.stderr
            assert [comment["body"] for comment in github.get("/state").json()["comments"]] == [COMMENT]
    finally:
        sandboxed.must("destroy", STACK, "--yes")
        sandboxed.must("psql", "foundation", "--", "-qc", "drop table orders")
