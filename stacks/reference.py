"""What repeats the configuration keys, written from the settings by `python -m stacks.reference`.

That is `docs/configuration.md` for readers, and the part `config` of `Pulumi.yaml`, where the Pulumi CLI wants them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stacks.config import NAMESPACE, keys
from stacks.settings import (
    MODELS,
    AppSettings,
    CloudSettings,
    DevSettings,
    EnvironmentSettings,
    FoundationSettings,
    PreviewSettings,
    Settings,
    WorkerSettings,
    XataSettings,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from components.declared import Field

PROJECT = Path(__file__).resolve().parent.parent
REFERENCE_FILE = PROJECT / "docs" / "configuration.md"
PROJECT_FILE = PROJECT / "Pulumi.yaml"
CONFIG = "config:\n"
"""Where the part of `Pulumi.yaml` begins that is written; it is the last one."""
APP = f"  {NAMESPACE}:app: "
"""The line in it that is the team's own."""

HEAD = """\
# Configuration

Every key stands in `Pulumi.<stack>.yaml` under `config:`, or is given for one run with `--config key=value`. All
have a default, so an empty file is a complete one. A wrong value, an unknown key and a setting of other stacks are
refused before anything is made; what every stack is to get may stand in `Pulumi.yaml`.
The stacks of pull requests, `pr-<number>`, share `Pulumi.preview.yaml` ([previews](previews.md)). *environments* are
all other stacks that have a file, such as `staging`: [another app, another environment](environments.md).
What is a machine's affair stands in its environment: the keys of the services, and `INFRA_DATABASE_CA`, a file with the
certificates that databases are [verified](xata.md#whom-it-trusts) by, instead of the system's.

*Generated from `stacks/settings.py` by `python -m stacks.reference`; a test keeps it in step.*
"""

TOPICS: Mapping[type[Settings], str] = {
    EnvironmentSettings: "An environment that a team names",
    XataSettings: "The branch",
    Settings: "What is applied to the database, and its check",
    WorkerSettings: "The Worker",
    CloudSettings: "What the app may do, and copies of another environment",
    AppSettings: "The app",
    DevSettings: "The developer's own database",
    PreviewSettings: "Preview environments",
    FoundationSettings: "The project",
}
"""The declarations by what they are about, in the order of the page."""


def reference() -> str:
    """The page's text."""
    return HEAD + "".join(_topic(title, model) for model, title in TOPICS.items())


def _topic(title: str, model: type[Settings]) -> str:
    """What belongs together, in the order in which it is declared."""
    own = [field for field in model.fields() if field.attribute in model.__annotations__]
    head = f"\n## {title}\n\n| key | stacks | type | default | allowed | what for |\n|---|---|---|---|---|---|\n"
    return head + "".join(map(_row, own))


def _row(field: Field) -> str:
    stacks = ", ".join(stack for stack, model in MODELS.items() if field.name in model.names())
    cells = (f"`{NAMESPACE}:{field.name}`", stacks, field.kind, _default(field.name, field.default), field.allowed)
    return f"| {' | '.join(cells)} | {field.about.text} |\n"


def _default(key: str, default: Any) -> str:
    own = [(f"{stack}: ", model.defaults[key]) for stack, model in MODELS.items() if key in model.defaults]
    return "; ".join(f"{label}`{json.dumps(value, ensure_ascii=False)}`" for label, value in [("", default), *own])


def project() -> str:
    """`Pulumi.yaml` with the keys of today."""
    text = PROJECT_FILE.read_text(encoding="utf-8")
    head = text[: text.index(CONFIG)]
    app = next(line for line in text.splitlines(keepends=True) if line.startswith(APP))
    declared = "".join(_declared(name, field) for name, field in keys().items() if name != "app")
    return head + CONFIG + app + declared


def _declared(name: str, field: Field) -> str:
    items = "    items:\n      type: string\n" if field.kind == "array" else ""
    text, default = (json.dumps(value, ensure_ascii=False) for value in (field.about.text, field.default))
    return f"  {name}:\n    type: {field.kind}\n{items}    description: {text}\n    default: {default}\n"


if __name__ == "__main__":
    PROJECT_FILE.write_text(project(), encoding="utf-8")
    REFERENCE_FILE.write_text(reference(), encoding="utf-8")
