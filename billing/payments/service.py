"""Asking for payments, and believing them only when the gateway itself says so.

A station's channel may be the master's: then the payment stands twice, under one number. The master's row is what the
gateway reports to; when it is paid, the station takes what was collected (`take`), which the database allows once.

A notice is a reason to ask, never a reason to credit: signature, merchant, state, payment and amount are verified, then
the gateway is queried, and what it answers is credited, once. The browser's return credits nothing.
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import structlog
from msgspec import Meta, Struct
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from billing.ledger import service as ledger
from billing.ledger.errors import refusals
from billing.ledger.service import MASTER, Line
from billing.payments import queries
from billing.payments.adapters.epay.client import Channel as EpayChannel
from billing.payments.adapters.epay.client import EpayProvider
from billing.payments.adapters.port import GatewayState, NotifyRefused, PaymentProvider, PayRequest, PayStatus
from billing.payments.errors import AmountOutOfRange, ChannelGone
from billing.payments.models import BY_MASTER, MOST_CENTS, Payment, PaymentChannel
from billing.payments.till import Till, master_till, sealer_of
from kameng.core import clock, ids
from kameng.core.money import format_cents
from kameng.infra import links, outbox
from kameng.infra.crypto import Sealer
from kameng.infra.db import sqlstate
from kameng.infra.outbox import Event
from kameng.infra.runtime import Runtime

log = structlog.get_logger()

UNIQUE_VIOLATION = "23505"
PLACE = "payment_channels.secret"
DEPOSIT, OPENING, COLLECT = "deposit", "opening", "collect"  # purposes of payments to the master
LENT_PROVIDER = "master"  # of a station's channel that is the master's
ASK_AFTER = timedelta(seconds=10)  # when a notice should have come


class PaymentOpened(Event, frozen=True):
    """Somebody is being sent to a gateway."""

    payment_no: str


class PaymentReceived(Event, frozen=True):
    """A gateway has confirmed a payment and it is booked: a wallet, a deposit or an applicant has the money. With the
    purpose `collect` it is the master's half of a station's payment, and the station has yet to take it."""

    payment_no: str
    purpose: str
    subject: str


class ChannelDraft(Struct, frozen=True, kw_only=True):
    """A merchant account at a gateway, as the owner enters it."""

    provider: Annotated[str, Meta(min_length=1, max_length=20)]
    name: Annotated[str, Meta(min_length=1, max_length=40)]
    base_url: Annotated[str, Meta(min_length=8, max_length=200)]
    merchant_id: Annotated[str, Meta(min_length=1, max_length=80)]
    secret: Annotated[str, Meta(min_length=1, max_length=200)]


class Terms(Struct, frozen=True, kw_only=True):
    """How a channel is offered. `fee_rate`: the share of a payment that the gateway keeps; `devices`: all, phone or
    desktop; of a smaller `position` it is shown first."""

    name: Annotated[str, Meta(min_length=1, max_length=40)]
    fee_rate: Decimal = Decimal(0)
    min_cents: Annotated[int, Meta(ge=1)] = 1
    max_cents: int = MOST_CENTS
    devices: str = "all"
    position: int = 0


def terms_of(channel: PaymentChannel) -> Terms:
    return Terms(
        name=channel.name,
        fee_rate=channel.fee_rate,
        min_cents=channel.min_cents,
        max_cents=channel.max_cents,
        devices=channel.devices,
        position=channel.position,
    )


async def add_channel(session: AsyncSession, sealer: Sealer, draft: ChannelDraft) -> PaymentChannel:
    """Opens a way to pay. Raises `ChannelGone` for a provider that no adapter speaks."""
    if draft.provider != "epay":
        raise ChannelGone(field="provider")
    channel = PaymentChannel(
        provider=draft.provider,
        name=draft.name,
        base_url=draft.base_url,
        merchant_id=draft.merchant_id,
        secret=sealer.seal(PLACE, _row(draft.provider, draft.merchant_id), draft.secret),
    )
    session.add(channel)
    await session.flush()
    return channel


async def offer_lent(session: AsyncSession, master_channel_id: int) -> PaymentChannel:
    """Has buyers pay by a channel of the master's, which collects for the station. Raises `ChannelGone`."""
    lent = next((one for one in await queries.lent(session) if one.id == master_channel_id), None)
    if lent is None:
        raise ChannelGone(field="master_channel_id")
    channel = PaymentChannel(
        provider=LENT_PROVIDER,
        name=lent.name,
        base_url="",
        merchant_id="",
        secret=b"",
        settlement=BY_MASTER,
        master_channel_id=lent.id,
        fee_rate=lent.fee_rate,
        min_cents=lent.min_cents,
        max_cents=lent.max_cents,
    )
    session.add(channel)
    await session.flush()
    return channel


