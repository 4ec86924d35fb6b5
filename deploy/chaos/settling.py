"""After the storm: what the product does by itself, what hours would bring, and what a person at the master does."""

import asyncio
import time
from collections.abc import Sequence
from functools import partial

import structlog
from sqlalchemy import text

from deploy.chaos import aging, station
from deploy.chaos.outside import ACG, Outside
from deploy.chaos.patience import persist
from deploy.chaos.station import Station
from kameng.core.errors import KamengError
from kameng.infra.runtime import Runtime
from supplier_gateway.purchases import settling as purchases
from supplier_gateway.purchases.settling import Verdict

log = structlog.get_logger()

LOOK_EVERY_S = 1.0
PAYMENTS_ARRIVE_S, SUPPLIERS_DELIVER_S = 5.0, 10.0  # then the time to pay is over, and the time to wait
PERSON_AFTER_MINUTES = 1
OPEN_ORDERS = text("SELECT count(*) FROM orders WHERE state IN ('unpaid', 'paid', 'waiting')")
UNCLEAR = text(
    """
    SELECT p.tenant_id FROM purchases p
    WHERE p.tenant_id = ANY(:tenants) AND (p.state IN ('submitted', 'unknown')
        OR p.cost_cents > 0 AND NOT EXISTS (SELECT 1 FROM ledger_transfers t WHERE t.key = 'purchase:' || p.id))
    """
)
STUCK = text(
    "SELECT reference FROM purchases WHERE tenant_id = ANY(:tenants) AND supplier_id = ANY(:shops)"
    " AND state IN ('submitted', 'unknown') AND lease_until < now()"
)
NOT_CREDITED = text("SELECT no FROM payments WHERE state = 'pending' AND no = ANY(:nos)")


class Settling:
    """The time after one batch's storm."""

    def __init__(self, runtime: Runtime, outside: Outside, stations: Sequence[Station]) -> None:
        self._runtime = runtime
        self._outside = outside
        self._stations = list(stations)
        self._began = time.monotonic()
        self.took_s: dict[int, float] = {}
        self.settled_by_hand = 0

    async def until(self, deadline_s: float) -> None:
        """Waits until every station has settled, at most so long. `took_s` by seed says when each had."""
        await persist(partial(station.close_breakers, self._runtime, self._stations))
        left = list(self._stations)
        while left:
            await persist(partial(self._person, left))
            await self._hours_pass(left)
            left = await persist(partial(self._unsettled, left))
            waited_s = time.monotonic() - self._began
            for one in self._stations:
                if one not in left:
                    self.took_s.setdefault(one.seed, waited_s)
            if waited_s > deadline_s:
                self.took_s.update({one.seed: waited_s for one in left})
                return
            await asyncio.sleep(LOOK_EVERY_S)

    async def _hours_pass(self, left: Sequence[Station]) -> None:
        waited_s = time.monotonic() - self._began
        paid = [one["out_trade_no"] for one in await self._outside.payments() if one["paid_at"]]
        for one in left:
            await persist(partial(self._ask_gateway, one, paid))
            if waited_s > PAYMENTS_ARRIVE_S:
                await aging.payment_time_is_over(self._runtime, one.tenant)
            if waited_s > SUPPLIERS_DELIVER_S:
                await aging.patience_is_over(self._runtime, one.tenant)

    async def _ask_gateway(self, where: Station, paid: list[str]) -> None:
        async with where.tenant.begin() as session:
            late = [row.no for row in await session.execute(NOT_CREDITED, {"nos": paid})]
        if late:
            await aging.gateway_is_asked_now(self._runtime, where.tenant, late)

    async def _unsettled(self, stations: Sequence[Station]) -> list[Station]:
        async with self._runtime.database.master_session() as session:
            found = await session.execute(UNCLEAR, {"tenants": [one.tenant.id for one in stations]})
            unclear = {row.tenant_id for row in found}
        paid = [one["out_trade_no"] for one in await self._outside.payments() if one["paid_at"]]
        left = []
        for one in stations:
            async with one.tenant.begin() as session:
                is_open = (await session.execute(OPEN_ORDERS)).scalar_one()
                is_late = (await session.execute(NOT_CREDITED, {"nos": paid})).first()
            if is_open or is_late or one.tenant.id in unclear:
                left.append(one)
        return left

    async def _person(self, stations: Sequence[Station]) -> None:
        """Looks into the shop's own book where the shop cannot be asked, and says what stands there."""
        asked = {"tenants": [one.tenant.id for one in stations], "shops": [one.accounts[ACG] for one in stations]}
        async with self._runtime.database.master_session() as session:
            stuck = [row.reference for row in await session.execute(STUCK, asked)]
        if not stuck:
            return
        shop = next(one for one in self._outside.suppliers if one.protocol == ACG)
        book = {one["reference"]: one for one in await self._outside.book(shop)}
        for reference in stuck:
            entry = book.get(reference)
            verdict = Verdict(delivered=False)
            if entry is not None:
                cards = tuple(entry["cards"])
                verdict = Verdict(delivered=True, cards=cards, cost_cents=entry["cost_cents"],
                                  supplier_order_no=entry["order_no"])  # fmt: skip
            await aging.purchase_is_old(self._runtime, reference, PERSON_AFTER_MINUTES)
            try:
                async with self._runtime.database.master_session() as session:
                    await purchases.settle(self._runtime, session, reference, verdict)
            except KamengError as refusal:  # a worker is asking at this moment, or has just heard
                log.info("not_settled_by_hand", reference=reference, why=str(refusal))
            else:
                self.settled_by_hand += 1
