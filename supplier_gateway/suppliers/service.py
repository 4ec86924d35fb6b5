"""Keeping supplier accounts, and opening the adapter of one. Master session."""

import hmac
from datetime import timedelta

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock
from kameng.infra import links, outbox
from kameng.infra.crypto import Sealer
from kameng.infra.outbox import Event
from kameng.infra.runtime import Runtime
from supplier_gateway.adapters import registry
from supplier_gateway.adapters.registry import Account
from supplier_gateway.port import Called, CallRefused, SupplierAdapter
from supplier_gateway.suppliers import queries
from supplier_gateway.suppliers.errors import SupplierGone, SupplierNameTaken
from supplier_gateway.suppliers.models import STOCK as STOCK
from supplier_gateway.suppliers.models import Supplier as Supplier  # others name the type by this module

PLACE = "suppliers.secret"
PLACE_BEFORE = "suppliers.secret_before"
OLD_SECRET_LASTS = timedelta(days=1)  # for callbacks that were signed under it


class SupplierSwitched(Event, frozen=True):
    """A supplier was paused or resumed, and with it all its offers."""

    supplier_id: int


class SupplierCalled(Event, frozen=True):
    """A supplier, or the person who is one, says that there is news of the purchase with this reference of ours. It is
    a reason to ask, and nothing more: it may come twice, too early, or for a purchase that is settled."""

    supplier_id: int
    reference: str


class SupplierBalanceLow(Event, frozen=True):
    """Our balance at a supplier has fallen below its warning level. Recorded once, until it is above it again."""

    supplier_id: int
    name: str
    balance_cents: int
    low_balance_cents: int


class AccountChange(Struct, frozen=True):
    """What is to be different; what is not set stays. A new `secret` takes the place of the one before at once."""

    base_url: str
    account: str
    low_balance_cents: int | None
    secret: str | UnsetType = UNSET


async def add(
    session: AsyncSession,
    sealer: Sealer,
    name: str,
    protocol: str,
    base_url: str = "",
    account: str = "",
    secret: str = "",
    low_balance_cents: int | None = None,
) -> Supplier:
    """Opens an account; its secret is sealed under the master's key. Raises `SupplierNameTaken`."""
    if await queries.named(session, name):
        raise SupplierNameTaken(field="name")
    supplier = Supplier(
        name=name,
        protocol=protocol,
        base_url=base_url,
        account=account,
        secret=sealer.seal(PLACE, name, secret) if secret else None,
        low_balance_cents=low_balance_cents,
    )
    session.add(supplier)
    await session.flush()
    return supplier


async def add_stock(session: AsyncSession, sealer: Sealer, name: str) -> Supplier:
    """The master's own card stock as a supplier."""
    return await add(session, sealer, name, STOCK)


async def change(session: AsyncSession, sealer: Sealer, supplier_id: int, wanted: AccountChange) -> Supplier:
    """Calls that are under way end as they began; the next is made with the new account. Raises `SupplierGone`."""
    supplier = await queries.find(session, supplier_id)
    supplier.base_url, supplier.account = wanted.base_url, wanted.account
    supplier.low_balance_cents = wanted.low_balance_cents
    if wanted.secret is not UNSET:
        if supplier.secret is not None:
            before = sealer.open(PLACE, supplier.name, supplier.secret)
            supplier.secret_before = sealer.seal(PLACE_BEFORE, supplier.name, before)
        supplier.secret = sealer.seal(PLACE, supplier.name, wanted.secret)
        supplier.secret_changed_at = clock.now()
    await session.flush()
    return supplier


async def pause(session: AsyncSession, supplier_id: int, *, paused: bool) -> Supplier:
    """Buys from this supplier no more, or again. Raises `SupplierGone`."""
    supplier = await queries.find(session, supplier_id)
    supplier.state = "paused" if paused else "active"
    await session.flush()
    await outbox.record(session, SupplierSwitched(supplier_id))
    return supplier


async def balance_told(session: AsyncSession, supplier_id: int, balance_cents: int) -> None:
    """Keeps what the supplier says it holds of ours; where that falls below the warning level, people hear of it."""
    supplier = await queries.find(session, supplier_id)
    was_low = supplier.runs_low
    supplier.balance_cents, supplier.balance_at = balance_cents, clock.now()
    await session.flush()
    if supplier.runs_low and not was_low and supplier.low_balance_cents is not None:
        await outbox.record(
            session, SupplierBalanceLow(supplier.id, supplier.name, balance_cents, supplier.low_balance_cents)
        )


async def called(session: AsyncSession, supplier_id: int, reference: str) -> None:
    """There is news of a purchase."""
    await outbox.record(session, SupplierCalled(supplier_id, reference))


async def heard(runtime: Runtime, supplier_id: int, token: str, call: Called) -> str:
    """Takes a callback: our reference that it names, which is asked about soon. Raises `SupplierGone` for an address
    that was never given out, `CallRefused` for a call that is not the supplier's."""
    async with runtime.database.master_session() as session:
        supplier = await queries.find(session, supplier_id)
    if not hmac.compare_digest(supplier.callback_token.encode(), token.encode()) or supplier.protocol == STOCK:
        raise SupplierGone
    if not registry.entry(supplier.protocol).calls_back:
        raise CallRefused("this protocol has no callbacks")
    reference = (await adapter_of(runtime, supplier)).heard(call)
    async with runtime.database.master_session() as session:
        await called(session, supplier_id, reference)
    return reference


async def adapter_of(runtime: Runtime, supplier: Supplier, wanted: AccountChange | None = None) -> SupplierAdapter:
    """The adapter that speaks the account's protocol; with `wanted`, of the account as it would be. Raises
    `UnknownProtocol`."""
    sealer = await runtime.keyring.master()
    entry = registry.entry(supplier.protocol)
    account = Account(
        supplier_id=supplier.id,
        name=supplier.name,
        base_url=supplier.base_url,
        account=supplier.account,
        secret=sealer.open(PLACE, supplier.name, supplier.secret) if supplier.secret else "",
        secret_before=_secret_before(sealer, supplier),
        callback_url=callback_url(runtime, supplier) if entry.calls_back else "",
    )
    if wanted is not None:
        account = replace(account, base_url=wanted.base_url, account=wanted.account)
        account = account if wanted.secret is UNSET else replace(account, secret=wanted.secret)
    return entry.make(runtime, sealer, account)


def callback_url(runtime: Runtime, supplier: Supplier) -> str:
    """Where the supplier calls back: an address that nobody can guess, and that alone proves nothing."""
    return links.of_master(runtime.settings, f"/supplier-callbacks/{supplier.id}/{supplier.callback_token}")


def _secret_before(sealer: Sealer, supplier: Supplier) -> str:
    changed = supplier.secret_changed_at
    if supplier.secret_before is None or changed is None or changed + OLD_SECRET_LASTS < clock.now():
        return ""
    return sealer.open(PLACE_BEFORE, supplier.name, supplier.secret_before)
