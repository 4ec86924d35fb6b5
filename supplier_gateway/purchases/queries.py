"""Reading and opening purchases. Master session."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Select, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.cards.service import Fresh
from kameng.infra.driver import driver
from supplier_gateway.purchases.errors import PurchaseGone
from supplier_gateway.purchases.models import DELIVERING, Purchase

LOCK_ORDER = "SELECT order_lock(%(order_ref)s)"
# All that is known of an order, in one read. Cards that purchases have brought are among the issued ones too; only
# others speak for the order: it was served from stock, or its money went back.
SEEN = """
    SELECT order_is.spoken_for, a.tenant_id, a.good_id, a.quantity, coalesce(a.elsewhere, 0),
           p.id, p.offer_id, p.state, p.delivered_quantity,
           p.state IN ('failed', 'partial') AND p.created_at > now() - interval '2 seconds' AS just_failed
    FROM (SELECT (SELECT count(*) FROM card_issued WHERE order_ref = %(order_ref)s)
               > (SELECT coalesce(sum(cardinality(cards)), 0) FROM purchases WHERE order_ref = %(order_ref)s)
              OR EXISTS (SELECT 1 FROM ledger_transfers
                         WHERE key IN ('reversal:' || CAST(%(order_ref)s AS text),
                                       'part:' || CAST(%(order_ref)s AS text)))
                 AS spoken_for) AS order_is
    LEFT JOIN sold_ahead a ON a.order_ref = %(order_ref)s
    LEFT JOIN purchases p ON p.order_ref = %(order_ref)s ORDER BY p.id
"""
SUBMIT = """
    INSERT INTO purchases (id, reference, tenant_id, order_ref, order_no, good_id, offer_id, supplier_id, sku, quantity,
                           max_unit_cost, kind, inputs, state, lease_until, created_at)
    VALUES (%(id)s, %(reference)s, %(tenant_id)s, %(order_ref)s, %(order_no)s, %(good_id)s, %(offer_id)s,
            %(supplier_id)s, %(sku)s, %(quantity)s, %(max_unit_cost)s, %(kind)s, CAST(%(inputs)s AS jsonb), 'submitted',
            clock_timestamp() + make_interval(secs => %(lease_s)s), clock_timestamp())
"""
UNDER_WAY = """
    SELECT id, reference, tenant_id, order_ref, order_no, good_id, offer_id, supplier_id, kind, state, fault, detail,
           supplier_order_no, cost_cents, message, delivered_quantity, cards, settled_at
    FROM purchases WHERE id = %(id)s FOR UPDATE
"""
KEEP = """
    UPDATE purchases SET state = %(state)s, fault = %(fault)s, detail = %(detail)s, cards = %(cards)s,
           supplier_order_no = %(supplier_order_no)s, cost_cents = %(cost_cents)s, message = %(message)s,
           delivered_quantity = %(delivered_quantity)s, settled_at = %(settled_at)s, lease_until = %(lease_until)s
    WHERE id = %(id)s
"""
# One worker at a time: the lease is taken by the statement that looks whether it is free.
LEASE = text(
    """
    UPDATE purchases SET lease_until = now() + make_interval(secs => :lease_s)
    WHERE id = :id AND state IN ('submitted', 'unknown') AND lease_until <= now() RETURNING id
    """
)
# What suppliers deliver stands among the issued cards too, so that one key is never sold twice, wherever it comes from.
# All of them, or none; where two purchases bring the same card at the same moment, the constraint refuses the second.
NOTE_CARDS = """
    WITH brought AS (
        SELECT * FROM unnest(CAST(%(ids)s AS uuid[]), CAST(%(secrets)s AS bytea[]), CAST(%(fingerprints)s AS bytea[]))
                      AS card (id, secret, fingerprint))
    INSERT INTO card_issued (id, item_id, secret, fingerprint, tenant_id, order_ref)
    SELECT id, %(good_id)s, secret, fingerprint, %(tenant_id)s, %(order_ref)s FROM brought
    WHERE NOT EXISTS (SELECT 1 FROM brought b JOIN card_pool p ON p.item_id = %(good_id)s AND p.fingerprint =
    b.fingerprint)
      AND NOT EXISTS (SELECT 1 FROM brought b JOIN card_issued i ON i.item_id = %(good_id)s AND i.fingerprint =
      b.fingerprint)
