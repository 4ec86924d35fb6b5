"""Reading a history together from all sides."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from msgspec.structs import replace
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from deploy.chaos.diary import Diary
from deploy.chaos.history import Account, Bought, Card, Coupon, History, Order, Payment, Purchase, Refund, Wallet
from deploy.chaos.outside import ACG, Outside
from deploy.chaos.station import WALLET_CENTS, Station
from kameng.cards import service as cards
from kameng.cards.service import Sealed
from kameng.infra.crypto import Sealer
from kameng.infra.runtime import Runtime
from supplier_gateway.purchases.service import PLACE

FAILED = "failed"
ORDERS = text(
    """
    SELECT o.id, o.no, o.request_key, o.buyer_id, o.state, o.kind, o.quantity, o.delivered_quantity, o.total_cents,
           o.refunded_cents, o.basket_no, coalesce(c.code, '') AS coupon,
           coalesce((SELECT sum(r.amount_cents) FROM refunds r WHERE r.order_id = o.id AND r.state = 'done'), 0)::bigint
               AS after_sale_cents
    FROM orders o LEFT JOIN coupons c ON c.id = o.coupon_id ORDER BY o.id
    """
)
REFUNDS = text("SELECT request_key, order_no, amount_cents FROM refunds WHERE state <> 'failed' ORDER BY id")
COUPONS = text("SELECT code, taken, most, most_per_buyer FROM coupons ORDER BY id")
KEYS = text("SELECT order_ref, id, secret FROM card_issued ORDER BY id")
PAYMENTS = text("SELECT no, amount_cents, state, buyer_id FROM payments ORDER BY id")
OWN = text(
    """
    SELECT 'pool' AS place, id, secret FROM card_pool UNION ALL SELECT 'held', id, secret FROM card_held
    UNION ALL SELECT 'aside', id, secret FROM card_aside
    UNION ALL SELECT 'issued', id, secret FROM card_issued WHERE item_id = :own
    """
)
STOCK = text(
    """
    SELECT 'pool' AS place, id, secret FROM card_pool WHERE item_id = ANY(:goods)
    UNION ALL SELECT 'held', id, secret FROM card_held WHERE item_id = ANY(:goods)
    UNION ALL SELECT 'aside', id, secret FROM card_aside WHERE item_id = ANY(:goods)
    UNION ALL SELECT 'issued', id, secret FROM card_issued WHERE item_id = ANY(:goods)
    """
)
PURCHASES = text(
    """
    SELECT p.id, p.reference, p.order_ref, p.state, p.quantity, p.delivered_quantity, p.cost_cents, p.cards,
           coalesce((SELECT sum(e.amount_cents) FROM ledger_transfers t
                     JOIN ledger_entries e ON e.transfer_id = t.id AND e.amount_cents > 0
                     WHERE t.key = 'purchase:' || p.id), 0)::bigint AS booked_cents
    FROM purchases p WHERE p.tenant_id = :tenant ORDER BY p.id
    """
)
CHARGED = text(
    """
    SELECT t.ref, -sum(e.amount_cents)::bigint AS cents FROM ledger_transfers t
    JOIN ledger_entries e ON e.transfer_id = t.id
    JOIN ledger_accounts a ON a.id = e.account_id AND a.kind = 'wallet'
    WHERE t.tenant_id = :tenant AND t.kind IN ('sale', 'reversal', 'part', 'refund', 'refund_undo') GROUP BY t.ref
    """
)
ACCOUNTS = text(
    """
    SELECT a.kind, a.owner, a.balance_cents,
           (SELECT coalesce(sum(e.amount_cents), 0) FROM ledger_entries e WHERE e.account_id = a.id)::bigint AS entries
    FROM ledger_accounts a WHERE a.tenant_id = :tenant AND a.balance_cents IS NOT NULL
    """
)
UNBALANCED = text(
    """
    SELECT t.key FROM ledger_transfers t JOIN ledger_entries e ON e.transfer_id = t.id
    WHERE t.tenant_id = :tenant GROUP BY t.key HAVING sum(e.amount_cents) <> 0
    """
)


class Books:
    """What suppliers and the gateway have in their own books, read once for a batch."""

    def __init__(
        self, bought: Sequence[tuple[str, Bought]], payments: Mapping[str, list[Payment]], master_host: str
    ) -> None:
        self.bought = bought  # with the sku
        self.payments = payments  # by the host that is told of them
        self.collected = {one.no: one for one in payments.get(master_host, ())}  # by the master, for whom they name

    def of(self, station: Station, ours: Sequence[Payment]) -> tuple[Payment, ...]:
        """What the gateway took for a station, by whichever channel."""
        collected = [self.collected[one.no] for one in ours if one.no in self.collected]
        return (*self.payments.get(station.tenant.host, ()), *collected)


async def books(outside: Outside, master_host: str) -> Books:
    """Both books as they stand."""
    bought = []
    for supplier in outside.suppliers:
        for line in await outside.book(supplier):
            entry = Bought(
                reference=line["reference"],
                supplier=supplier.protocol,
                units=line.get("units", len(line["cards"])),
                cost_cents=line["cost_cents"],
                cards=tuple(line["cards"]),
                tells_cost=supplier.protocol != ACG,
            )
            if line.get("status") != FAILED:
                bought.append((line["sku"], entry))
    payments: dict[str, list[Payment]] = defaultdict(list)
    for line in await outside.payments():
        host = line["notify_url"].partition("://")[2].partition(":")[0]
        payment = Payment(no=line["out_trade_no"], cents=line["amount_cents"], is_paid=line["paid_at"] is not None)
        payments[host].append(payment)
    return Books(bought, payments, master_host)


async def collect(runtime: Runtime, station: Station, known: Books, diary: Diary) -> History:
    """The history of one station, but for what its buyers were shown and how long it took."""
    tenant, master = station.tenant, await runtime.keyring.master()
    sealer = await runtime.keyring.tenant(tenant.id)
    async with runtime.database.master_session() as session:
        stock = await _cards(session, master, STOCK, {"goods": list(station.goods.values())})
        charged = await _charged(session, tenant.id)
        purchases = await _purchases(session, master, tenant.id)
        accounts = [Account(name=f"{row.kind} {row.owner}", balance_cents=row.balance_cents, entries_cents=row.entries)
                    for row in await session.execute(ACCOUNTS, {"tenant": tenant.id})]  # fmt: skip
        unbalanced = [row.key for row in await session.execute(UNBALANCED, {"tenant": tenant.id})]
    async with tenant.begin() as session:
        own = await _cards(session, sealer, OWN, {"own": station.products["own"]})
        orders = await _orders(session, sealer, charged)
        payments = [Payment(no=row.no, cents=row.amount_cents, is_paid=row.state == "paid", buyer=str(row.buyer_id))
                    for row in await session.execute(PAYMENTS)]  # fmt: skip
        used = [Coupon(code=row.code, uses=row.taken, most=row.most, most_each=row.most_per_buyer)
                for row in await session.execute(COUPONS)]  # fmt: skip
        refunds = [Refund(key=row.request_key, no=row.order_no, cents=row.amount_cents)
                   for row in await session.execute(REFUNDS)]  # fmt: skip
    wallets = {one.name.removeprefix("wallet "): one.balance_cents for one in accounts if one.name.startswith("wallet")}
    return History(
        seed=station.seed,
        station=tenant.schema,
        requests=tuple(diary.requests),
        orders=tuple(orders),
        purchases=tuple(purchases),
        bought=tuple(entry for sku, entry in known.bought if sku in station.skus),
        payments=tuple(payments),
        gateway=known.of(station, payments),
        wallets=tuple(
            Wallet(buyer=str(buyer), began_cents=WALLET_CENTS, balance_cents=wallets[str(buyer)])
            for buyer in station.buyers
        ),
        accounts=tuple(accounts),
        unbalanced=tuple(unbalanced),
        imported=station.keys,
        cards=tuple(stock + own),
        coupons=tuple(used),
        given=tuple(diary.given),
        handed=tuple(diary.handed),
        refunds=tuple(refunds),
    )


def seen_by_buyers(history: History, shown: Mapping[str, tuple[str, ...]]) -> History:
    """The history with the keys that buyers were shown, by the order's number."""
    orders = [replace(order, shown=shown[order.no]) if order.no in shown else order for order in history.orders]
    return replace(history, orders=tuple(orders))


