"""Accounts of the people who run stations: one account, a membership with a role for each station it works
at.

All of it lives in schema `master`; a master session is the caller's to open.
"""

from datetime import datetime
from unicodedata import category, normalize
from uuid import UUID

import structlog
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.audit import service as audit
from kameng.core import ids
from kameng.core.errors import Conflict, Invalid, Unauthenticated
from kameng.identity import attempts, passwords, sessions
from kameng.identity.passwords import STANDARD, Passwords
from kameng.identity.permissions import STATION_ROLES, Role
from kameng.identity.roles import place_of
from kameng.identity.sessions import Session
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import as_place

log = structlog.get_logger()

REALM = "staff"
SYSTEM, MASTER_PREFIX = "system", "master"

INSERT = text("INSERT INTO staff (id, login, name, password_hash) VALUES (:id, :login, :name, :password_hash)")
JOIN = text(
    "INSERT INTO memberships (staff_id, tenant_id, role) VALUES (:staff_id, :tenant_id, :role)"
    " ON CONFLICT (staff_id, tenant_id) DO UPDATE SET role = excluded.role"
)
JOIN_ONCE = text(
    "INSERT INTO memberships (staff_id, tenant_id, role) VALUES (:staff_id, :tenant_id, :role)"
    " ON CONFLICT (staff_id, tenant_id) DO NOTHING RETURNING staff_id"
)
ACCOUNT = """
    SELECT s.id, s.name, s.password_hash, s.disabled_at IS NULL AND m.disabled_at IS NULL AND m.role IS NOT NULL
        AS may_enter, m.role, s.disabled_at IS NULL AS is_active
    FROM staff s LEFT JOIN memberships m ON m.staff_id = s.id AND m.place = :place
"""
BY_LOGIN = text(ACCOUNT + "WHERE lower(s.login) = lower(:login)")
BY_ID = text(ACCOUNT + "WHERE s.id = :id")
REHASH = text("UPDATE staff SET password_hash = :fresh WHERE id = :id AND password_hash = :stale")
SET_PASSWORD = text("UPDATE staff SET password_hash = :fresh WHERE id = :id")
SET_NAME = text("UPDATE staff SET name = :name WHERE id = :id")
SEEN = text("UPDATE memberships SET last_sign_in_at = now() WHERE staff_id = :staff_id AND place = :place")

MEMBERS = text(
    """
    SELECT s.id, s.login, s.name, m.role, s.disabled_at IS NOT NULL OR m.disabled_at IS NOT NULL AS is_disabled,
        m.created_at, r.name AS role_name, m.last_sign_in_at
    FROM memberships m JOIN staff s ON s.id = m.staff_id LEFT JOIN roles r ON r.id = m.role_id
    WHERE m.place = :place ORDER BY m.created_at, s.login
    """
)
LOGIN_OF = text("SELECT login FROM staff WHERE id = :id")
IS_TAKEN = text("SELECT EXISTS (SELECT 1 FROM staff WHERE lower(login) = lower(:login))")


class LoginTaken(Conflict):
    """Another account has this login, in whatever case it is written."""

    message = "This login is taken."


class WrongPassword(Unauthenticated):
    """No such account, no such password, or not at this station: which of them is not said."""

    message = "The login or the password is wrong."


class AlreadyMember(Conflict):
    """The account works at this place already, so an invitation would change its role by the way."""

    message = "This account works here already. Somebody of the team can change its role."


class Member(Struct, frozen=True):
    """A person at a station; `created_at` is when the membership began, `role_name` that of a composed role."""

    id: UUID
    login: str
    name: str
    role: str
    is_disabled: bool
    created_at: datetime
    role_name: str | None = None
    last_sign_in_at: datetime | None = None


class Account(Struct, frozen=True):
    """An account as one place sees it: `role` is None where it has no membership, `may_enter` whether it may sign in
    there. Without a `password_hash` it signs in by OpenID Connect only.
    """

    id: UUID
    name: str
    password_hash: str | None
    may_enter: bool
    role: str | None
    is_active: bool


