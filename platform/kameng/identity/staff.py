"""Accounts of the people who run stations: one account, a membership with a role for each station it works
at.

All of it lives in schema `master`; a master session is the caller's to open.
"""

from datetime import datetime
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
from kameng.identity.sessions import Session
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import begin_as

log = structlog.get_logger()

REALM = "staff"

INSERT = text("INSERT INTO staff (id, login, name, password_hash) VALUES (:id, :login, :name, :password_hash)")
JOIN = text(
    "INSERT INTO memberships (staff_id, tenant_id, role) VALUES (:staff_id, :tenant_id, :role)"
    " ON CONFLICT (staff_id, tenant_id) DO UPDATE SET role = excluded.role"
)
BY_LOGIN = text(
    """
    SELECT s.id, s.name, s.password_hash, s.disabled_at IS NULL AND m.role IS NOT NULL AS may_enter, m.role
    FROM staff s LEFT JOIN memberships m
        ON m.staff_id = s.id AND m.tenant_id IS NOT DISTINCT FROM CAST(:tenant_id AS int)
    WHERE lower(s.login) = lower(:login)
    """
)
REHASH = text("UPDATE staff SET password_hash = :fresh WHERE id = :id AND password_hash = :stale")

MEMBERS = text(
    """
    SELECT s.id, s.login, s.name, m.role, s.disabled_at IS NOT NULL AS is_disabled, m.created_at
    FROM memberships m JOIN staff s ON s.id = m.staff_id
    WHERE m.tenant_id IS NOT DISTINCT FROM CAST(:tenant_id AS int) ORDER BY m.created_at, s.login
    """
)
IS_TAKEN = text("SELECT EXISTS (SELECT 1 FROM staff WHERE lower(login) = lower(:login))")


class LoginTaken(Conflict):
    """Another account has this login, in whatever case it is written."""

    message = "This login is taken."


class WrongPassword(Unauthenticated):
    """No such account, no such password, or not at this station: which of them is not said."""

    message = "The login or the password is wrong."


class Member(Struct, frozen=True):
    """A person at a station; `created_at` is when the membership began."""

    id: UUID
    login: str
    name: str
    role: str
    is_disabled: bool
    created_at: datetime


class _Account(Struct, frozen=True):
    id: UUID
    name: str
    password_hash: str
    may_enter: bool
    role: str | None


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
    passwords.check_new(password)
    return await create_hashed(session, login, name, await hasher.hash(password), tenant_id, role)


async def create_hashed(
    session: AsyncSession, login: str, name: str, password_hash: str, tenant_id: int | None, role: Role
) -> UUID:
    """`create_staff` for a password that was checked and hashed when it was chosen. Raises `LoginTaken`, `Invalid`."""
    _check_role(tenant_id, role)
    staff_id = ids.uuid7()
    values = {"id": staff_id, "login": login, "name": name, "password_hash": password_hash}
    try:
        async with session.begin_nested():
            await session.execute(INSERT, values)
    except IntegrityError as error:  # the unique index on lower(login) is the only one a new id can meet
        raise LoginTaken(field="login") from error
    await add_membership(session, staff_id, tenant_id, role)
    return staff_id


async def add_membership(session: AsyncSession, staff_id: UUID, tenant_id: int | None, role: Role) -> None:
    """Lets an account work at a station, or changes what it is there. Raises `Invalid`.

    Who is signed in keeps the old role until `sessions.destroy_all`.
    """
    _check_role(tenant_id, role)
    await session.execute(JOIN, {"staff_id": staff_id, "tenant_id": tenant_id, "role": str(role)})


async def members(session: AsyncSession, tenant_id: int | None) -> list[Member]:
    """Everybody who works at a station (None: the master), the oldest membership first."""
    return [Member(*row) for row in await session.execute(MEMBERS, {"tenant_id": tenant_id})]


async def is_taken(session: AsyncSession, login: str) -> bool:
    """Whether an account has this login, in whatever case it is written."""
    return bool((await session.execute(IS_TAKEN, {"login": login})).scalar_one())


async def sign_in(
    runtime: Runtime,
    login: str,
    password: str,
    tenant_id: int | None,
    address: str,
    *,
    hasher: Passwords = STANDARD,
) -> Session:
    """A new session at this station's console (None: the master's), audited. Raises `WrongPassword`,
    `TooManyRequests`."""
    await attempts.begin(runtime.redis, REALM, login, address)
    async with runtime.database.master_session() as session:
        row = (await session.execute(BY_LOGIN, {"login": login, "tenant_id": tenant_id})).one_or_none()
    account = _Account(*row) if row else None
    right = await hasher.verify(account.password_hash if account else None, password)
    if account is None or account.role is None or not account.may_enter or not right:
        log.warning("sign_in_refused", staff=str(account.id) if account else None, address=address)
        raise WrongPassword
    if hasher.is_outdated(account.password_hash):
        await _rehash(runtime, account, password, hasher)
    await attempts.succeeded(runtime.redis, REALM, login, address)
    await _audit(runtime, account, tenant_id, address)
    return await sessions.create(
        runtime.redis,
        "staff",
        subject=account.id,
        name=account.name,
        tenant_id=tenant_id,
        role=account.role,
    )


def _check_role(tenant_id: int | None, role: Role) -> None:
    if (role in STATION_ROLES) != (tenant_id is not None):
        raise Invalid({"role": "This role does not exist here."})


async def _rehash(runtime: Runtime, account: _Account, password: str, hasher: Passwords) -> None:
    fresh = await hasher.hash(password)
    async with runtime.database.master_session() as session:
        await session.execute(REHASH, {"id": account.id, "stale": account.password_hash, "fresh": fresh})


async def _audit(runtime: Runtime, account: _Account, tenant_id: int | None, address: str) -> None:
    """In the log of the station that was entered: its owner is to see it."""
    database = runtime.database
    entering = database.master_session() if tenant_id is None else begin_as(database, tenant_id)
    async with entering as session:
        await audit.record(session, account.name, "staff.sign_in", str(account.id), address=address)
