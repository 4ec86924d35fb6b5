"""All that one sale reads, in one statement, which also takes the master's cards.

A sale is on the hot path, and each statement costs a round trip and the mapping of its rows; so this one goes to the
driver directly. Measured by `kameng bench orders`; docs/adr/0004 and 0017.
"""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct, structs
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.cards.service import Sealed
from kameng.infra.driver import driver
from tenants.orders.drafts import OrderDraft
from tenants.orders.models import Order

MASTERS = """s.wholesale_price, s.in_pool, s.upstream, s.wallet_cents, s.deposit_cents, s.collected_cents, s.card_ids,
           s.card_secrets, s.min_resale, s.basis"""
# A variant has from its head what tenants.shop.models says. Of limits the statement only says that there are any: they
# are counted under a lock that comes before the cards, so then no card is taken yet (`limits`).
OPEN_SALE = f"""
    SELECT p.id AS product_id, p.good_id, p.variant_of,
           CASE WHEN h.id IS NULL OR starts_with(p.name, h.name) THEN p.name ELSE h.name || ' · ' || p.name END,
           CASE WHEN p.usage_note = '' THEN coalesce(h.usage_note, '') ELSE p.usage_note END,
           p.price, CAST(p.ladder AS text), coalesce(h.min_quantity, p.min_quantity),
           coalesce(h.max_quantity, p.max_quantity), p.floor_price, coalesce(h.kind, p.kind),
           p.good_id IS NULL AND 'by_hand' IN (p.fulfilment, coalesce(h.fulfilment, 'auto')),
           CAST(CASE WHEN p.fields = '[]' THEN coalesce(h.fields, p.fields) ELSE p.fields END AS text),
           (p.sale_from IS NULL OR p.sale_from <= now()) AND (p.sale_until IS NULL OR p.sale_until > now())
               AND (h.sale_from IS NULL OR h.sale_from <= now()) AND (h.sale_until IS NULL OR h.sale_until > now()),
           CASE WHEN greatest(p.min_level, h.min_level) > 0 THEN greatest(p.min_level, h.min_level) <= coalesce(
               (SELECT l.rank FROM buyers b JOIN buyer_levels l ON l.id = b.level_id WHERE b.id = %(buyer_id)s), 0)
               ELSE true END,
           p.choosable OR coalesce(h.choosable, false), greatest(p.choice_price, h.choice_price),
           'random' IN (p.picking, coalesce(h.picking, 'first')),
           coalesce(p.max_per_buyer, p.max_per_day, h.max_per_buyer, h.max_per_day) IS NOT NULL,
           e.no, coalesce(c.settlement, 'own'), coalesce(c.fee_rate, 0), {MASTERS}
    FROM products p
    LEFT JOIN products h ON h.id = p.variant_of
    LEFT JOIN orders e ON e.buyer_id = %(buyer_id)s AND e.request_key = %(request_key)s
    LEFT JOIN payment_channels c ON c.id = %(channel_id)s
    CROSS JOIN LATERAL begin_sale(%(order_id)s, p.good_id, %(quantity)s, CAST(%(buyer_id)s AS text), CASE
        WHEN e.no IS NOT NULL OR NOT %(admitted)s AND coalesce(p.max_per_buyer, p.max_per_day, h.max_per_buyer,
                                                               h.max_per_day) IS NOT NULL
        THEN 'look' ELSE %(stock)s END) s
    WHERE p.id = %(product_id)s AND p.state = 'on_sale' AND p.specs = '[]' AND p.archived_at IS NULL
        AND (h.id IS NULL OR h.state = 'on_sale' AND h.archived_at IS NULL)
"""  # noqa: S608 - of the constant above
# An order that was placed is charged whatever has become of its product.
OPEN_CHARGE = f"""
    SELECT coalesce(p.good_id IS NULL AND 'by_hand' IN (p.fulfilment, coalesce(h.fulfilment, 'auto')), false),
           coalesce('random' IN (p.picking, coalesce(h.picking, 'first')), false), {MASTERS}
    FROM orders o
    LEFT JOIN products p ON p.id = o.product_id
    LEFT JOIN products h ON h.id = p.variant_of
    CROSS JOIN LATERAL begin_sale(o.id, o.good_id, o.quantity, CAST(o.buyer_id AS text),
                                  CASE WHEN o.card_id IS NULL THEN 'held' ELSE 'look' END) s
    WHERE o.id = %(order_id)s
"""  # noqa: S608 - of the constant above


TAKE_CHOSEN = """
    SELECT is_taken, card_ids, card_secrets FROM take_chosen_card(%(order_id)s, %(good_id)s, %(card_id)s, %(stock)s)
"""


class Stock(StrEnum):
    """What a sale does with cards when it opens."""

    LOOK = "look"  # whether there are enough
    CLAIM = "claim"  # they are the order's when this transaction commits
    HOLD = "hold"  # they are kept for it until it is paid or ends
    HELD = "held"  # those that were kept for it, else as CLAIM


