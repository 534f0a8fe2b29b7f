"""A fresh copy without what its parent's data have that must not be here: an SQL file, run once before anything else.

Module path and class name of the provider are a contract with recorded state.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Annotated

from typing_extensions import override

from components.connection import connection_reason
from components.declared import About, Rule
from components.errors import InfraError, PostgresError
from components.identity import sanitized_branch, stamp_sanitized, stamped_branch
from components.postgres.baseline import shut_strangers
from components.postgres.session import SqlFileError, connected, locked, read_comment, run_file, write_comment
from components.postgres.sqlfiles import SqlFile
from components.resource import Properties, Provider, Resource
from components.xata.branches.place import Place
from components.xata.branches.remove import delete_branch
from components.xata.inputs import BranchName, Located
from components.xata.provider import MADE_HERE, client_for


class SanitizedInputs(Located):
    """A fresh copy, and the file that is run on it."""

    name: Annotated[BranchName, About("The branch's name. A database that says that it is this one is in use.")]
    url: Annotated[str, Rule(connection_reason), About("The connection string, as the owner.", secret=True)]
    file: Annotated[Mapping[str, str], About("Name, path and sha256 of the SQL file.")]


class SanitizedState(SanitizedInputs):
    """A branch that may be used."""

    sanitized: Annotated[bool, About("Whether the file was run; False for a branch that was in use before.")] = False


class SanitizedProvider(Provider[SanitizedInputs, SanitizedState]):
    """Runs the file on a branch that nobody has used yet, in one transaction with the stamp that says so.

    So it is run again where it was interrupted, and never twice; another file is for the next copy. Whoever is to use
    the branch waits for this.
    """

    @override
    def is_same(self, name: str, olds: Properties, news: Properties) -> bool:
        return name in {"url", "file"} or super().is_same(name, olds, news)

    @override
    def create_resource(self, new: SanitizedInputs) -> tuple[str, SanitizedState]:
        try:
            sanitized = _sanitize(new)
        except SqlFileError as error:
            raise _removed(new, error) from None
        return new.branch_id, SanitizedState(**new.attributes(), sanitized=sanitized)


class Sanitized(Resource, provider=SanitizedProvider, module="xata", name="Sanitized"):
    """A fresh copy on which the file was run."""


def _sanitize(new: SanitizedInputs) -> bool:
    file = SqlFile.from_properties(new.file)
    with connected(new.url) as connection, locked(connection):
        shut_strangers(connection, new.branch_id)
        _, comment = read_comment(connection)
        if stamped_branch(comment) != new.name:
            run_file(
                connection,
                file,
                first=lambda: write_comment(connection, lambda said: stamp_sanitized(said, new.name, new.branch_id)),
            )
            return True
    if sanitized_branch(comment) == new.branch_id:
        return True
    sys.stderr.write(
        f"warning: the branch {new.name} was in use before infra:sanitize was set, so {file.name} is not run on it; "
        f"its data are what they were. A fresh copy has it run: ./infra reset {new.name}, of a pull request's\n"
    )
    return False


def _removed(new: SanitizedInputs, error: SqlFileError) -> InfraError:
    """Remove a copy that cannot be sanitized, if this run has made it; what is said of it."""
    kept = f"{error.message}; the branch {new.name} was not made by this run and is kept, and nobody is told of it"
    if new.branch_id not in MADE_HERE:
        return PostgresError(kept, next_step="correct the file and run the command again: the file is run on it first")
    place = Place(organization=new.organization, project=new.project_id)
    try:
        delete_branch(client_for(""), place, new.branch_id, name=new.name, environment=os.environ)
    except InfraError as refused:
        return PostgresError(
            f"{error.message}; the branch {new.name} ({new.branch_id}) is a copy that is not sanitized, and could not "
            f"be removed: {refused.message}",
            next_step="remove it, or correct the file and run the command again: the file is run on it first",
        )
    return PostgresError(
        f"{error.message}; the branch {new.name}, a copy that is not sanitized, was removed again",
        next_step="correct the file and run the command again, which makes a new copy (with the Pulumi CLI alone, "
        "pulumi refresh comes first)",
    )