async def change_channel(session: AsyncSession, channel_id: int, terms: Terms) -> PaymentChannel:
    """Sets how a channel is offered; what the master takes for one of its own is the master's to say. Raises
    `ChannelGone`, `AmountOutOfRange`."""
    channel = await queries.channel(session, channel_id)
    if not 1 <= terms.min_cents <= terms.max_cents <= MOST_CENTS:
        raise AmountOutOfRange(field="max", least=format_cents(terms.min_cents), most=format_cents(MOST_CENTS))
    channel.name, channel.devices, channel.position = terms.name, terms.devices, terms.position
    channel.min_cents, channel.max_cents = terms.min_cents, terms.max_cents
    if not channel.is_masters:
        channel.fee_rate = terms.fee_rate
    await session.flush()
    return channel


async def replace_key(session: AsyncSession, sealer: Sealer, channel_id: int, secret: str) -> PaymentChannel:
    """Seals another key of the same merchant account. Raises `ChannelGone`, for a channel of the master's too."""
    channel = await queries.channel(session, channel_id)
    if channel.is_masters:
        raise ChannelGone(field="key_password")
    channel.secret = sealer.seal(PLACE, _row(channel.provider, channel.merchant_id), secret)
    await session.flush()
    return channel


async def lend_channel(session: AsyncSession, channel_id: int, *, lent: bool) -> None:
    """Lets stations offer a channel of the master's, or no new payment by it. Master session. Raises `ChannelGone`."""
    if (await session.execute(queries.LEND, {"id": channel_id, "lent": lent})).one_or_none() is None:
        raise ChannelGone


async def pause_channel(session: AsyncSession, channel_id: int, *, paused: bool) -> PaymentChannel:
    """Takes a way to pay off the buyers' list, or puts it back. Raises `ChannelGone`."""
    channel = await queries.channel(session, channel_id)
    channel.state = "paused" if paused else "active"
    await session.flush()
    return channel


def _row(provider: str, merchant_id: str) -> str:
    return f"{provider}:{merchant_id}"


async def open_payment(
    session: AsyncSession, buyer_id: UUID, channel_id: int, amount_cents: int, purpose: str, subject: str = ""
) -> Payment:
    """Asks for money. `purpose` is `topup`, `order` or `basket`, at the master `opening` or `deposit`.

    Raises `ChannelGone`, `AmountOutOfRange`.
    """
    channel = await queries.channel(session, channel_id)
    if channel.state != "active":
        raise ChannelGone(field="pay_method")
    if not channel.min_cents <= amount_cents <= channel.max_cents:
        least, most = format_cents(channel.min_cents), format_cents(channel.max_cents)
        raise AmountOutOfRange(field="amount", least=least, most=most)
    payment = Payment(
        id=ids.uuid7(),
        no=f"P{clock.now():%y%m%d}{ids.code(12)}",
        buyer_id=buyer_id,
        channel_id=channel.id,
        purpose=purpose,
        subject=subject,
        amount_cents=amount_cents,
    )
    session.add(payment)
    await session.flush()
    if channel.is_masters:
        await _open_at_master(session, channel, payment)
    await outbox.record(session, PaymentOpened(payment.no), delay=ASK_AFTER)
    return payment


async def _open_at_master(session: AsyncSession, channel: PaymentChannel, payment: Payment) -> None:
    """The master's half, under the same number. Raises `ChannelGone` when the master does not lend the channel now."""
    values = {
        "id": payment.id,
        "no": payment.no,
        "channel_id": channel.master_channel_id,
        "buyer_id": payment.buyer_id,
        "cents": payment.amount_cents,
    }
    row = (await session.execute(queries.OPEN_COLLECT, values)).one()
    if row.fee_cents is None:
        raise ChannelGone(field="pay_method")
    if channel.fee_rate != row.fee_rate:  # the master has changed it since
        channel.fee_rate = row.fee_rate
        await session.flush()


async def provider_of(runtime: Runtime, till: Till, channel: PaymentChannel) -> PaymentProvider:
    """The adapter of a channel, with its key."""
    sealer = await sealer_of(runtime, till)
    key = sealer.open(PLACE, _row(channel.provider, channel.merchant_id), channel.secret)
    account = EpayChannel(base_url=channel.base_url, pid=channel.merchant_id, key=key)
    return EpayProvider(account, runtime.outbound, runtime.settings.gateway_timeout_s)


async def pay_url(
    runtime: Runtime, till: Till, payment: Payment, channel: PaymentChannel, title: str, return_url: str = ""
) -> str:
    """Where the payer's browser goes to pay. Both addresses carry the till's own host, unless `return_url` says where
    the browser belongs; of a channel of the master's the gateway reports to the master."""
    if channel.is_masters and till.id != MASTER:
        back = return_url or links.of_station(runtime.settings, till, f"/pay/{payment.no}")
        till, channel = await _at_master(runtime, channel)
        return await pay_url(runtime, till, payment, channel, title, back)
    provider = await provider_of(runtime, till, channel)
    return provider.pay_url(
        PayRequest(
            payment_no=payment.no,
            name=title,
            amount_cents=payment.amount_cents,
            notify_url=links.of_station(runtime.settings, till, f"/pay/{channel.id}/{payment.no}/notify"),
            return_url=return_url or links.of_station(runtime.settings, till, f"/pay/{payment.no}"),
        )
    )