class Supply(Struct, frozen=True):
    """What the master says to a sale. Prices in yuan for one unit; balances in cents. `card_ids` and `card_secrets`:
    the cards of its stock that this transaction has claimed."""

    wholesale_price: Decimal | None  # None: not offered to this tenant, or its state does not allow it to sell
    in_pool: bool
    upstream: bool
    wallet_cents: int
    deposit_cents: int
    collected_cents: int
    card_ids: list[UUID] | None
    card_secrets: list[bytes] | None
    min_resale: Decimal | None  # the master lets nobody sell one for less
    basis: str | None  # what the wholesale price stands on; kept on the order

    @property
    def held(self) -> Sequence[Sealed]:
        return [Sealed(*card) for card in zip(self.card_ids or (), self.card_secrets or (), strict=True)]


class Opening(Struct, frozen=True):
    """The product as it is sold to this buyer now, and what the master says."""

    product_id: int
    good_id: int | None  # None: the station's own
    variant_of: int | None
    product_name: str
    usage_note: str
    price: Decimal
    ladder: list[Any]
    min_quantity: int
    max_quantity: int
    floor_price: Decimal | None  # the owner's own
    kind: str
    by_hand: bool
    fields: list[Any]
    in_time: bool
    level_fits: bool
    choosable: bool
    choice_price: Decimal
    random: bool
    limited: bool
    earlier_no: str | None  # the order that this request has become before
    settlement: str
    fee_rate: Decimal
    supply: Supply

    @property
    def own(self) -> bool:
        return self.good_id is None

    @property
    def wholesale_price(self) -> Decimal | None:
        return self.supply.wholesale_price

    @property
    def min_resale(self) -> Decimal | None:
        return self.supply.min_resale

    @property
    def can_be_had(self) -> bool:
        """Of the station's own cards nothing is known yet."""
        return self.own or self.supply.in_pool or self.supply.upstream

    @property
    def needs_hand(self) -> bool:
        """Whether a person delivers it: nothing else can do a thing for an account that is the station's own."""
        return self.own and (self.by_hand or self.kind != "cards")


class Charging(Struct, frozen=True):
    """What charging a placed order needs to know."""

    by_hand: bool
    random: bool
    supply: Supply


FIELDS_OF_SALE = len(Opening.__struct_fields__) - 1
LADDER, FIELDS = (Opening.__struct_fields__.index(name) for name in ("ladder", "fields"))
FIELDS_OF_CHARGE = len(Charging.__struct_fields__) - 1


async def open_sale(
    session: AsyncSession, order_id: UUID, buyer_id: UUID, draft: OrderDraft, stock: Stock, *, admitted: bool = False
) -> Opening | None:
    """What a sale needs to know; None when the product is not on sale. The master's cards are taken as `stock` says,
    all of them or none; they are back when the transaction does not commit. Where a limit holds for the product they
    are taken only when the buyer was `admitted`; a card that the buyer chose is taken by `take_chosen`."""
    asked = {
        "order_id": order_id,
        "product_id": draft.product_id,
        "quantity": draft.quantity,
        "buyer_id": buyer_id,
        "request_key": draft.request_key,
        "channel_id": draft.channel_id,
        "stock": str(Stock.LOOK if draft.card_id else stock),
        "admitted": admitted,
    }
    row = await (await driver(session).execute(OPEN_SALE, asked)).fetchone()
    return opening_of(row) if row else None


def opening_of(row: Sequence[Any]) -> Opening:
    """A row of `OPEN_SALE`."""
    values: list[Any] = [*row[:FIELDS_OF_SALE], Supply(*row[FIELDS_OF_SALE:])]
    values[LADDER], values[FIELDS] = msgspec.json.decode(values[LADDER]), msgspec.json.decode(values[FIELDS])
    return Opening(*values)


async def open_charge(session: AsyncSession, order: Order) -> Charging:
    """The same for an order that was placed: takes the cards that it holds, or others; a chosen one is not taken."""
    row = await (await driver(session).execute(OPEN_CHARGE, {"order_id": order.id})).fetchone()
    if row is None:
        raise LookupError(f"order {order.id} is locked and not there")
    values: list[Any] = [*row[:FIELDS_OF_CHARGE], Supply(*row[FIELDS_OF_CHARGE:])]
    return Charging(*values)


async def take_chosen(
    session: AsyncSession, order_id: UUID, good_id: int, card_id: UUID, supply: Supply, stock: Stock
) -> Supply | None:
    """Takes the card of the master's stock that the buyer chose; the supply with it. None: somebody else has it."""
    asked = {"order_id": order_id, "good_id": good_id, "card_id": card_id, "stock": str(stock)}
    row = await (await driver(session).execute(TAKE_CHOSEN, asked)).fetchone()
    if row is None or not row[0]:
        return None
    return structs.replace(supply, in_pool=True, card_ids=row[1], card_secrets=row[2])
