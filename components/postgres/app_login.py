"""The app's own logins: one in use and one to spare, what they may do, and the end of the one that was in use before.

Module path and class names of the providers are a contract with recorded state.

The order in which a new password comes about is that of the resources: `AppLogin` gives it to the login that nobody
uses; the check, the Worker's secret and the Worker's check follow from its URL; `AppSpare` waits until nobody uses the
other one, and shuts it off. Whatever is cut off in between, the app has a login that works, and the next run goes on.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import pulumi
from typing_extensions import override

from components.connection import Connection, connection_reason
from components.connectivity.worker_wire import HealthResponse, fetch
from components.declared import About, Declared, Rule, Words
from components.errors import PostgresError, RefusedError
from components.fingerprint import matches
from components.postgres import app_role
from components.postgres.app_role import GRANTS, OWNER, READONLY, READWRITE, Look, Rights
from components.postgres.password import new_password, verifier
from components.postgres.session import connected, locked, told_by_line
from components.postgres.sqlfiles import SqlFile
from components.resource import Properties, Provider, Resource, state

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

LOOK_SECONDS: Final = 1.0
LIMIT_SECONDS: Final = 120
"""How long the other login is waited for; then whoever still has it is cut off, as by any change of a password."""

OwnersUrl = Annotated[str, Rule(connection_reason), About("The database's URL, as its owner.", secret=True)]


class AppLoginInputs(Declared):
    """Whose logins, and when the one in use changes."""

    owner_url: OwnersUrl
    app: Annotated[str, About("How the app is called in Postgres; the logins are named after it.", replaces=True)]
    branch_id: Annotated[
        str, About("The branch whose database it is; another one has logins of its own.", replaces=True)
    ]
    rotation: Annotated[str, Words("a text", "2026-Q4"), About("Any text; another one changes the login in use.")] = ""
    instead_of_password: Annotated[
        str | None,
        About(
            "The fingerprint of the password in use, to have a new one in its place. That of another one, or None, "
            "leaves it as it is: so it may be said once or again and again."
        ),
    ] = None


class AppLoginState(AppLoginInputs):
    """How the app logs in."""

    url: Annotated[str, About("As the app gets it, but for its sslmode.", secret=True)] = ""
    user: Annotated[str, About("The login in use.")] = ""
    password: Annotated[str, About("", secret=True)] = ""
    spare: Annotated[str, About("The other one.")] = ""
    since: Annotated[str, About("When the password was made, ISO 8601.")] = ""


class AppLoginProvider(Provider[AppLoginInputs, AppLoginState]):
    """Makes the logins, and changes the one in use: only the one that nobody has gets another password.

    Where a change was cut off before the other login was shut off, the app may have either: that change is completed,
    and counts for the one that is asked for. Cut off before it was recorded, nobody has the new login: it gets another
    password. A refresh does not connect: it would wake a database that sleeps.
    """

    @override
    def is_same(self, name: str, olds: Properties, news: Properties) -> bool:
        if name == "insteadOfPassword":
            return not matches(olds.get("password"), news.get(name))
        return super().is_same(name, olds, news)

    @override
    def validate_new(self, known: Properties) -> Mapping[str, str]:
        """At the plan, where the database is there already: whether its owner may make roles."""
        if url := known.get("ownerUrl"):
            try:
                with connected(url, patient=False) as session:
                    _require_may_make_roles(session)
            except RefusedError as error:
                return {"ownerUrl": f"{error.message}; {error.next_step}"}
            except PostgresError:  # the check of the database says more about one that does not answer
                return {}
        return {}

    @override
    def create_resource(self, new: AppLoginInputs) -> tuple[str, AppLoginState]:
        names = app_role.logins(new.app, new.branch_id)
        return f"{names[0][:-2]}", _changed(new, names, active="")

    @override
    def update_resource(self, resource_id: str, old: AppLoginState, new: AppLoginInputs) -> AppLoginState:
        """Change the login in use when that is asked for; else record how the owner logs in by now."""
        if old.rotation != new.rotation or matches(old.password, new.instead_of_password):
            return _changed(new, (old.user, old.spare), active=old.user, old=old)
        return _told(new, old, user=old.user, password=old.password)

    @override
    def delete_resource(self, resource_id: str, old: AppLoginState) -> None:
        """Shut both off, once nobody uses them: the app has the owner's login again. A lost database is fine."""
        names = (old.user, old.spare)
        try:
            with connected(old.owner_url, patient=False) as session:
                _watched(session, names, active="", health_url="")
                _shut(session, names)
        except PostgresError as error:
            sys.stderr.write(f"warning: the logins {' and '.join(names)} were not shut off: {error.message}\n")