async def _at_master(runtime: Runtime, channel: PaymentChannel) -> tuple[Till, PaymentChannel]:
    """The master's till and its channel, for a station's channel that is the master's."""
    till = master_till(runtime)
    async with till.begin() as session:
        return till, await queries.channel(session, channel.master_channel_id or 0)


async def notified(
    runtime: Runtime, till: Till, channel_id: int, no: str, params: Mapping[str, str], address: str
) -> bool:
    """Handles a gateway's notice; true when it may be told `success`. Every notice is kept, believed or not.

    Raises `PaymentGone` or `ChannelGone` when the address names none of this till's.
    """
    async with till.begin() as session:
        payment = await queries.payment(session, no)
        channel = await queries.channel(session, channel_id)
    try:
        if payment.channel_id != channel.id or (channel.is_masters and till.id != MASTER):
            raise NotifyRefused("channel")
        provider = await provider_of(runtime, till, channel)
        provider.read_notify(params).check(payment.no, payment.amount_cents)
    except NotifyRefused as refusal:
        log.warning("payment_notice_refused", payment=no, reason=refusal.reason, address=address)
        await _keep(till, no, "refused", refusal.reason, address)
        return False
    confirmed = await confirm(runtime, till, no)
    await _keep(till, no, "believed" if confirmed else "not_confirmed", "", address)
    return confirmed


async def _keep(till: Till, no: str, outcome: str, detail: str, address: str) -> None:
    values = {
        "no": no,
        "outcome": outcome,
        "detail": "".join(sign for sign in detail if sign.isprintable())[:200],
        "address": address,
        "most": queries.MOST_NOTICES,
    }
    async with till.begin() as session:
        await session.execute(queries.KEEP_NOTICE, values)


async def confirm(runtime: Runtime, till: Till, no: str) -> bool:
    """Asks the gateway about a payment and books it if it is paid in full. True when it is paid.

    Idempotent: a payment is credited once, whoever asks and however often; and so is a payment at the gateway, whose
    number may not stand for two of ours. Raises `PaymentGone`.
    """
    async with till.begin() as session:
        payment = await queries.payment(session, no)
        channel = await queries.channel(session, payment.channel_id)
    if payment.state == "paid":
        return True
    if channel.is_masters and till.id != MASTER:
        return await confirm(runtime, master_till(runtime), no) and await take(till, no)
    provider = await provider_of(runtime, till, channel)
    state = await provider.query(no)
    if state.status is not PayStatus.PAID:
        log.info("payment_not_confirmed", payment=no, status=str(state.status), detail=state.detail)
        return False
    if state.amount_cents != payment.amount_cents:
        log.error("payment_amount_differs", payment=no, asked=payment.amount_cents, paid=state.amount_cents)
        return False
    try:
        async with till.begin() as session:
            await _credit(session, till, no, payment.amount_cents, state)
    except IntegrityError as error:
        if sqlstate(error) != UNIQUE_VIOLATION:
            raise
        log.error("payment_number_again", payment=no, gateway_no=state.gateway_no)
        return False
    return True


async def _credit(session: AsyncSession, till: Till, no: str, amount_cents: int, state: GatewayState) -> None:
    marked = await session.execute(
        queries.MARK_PAID, {"no": no, "amount_cents": amount_cents, "provider_no": state.gateway_no or None}
    )
    row = marked.one_or_none()
    if row is None:
        return
    if till.id == MASTER:
        if row.purpose != COLLECT:
            await _book_at_master(session, no, row, amount_cents)
    else:
        values = {"no": no, "channel": row.channel_id, "buyer_id": row.buyer_id, "amount_cents": amount_cents}
        await session.execute(queries.TOPUP, values)
    await outbox.record(session, PaymentReceived(no, row.purpose, row.subject))


async def _book_at_master(session: AsyncSession, no: str, payment: Any, amount_cents: int) -> None:
    """A deposit is a station's at once; an opening fee is the applicant's own until his station is open."""
    if payment.purpose == DEPOSIT:
        tenant_id = int(payment.subject)
        credited, kind = Line(tenant_id, "deposit", "", amount_cents), "online_deposit"
    else:
        tenant_id = MASTER
        credited, kind = Line(MASTER, "applicant", str(payment.buyer_id), amount_cents), "opening"
    lines = [Line(MASTER, "gateway", str(payment.channel_id), -amount_cents), credited]
    await ledger.post(session, f"payment:{no}", kind, no, lines, tenant_id)


async def take(till: Till, no: str) -> bool:
    """Books at the station what the master has collected for it: the buyer's wallet has the money then. Idempotent.

    That it is collected is the master's row to say: raises `NeverCharged` when it does not. Raises `PaymentGone`.
    """
    async with till.begin() as session:
        payment = await queries.payment(session, no)
        marked = await session.execute(
            queries.MARK_PAID, {"no": no, "amount_cents": payment.amount_cents, "provider_no": None}
        )
        row = marked.one_or_none()
        if row is not None:
            with refusals():
                await session.execute(queries.TAKE_COLLECTED, {"no": no})
            await outbox.record(session, PaymentReceived(no, row.purpose, row.subject))
    return True


def station_of(subject: str) -> int:
    """The station that a collected payment is for; `subject` is the master's row's."""
    return int(subject.partition(":")[0])