async def create_staff(
    session: AsyncSession,
    login: str,
    name: str,
    password: str,
    tenant_id: int | None,
    role: Role,
    *,
    hasher: Passwords = STANDARD,
) -> UUID:
    """A new account with its first membership; `tenant_id` None is the master. Raises `LoginTaken`,
    `Invalid`.
    """
    _check_role(tenant_id, role)
    staff_id = await create_account(session, login, name, password, hasher=hasher)
    await add_membership(session, staff_id, tenant_id, role)
    return staff_id


async def create_hashed(
    session: AsyncSession, login: str, name: str, password_hash: str, tenant_id: int | None, role: Role
) -> UUID:
    """`create_staff` for a password that was checked and hashed when it was chosen. Raises `LoginTaken`, `Invalid`."""
    _check_role(tenant_id, role)
    staff_id = await _insert(session, login, name, password_hash)
    await add_membership(session, staff_id, tenant_id, role)
    return staff_id


async def create_account(
    session: AsyncSession, login: str, name: str, password: str | None, *, hasher: Passwords = STANDARD
) -> UUID:
    """An account that works nowhere yet; without a password it signs in by OpenID Connect only. Raises `LoginTaken`,
    `Invalid`.
    """
    if password is not None:
        passwords.check_new(password)
    return await _insert(session, login, name, await hasher.hash(password) if password is not None else None)


async def _insert(session: AsyncSession, login: str, name: str, password_hash: str | None) -> UUID:
    check_name(name)
    staff_id = ids.uuid7()
    values = {"id": staff_id, "login": login, "name": name, "password_hash": password_hash}
    try:
        async with session.begin_nested():
            await session.execute(INSERT, values)
    except IntegrityError as error:  # the unique index on lower(login) is the only one a new id can meet
        raise LoginTaken(field="login") from error
    return staff_id


async def add_membership(session: AsyncSession, staff_id: UUID, tenant_id: int | None, role: Role) -> None:
    """Lets an account work at a station, or changes what it is there, within two seconds. Raises `Invalid`."""
    _check_role(tenant_id, role)
    await session.execute(JOIN, {"staff_id": staff_id, "tenant_id": tenant_id, "role": str(role)})


async def join(session: AsyncSession, staff_id: UUID, tenant_id: int | None, role: str) -> None:
    """A membership with a role that has been looked at; it never changes one that is there. Raises `AlreadyMember`."""
    values = {"staff_id": staff_id, "tenant_id": tenant_id, "role": role}
    if (await session.execute(JOIN_ONCE, values)).one_or_none() is None:
        raise AlreadyMember


async def members(session: AsyncSession, tenant_id: int | None) -> list[Member]:
    """Everybody who works at a station (None: the master), the oldest membership first."""
    return [Member(*row) for row in await session.execute(MEMBERS, {"place": place_of(tenant_id)})]


async def is_taken(session: AsyncSession, login: str) -> bool:
    """Whether an account has this login, in whatever case it is written."""
    return bool((await session.execute(IS_TAKEN, {"login": login})).scalar_one())


async def login_of(session: AsyncSession, staff_id: UUID) -> str:
    """What this person signs in with."""
    return str((await session.execute(LOGIN_OF, {"id": staff_id})).scalar_one())


async def account_at(session: AsyncSession, tenant_id: int | None, staff_id: UUID) -> Account | None:
    """The account as this place sees it."""
    row = (await session.execute(BY_ID, {"id": staff_id, "place": place_of(tenant_id)})).one_or_none()
    return Account(*row) if row else None


async def prove(
    runtime: Runtime, login: str, password: str, tenant_id: int | None, address: str, *, hasher: Passwords = STANDARD
) -> Account:
    """The account that this login and password are of, whether or not it works at this place. Raises
    `WrongPassword`, `TooManyRequests`.
    """
    await attempts.begin(runtime.redis, REALM, login, address)
    async with runtime.database.master_session() as session:
        row = (await session.execute(BY_LOGIN, {"login": login, "place": place_of(tenant_id)})).one_or_none()
    account = Account(*row) if row else None
    right = await hasher.verify(account.password_hash if account else None, password)
    if account is None or account.password_hash is None or not account.is_active or not right:
        log.warning("sign_in_refused", staff=str(account.id) if account else None, address=address)
        raise WrongPassword
    if hasher.is_outdated(account.password_hash):
        await _rehash(runtime, account, password, hasher)
    return account