async def _cards(session: AsyncSession, sealer: Sealer, where: Any, said: dict[str, object]) -> list[Card]:
    rows = (await session.execute(where, said)).all()
    plain = cards.reveal(sealer, [Sealed(row.id, bytes(row.secret)) for row in rows])
    return [Card(key=key, place=row.place) for row, key in zip(rows, plain, strict=True)]


async def _charged(session: AsyncSession, tenant_id: int) -> dict[str, int]:
    return {row.ref: row.cents for row in await session.execute(CHARGED, {"tenant": tenant_id})}


async def _purchases(session: AsyncSession, sealer: Sealer, tenant_id: int) -> list[Purchase]:
    return [
        Purchase(
            reference=row.reference,
            order_id=str(row.order_ref),
            state=row.state,
            quantity=row.quantity,
            units=row.delivered_quantity,
            cost_cents=row.cost_cents,
            booked_cents=row.booked_cents,
            cards=tuple(sealer.open(PLACE, f"{row.id}:{place}", bytes(card)) for place, card in enumerate(row.cards)),
        )
        for row in await session.execute(PURCHASES, {"tenant": tenant_id})
    ]


async def _orders(session: AsyncSession, sealer: Sealer, charged: Mapping[str, int]) -> list[Order]:
    rows = (await session.execute(KEYS)).all()
    plain = cards.reveal(sealer, [Sealed(row.id, bytes(row.secret)) for row in rows])
    keys: dict[UUID, list[str]] = defaultdict(list)
    for row, key in zip(rows, plain, strict=True):
        keys[row.order_ref].append(key)
    return [
        Order(
            id=str(row.id),
            no=row.no,
            key=row.request_key,
            buyer=str(row.buyer_id),
            state=row.state,
            kind=row.kind,
            quantity=row.quantity,
            delivered=row.delivered_quantity,
            total_cents=row.total_cents,
            refunded_cents=row.refunded_cents,
            charged_cents=charged.get(str(row.id), 0),
            keys=tuple(keys[row.id]),
            coupon=row.coupon,
            basket=row.basket_no,
            after_sale_cents=row.after_sale_cents,
        )
        for row in await session.execute(ORDERS)
    ]
