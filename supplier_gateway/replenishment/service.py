"""Wanting cards, and ordering them: a reminder with a suggestion, a person's click or the good's own maximum, limits of
money. Master session."""

from decimal import ROUND_CEILING, Decimal
from math import ceil
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import ids
from kameng.core.errors import Conflict, Invalid
from kameng.core.money import MAX_CENTS
from kameng.infra import outbox
from kameng.infra.outbox import Event
from supplier_gateway.goods import queries as goods
from supplier_gateway.offers import queries as offers
from supplier_gateway.offers.errors import OfferGone
from supplier_gateway.offers.queries import OfferLine
from supplier_gateway.replenishment import queries
from supplier_gateway.replenishment.errors import NoOwnStock, NotWanted, OnItsWay, OverLimit
from supplier_gateway.replenishment.queries import Replenishment, Rules, Setting

COST_SLACK = Decimal("1.05")  # as for purchases
LONGEST_TOLD = 50  # orders that a reminder names
PACE_DAYS = 14
MOST_UNITS = 100_000

WANT = text(
    """
    INSERT INTO replenishments AS r (id, reference, good_id, cause, orders)
    VALUES (:id, :reference, :good, :cause, CAST(:orders AS jsonb))
    ON CONFLICT (good_id) WHERE state = 'wanted' DO UPDATE
    SET orders = CASE WHEN (SELECT count(*) FROM jsonb_object_keys(r.orders)) < :most THEN r.orders || excluded.orders
                      ELSE r.orders END
    RETURNING id, reference, orders
    """
)
SUGGEST = text("UPDATE replenishments SET suggested = :units WHERE id = :id AND state = 'wanted'")
ALIVE = text("SELECT EXISTS (SELECT 1 FROM replenishments WHERE good_id = :good AND state IN ('submitted', 'unknown'))")
LOCK_RULES = text("SELECT pg_advisory_xact_lock(hashtextextended('master.replenishments', 0))")
SUBMIT = text(
    """
    UPDATE replenishments SET state = 'submitted', offer_id = :offer, supplier_id = :supplier, sku = :sku,
        quantity = :quantity, max_unit_cost = :most, made_by = :by, submitted_at = now(), lease_until = now()
    WHERE reference = :reference AND state = 'wanted' RETURNING id
    """
)
DISMISS = text(
    "UPDATE replenishments SET state = 'dismissed', made_by = :by, settled_at = now()"
    " WHERE reference = :reference AND state = 'wanted' RETURNING id"
)
OWN_STOCK = text(
    """
    WITH own AS (SELECT id FROM suppliers WHERE protocol = 'stock' AND state = 'active' ORDER BY id LIMIT 1),
    had AS (SELECT 1 FROM offers o JOIN suppliers s ON s.id = o.supplier_id AND s.protocol = 'stock'
            WHERE o.good_id = :good),
    made AS (INSERT INTO offers (good_id, supplier_id, cost, hand_set) SELECT :good, own.id, :cost, '{cost}' FROM own
             WHERE NOT EXISTS (SELECT 1 FROM had) RETURNING 1)
    SELECT EXISTS (SELECT 1 FROM had) OR EXISTS (SELECT 1 FROM made)
    """
)
SET_RULES = text(
    "UPDATE replenish_rules SET order_cents = :order_cents, day_cents = :day_cents, lead_days = :lead_days,"
    " cover_days = :cover_days"
)
SET_GOOD = text(
    """
    INSERT INTO replenish_goods (good_id, warn_at, auto_units, changed_by) VALUES (:good, :warn_at, :auto_units, :by)
    ON CONFLICT (good_id) DO UPDATE SET warn_at = excluded.warn_at, auto_units = excluded.auto_units,
        changed_by = excluded.changed_by, changed_at = now()
    """
)


class GoodWanted(Event, frozen=True):
    """A station is short of a good: `units` of it, for the order `order_no` or for its shelf. What a station
    says is a reason to look, no more."""

    good_id: int
    units: int
    order_no: str
    cause: str


class ReplenishmentWanted(Event, frozen=True):
    """A good is short, and a person is to decide. Once for each reminder."""

    reference: str
    good_id: int


class ReplenishmentAsked(Event, frozen=True):
    """A replenishment is to be ordered, or asked about."""

    id: UUID


class Replenished(Event, frozen=True):
    """Cards have come and were charged by the supplier: read the replenishment."""

    reference: str


async def want(
    session: AsyncSession, good_id: int, units: int = 0, order_no: str = "", cause: str = "low"
) -> Replenishment | None:
    """Reminds of a shortage, once for each good, and says how many to order. None where nothing can come of it: the
    good has no cards, or cards are on their way. Raises `GoodGone`."""
    good = await goods.good(session, good_id)
    if good.kind != "cards" or await session.scalar(ALIVE, {"good": good_id}):
        return None
    said = {order_no: max(0, min(units, MOST_UNITS))} if order_no else {}
    made = ids.uuid7()
    values = {"id": made, "reference": f"RP{ids.code(20)}", "good": good_id, "cause": cause, "most": LONGEST_TOLD,
              "orders": msgspec.json.encode(said).decode()}  # fmt: skip
    row = (await session.execute(WANT, values)).one()
    told = sum(row.orders.values()) if row.orders else units
    await session.execute(SUGGEST, {"id": row.id, "units": await suggestion(session, good_id, told)})
    if row.id == made:
        await outbox.record(session, ReplenishmentWanted(row.reference, good_id))
    return await queries.find(session, row.reference)


