"""The app's own logins, and what they may do: names, statements and decisions. Pure.

Two logins belong to an environment's app and are used in turn, so that a new password is in use before the old one is
shut off. They hold no right but to connect: what the app may do hangs on one role without log-in, which both are
members of. The tail of the branch's id stands in a login's name and its comment names the branch: a copy of a branch
carries its parent's logins, and is to know them for strangers.

The owner cannot make anybody a member of itself: since Postgres 16 that takes ADMIN OPTION on it, which a role with
CREATEROLE has on the roles it made, and never on itself. So `owner` is a role of its own that what the app has is
handed over to; the owner is a member of that, and goes on as before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from components.errors import ConfigurationError
from components.postgres.server.roles import identifier, literal
from components.postgres.sqltext import split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from components.postgres.sqltext import Statement

OWNER, READWRITE, READONLY, GRANTS = "owner", "readwrite", "readonly", "grants"
"""What the app may do: everything with what is its own; all data; all data, to read; or what an SQL file grants."""
MODES: Final = (OWNER, READWRITE, READONLY)

MARK: Final = "infra.login="
"""Begins a login's comment; the branch's id follows."""
TURN: Final = " turn="
"""Then how often one of the two was opened, so that it can be told which came later."""
LONGEST_APP: Final = 40
ID_LETTERS: Final = 8
"""So much of a branch's id stands in a login's name."""
NOT_THE_APPS: Final = "infra"
"""The schema with the record of applied SQL files."""
LOCK_SECONDS: Final = 10
"""How long a table in use is waited for; those who come later wait behind that."""

_TABLE_RIGHTS: Final = {READWRITE: "SELECT, INSERT, UPDATE, DELETE", READONLY: "SELECT", OWNER: "ALL"}
_SEQUENCE_RIGHTS: Final = {READWRITE: "USAGE, SELECT, UPDATE", READONLY: "SELECT", OWNER: "ALL"}


def logins(app: str, branch_id: str) -> tuple[str, str]:
    """The names of the two, such as `shop_1k2j3h4g_a` and `shop_1k2j3h4g_b`."""
    tail = "".join(one for one in branch_id.lower() if one.isascii() and one.isalnum())[-ID_LETTERS:]
    stem = f"{app[:LONGEST_APP]}_{tail}"
    return f"{stem}_a", f"{stem}_b"


def is_login(name: str) -> bool:
    """Whether a role is one of an app's logins, by its name."""
    return bool(re.fullmatch(rf".+_[a-z0-9]{{{ID_LETTERS}}}_[ab]", name))


def rights_role(app: str, mode: str) -> str:
    """The role that a mode's rights hang on, such as `shop_readwrite`."""
    return f"{app[:LONGEST_APP]}_{mode}"


@dataclass(frozen=True, kw_only=True)
class Login:
    """One of the two, as the server has it."""

    name: str
    exists: bool
    may_log_in: bool
    turn: int = 0


def spare_of(found: Sequence[Login], active: str) -> Login | None:
    """The login that may get a new password: the one that nobody has.

    One that was opened after the one in use is open because a run was cut off before it could record, or tell, that.

    Args:
        found: Both.
        active: The one that is recorded as in use; empty where nothing is recorded.

    Returns:
        None where none of the two is free, as a change from one to the other was cut off: that is completed first.
    """
    turn = next((login.turn for login in found if login.name == active), 0)
    free = [one for one in found if one.name != active and (not one.may_log_in or one.turn > turn > 0)]
    return free[0] if free else None


