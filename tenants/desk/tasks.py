"""What the desk does by itself. Shells: short transactions, none across the wire."""

import hmac
from datetime import timedelta
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from billing.payments.service import PaymentReceived
from kameng.core import clock
from kameng.core.errors import KamengError
from kameng.infra import links, mail
from kameng.infra.http import OutboundError
from kameng.infra.mail import Mail, NotTaken, Rejected
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import Later, follows
from kameng.infra.tenancy import Tenant
from kameng.web import i18n
from kameng.web.i18n import gettext
from supplier_gateway.offers import queries as offers
from supplier_gateway.port import Outcome
from supplier_gateway.purchases import queries as purchase_queries
from supplier_gateway.purchases import service as purchases
from supplier_gateway.purchases.errors import StillAlive
from tenants.aftersale import queries as tickets
from tenants.aftersale.service import TicketOpened
from tenants.aftersale.states import Kind as Complaint
from tenants.desk import acting, messages, queries, service, settings, swaps, watching
from tenants.desk.acting import Scene
from tenants.desk.errors import CaseGone, RuleGone, SwapGone
from tenants.desk.events import Hooked, MessageWritten, OrderPushed, ReplenishmentWanted, RuleDue, SwapAccepted
from tenants.desk.models import Case
from tenants.desk.states import Action, Kind, Result
from tenants.desk.swaps import Swap
from tenants.orders import live
from tenants.orders import queries as orders
from tenants.orders.errors import OrderGone
from tenants.orders.events import OrderEnded, OrderWaited
from tenants.orders.inputs import EMAIL
from tenants.orders.service import Order, OrderPaid
from tenants.orders.states import State
from tenants.orders.tasks import advance, request_of
from tenants.stock import replenishment

log = structlog.get_logger()

PATIENCE = timedelta(minutes=2)  # with a supplier that is still at work, before that is an exception
HOOK_TIMEOUT_S = 5.0
MAIL_AGAIN_S, HOOK_AGAIN_S = 60.0, 30.0
HOOK_FOR = timedelta(hours=6)


@follows(OrderWaited, queue="desk")
async def watch_waiting(event: OrderWaited, tenant: Tenant, runtime: Runtime) -> None:
    """An order that waits is an exception, except that a supplier may take its time."""
    async with runtime.database.master_session() as session:
        faults = [one.fault for one in await purchase_queries.of_order(session, event.order_id)]
    async with tenant.begin() as session:
        order = await orders.order_locked(session, event.order_id)
        if order.state != State.WAITING:
            return
        found = await watching.kind_of(session, order, faults)
        if found and found[0] is Kind.UNKNOWN:
            left = (order.paid_at or order.created_at) + PATIENCE - clock.now()
            if left > timedelta():
                raise Later(left.total_seconds(), "patience")
        if found:
            await _open(session, runtime, tenant, order, *found, has_money=True)
    if found:
        await live.changed(runtime, tenant, order.no)


@follows(OrderEnded, queue="desk")
async def watch_ended(event: OrderEnded, tenant: Tenant, runtime: Runtime) -> None:
    """Nothing is left to be done; an order that was never paid in time ends with a word to the buyer."""
    async with tenant.begin() as session:
        order = await orders.order_locked(session, event.order_id)
        if not order.final:
            return
        if order.state == State.EXPIRED:
            has_money = order.reason == "money_in_wallet"
            if has_money or (await settings.read(session)).unpaid:
                cause = "not_charged" if has_money else "unpaid"
                await _open(session, runtime, tenant, order, Kind.PAYMENT_TIMEOUT, cause, has_money=has_money)
        await service.solve_all(session, order)
    await live.changed(runtime, tenant, order.no)


@follows(PaymentReceived, queue="desk")
async def watch_payment(event: PaymentReceived, tenant: Tenant | None, runtime: Runtime) -> None:
    """Money that came after its order had ended stays in the wallet, and the buyer is told; of other orders it is
    looked whether they look like fraud."""
    if event.purpose != "order" or tenant is None:
        return
    async with tenant.begin() as session:
        order = await orders.order_by_no(session, event.subject, lock=True)
        if order.state in (State.EXPIRED, State.CANCELLED):
            await _paid_late(session, runtime, tenant, order)
        else:
            await _suspect(session, runtime, tenant, order)
    await live.changed(runtime, tenant, order.no)


async def _paid_late(session: AsyncSession, runtime: Runtime, tenant: Tenant, order: Order) -> None:
    known = await queries.of_order(session, order.id, Kind.PAYMENT_TIMEOUT, lock=True)
    if known is None:
        await _open(session, runtime, tenant, order, Kind.PAYMENT_TIMEOUT, "paid_late", has_money=True)
    elif not known.has_money:  # it was told that nothing came
        known.has_money, known.cause = True, "paid_late"
        await session.flush()
        await acting.begin(session, _scene(runtime, tenant, known, order))
    await service.solve_all(session, order)