class AppLogin(Resource, provider=AppLoginProvider, module="postgres", name="AppLogin"):
    """The app's own logins."""

    url: pulumi.Output[str]
    user: pulumi.Output[str]
    spare: pulumi.Output[str]
    since: pulumi.Output[str]


class AppRightsInputs(Declared):
    """What the app's logins may do."""

    owner_url: OwnersUrl
    app: Annotated[str, About("How the app is called in Postgres; the role that holds the rights is named after it.")]
    mode: Annotated[
        Literal["owner", "readwrite", "readonly", "grants"],
        Words("owner, readwrite, readonly or grants", READWRITE),
        About("Everything with what is the app's; all data; all data, to read; or what `file` grants."),
    ]
    members: Annotated[Sequence[str], About("The logins.")]
    file: Annotated[Mapping[str, str] | None, About("Name, path and sha256 of the file of grants.")] = None
    made: Annotated[Any, About("Stands for what made the objects: another one has the rights set anew.")] = None


class AppRightsState(AppRightsInputs):
    """Rights that were given."""


class AppRightsProvider(Provider[AppRightsInputs, AppRightsState]):
    """Gives the rights in one transaction: nobody sees the app without. They stay when the resource goes."""

    @override
    def is_same(self, name: str, olds: Properties, news: Properties) -> bool:
        return name == "ownerUrl" or super().is_same(name, olds, news)

    @override
    def create_resource(self, new: AppRightsInputs) -> tuple[str, AppRightsState]:
        return app_role.rights_role(new.app, new.mode), _given(new)

    @override
    def update_resource(self, resource_id: str, old: AppRightsState, new: AppRightsInputs) -> AppRightsState:
        return _given(new)


class AppRights(Resource, provider=AppRightsProvider, module="postgres", name="AppRights"):
    """What the app's logins may do."""


class AppSpareInputs(Declared):
    """Which login is to be shut off, and who must have stopped using it."""

    owner_url: OwnersUrl
    active: Annotated[str, About("The login in use.")]
    spare: Annotated[str, About("The other one.")]
    health_url: Annotated[str | None, About("Where the Worker tells its health, to see how it logs in.")] = None


class AppSpareState(AppSpareInputs):
    """What became of the other login."""

    shut: Annotated[bool, About("Whether nobody can log in with it.")] = False


class AppSpareProvider(Provider[AppSpareInputs, AppSpareState]):
    """Shuts the other login off once nobody uses it. It depends on whoever was told of the new one."""

    @override
    def is_same(self, name: str, olds: Properties, news: Properties) -> bool:
        return name in {"ownerUrl", "healthUrl"} or super().is_same(name, olds, news)

    @override
    def needs_update(self, old: AppSpareState, news: Properties) -> bool:
        return not old.shut

    @override
    def create_resource(self, new: AppSpareInputs) -> tuple[str, AppSpareState]:
        return "app-spare", _retired(new)

    @override
    def update_resource(self, resource_id: str, old: AppSpareState, new: AppSpareInputs) -> AppSpareState:
        return _retired(new)


class AppSpare(Resource, provider=AppSpareProvider, module="postgres", name="AppSpare"):
    """The login that is not in use, shut off."""

    shut: pulumi.Output[bool]


# Logins.


