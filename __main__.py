"""The Pulumi program: picks the stack's program by stack name, nothing else."""

from pathlib import Path

import pulumi

from stacks import run

run(pulumi.get_stack(), Path(__file__).resolve().parent)