FIND = """
    SELECT rolname, rolcanlogin, coalesce(substring(shobj_description(oid, 'pg_authid') FROM {turn})::int, 0)
    FROM pg_roles WHERE rolname IN ({names})
"""
OWNS = """
    SELECT EXISTS (
        SELECT FROM pg_shdepend JOIN pg_roles ON pg_roles.oid = refobjid
        WHERE refclassid = 'pg_authid'::regclass AND deptype = 'o' AND rolname = %s
          AND dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    )
"""
"""Whether a role owns anything here. One that holds rights is emptied, which would delete what it owns."""
MAY_MAKE_ROLES = "SELECT rolcreaterole OR rolsuper, current_user FROM pg_roles WHERE rolname = current_user"
STRANGERS = """
    SELECT rolname FROM pg_roles
    WHERE rolcanlogin
      AND has_database_privilege(oid, current_database(), 'CONNECT')
      AND starts_with(shobj_description(oid, 'pg_authid'), {mark})
      AND split_part(shobj_description(oid, 'pg_authid'), ' ', 1) <> {ours}
"""
_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = {name}"


def find(names: Sequence[str]) -> str:
    """Asks which of these roles there are, whether they may log in, and when their turn was."""
    return FIND.format(turn=literal(f"{TURN}([0-9]+)$"), names=", ".join(literal(name) for name in names))


def strangers(branch_id: str) -> str:
    """Asks for logins that a copy has from its parent, and that could come in."""
    return STRANGERS.format(mark=literal(MARK), ours=literal(f"{MARK}{branch_id}"))


def making(name: str, branch_id: str, database: str) -> list[str]:
    """What makes a login that cannot log in yet."""
    login = identifier(name)
    return [
        f"CREATE ROLE {login} NOLOGIN",
        f"COMMENT ON ROLE {login} IS {literal(MARK + branch_id)}",
        f"GRANT CONNECT, TEMPORARY ON DATABASE {identifier(database)} TO {login}",
        # Or its sessions could not be ended: only pg_signal_backend, which not every owner has, may end a stranger's.
        f"GRANT {login} TO CURRENT_USER WITH INHERIT TRUE, SET FALSE",
    ]


def opening(name: str, verifier: str, branch_id: str, turn: int) -> list[str]:
    """What lets a login in with a new password, of which the statement carries the verifier."""
    return [
        f"ALTER ROLE {identifier(name)} LOGIN PASSWORD {literal(verifier)}",
        f"COMMENT ON ROLE {identifier(name)} IS {literal(f'{MARK}{branch_id}{TURN}{turn}')}",
    ]


def shutting(name: str) -> list[str]:
    """What shuts a login off, and ends what it still has open."""
    return [
        f"ALTER ROLE {identifier(name)} NOLOGIN PASSWORD NULL",
        _END.format(name=literal(name)),
    ]


SEEN = "infra.seen"
_WATCH = """
DO $watch$
DECLARE
    until timestamptz := clock_timestamp() + interval '{seconds} seconds';
    seen text[] := '{{}}';
BEGIN
    WHILE clock_timestamp() < until LOOP
        PERFORM pg_stat_clear_snapshot();
        seen := ARRAY(
            SELECT DISTINCT one FROM (
                SELECT usename::text FROM pg_stat_activity WHERE usename IN ({names}) UNION SELECT unnest(seen)
            ) AS found (one)
        );
        PERFORM pg_sleep(0.002);
    END LOOP;
    PERFORM set_config('{setting}', array_to_string(seen, ' '), false);
END
$watch$
"""


