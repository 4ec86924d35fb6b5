"""Asking suppliers what they have."""

import asyncio
from collections.abc import Sequence
from itertools import groupby

import structlog

from kameng.infra.runtime import Runtime
from kameng.infra.tasks import periodic
from supplier_gateway.adapters.registry import PROTOCOLS
from supplier_gateway.offers import asking, queries
from supplier_gateway.offers.queries import Asked

log = structlog.get_logger()

EVERY_S = 10
SUPPLIERS_AT_ONCE = 8
AT_ONE_SUPPLIER = 4


@periodic(seconds=EVERY_S)
async def refresh_stock(runtime: Runtime) -> None:
    """Asks for the stock of the offers whose time has come, outside any transaction: as many as each supplier's calls
    a minute allow, some at a time. One that is slow or silent keeps nobody else waiting."""
    protocols = [code for code, entry in PROTOCOLS.items() if entry.has_goods]
    async with runtime.database.master_session() as session:
        due = await queries.take_due(session, protocols, EVERY_S)
    free = asyncio.Semaphore(SUPPLIERS_AT_ONCE)
    ordered = sorted(due, key=lambda offer: offer.supplier_id)
    of_suppliers = [list(offers) for _, offers in groupby(ordered, key=lambda offer: offer.supplier_id)]
    await asyncio.gather(*(_ask_supplier(runtime, offers, free) for offers in of_suppliers))


async def _ask_supplier(runtime: Runtime, offers: Sequence[Asked], free: asyncio.Semaphore) -> None:
    """Some at a time; once several in a row are not told, the others wait for their next turn."""
    async with free:
        for start in range(0, len(offers), AT_ONE_SUPPLIER):
            some = offers[start : start + AT_ONE_SUPPLIER]
            told = await asyncio.gather(*(asking.ask(runtime, offer) for offer in some))
            if not any(told):
                return