async def suggestion(session: AsyncSession, good_id: int, waiting: int) -> int:
    """How many to order: what sells until the order after next comes, and what waits, less what is here.

    units sold a day x (days that it takes + days that it is to last) + warning level + waiting units - own cards
    """
    rules, setting = await queries.rules(session), await queries.setting(session, good_id)
    pace = await queries.pace(session, good_id)
    waiting = max(waiting, await queries.stuck_orders(session, good_id))
    sells = pace.sold / PACE_DAYS * (rules.lead_days + rules.cover_days)
    return min(MOST_UNITS, max(1, waiting, ceil(sells) + (setting.warn_at or 0) + waiting - pace.here))


async def choices(session: AsyncSession, good_id: int) -> list[OfferLine]:
    """Offers that cards can be ordered by, the cheapest first."""
    lines = await offers.upstream(session, good_id, 1)
    return sorted(lines, key=lambda offer: (offer.cost, offer.id))


async def order(session: AsyncSession, reference: str, offer_id: int, quantity: int, by: str = "") -> Replenishment:
    """Orders what is wanted; it is sent to the supplier after the commit. `by` is empty where no person has decided.

    Raises `ReplenishmentGone`, `NotWanted`, `OfferGone`, `OverLimit`, `OnItsWay`, `NoOwnStock`, and `Invalid`.
    """
    wanted = await queries.find(session, reference)
    if wanted.state != "wanted":
        raise NotWanted
    chosen = next((one for one in await choices(session, wanted.good_id) if one.id == offer_id), None)
    if chosen is None:
        raise OfferGone
    if not 1 <= quantity <= MOST_UNITS or (chosen.stock is not None and quantity > chosen.stock):
        raise Invalid({"quantity": "The supplier has not so many."})
    most = (chosen.cost * COST_SLACK).quantize(Decimal("0.0001"))
    await session.execute(LOCK_RULES)  # two orders at once would both see the same money
    await _check_limits(session, await queries.rules(session), _cents(most * quantity))
    if await session.scalar(ALIVE, {"good": wanted.good_id}):
        raise OnItsWay
    if not await session.scalar(OWN_STOCK, {"good": wanted.good_id, "cost": chosen.cost}):
        raise NoOwnStock
    values = {"reference": reference, "offer": chosen.id, "supplier": chosen.supplier_id, "sku": chosen.sku,
              "quantity": quantity, "most": most, "by": by}  # fmt: skip
    made = await session.scalar(SUBMIT, values)
    if made is None:
        raise NotWanted
    await outbox.record(session, ReplenishmentAsked(made))
    return await queries.find(session, reference)


async def _check_limits(session: AsyncSession, rules: Rules, cents: int) -> None:
    left = max(0, rules.day_cents - await queries.spent_cents(session))
    if cents > min(rules.order_cents, left, MAX_CENTS):
        raise OverLimit(
            field="quantity", cost=_yuan(cents), order=_yuan(rules.order_cents), left=_yuan(left)
        )  # fmt: skip


def _cents(yuan: Decimal) -> int:
    return int((yuan * 100).to_integral_value(ROUND_CEILING))


def _yuan(cents: int) -> str:
    return f"{cents / 100:,.2f}"


async def order_by_itself(session: AsyncSession, wanted: Replenishment) -> Replenishment | None:
    """Orders at the cheapest, up to the good's own maximum and within the limits; None where a person has to decide."""
    setting = await queries.setting(session, wanted.good_id)
    found = await choices(session, wanted.good_id) if setting.auto_units else []
    for offer in found:
        units = min(wanted.suggested, setting.auto_units, MOST_UNITS if offer.stock is None else offer.stock)
        try:
            async with session.begin_nested():
                return await order(session, wanted.reference, offer.id, units)
        except (Conflict, Invalid):
            continue
    return None


async def dismiss(session: AsyncSession, reference: str, by: str) -> Replenishment:
    """Puts a reminder away. Raises `ReplenishmentGone`, `NotWanted`."""
    await queries.find(session, reference)
    if await session.scalar(DISMISS, {"reference": reference, "by": by}) is None:
        raise NotWanted
    return await queries.find(session, reference)


async def change_rules(session: AsyncSession, rules: Rules) -> None:
    await session.execute(SET_RULES, {name: getattr(rules, name) for name in rules.__struct_fields__})


async def watch(session: AsyncSession, good_id: int, setting: Setting, by: str) -> None:
    """When the good's own cards are low, and how many are ordered without a person."""
    values = {"good": good_id, "warn_at": setting.warn_at, "auto_units": setting.auto_units, "by": by}
    await session.execute(SET_GOOD, values)
