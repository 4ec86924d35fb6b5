"""Reading and opening purchases. Master session."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Select, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.cards.service import Fresh
from supplier_gateway.purchases.errors import PurchaseGone
from supplier_gateway.purchases.models import DELIVERING, Purchase

LOCK_ORDER = text("SELECT order_lock(:order_ref)")
# Cards that purchases have brought are among the issued ones too; only others speak for the order.
SPOKEN_FOR = text(
    """
    SELECT (SELECT count(*) FROM card_issued WHERE order_ref = :order_ref)
         > (SELECT coalesce(sum(cardinality(cards)), 0) FROM purchases WHERE order_ref = :order_ref)
        OR EXISTS (SELECT 1 FROM ledger_transfers WHERE key = 'reversal:' || CAST(:order_ref AS text))
    """
)
# One worker at a time: the lease is taken by the statement that looks whether it is free.
LEASE = text(
    """
    UPDATE purchases SET lease_until = now() + make_interval(secs => :lease_s)
    WHERE id = :id AND state IN ('submitted', 'unknown') AND lease_until <= now() RETURNING id
    """
)
# What suppliers deliver stands among the issued cards too, so that one key is never sold twice, wherever it comes from.
NOTE_CARDS = text(
    """
    INSERT INTO card_issued (id, item_id, secret, fingerprint, tenant_id, order_ref)
    SELECT card.id, :good_id, card.secret, card.fingerprint, :tenant_id, :order_ref
    FROM unnest(CAST(:ids AS uuid[]), CAST(:secrets AS bytea[]), CAST(:fingerprints AS bytea[]))
         AS card (id, secret, fingerprint)
    WHERE NOT EXISTS (SELECT 1 FROM card_pool p WHERE p.item_id = :good_id AND p.fingerprint = card.fingerprint)
    ON CONFLICT (item_id, fingerprint) DO NOTHING RETURNING id
    """
)
# For `kameng.web.paging.of_sql`: a purchase's sealed cards stay where they are.
LINES = """
    SELECT reference, created_at AS at, tenant_id, order_no, supplier_id, quantity, cost_cents, state, fault
    FROM purchases
    WHERE (:words = '' OR order_no ILIKE :pattern OR reference ILIKE :pattern) AND (:state = '' OR state = :state)
      AND (NOT :stuck OR state IN ('submitted', 'unknown') AND created_at < now() - make_interval(mins => :minutes))
    ORDER BY id DESC
"""
STUCK = text(
    "SELECT count(*) FROM purchases WHERE state IN ('submitted', 'unknown')"
    " AND created_at < now() - make_interval(mins => :minutes)"
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
FAILED_BEFORE = text(
    "SELECT DISTINCT offer_id FROM purchases WHERE order_ref = :order_ref AND state IN ('failed', 'partial')"
    " AND created_at > now() - interval '2 seconds'"
)


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


async def day(session: AsyncSession, since: datetime) -> PurchaseDay:
    """Purchases since `since`, and those that are open whenever they began."""
    return PurchaseDay(*(await session.execute(DAY, {"since": since})).one())


async def stuck(session: AsyncSession, minutes: int) -> int:
    """How many purchases have had no clear answer for so long."""
    return int((await session.execute(STUCK, {"minutes": minutes})).scalar_one())


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
    await session.execute(LOCK_ORDER, {"order_ref": order_ref})


async def spoken_for(session: AsyncSession, order_ref: UUID) -> bool:
    """Whether the order already holds cards of the master's stock, or has been refunded."""
    return bool((await session.execute(SPOKEN_FOR, {"order_ref": order_ref})).scalar_one())


async def lease(session: AsyncSession, purchase_id: UUID, lease_s: float) -> bool:
    """Takes the purchase for `lease_s` seconds. False when another worker has it."""
    taken = await session.execute(LEASE, {"id": purchase_id, "lease_s": lease_s})
    return taken.one_or_none() is not None


async def note_cards(session: AsyncSession, purchase: Purchase, fresh: Fresh) -> int:
    """Keeps a purchase's cards among the issued ones of its good. How many of them were not known."""
    noted = await session.execute(
        NOTE_CARDS,
        {
            "good_id": purchase.good_id,
            "tenant_id": purchase.tenant_id,
            "order_ref": purchase.order_ref,
            "ids": fresh.ids,
            "secrets": fresh.secrets,
            "fingerprints": fresh.fingerprints,
        },
    )
    return len(noted.all())


async def brought(session: AsyncSession, order_ref: UUID) -> Sequence[Purchase]:
    """The order's purchases that have delivered something, in the order in which they were made."""
    found = select(Purchase).where(Purchase.order_ref == order_ref, Purchase.state.in_(DELIVERING))
    return (await session.scalars(found.order_by(Purchase.id))).all()


async def just_failed(session: AsyncSession, order_ref: UUID) -> set[int]:
    """Offers that have failed this order, or given all they have, within the last two seconds."""
    return {row.offer_id for row in await session.execute(FAILED_BEFORE, {"order_ref": order_ref})}
