"""The Pulumi program: picks the stack's program by stack name, nothing else."""

import pulumi

from stacks import run

run(pulumi.get_stack())
