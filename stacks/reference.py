"""The configuration reference in `docs/configuration.md`, written from the models: `python -m stacks.reference`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from stacks.config import NAMESPACE, keys
from stacks.settings import MODELS

REFERENCE_FILE = Path(__file__).resolve().parent.parent / "docs" / "configuration.md"

HEAD = """\
# Configuration

Every key stands in `Pulumi.<stack>.yaml` under `config:`, or is given for one run with `--config key=value`. All
have a default, so an empty file is a complete one. A wrong value, an unknown key and a setting of other stacks are
refused before anything is made; what every stack is to get may stand in `Pulumi.yaml`.
The stacks of pull requests, `pr-<number>`, share `Pulumi.preview.yaml` ([previews](previews.md)).
What is a machine's affair stands in its environment: the keys of the services, and `INFRA_DATABASE_CA`, a file with the
certificates that databases are [verified](xata.md#whom-it-trusts) by, instead of the system's.

*Generated from `stacks/settings.py` by `python -m stacks.reference`; a test keeps it in step.*

| key | stacks | type | default | allowed | what for |
|---|---|---|---|---|---|
"""


def reference() -> str:
    """The page's text."""
    rows = []
    for name, field in sorted(keys().items()):
        stacks = ", ".join(stack for stack, model in MODELS.items() if name in model.names())
        cells = (f"`{NAMESPACE}:{name}`", stacks, field.kind, _default(name, field.default), field.allowed)
        rows.append(f"| {' | '.join(cells)} | {field.about.text} |\n")
    return HEAD + "".join(rows)


def _default(key: str, default: Any) -> str:
    own = [(f"{stack}: ", model.defaults[key]) for stack, model in MODELS.items() if key in model.defaults]
    return "; ".join(f"{label}`{json.dumps(value, ensure_ascii=False)}`" for label, value in [("", default), *own])


if __name__ == "__main__":
    REFERENCE_FILE.write_text(reference(), encoding="utf-8")
