"""The Worker's part of a stack, beside a database that is only named."""

import os
from pathlib import Path

import pulumi
from pulumi.runtime.config import CONFIG

from components.connectivity.inputs import DatabaseCheckInputs
from components.connectivity.provider import DatabaseCheck
from components.postgres.database import DatabaseConnection
from components.resource import later
from stacks import worker
from stacks.config import read
from stacks.settings import CloudSettings

settings = read(pulumi.get_stack(), CONFIG.get(), shared=CONFIG.get())
assert isinstance(settings, CloudSettings)
plan = worker.plan(settings, Path.cwd())
url = pulumi.Output.secret(os.environ["DATABASE"])
after = pulumi.ResourceOptions(depends_on=worker.wrangler_check(plan, settings) if plan else [])
checked = DatabaseCheck(
    "database-check", DatabaseCheckInputs(url=later(url), branch=settings.branch, mode="off"), after
)
nowhere = pulumi.Output.from_input("nowhere.invalid")
connection = DatabaseConnection(
    host=nowhere,
    port=pulumi.Output.from_input(5432),
    database=nowhere,
    user=nowhere,
    url=url,
    version=nowhere,
    ready=checked,
)
declared = worker.declare(plan, settings, connection, checked) if plan else None
for name, value in {**worker.outputs(declared), "check": worker.check_output(declared)}.items():
    pulumi.export(name, value)
