"""Whatever happens in whatever order: the ledger sums to zero, no balance is below nothing, and what the master holds
for a station is what came to its bank for it."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import text

from billing.ledger import service as ledger
from billing.ledger.errors import CollectedTooLow, DepositTooLow, EarningsTooLow, NeverCharged, WalletTooLow, refusals
from billing.ledger.service import Line
from billing.payments import service as paying
from billing.payments.service import ChannelDraft
from billing.payouts import service as payouts
from billing.payouts.errors import DecidedAlready
from billing.payouts.queries import Overrides
from billing.payouts.service import PayoutDraft
from billing.wholesale import service as wholesale
from kameng.core import ids
from kameng.core.errors import KamengError
from kameng.infra.db import guard_commit
from kameng.infra.runtime import Runtime
from supplier_gateway.goods import service as goods
from supplier_gateway.offers import service as offers
from supplier_gateway.suppliers import service as suppliers
from tenants.orders import refunds
from tenants.orders import service as orders
from tenants.orders.refunds import BeyondCharge, NotGivenBack
from tenants.orders.service import WALLET, Placed
from tenants.toggles.flags import DEFAULTS
from tenants.toggles.reading import Reading
from tests.support.house import Shop, ledger_is_balanced, open_shop
from tests.tenants.orders import stall

CENTS = st.integers(1, 5_000)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("topup"), CENTS),
        st.tuples(st.just("collect"), CENTS),
        st.tuples(st.just("buy"), st.integers(1, 3)),
        st.tuples(st.just("buy_by_channel"), st.integers(1, 3)),
        st.tuples(st.just("part"), st.tuples(st.integers(1, 5), st.integers(0, 5), st.booleans())),
        st.tuples(st.just("refund"), CENTS),
        st.tuples(st.just("refund_by_master"), CENTS),
        st.tuples(st.just("undo"), st.booleans()),
        st.tuples(st.just("release"), CENTS),
        st.tuples(st.just("to_deposit"), CENTS),
        st.tuples(st.just("ask"), CENTS),
        st.tuples(st.just("pay"), st.booleans()),
        st.tuples(st.just("end"), st.booleans()),
    ),
    max_size=25,
)
# What is refused changes nothing; anything else that is raised is a bug.
REFUSED = (
    BeyondCharge, CollectedTooLow, DecidedAlready, DepositTooLow, EarningsTooLow, NeverCharged, NotGivenBack,
    WalletTooLow,
)  # fmt: skip
NEGATIVE = text("SELECT count(*) FROM ledger_accounts WHERE balance_cents < 0")
WRONG = text(
    """
    SELECT count(*) FROM ledger_accounts a WHERE balance_cents <> (
        SELECT coalesce(sum(e.amount_cents), 0) FROM ledger_entries e WHERE e.account_id = a.id)
    """
)
# Of one station: what the master's bank took in for it, less what left, is what it is owed and what was earned by it.
BANK = text(
    """
    SELECT coalesce(sum(e.amount_cents), 0)::bigint FROM ledger_transfers t
    JOIN ledger_entries e ON e.transfer_id = t.id JOIN ledger_accounts a ON a.id = e.account_id
    WHERE t.tenant_id = :id AND a.kind IN (
        'master_bank', 'collected', 'earnings', 'payout', 'deposit', 'master_revenue', 'card_stock', 'supplier_cost')
    """
)
OPEN_MASTER = text(
    "INSERT INTO payments (id, no, buyer_id, channel_id, purpose, subject, amount_cents, fee_cents, state, paid_at)"
    " VALUES (:id, :no, :buyer, :channel, 'collect', :tenant || ':' || :no, :cents, :fee, 'paid', now())"
)
SUPPLIED = text(
    "INSERT INTO purchases (id, reference, tenant_id, order_ref, order_no, good_id, offer_id, supplier_id,"
    " sku, quantity, delivered_quantity, max_unit_cost, state, lease_until)"
    " SELECT gen_random_uuid(), gen_random_uuid()::text, :tenant, :order, 'x', o.good_id, o.id, o.supplier_id, 'x',"
    " :quantity, :had, 9, :state, now() FROM offers o ORDER BY o.id DESC LIMIT 1"
)
NOT_HOLDING = Reading({**DEFAULTS, "shop.hold_stock": False})
CHANNEL = ChannelDraft(provider="epay", name="x", base_url="http://127.0.0.1:9", merchant_id="1001", secret="x")


class World:
    """One station in both modes, and what has happened to it so far."""

    def __init__(self, shop: Shop, buyer: Any, channel: int, upstream: int, here: str) -> None:
        self.shop, self.buyer, self.channel = shop, buyer, channel
        self.upstream, self.channel_here = upstream, here
        self.payments: list[tuple[str, int]] = []
        self.orders: list[tuple[str, Any]] = []
        self.asked: list[Any] = []
        self.refunds: list[Any] = []

    async def topup(self, cents: int) -> None:
        async with self.shop.tenant.begin() as session:
            values = {"no": ids.code(12), "buyer": str(self.buyer), "cents": cents}
            await session.execute(text("SELECT post_topup(:no, 'own', :buyer, :cents)"), values)

    async def collect(self, cents: int) -> None:
        no = f"P{ids.code(12)}"
        values = {"id": ids.uuid7(), "no": no, "buyer": self.buyer, "channel": self.channel, "cents": cents}
        async with self.shop.runtime.database.master_session() as session:
            await session.execute(OPEN_MASTER, values | {"tenant": str(self.shop.tenant.id), "fee": cents // 100})
        async with self.shop.tenant.begin() as session:
            for _ in range(2):
                await session.execute(text("SELECT post_collected(:no)"), {"no": no})
        self.payments.append((no, cents))

    async def buy(self, quantity: int) -> None:
        placed = await self.shop.buy(self.buyer, quantity)
        self.orders.append((placed.no, placed.id))

    async def buy_by_channel(self, quantity: int) -> None:
        """The master has collected for it, so what it holds for the station is charged."""
        await self._charged(
            await stall.buy(self.shop, self.buyer, quantity, pay=self.channel_here, reading=NOT_HOLDING)
        )

    async def part(self, given: tuple[int, int, bool]) -> None:
        """A supplier delivers some units, or none; the rest is given back, to where it came from."""
        quantity, had, by_channel = given[0], min(given[0], given[1]), given[2]
        pay = self.channel_here if by_channel else WALLET
        placed = await stall.buy(
            self.shop, self.buyer, quantity, product_id=self.upstream, pay=pay, reading=NOT_HOLDING
        )
        if by_channel:
            await self._charged(placed)
        sealer = await self.shop.runtime.keyring.tenant(self.shop.tenant.id)
        if had:
            async with self.shop.runtime.database.master_session() as session:
                values = {"tenant": self.shop.tenant.id, "order": placed.id, "quantity": quantity, "had": had}
                await session.execute(SUPPLIED, values | {"state": "delivered" if had == quantity else "partial"})
        for _ in range(2):
            async with self.shop.tenant.begin() as session:
                await orders.deliver(session, sealer, placed.id, [f"P{n}-{placed.no}" for n in range(had)])
                await orders.end_part(session, placed.id, "not_delivered")
        self.orders.append((placed.no, placed.id))

    async def _charged(self, placed: Placed) -> None:
        vault = await self.shop.runtime.keyring.vault(self.shop.tenant.id)
        async with self.shop.tenant.begin() as session:
            await orders.charge(session, vault, placed.no)
        self.orders.append((placed.no, placed.id))

    async def refund(self, cents: int) -> None:
        if self.orders:
            async with self.shop.tenant.begin() as session:
                await refunds.give_back(
                    session, self.orders[-1][0], cents=cents, to="wallet", reason="r", by="li", request_key=ids.code(20)
                )

    async def refund_by_master(self, cents: int) -> None:
        if self.orders and self.payments:
            refund_id = ids.uuid7()
            values = {"id": refund_id, "order": self.orders[-1][1], "cents": cents, "no": self.payments[-1][0]}
            await self._posting("SELECT post_refund(:id, :order, CAST(:cents AS bigint), NULL, :no)", values)
            self.refunds.append(refund_id)

    async def undo(self, failed: bool) -> None:
        if self.refunds:
            if failed:
                async with self.shop.runtime.database.master_session() as session:
                    await session.execute(
                        text("UPDATE collect_refunds SET state = 'failed' WHERE id = :id"), {"id": self.refunds[-1]}
                    )
            await self._posting("SELECT undo_refund(:id)", {"id": self.refunds[-1]})

    async def release(self, cents: int) -> None:
        lines = [Line(self.shop.tenant.id, "collected", "", -cents), Line(self.shop.tenant.id, "earnings", "", cents)]
        async with self.shop.runtime.database.master_session() as session:
            await ledger.post(session, ids.code(20), "release", "x", lines, self.shop.tenant.id)

    async def to_deposit(self, cents: int) -> None:
        async with self.shop.tenant.begin() as session:
            await payouts.to_deposit(session, cents, ids.code(20))

    async def ask(self, cents: int) -> None:
        sealer = await self.shop.runtime.keyring.master()
        draft = PayoutDraft(amount_cents=cents, method="usdt", account="T1", request_key=ids.code(20))
        async with self.shop.tenant.begin() as session:
            no = await payouts.ask(session, sealer, draft, "li")
            found = await session.execute(text("SELECT id FROM payouts WHERE no = :no"), {"no": no})
            payout_id = found.scalar_one()
        self.asked.append(payout_id)

    async def pay(self, _: bool) -> None:
        if self.asked:
            async with self.shop.runtime.database.master_session() as session:
                await payouts.pay(session, self.asked[-1], "ref", "boss")

    async def end(self, declined: bool) -> None:
        if self.asked and declined:
            async with self.shop.runtime.database.master_session() as session:
                await payouts.decline(session, self.asked[-1], "no", "boss")
        elif self.asked:
            async with self.shop.tenant.begin() as session:
                await payouts.cancel(session, self.asked[-1], "li")

    async def _posting(self, statement: str, values: dict[str, Any]) -> None:
        async with self.shop.tenant.begin() as session:
            guard_commit(session, refusals)
            with refusals():
                await session.execute(text(statement), values)


@pytest.fixture
async def world(runtime: Runtime) -> World:
    shop = await open_shop(runtime, keys=[f"K{n}" for n in range(300)], deposit_cents=20_000)
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        channel = (await paying.add_channel(session, sealer, CHANNEL)).id
        await paying.lend_channel(session, channel, lent=True)
        terms = Overrides(hold_days=0, least_cents=1, daily_cents=10_000_000)
        await payouts.set_terms(session, shop.tenant.id, terms)
    return World(
        shop, await shop.buyer(), channel, await upstream(shop), await stall.channel(shop, settlement="master")
    )


async def upstream(shop: Shop) -> int:
    """A product of the same station that a supplier has to deliver."""
    sealer = await shop.runtime.keyring.master()
    async with shop.runtime.database.master_session() as session:
        good = await goods.add(session, f"upstream {ids.code(8)}")
        tier = await session.execute(text("SELECT tier_id FROM tenants WHERE id = :id"), {"id": shop.tenant.id})
        await wholesale.set_price(session, tier.scalar_one(), good.id, Decimal("2.7777"))
        name = f"sandbox {ids.code(8)}"
        supplier = await suppliers.add(session, sealer, name, "sandbox", "http://127.0.0.1:9", "demo", "x")
        await offers.add(session, good.id, supplier.id, Decimal(2), sku="x")
    return await stall.add_product(shop, name="upstream", price="3.3333", good_id=good.id)


@examples(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
@example(steps=[("collect", 5_000), ("part", (3, 1, True)), ("buy_by_channel", 2), ("part", (2, 0, True))])
@example(steps=[("topup", 5_000), ("part", (3, 2, False)), ("refund", 100), ("part", (2, 2, False))])
async def test_no_order_of_events_makes_or_loses_money(
    runtime: Runtime, world: World, steps: list[tuple[str, Any]]
) -> None:
    for name, value in steps:
        try:
            await getattr(world, name)(value)
        except KamengError as refusal:
            assert isinstance(refusal, REFUSED), (name, refusal)  # noqa: PT017 - any refusal but these is a bug

    assert await ledger_is_balanced(runtime)
    async with runtime.database.master_session() as session:
        assert (await session.execute(NEGATIVE)).scalar_one() == 0
        assert (await session.execute(WRONG)).scalar_one() == 0
        assert (await session.execute(BANK, {"id": world.shop.tenant.id})).scalar_one() == 0
