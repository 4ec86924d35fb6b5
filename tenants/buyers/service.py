"""Registering and signing in buyers of one station. Passwords are hashed and verified outside the transaction."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import ids
from kameng.identity.passwords import Passwords
from kameng.infra.tenancy import Tenant
from kameng.web.i18n import N_
from tenants.buyers import queries
from tenants.buyers.errors import LoginTaken, WrongLogin
from tenants.buyers.models import Buyer


class Registration(Struct, frozen=True, kw_only=True):
    """What a new member fills in."""

    login: Annotated[
        str,
        Meta(
            min_length=3,
            max_length=60,
            pattern=r"^[^\s<>]+$",
            extra={"message": N_("A login has 3 to 60 signs and no spaces.")},
        ),
    ]
    password: Annotated[str, Meta(min_length=8, max_length=200)]
    contact: Annotated[str, Meta(max_length=100)] = ""


class Credentials(Struct, frozen=True, kw_only=True):
    login: Annotated[str, Meta(min_length=1, max_length=60)]
    password: Annotated[str, Meta(min_length=1, max_length=200)]


async def register(tenant: Tenant, passwords: Passwords, wanted: Registration) -> Buyer:
    """Opens a member's account. Raises `LoginTaken`."""
    hashed = await passwords.hash(wanted.password)
    buyer = Buyer(
        id=ids.uuid7(), kind="member", login=wanted.login, name=wanted.login, contact=wanted.contact,
        password_hash=hashed,
    )  # fmt: skip
    try:
        async with tenant.begin() as session:
            session.add(buyer)
    except IntegrityError as error:
        if "buyers_login" in str(error.orig):
            raise LoginTaken(field="login") from None
        raise
    return buyer


async def sign_in(tenant: Tenant, passwords: Passwords, given: Credentials) -> Buyer:
    """The member, if the password is right. Takes the same time and says the same when there is no such account.

    Raises `WrongLogin`.
    """
    async with tenant.begin() as session:
        buyer = await queries.by_login(session, given.login)
    if not await passwords.verify(buyer.password_hash if buyer else None, given.password) or buyer is None:
        raise WrongLogin(field="login")
    return buyer


async def open_guest(session: AsyncSession, contact: str = "") -> Buyer:
    """A buyer without a login."""
    buyer = Buyer(id=ids.uuid7(), kind="guest", contact=contact, password_hash=None)
    session.add(buyer)
    await session.flush()
    return buyer


async def upgrade(tenant: Tenant, passwords: Passwords, buyer_id: UUID, wanted: Registration) -> Buyer:
    """Gives a guest a login; wallet and orders stay his. Raises `LoginTaken`; `BuyerGone` for a member."""
    hashed = await passwords.hash(wanted.password)
    try:
        async with tenant.begin() as session:
            buyer = await queries.guest_for_update(session, buyer_id)
            buyer.kind, buyer.login, buyer.name = "member", wanted.login, wanted.login
            buyer.password_hash = hashed
            buyer.contact = wanted.contact or buyer.contact
    except IntegrityError as error:
        if "buyers_login" in str(error.orig):
            raise LoginTaken(field="login") from None
        raise
    return buyer