def watching(names: Sequence[str], seconds: float) -> str:
    """Looks all the time for sessions of these logins; `SEEN` then has those that had any. A session may be short."""
    return _WATCH.format(names=", ".join(literal(name) for name in names), seconds=seconds, setting=SEEN)


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a while of watching has shown.

    Attributes:
        active: Whether the login in use had a session.
        spare: Whether the other one had.
        answered: Whether the Worker answered well meanwhile; False where there is none to ask.
    """

    active: bool
    spare: bool
    answered: bool


QUIET_LOOKS: Final = 10
"""So many looks in a row must not have seen the other login."""


def is_idle(looks: Sequence[Look]) -> bool:
    """Whether nobody uses the other login any more, and the Worker, where it answers, uses the new one."""
    quiet = len(looks) >= QUIET_LOOKS and not any(look.spare for look in looks[-QUIET_LOOKS:])
    return quiet and is_used(looks)


def is_used(looks: Sequence[Look]) -> bool:
    """Whether the Worker logs in with the new password, as far as there is one that answers."""
    return any(look.active for look in looks) or not any(look.answered for look in looks)


# What the app may do.


@dataclass(frozen=True, kw_only=True)
class Rights:
    """What is to hold.

    Attributes:
        app: How the app is called in Postgres.
        mode: OWNER, READWRITE, READONLY or GRANTS.
        members: The logins.
        database: The database's name.
        roles: Which roles there are, of those that rights hang on.
    """

    app: str
    mode: str
    members: Sequence[str]
    database: str
    roles: frozenset[str]

    @property
    def role(self) -> str:
        """Whom the rights are given to."""
        return rights_role(self.app, self.mode)

    def statements(self) -> list[str]:
        """What brings it about, in one transaction. Whatever the role had before and is not given again is gone."""
        role = identifier(self.role)
        todo = [] if self.role in self.roles else [f"CREATE ROLE {role} NOLOGIN"]
        if self.mode == OWNER:
            todo += [f"GRANT {role} TO CURRENT_USER WITH INHERIT TRUE, SET TRUE", *self._handed_over()]
        else:
            todo += [f"GRANT {role} TO CURRENT_USER WITH INHERIT TRUE, SET FALSE", f"DROP OWNED BY {role}"]
            todo += self._given() if self.mode != GRANTS else []
        return todo

    def memberships(self) -> list[str]:
        """What makes the logins members of the role, and of no other of them."""
        how = "INHERIT TRUE, SET TRUE" if self.mode == OWNER else "INHERIT TRUE, SET FALSE"
        others = [rights_role(self.app, mode) for mode in (*MODES, GRANTS) if mode != self.mode]
        todo = []
        for member in map(identifier, self.members):
            todo += [f"REVOKE {identifier(other)} FROM {member}" for other in others if other in self.roles]
            todo.append(f"GRANT {identifier(self.role)} TO {member} WITH {how}")
            act_as = f"SET role ={literal(self.role)}" if self.mode == OWNER else "RESET role"
            todo.append(f"ALTER ROLE {member} {act_as}")
        return todo

    def _defaults(self) -> list[str]:
        """The rights on what is made later, by the owner and by who acts as it."""
        makers = [rights_role(self.app, OWNER)] if rights_role(self.app, OWNER) in self.roles else []
        role = identifier(self.role)
        return [
            f"ALTER DEFAULT PRIVILEGES{maker} GRANT {rights} ON {what} TO {role}"
            for maker in ("", *(f" FOR ROLE {identifier(one)}" for one in makers if one != self.role))
            for what, rights in (
                ("TABLES", _TABLE_RIGHTS[self.mode]),
                ("SEQUENCES", _SEQUENCE_RIGHTS[self.mode]),
                ("SCHEMAS", "ALL" if self.mode == OWNER else "USAGE"),
            )
        ]

    def _given(self) -> list[str]:
        names = {
            "role": literal(self.role),
            "tables": literal(f"GRANT {_TABLE_RIGHTS[self.mode]} ON TABLE %I.%I TO %I"),
            "sequences": literal(f"GRANT {_SEQUENCE_RIGHTS[self.mode]} ON SEQUENCE %I.%I TO %I"),
            "ours": literal(NOT_THE_APPS),
        }
        return [*self._defaults(), _GIVE.format(**names)]

    def _handed_over(self) -> list[str]:
        role = identifier(self.role)
        return [
            f"GRANT CREATE, TEMPORARY ON DATABASE {identifier(self.database)} TO {role}",
            *self._defaults(),
            _HAND_OVER.format(role=literal(self.role), ours=literal(NOT_THE_APPS)),
        ]


_GIVE = """
DO $give$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT oid, nspname AS schema FROM pg_namespace
        WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', {ours}) AND pg_has_role(nspowner, 'USAGE')
    LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', one.schema, {role});
    END LOOP;
    FOR one IN
        SELECT nspname AS schema, relname AS name, relkind AS kind
        FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND pg_has_role(relowner, 'USAGE')
          AND nspname !~ '^pg_' AND nspname NOT IN ('information_schema', {ours})
    LOOP
        EXECUTE format(CASE one.kind WHEN 'S' THEN {sequences} ELSE {tables} END, one.schema, one.name, {role});
    END LOOP;
    IF EXISTS (SELECT FROM pg_namespace WHERE nspname = {ours}) THEN
        EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %I', {ours}, {role});
    END IF;
