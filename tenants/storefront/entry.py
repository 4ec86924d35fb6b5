"""Becoming somebody: signing in, registering, and the guest account that a first order or top-up opens."""

from uuid import UUID

from msgspec import Struct, convert
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core.errors import Refused
from kameng.identity import attempts, sessions
from kameng.identity.passwords import STANDARD
from kameng.infra import ratelimit
from kameng.infra.ratelimit import Limit
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers
from kameng.web.answers import AnyRequest
from kameng.web.people import Visitor
from tenants.buyers import service as buyers
from tenants.buyers.service import Credentials, Registration
from tenants.toggles import flags
from tenants.toggles.reading import Reading

MEMBER = "member"
# Opening accounts costs rows and a slow hash; many people share one address behind a carrier's gateway.
NEW_BUYERS = Limit(name="new-buyers", attempts=120, per_s=3600, fails_open=True)
# An unpaid order keeps cards from all others, and a new guest costs nothing: so not only buyers are counted.
UNPAID_ORDERS = Limit(name="unpaid-orders", attempts=40, per_s=900, fails_open=True)


class MembersOnly(Refused):
    """The shop sells to members only, and this is somebody else."""

    message = "This shop sells to members only. Log in or register first; you have not been charged."


class Person(Struct, frozen=True):
    """A buyer to be remembered in a browser; `kind` is guest or member."""

    id: UUID
    name: str
    kind: str


async def register(runtime: Runtime, tenant: Tenant, visitor: Visitor, wanted: Registration) -> Person:
    """A member's account. A guest keeps what he has: his own account gets the login. Raises `LoginTaken`,
    `TooManyRequests`."""
    await ratelimit.take(runtime.redis, (NEW_BUYERS, f"{tenant.id}\n{visitor.address}"))
    if visitor.buyer_id and visitor.role == "guest":
        return _person(await buyers.upgrade(tenant, STANDARD, visitor.buyer_id, wanted))
    return _person(await buyers.register(tenant, STANDARD, wanted))


async def sign_in(runtime: Runtime, tenant: Tenant, address: str, given: Credentials) -> Person:
    """The member with this login and password. Raises `WrongLogin`, `TooManyRequests`."""
    realm = f"buyers:{tenant.id}"
    await attempts.begin(runtime.redis, realm, given.login, address)
    buyer = await buyers.sign_in(tenant, STANDARD, given)
    await attempts.succeeded(runtime.redis, realm, given.login, address)
    return _person(buyer)


def admit(visitor: Visitor, reading: Reading) -> None:
    """Whether this person may spend money here. Raises `MembersOnly`."""
    if not reading.is_on(flags.GUEST_CHECKOUT) and visitor.role != MEMBER:
        raise MembersOnly


async def admit_guest(runtime: Runtime, tenant: Tenant, visitor: Visitor) -> None:
    """Whether this address may open one more guest account. Raises `TooManyRequests`."""
    if visitor.buyer_id is None:
        await ratelimit.take(runtime.redis, (NEW_BUYERS, f"{tenant.id}\n{visitor.address}"))


async def admit_unpaid(runtime: Runtime, tenant: Tenant, visitor: Visitor) -> None:
    """Whether this address may leave one more order to be paid. Raises `TooManyRequests`."""
    await ratelimit.take(runtime.redis, (UNPAID_ORDERS, f"{tenant.id}\n{visitor.address}"))


async def buyer_or_guest(session: AsyncSession, visitor: Visitor, contact: str = "") -> tuple[UUID, Person | None]:
    """Who buys, and the account just opened if nobody was signed in: `remember` it after the commit."""
    if visitor.buyer_id is not None:
        return visitor.buyer_id, None
    guest = await buyers.open_guest(session, contact)
    return guest.id, _person(guest)


async def remember(request: AnyRequest, runtime: Runtime, tenant: Tenant, who: Person) -> None:
    """Signs this browser in under a new session id."""
    session = await sessions.create(
        runtime.redis, "buyer", subject=who.id, name=who.name, tenant_id=tenant.id, role=who.kind
    )
    await answers.sign_in(request, session)


def _person(buyer: object) -> Person:
    return convert(buyer, Person, from_attributes=True)