def _changed(
    new: AppLoginInputs, names: Sequence[str], *, active: str, old: AppLoginState | None = None
) -> AppLoginState:
    """Give the login that nobody has a new password, in one transaction: where anything is refused, nothing is done."""
    password = new_password()
    with connected(new.owner_url) as session, locked(session):
        _require_may_make_roles(session)
        if old is None:
            _free_one(session, names)
        with _refused(session), session.transaction():
            found = _found(session, names)
            for login in found:
                if not login.exists:
                    _run(session, app_role.making(login.name, new.branch_id, _database(session)))
            spare = app_role.spare_of(found, active)
            if spare is not None:
                turn = max(login.turn for login in found) + 1
                _run(session, app_role.opening(spare.name, verifier(password), new.branch_id, turn))
    if spare is not None:
        return _told(new, old, user=spare.name, password=password, since=datetime.now(tz=UTC).isoformat("T", "seconds"))
    if old is None:  # pragma: no cover - one was freed
        raise RefusedError(f"neither of the logins {' and '.join(names)} is free")
    sys.stderr.write(
        f"note: the change to the login {old.user} that an earlier run began is completed first; "
        "for another password run it again\n"
    )
    return _told(new, old, user=old.user, password=old.password)


def _free_one(session: psycopg.Connection, names: Sequence[str]) -> None:
    """Where both can log in and nothing recorded says which one the app has, shut off one that nobody uses.

    Raises:
        RefusedError: Both are used.
    """
    if not all(login.may_log_in for login in _found(session, names)):
        return
    for name in names:
        if app_role.is_idle(_watched(session, [name], active="", health_url="")):
            _shut(session, [name])
            return
    raise RefusedError(
        f"both logins of the app, {' and '.join(names)}, are in use, and nothing recorded says which one the app has",
        next_step=f"shut off the one that it does not have: ALTER ROLE {names[1]} NOLOGIN; then run it again",
    )


def _database(session: psycopg.Connection) -> str:
    """What the server calls the database; behind a proxy that may be another name than the URL's."""
    row = session.execute("SELECT current_database()").fetchone()
    return str(row[0]) if row else session.info.dbname


def _told(
    new: AppLoginInputs, old: AppLoginState | None, *, user: str, password: str, since: str = ""
) -> AppLoginState:
    """The state, with the URL that follows from where the owner logs in."""
    first, second = app_role.logins(new.app, new.branch_id)
    url = replace(Connection.parse(new.owner_url), user=user, password=password).url
    return state(
        AppLoginState,
        new,
        url=url,
        user=user,
        password=password,
        spare=first if user == second else second,
        since=since or (old.since if old else ""),
    )


def _found(session: psycopg.Connection, names: Sequence[str]) -> list[app_role.Login]:
    rows = session.execute(app_role.find(names).encode()).fetchall()
    there = {name: app_role.Login(name=name, exists=True, may_log_in=may, turn=turn) for name, may, turn in rows}
    return [there.get(name) or app_role.Login(name=name, exists=False, may_log_in=False) for name in sorted(names)]


def _require_may_make_roles(session: psycopg.Connection) -> None:
    found = session.execute(app_role.MAY_MAKE_ROLES.encode()).fetchone()
    if not (found and found[0]):
        raise RefusedError(
            f"the database's owner {found[1] if found else ''} may not make roles (it lacks CREATEROLE), so the app "
            "can have no login of its own; nothing was changed",
            next_step="leave infra:appRole out: the app then has the owner's login, and a change of its password is "
            "felt for about 12 seconds (docs/app-role.md)",
        )


@contextlib.contextmanager
def _refused(session: psycopg.Connection) -> Iterator[None]:
    """Say what the server does not allow the owner to do; what was done before it in the transaction is undone."""
    import psycopg  # noqa: PLC0415 - loaded only where a database is talked to

    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        reason = ": ".join(part for part in (error.diag.message_primary, error.diag.message_detail) if part)
    except psycopg.errors.LockNotAvailable:
        reason = f"a table is in use for more than {app_role.LOCK_SECONDS} s"
    else:
        return
    raise RefusedError(
        f"the server does not let {session.info.user} set up the app's role: {reason}; nothing was changed",
        next_step="infra:appRole takes what the owner may give; without it the app has the owner's login",
    )