END
$give$
"""
"""Grants what the owner may grant: what an extension brought along belongs to others, and is as its makers left it."""

_HAND_OVER = """
DO $hand_over$
DECLARE
    one record;
BEGIN
    IF EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public' AND pg_has_role(nspowner, 'USAGE')) THEN
        EXECUTE format('GRANT ALL ON SCHEMA public TO %I', {role});
    END IF;
    FOR one IN
        SELECT format('ALTER SCHEMA %I OWNER TO %I', nspname, {role}) AS statement FROM pg_namespace
        WHERE nspowner = current_user::regrole AND nspname !~ '^pg_' AND nspname <> {ours}
    LOOP
        EXECUTE one.statement;
    END LOOP;
    FOR one IN
        WITH place AS (
            SELECT oid, nspname FROM pg_namespace
            WHERE nspname !~ '^pg_' AND nspname <> {ours} AND has_schema_privilege({role}, oid, 'CREATE')
        ), hangs_on AS (
            SELECT classid, objid FROM pg_depend
            WHERE deptype = 'e' OR (classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass
                AND deptype IN ('a', 'i') AND refobjsubid > 0)
        )
        SELECT 1 AS turn, format('ALTER %s %I.%I OWNER TO %I', kinds.word, nspname, relname, {role}) AS statement
        FROM pg_class JOIN place ON place.oid = relnamespace JOIN (VALUES
            ('r', 'TABLE'), ('p', 'TABLE'), ('v', 'VIEW'), ('m', 'MATERIALIZED VIEW'), ('f', 'FOREIGN TABLE'),
            ('S', 'SEQUENCE')
        ) AS kinds (kind, word) ON kind = relkind
        WHERE relowner = current_user::regrole
          AND ('pg_class'::regclass, pg_class.oid) NOT IN (SELECT classid, objid FROM hangs_on)
        UNION ALL
        SELECT 2, format('ALTER ROUTINE %s OWNER TO %I', pg_proc.oid::regprocedure, {role})
        FROM pg_proc JOIN place ON place.oid = pronamespace
        WHERE proowner = current_user::regrole
          AND ('pg_proc'::regclass, pg_proc.oid) NOT IN (SELECT classid, objid FROM hangs_on)
        UNION ALL
        SELECT 3, format('ALTER TYPE %I.%I OWNER TO %I', nspname, typname, {role})
        FROM pg_type JOIN place ON place.oid = typnamespace LEFT JOIN pg_class ON pg_class.oid = typrelid
        WHERE typowner = current_user::regrole AND typtype IN ('e', 'd', 'r', 'c') AND coalesce(relkind, 'c') = 'c'
          AND ('pg_type'::regclass, pg_type.oid) NOT IN (SELECT classid, objid FROM hangs_on)
        ORDER BY 1
    LOOP
        EXECUTE one.statement;
    END LOOP;
END
$hand_over$
"""
"""Makes the role the owner of what the owner has: schemas, tables, sequences, routines and types.

A sequence that belongs to a column goes with its table.
"""


def grants_of(name: str, text: str) -> list[Statement]:
    """The statements of a file of grants.

    Raises:
        ConfigurationError: One of them is something else.
    """
    found = split(name, text)
    for statement in found:
        if statement.words[:1] != ("GRANT",) and statement.words[:3] != ("ALTER", "DEFAULT", "PRIVILEGES"):
            raise ConfigurationError(
                f"the file of grants {name} cannot be applied: line {statement.line} is "
                f"{' '.join(statement.words[:2])}; allowed: GRANT …, ALTER DEFAULT PRIVILEGES …",
                next_step="put everything else into an SQL file of infra:sqlFiles, or into a migration",
            )
    return found
