"""Reading payments and channels, in a till's session."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Select, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from billing.payments.errors import ChannelGone, PaymentGone
from billing.payments.models import Payment, PaymentChannel

# The one statement that makes a payment paid: a second notice finds nothing to change.
MARK_PAID = text(
    """
    UPDATE payments SET state = 'paid', paid_at = now(), provider_no = :provider_no
    WHERE no = :no AND state = 'pending' AND amount_cents = :amount_cents
    RETURNING buyer_id, channel_id, purpose, subject
    """
)
TOPUP = text("SELECT replayed FROM post_topup(:no, CAST(:channel AS text), CAST(:buyer_id AS text), :amount_cents)")
KEEP_NOTICE = text(
    """
    INSERT INTO payment_notices (payment_no, outcome, detail, address)
    SELECT CAST(:no AS text), CAST(:outcome AS text), CAST(:detail AS text), CAST(:address AS text)
    WHERE (SELECT count(*) FROM payment_notices WHERE payment_no = :no AND outcome = :outcome) < :most
    """
)

ORDER = (PaymentChannel.position, PaymentChannel.id)
OPEN_COLLECT = text(
    """
    SELECT fee_cents, fee_rate
    FROM open_collect(:id, :no, CAST(:channel_id AS int), :buyer_id, CAST(:cents AS bigint))
    """
)
TAKE_COLLECTED = text("SELECT post_collected(:no)")
LENT = text("SELECT id, name, fee_rate, min_cents, max_cents FROM lent_channels()")
LENDS = text("SELECT id FROM payment_channels WHERE for_stations")
LEND = text("UPDATE payment_channels SET for_stations = :lent WHERE id = :id RETURNING id")
# Of a payment that was asked for a while ago and has not come it is not known why: the buyer may just have gone.
HEALTH = text(
    """
    SELECT c.id AS channel_id, count(p.id)::int AS asked, count(p.id) FILTER (WHERE p.state = 'paid')::int AS paid,
           (SELECT count(*) FROM payment_notices n JOIN payments o ON o.no = n.payment_no
            WHERE o.channel_id = c.id AND n.outcome = 'refused' AND n.at >= :since AND o.created_at >= :since)::int
               AS refused
    FROM payment_channels c
    LEFT JOIN payments p ON p.channel_id = c.id AND p.created_at >= :since
    GROUP BY c.id
    """
)

# Anybody may send notices, so of one payment and outcome no more than these are kept.
MOST_NOTICES = 50

NOTICES = text("SELECT at, outcome, detail, address FROM payment_notices WHERE payment_no = :no ORDER BY id LIMIT 50")


class Lent(Struct, frozen=True):
    """A channel of the master's that stations may offer, for `fee_rate` of what their buyers pay."""

    id: int
    name: str
    fee_rate: Decimal
    min_cents: int
    max_cents: int


class Health(Struct, frozen=True):
    """What became of the payments of one channel: asked for, paid, and notices that were not believed."""

    channel_id: int
    asked: int
    paid: int
    refused: int

    @property
    def open_share(self) -> float:
        """The share that was not paid, 0 to 1."""
        return 1 - self.paid / self.asked if self.asked else 0.0


class GatewayNotice(Struct, frozen=True):
    """One call of a gateway. `outcome` is believed, not_confirmed or refused; `detail` says which field was wrong."""

    at: datetime
    outcome: str
    detail: str
    address: str


async def channels(session: AsyncSession, device: str = "") -> Sequence[PaymentChannel]:
    """The channels that can be chosen, in their order; with `device` (`phone`, `desktop`) those that are for it."""
    found = select(PaymentChannel).where(PaymentChannel.state == "active").order_by(*ORDER)
    if device:
        found = found.where(PaymentChannel.devices.in_(["all", device]))
    return (await session.scalars(found)).all()


async def all_channels(session: AsyncSession) -> Sequence[PaymentChannel]:
    """The channels that were ever added, paused ones too."""
    return (await session.scalars(select(PaymentChannel).order_by(*ORDER))).all()


async def channel(session: AsyncSession, channel_id: int) -> PaymentChannel:
    """Also a paused one: money may still arrive by it. Raises `ChannelGone`."""
    found = await session.get(PaymentChannel, channel_id)
    if found is None:
        raise ChannelGone(field="pay_method")
    return found


async def payment(session: AsyncSession, no: str) -> Payment:
    """Raises `PaymentGone`."""
    found = await session.scalar(select(Payment).where(Payment.no == no))
    if found is None:
        raise PaymentGone
    return found


async def payment_of(session: AsyncSession, buyer_id: UUID, no: str) -> Payment:
    """A payment of this buyer. Raises `PaymentGone`, for somebody else's too."""
    found = await session.scalar(select(Payment).where(Payment.no == no, Payment.buyer_id == buyer_id))
    if found is None:
        raise PaymentGone
    return found


async def payment_for(session: AsyncSession, subject: str) -> Payment | None:
    """The newest payment for a subject, such as an order's number."""
    return await session.scalar(select(Payment).where(Payment.subject == subject).order_by(Payment.id.desc()).limit(1))


def search(words: str = "", state: str = "") -> Select[Payment]:
    """Payments for the owner's list by number or order, newest first."""
    found = select(Payment).order_by(Payment.id.desc())
    if words:
        found = found.where(
            Payment.no.icontains(words, autoescape=True) | Payment.subject.icontains(words, autoescape=True)
        )
    return found.where(Payment.state == state) if state else found


async def notices_of(session: AsyncSession, no: str) -> Sequence[GatewayNotice]:
    """What the gateway told us of a payment, oldest first."""
    return [GatewayNotice(*row) for row in await session.execute(NOTICES, {"no": no})]


async def lent(session: AsyncSession) -> Sequence[Lent]:
    """The master's channels that a station may offer now. Tenant session."""
    return [Lent(**row) for row in (await session.execute(LENT)).mappings()]


async def lent_ids(session: AsyncSession) -> set[int]:
    """Those of the master's channels that stations may offer. Master session."""
    return {row.id for row in await session.execute(LENDS)}


async def health(session: AsyncSession, since: datetime) -> dict[int, Health]:
    """By channel, of payments asked for since `since`."""
    rows = (await session.execute(HEALTH, {"since": since})).mappings()
    return {row["channel_id"]: Health(**row) for row in rows}