@follows(OrderPaid, queue="desk")
async def watch_paid(event: OrderPaid, tenant: Tenant, runtime: Runtime) -> None:
    """An order that is on its way is looked at: does it look like fraud? Most do not, so they are looked at together,
    and none is locked for that."""
    if await watching.looks_of(runtime).ask((tenant.id, event.order_id)):
        async with tenant.begin() as session:
            await _suspect(session, runtime, tenant, await orders.order_locked(session, event.order_id))


async def _suspect(session: AsyncSession, runtime: Runtime, tenant: Tenant, order: Order) -> None:
    """The order is locked, and so is its buyer, of whom one case is enough."""
    await queries.lock_buyer(session, order.buyer_id)
    cause = await watching.suspicion(session, order.id)
    if cause:
        await _open(session, runtime, tenant, order, Kind.FRAUD, cause, has_money=order.paid_at is not None)


@follows(TicketOpened, queue="desk")
async def watch_tickets(event: TicketOpened, tenant: Tenant, runtime: Runtime) -> None:
    """A buyer says that the account was wrong."""
    async with tenant.begin() as session:
        ticket = await tickets.ticket_by_id(session, event.ticket_id)
        if ticket.kind != Complaint.WRONG_ACCOUNT or ticket.order_id is None:
            return
        order = await orders.order_locked(session, ticket.order_id)
        if order.paid_at is not None and order.state != State.REFUNDED:
            await _open(session, runtime, tenant, order, Kind.WRONG_INPUT, "ticket", has_money=True)
    await live.changed(runtime, tenant, order.no)


async def _open(
    session: AsyncSession,
    runtime: Runtime,
    tenant: Tenant,
    order: Order,
    kind: Kind,
    cause: str,
    *,
    has_money: bool,
) -> Case | None:
    """Opens a case and sets the rules to work, in the station's language."""
    i18n.use(tenant.locale, tenant.time_zone)
    case = await service.open_case(session, order, kind, cause, has_money=has_money)
    if case is not None:
        await acting.begin(session, _scene(runtime, tenant, case, order))
    return case


def _scene(runtime: Runtime, tenant: Tenant, case: Case, order: Order) -> Scene:
    return Scene(tenant, links.of_station(runtime.settings, tenant, ""), case, order)


@follows(RuleDue, queue="desk")
async def run_rule(event: RuleDue, tenant: Tenant, runtime: Runtime) -> None:
    """A rule's time has come: it acts, if the case is still open and the rule still on."""
    i18n.use(tenant.locale, tenant.time_zone)
    try:
        async with tenant.begin() as session:
            order_id = (await queries.case(session, event.case_id)).order_id
            order = await orders.order_locked(session, order_id)  # before the case, as everywhere
            case = await queries.case(session, event.case_id, lock=True)
            rule = await queries.rule(session, event.rule_id)
            if acting.is_over(case) or order.final or not rule.is_on:
                return
            if rule.action != Action.NEXT_SUPPLIER:
                await acting.act(session, _scene(runtime, tenant, case, order), rule)
    except (CaseGone, RuleGone, OrderGone) as gone:
        log.info("rule_outlived", case=str(event.case_id), rule=event.rule_id, why=str(gone))
        return
    if rule.action == Action.NEXT_SUPPLIER:
        result = await ask_next_supplier(runtime, tenant, order)
        async with tenant.begin() as session:
            await acting.supplier_asked(session, await queries.case(session, event.case_id), rule, result)
    await live.changed(runtime, tenant, order.no)


async def ask_next_supplier(runtime: Runtime, tenant: Tenant, order: Order) -> Result:
    """Buys what is missing from a supplier that this order has not been to; the order's follower hands over what comes.
    Nothing is bought while a purchase may still deliver."""
    if order.good_id is None:
        return Result.NOTHING
    async with runtime.database.master_session() as session:
        been_to = {one.supplier_id for one in await purchase_queries.of_order(session, order.id)}
        found = await offers.upstream(session, order.good_id, order.quantity - order.delivered_quantity)
    others = [one.id for one in found if one.supplier_id not in been_to]
    if not others:
        return Result.NOTHING
    return await buy(runtime, tenant, order, others[0])


async def buy(runtime: Runtime, tenant: Tenant, order: Order, offer_id: int | None = None) -> Result:
    """Buys again, by this offer or by the best. What came of it: done, under way, or failed."""
    if order.good_id is None:
        return Result.NOTHING
    try:
        receipt = await purchases.buy_again(runtime, request_of(tenant, order, order.good_id), offer_id)
    except StillAlive:
        return Result.UNDER_WAY
    if receipt.outcome in (Outcome.DELIVERED, Outcome.PARTIAL):
        return Result.DONE
    return Result.FAILED if receipt.outcome is Outcome.FAILED else Result.UNDER_WAY