async def sign_in(
    runtime: Runtime,
    login: str,
    password: str,
    tenant_id: int | None,
    address: str,
    *,
    agent: str = "",
    hasher: Passwords = STANDARD,
) -> Session:
    """A new session at this station's console (None: the master's), audited. Raises `WrongPassword`,
    `TooManyRequests`."""
    account = await prove(runtime, login, password, tenant_id, address, hasher=hasher)
    if not account.may_enter:
        log.warning("sign_in_refused", staff=str(account.id), address=address)
        raise WrongPassword
    await attempts.succeeded(runtime.redis, REALM, login, address)
    return await enter(runtime, account, tenant_id, address, agent)


async def enter(runtime: Runtime, account: Account, tenant_id: int | None, address: str, agent: str) -> Session:
    """A session for somebody who has proved who he is and may enter; audited in the log of the station that was
    entered, since its owner is to see it. Raises `WrongPassword` when he may not.
    """
    if not account.may_enter or account.role is None:
        raise WrongPassword
    async with runtime.database.master_session() as session:
        await session.execute(SEEN, {"staff_id": account.id, "place": place_of(tenant_id)})
        await as_place(session, runtime.database, tenant_id)
        await audit.record(session, account.name, "staff.sign_in", str(account.id), address=address)
    return await sessions.create(
        runtime.redis,
        "staff",
        subject=account.id,
        name=account.name,
        tenant_id=tenant_id,
        role=account.role,
        address=address,
        agent=agent,
    )


async def change_password(
    runtime: Runtime, staff_id: UUID, old: str, new: str, address: str, *, hasher: Passwords = STANDARD
) -> None:
    """Whoever has no password yet needs no old one. Signs him out everywhere. Raises `WrongPassword` at `old_password`,
    `Invalid` at `password`, `TooManyRequests`.
    """
    passwords.check_new(new)
    async with runtime.database.master_session() as session:
        login, account = await login_of(session, staff_id), await account_at(session, None, staff_id)
    await attempts.begin(runtime.redis, REALM, login, address)
    if account is None or not (account.password_hash is None or await hasher.verify(account.password_hash, old)):
        raise WrongPassword("This is not your password.", field="old_password")
    await attempts.succeeded(runtime.redis, REALM, login, address)
    fresh = await hasher.hash(new)
    async with runtime.database.master_session() as session:
        await session.execute(SET_PASSWORD, {"id": staff_id, "fresh": fresh})
    await sessions.destroy_all(runtime.redis, staff_id)


async def rename(session: AsyncSession, staff_id: UUID, name: str) -> None:
    """What others see this person as. Master session. Raises `Invalid`."""
    check_name(name)
    await session.execute(SET_NAME, {"id": staff_id, "name": name})


def check_name(name: str) -> None:
    """Names of the audit log that are nobody's: visits of the operator are told by how their actor begins. Raises
    `Invalid`.
    """
    seen = "".join(sign for sign in normalize("NFKC", name) if category(sign) != "Cf")  # those without a shape
    said = seen.casefold().strip()
    if said == SYSTEM or (said.partition(":")[0].strip() == MASTER_PREFIX and ":" in said):
        raise Invalid({"name": "This name is kept for the master station."})


def _check_role(tenant_id: int | None, role: Role) -> None:
    if (role in STATION_ROLES) != (tenant_id is not None):
        raise Invalid({"role": "This role does not exist here."})


async def _rehash(runtime: Runtime, account: Account, password: str, hasher: Passwords) -> None:
    fresh = await hasher.hash(password)
    async with runtime.database.master_session() as session:
        await session.execute(REHASH, {"id": account.id, "stale": account.password_hash, "fresh": fresh})