"""
COSTS = """
    SELECT id, reference, supplier_id, cost_cents FROM purchases
    WHERE reference = ANY(%(references)s) AND state IN ('delivered', 'partial')
"""
# For `kameng.web.paging.of_sql`: a purchase's sealed cards stay where they are.
LINES = """
    SELECT reference, created_at AS at, tenant_id, order_no, supplier_id, quantity, cost_cents, state, fault,
           (SELECT name FROM goods WHERE goods.id = good_id) AS good
    FROM purchases
    WHERE (:words = '' OR order_no ILIKE :pattern OR reference ILIKE :pattern) AND (:state = '' OR state = :state)
      AND (:supplier = 0 OR supplier_id = :supplier)
      AND (NOT :stuck OR state IN ('submitted', 'unknown') AND created_at < now() - make_interval(mins => :minutes)
                         AND supplier_id <> ALL (CAST(:people AS int[])))
    ORDER BY id DESC
"""
STUCK = text(
    "SELECT count(*) FROM purchases WHERE state IN ('submitted', 'unknown')"
    " AND created_at < now() - make_interval(mins => :minutes) AND supplier_id <> ALL (CAST(:people AS int[]))"
)
DAY = text(
    """
    SELECT count(*) FILTER (WHERE created_at >= :since) AS made,
           count(*) FILTER (WHERE created_at >= :since AND state = 'delivered') AS delivered,
           count(*) FILTER (WHERE created_at >= :since AND state = 'failed') AS failed,
           count(*) FILTER (WHERE state = 'submitted') AS submitted,
           count(*) FILTER (WHERE state = 'unknown') AS unknown
    FROM purchases WHERE created_at >= :since OR state IN ('submitted', 'unknown')
    """
)


class Line(Struct, frozen=True):
    """One purchase of an order, in short. `units` are what it has brought."""

    id: UUID
    offer_id: int
    state: str
    units: int
    just_failed: bool  # or given all it has


class Sold(Struct, frozen=True):
    """What the money of an order was taken for. `elsewhere`: units of it that the station has delivered by hand."""

    tenant_id: int | None
    good_id: int | None
    quantity: int | None  # None: nothing is written down about it
    elsewhere: int

    def covers(self, tenant_id: int, good_id: int, quantity: int) -> bool:
        """Whether so much was paid for. The station's own row, which the request was made from, is not proof."""
        if self.quantity is None:
            return True
        return (self.tenant_id, self.good_id) == (tenant_id, good_id) and quantity <= self.quantity


class Seen(Struct, frozen=True):
    """What is known of an order. `spoken_for`: it holds cards of the master's stock, or has been refunded."""

    spoken_for: bool
    sold: Sold
    lines: Sequence[Line]

    @property
    def alive(self) -> Line | None:
        """The purchase that is under way or has delivered; an index sees to it that there is at most one."""
        return next((line for line in self.lines if line.state not in ("failed", "partial")), None)

    @property
    def units(self) -> int:
        return sum(line.units for line in self.lines)

    @property
    def just_failed(self) -> frozenset[int]:
        """Offers that have failed this order, or given all they have, within the last two seconds."""
        return frozenset(line.offer_id for line in self.lines if line.just_failed)


class Cost(Struct, frozen=True):
    """What a supplier has charged for a purchase."""

    id: UUID
    reference: str
    supplier_id: int
    cost_cents: int


class PurchaseDay(Struct, frozen=True):
    """Counts. `submitted` and `unknown` are open now."""

    made: int
    delivered: int
    failed: int
    submitted: int
    unknown: int


def search(words: str = "", state: str = "") -> Select[Purchase]:
    """Purchases by order number or reference, newest first."""
    found = select(Purchase).order_by(Purchase.id.desc())
    if words:
        found = found.where(
            Purchase.order_no.icontains(words, autoescape=True) | Purchase.reference.icontains(words, autoescape=True)
        )
    return found.where(Purchase.state == state) if state else found


async def by_reference(session: AsyncSession, reference: str) -> Purchase:
    """Raises `PurchaseGone`."""
    found = await session.scalar(select(Purchase).where(Purchase.reference == reference))
    if found is None:
        raise PurchaseGone
    return found


