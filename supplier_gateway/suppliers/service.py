"""Keeping supplier accounts, and opening the adapter of one. Master session."""

from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra import outbox
from kameng.infra.crypto import Sealer
from kameng.infra.outbox import Event
from kameng.infra.runtime import Runtime
from supplier_gateway.adapters.sandbox.client import SandboxAdapter
from supplier_gateway.port import SupplierAdapter
from supplier_gateway.suppliers import queries
from supplier_gateway.suppliers.errors import SupplierNameTaken
from supplier_gateway.suppliers.models import STOCK, Supplier

PLACE = "suppliers.secret"


class SupplierSwitched(Event, frozen=True):
    """A supplier was paused or resumed, and with it all its offers."""

    supplier_id: int


class UnknownProtocol(Exception):
    """An account names a protocol that no adapter speaks: a fault of the configuration."""


async def add(
    session: AsyncSession,
    sealer: Sealer,
    name: str,
    protocol: str,
    base_url: str = "",
    account: str = "",
    secret: str = "",
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
    )
    session.add(supplier)
    await session.flush()
    return supplier


async def add_stock(session: AsyncSession, sealer: Sealer, name: str) -> Supplier:
    """The master's own card stock as a supplier."""
    return await add(session, sealer, name, STOCK)


async def pause(session: AsyncSession, supplier_id: int, *, paused: bool) -> Supplier:
    """Buys from this supplier no more, or again. Raises `SupplierGone`."""
    supplier = await queries.find(session, supplier_id)
    supplier.state = "paused" if paused else "active"
    await session.flush()
    await outbox.record(session, SupplierSwitched(supplier_id))
    return supplier


async def adapter_of(runtime: Runtime, supplier: Supplier) -> SupplierAdapter:
    """The adapter that speaks the account's protocol. Raises `UnknownProtocol`."""
    if supplier.protocol != "sandbox":
        raise UnknownProtocol(f"{supplier.name}: {supplier.protocol}")
    sealer = await runtime.keyring.master()
    return SandboxAdapter(
        base_url=supplier.base_url,
        account=supplier.account,
        secret=sealer.open(PLACE, supplier.name, supplier.secret or b""),
        outbound=runtime.outbound,
        timeout_s=runtime.settings.supplier_timeout_s,
    )