@follows(OrderPushed, queue="desk")
async def push_order(event: OrderPushed, tenant: Tenant, runtime: Runtime) -> None:
    """One step now; the order's own letter goes on with it."""
    async with tenant.begin() as session:
        order = await orders.order(session, event.order_id)
    try:
        await advance(runtime, tenant, order)
    except Later as later:
        log.info("order_waits", order=order.no, why=str(later))


@follows(MessageWritten, queue="desk")
async def mail_message(event: MessageWritten, tenant: Tenant, runtime: Runtime) -> None:
    """The same by e-mail, where the order's contact is an address and there is a server."""
    if not runtime.settings.smtp_url:
        return
    async with tenant.begin() as session:
        message = await queries.message(session, event.message_id)
        if message is None or message.channel == "email" or message.failure:
            return
        order = await orders.order(session, message.order_id)
    if not EMAIL.fullmatch(order.contact):
        return
    i18n.use(tenant.locale, tenant.time_zone)
    letter = Mail(
        sender_name=tenant.name,
        host=tenant.host,
        to=order.contact,
        subject=gettext("Your order %(no)s", no=order.no),
        text=f"{message.body}\n\n{links.of_station(runtime.settings, tenant, f'/orders/{order.no}')}\n",
    )
    failure = ""
    try:
        await mail.send(runtime.settings.smtp_url, letter)
    except NotTaken as error:
        raise Later(MAIL_AGAIN_S, str(error)) from error
    except Rejected as error:
        failure = str(error) or "refused"
    async with tenant.begin() as session:
        await messages.mailed(session, event.message_id, failure)


@follows(Hooked, queue="desk")
async def tell_hook(event: Hooked, tenant: Tenant, runtime: Runtime) -> None:
    """Posts JSON to the station's own address, signed: `X-Kameng-Signature` is the HMAC-SHA256 of the body. Tried for
    six hours."""
    async with tenant.begin() as session:
        url = (await settings.read(session)).hook_url
    if not url:
        return
    key = settings.hook_secret(await runtime.keyring.tenant(tenant.id))
    body = msgspec.json.encode({"kind": event.kind, "order": event.order_no, "text": event.text, "at": event.at})
    headers = {
        "content-type": "application/json",
        "x-kameng-signature": hmac.new(key.encode(), body, "sha256").hexdigest(),
    }
    try:
        reply = await runtime.outbound.request("POST", url, content=body, headers=headers, timeout_s=HOOK_TIMEOUT_S)
        failure = "" if reply.status < 400 else f"status {reply.status}"
    except OutboundError as error:
        failure = str(error)
    if failure and clock.now() - event.at < HOOK_FOR:
        raise Later(HOOK_AGAIN_S, failure)
    if failure:
        log.warning("desk_hook_failed", order=event.order_no, why=failure)


@follows(SwapAccepted, queue="desk")
async def place_swap(event: SwapAccepted, tenant: Tenant, runtime: Runtime) -> None:
    """Places what the buyer took, if the request that took it did not get so far."""
    await carry_out(runtime, tenant, event.swap_id)


async def carry_out(runtime: Runtime, tenant: Tenant, swap_id: UUID) -> str:
    """Places the new order of a swap; its number, or nothing when it was refused: then the buyer is told that his money
    is in the wallet. Idempotent."""
    i18n.use(tenant.locale, tenant.time_zone)
    vault = await runtime.keyring.vault(tenant.id)
    swap: Swap | None = None
    try:
        async with tenant.begin() as session:
            swap = await swaps.swap(session, swap_id)
            if swap.state != "accepted":
                return swap.new_no
            placed = await swaps.place(session, vault, swap)
    except SwapGone:
        return ""
    except KamengError as refusal:
        log.info("swap_failed", swap=str(swap_id), why=str(refusal))
        if swap is None:
            raise
        async with tenant.begin() as session:
            old = await orders.order(session, swap.order_id)
            await swaps.fail(session, swap)
            said = gettext("%(name)s could not be had any more. Your money is in your wallet.", name=swap.product_name)
            await messages.write(session, old, "offer", said, key=f"swap:{swap.id}")
        await live.changed(runtime, tenant, old.no)
        return ""
    async with tenant.begin() as session:
        old = await orders.order(session, swap.order_id)
        said = gettext("Order %(no)s has taken the place of this one.", no=placed.no)
        await messages.write(session, old, "offer", said, key=f"swap:{swap.id}")
    await live.changed(runtime, tenant, old.no)
    return placed.no


@follows(ReplenishmentWanted)
async def ask_for_stock(event: ReplenishmentWanted, tenant: Tenant, _: Runtime) -> None:
    """What a rule wants ordered is added to what is to be ordered."""
    async with tenant.begin() as session:
        await replenishment.want(session, event.product_id, event.quantity, event.order_no, "short")
