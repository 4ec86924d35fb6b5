"""Reading payments and channels, in a till's session."""

from collections.abc import Sequence
from datetime import datetime
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

# Anybody may send notices, so of one payment and outcome no more than these are kept.
MOST_NOTICES = 50

NOTICES = text("SELECT at, outcome, detail, address FROM payment_notices WHERE payment_no = :no ORDER BY id LIMIT 50")


class GatewayNotice(Struct, frozen=True):
    """One call of a gateway. `outcome` is believed, not_confirmed or refused; `detail` says which field was wrong."""

    at: datetime
    outcome: str
    detail: str
    address: str


async def channels(session: AsyncSession) -> Sequence[PaymentChannel]:
    """The channels that buyers can choose."""
    found = select(PaymentChannel).where(PaymentChannel.state == "active").order_by(PaymentChannel.id)
    return (await session.scalars(found)).all()


async def all_channels(session: AsyncSession) -> Sequence[PaymentChannel]:
    """The channels that were ever added, paused ones too."""
    return (await session.scalars(select(PaymentChannel).order_by(PaymentChannel.id))).all()


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