async def costs(session: AsyncSession, references: Sequence[str]) -> Sequence[Cost]:
    """What those of the purchases with these references have cost that have brought something."""
    rows = await (await driver(session).execute(COSTS, {"references": list(references)})).fetchall()
    return [Cost(*row) for row in rows]


async def day(session: AsyncSession, since: datetime) -> PurchaseDay:
    """Purchases since `since`, and those that are open whenever they began."""
    return PurchaseDay(*(await session.execute(DAY, {"since": since})).one())


async def stuck(session: AsyncSession, minutes: int, people: Sequence[int]) -> int:
    """How many purchases have had no clear answer for so long. Suppliers who are `people` take their time: what they
    are to deliver waits in a queue of its own."""
    return int((await session.execute(STUCK, {"minutes": minutes, "people": list(people)})).scalar_one())


async def alive(session: AsyncSession, order_ref: UUID) -> Purchase | None:
    """The order's purchase that is under way or delivered; an index sees to it that there is at most one."""
    return await session.scalar(
        select(Purchase).where(Purchase.order_ref == order_ref, Purchase.state.not_in(("failed", "partial")))
    )


async def of_order(session: AsyncSession, order_ref: UUID) -> Sequence[Purchase]:
    """All purchases of an order, in the order in which they were tried."""
    return (await session.scalars(select(Purchase).where(Purchase.order_ref == order_ref).order_by(Purchase.id))).all()


async def lock_order(session: AsyncSession, order_ref: UUID) -> None:
    """Until the commit nobody else opens a purchase for the order, claims cards for it late, or refunds it."""
    await driver(session).execute(LOCK_ORDER, {"order_ref": order_ref})


async def seen(session: AsyncSession, order_ref: UUID) -> Seen:
    """Everything about an order's purchases that the next step depends on. Lock the order first."""
    rows = await (await driver(session).execute(SEEN, {"order_ref": order_ref})).fetchall()
    return Seen(bool(rows[0][0]), Sold(*rows[0][1:5]), [Line(*row[5:]) for row in rows if row[5] is not None])


async def submit(session: AsyncSession, values: Mapping[str, object]) -> None:
    """Writes a purchase down, before its supplier hears of it."""
    await driver(session).execute(SUBMIT, values)


async def under_way(session: AsyncSession, purchase_id: UUID) -> Purchase:
    """A purchase that is to be answered, locked. It is not the session's: see `keep`."""
    cursor = await driver(session).execute(UNDER_WAY, {"id": purchase_id})
    row = await cursor.fetchone()
    if row is None:
        raise PurchaseGone
    return Purchase(**dict(zip((column.name for column in cursor.description or ()), row, strict=True)))


async def keep(session: AsyncSession, purchase: Purchase) -> None:
    """Writes what an answer has changed of a purchase."""
    names = ("id", "state", "fault", "detail", "cards", "supplier_order_no", "cost_cents", "message",
             "delivered_quantity", "settled_at", "lease_until")  # fmt: skip
    await driver(session).execute(KEEP, {name: getattr(purchase, name) for name in names})


async def lease(session: AsyncSession, purchase_id: UUID, lease_s: float) -> bool:
    """Takes the purchase for `lease_s` seconds. False when another worker has it."""
    taken = await session.execute(LEASE, {"id": purchase_id, "lease_s": lease_s})
    return taken.one_or_none() is not None


async def note_cards(session: AsyncSession, purchase: Purchase, fresh: Fresh) -> bool:
    """Keeps a purchase's cards among the issued ones of its good. False when one of them was known; then none is
    kept."""
    said = {
        "good_id": purchase.good_id,
        "tenant_id": purchase.tenant_id,
        "order_ref": purchase.order_ref,
        "ids": fresh.ids,
        "secrets": fresh.secrets,
        "fingerprints": fresh.fingerprints,
    }
    return (await driver(session).execute(NOTE_CARDS, said)).rowcount == len(fresh.ids)


async def brought(session: AsyncSession, order_ref: UUID) -> Sequence[Purchase]:
    """The order's purchases that have delivered something, in the order in which they were made."""
    found = select(Purchase).where(Purchase.order_ref == order_ref, Purchase.state.in_(DELIVERING))
    return (await session.scalars(found.order_by(Purchase.id))).all()