def _run(session: psycopg.Connection, statements: Sequence[str]) -> None:
    for statement in statements:
        session.execute(statement.encode())


def _shut(session: psycopg.Connection, names: Sequence[str]) -> None:
    there = {login.name for login in _found(session, names) if login.exists} if names else set()
    for name in sorted(there):
        _run(session, app_role.shutting(name))


# Rights.


def _given(new: AppRightsInputs) -> AppRightsState:
    with connected(new.owner_url) as session, locked(session):
        roles = [app_role.rights_role(new.app, mode) for mode in (OWNER, READWRITE, READONLY, GRANTS)]
        rights = Rights(
            app=new.app,
            mode=new.mode,
            members=new.members,
            database=_database(session),
            roles=frozenset(login.name for login in _found(session, roles) if login.exists),
        )
        _require_owns_nothing(session, rights)
        with _refused(session), session.transaction():
            session.execute(f"SET LOCAL lock_timeout = '{app_role.LOCK_SECONDS}s'".encode())
            _run(session, rights.statements())
            if new.file:
                _grant(session, SqlFile.from_properties(new.file))
            _run(session, rights.memberships())
    return AppRightsState(**new.attributes())


def _grant(session: psycopg.Connection, file: SqlFile) -> None:
    for statement in app_role.grants_of(file.name, file.text()):
        with told_by_line(file.name, statement.text, statement.line):
            session.execute(statement.text.encode())


def _require_owns_nothing(session: psycopg.Connection, rights: Rights) -> None:
    """Whatever a role of rights owns would be deleted when it is emptied; so nothing of it may be anybody's."""
    found = session.execute(app_role.OWNS.encode(), (rights.role,)).fetchone()
    if rights.mode != OWNER and found and found[0]:
        raise RefusedError(
            f"the role {rights.role}, which holds the app's rights, owns something here; nothing was changed",
            next_step=f"give it to somebody else: REASSIGN OWNED BY {rights.role} TO CURRENT_USER",
        )


# The end of the login that was in use before.


def _retired(new: AppSpareInputs) -> AppSpareState:
    with connected(new.owner_url) as session:
        if any(login.may_log_in for login in _found(session, [new.spare])):
            looks = _watched(session, [new.spare], active=new.active, health_url=new.health_url or "")
            if not app_role.is_used(looks):
                sys.stderr.write(
                    f"warning: the Worker answers, and was not seen to log in as {new.active} in {LIMIT_SECONDS} s: "
                    f"{new.spare} stays open, and the next `up` looks again\n"
                )
                return state(AppSpareState, new, shut=False)
            if any(look.spare for look in looks[-app_role.QUIET_LOOKS :]):
                sys.stderr.write(f"warning: {new.spare} is still used after {LIMIT_SECONDS} s, and is shut off now\n")
        _shut(session, [new.spare])
    return state(AppSpareState, new, shut=True)


def _watched(session: psycopg.Connection, spare: Sequence[str], *, active: str, health_url: str) -> list[Look]:
    """Look until nobody uses these logins any more, or the limit is reached."""
    looks: list[Look] = []
    deadline = time.monotonic() + LIMIT_SECONDS
    with ThreadPoolExecutor(max_workers=1) as pool:
        while not app_role.is_idle(looks) and time.monotonic() < deadline:
            asked = pool.submit(fetch, health_url, LOOK_SECONDS) if health_url else None
            names = [*spare, active] if active else [*spare]
            session.execute(app_role.watching(names, LOOK_SECONDS).encode())
            row = session.execute("SELECT current_setting(%s, true)", (app_role.SEEN,)).fetchone()
            seen = set(str(row[0] if row else "").split())
            answer = asked.result() if asked else None
            well = isinstance(answer, HealthResponse) and answer.status == 200  # noqa: PLR2004 - HTTP's OK
            looks.append(Look(active=active in seen, spare=bool(seen & {*spare}), answered=well))
    return looks
