"""What a person does with a case. Each act takes the case on, leaves a line, and is audited; acts that move money look
at what the person may give back."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Response, post
from litestar.di import NamedDependency
from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.console import desk, desk_case
from admin_ui.console.orders import Delivery, handed_over
from admin_ui.console.tickets import colleagues
from admin_ui.frame import AnyRequest, PathUuid
from admin_ui.payout_words import RequestKey
from kameng.audit import service as audit
from kameng.core.errors import Conflict, Invalid, Refused
from kameng.core.money import format_cents, to_cents
from kameng.identity.permissions import Permission
from kameng.infra import outbox
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms
from kameng.web.guards import requires
from kameng.web.i18n import gettext, of_error
from kameng.web.people import Staff
from tenants.desk import correcting as desk_correcting
from tenants.desk import limits, messages, queries, service, swaps, tasks
from tenants.desk.events import OrderPushed
from tenants.desk.states import Result
from tenants.orders import correcting, live, refunds
from tenants.orders import queries as orders
from tenants.orders import service as selling
from tenants.orders.errors import NotRefundable
from tenants.orders.refunds import OverLimit
from tenants.toggles import flags

INPUT = "inputs."
WRITTEN = frozenset({"message", "correct", "deliver", "give", "close"})  # acts with a form in which somebody has typed
Words = Annotated[str, Meta(min_length=1, max_length=1000, extra={"lines": True})]


class AssignForm(Struct, frozen=True):
    """Nobody where it is empty."""

    staff_id: UUID | None = None


class MessageForm(Struct, frozen=True):
    body: Words


class ContactForm(Struct, frozen=True):
    """What was filled in comes as `inputs.<label>`."""

    contact: Annotated[str, Meta(max_length=100)] = ""


class OfferForm(Struct, frozen=True):
    """The best one where it is empty."""

    product_id: Annotated[int, Meta(ge=1, le=2**53)] | None = None


class GiveForm(Struct, frozen=True, kw_only=True):
    """In yuan. `request_key` is made with the page: the same form sent twice gives back once."""

    amount: Annotated[Decimal, Meta(extra={"ge": "0.01", "le": "1000000", "places": 2})]
    to: Literal["wallet", "channel"] = "wallet"
    reason: Annotated[str, Meta(min_length=1, max_length=200)]
    request_key: RequestKey


class CloseForm(Struct, frozen=True):
    words: Annotated[str, Meta(min_length=1, max_length=200)]


Work = Callable[[AsyncSession], Awaitable[str]]


class DeskActController(Controller):
    path = f"{desk.PATH}/cases/{{case_id:uuid}}"
    opt = flags.DESK.opt
    guards = [requires(Permission.DESK_WORK)]  # noqa: RUF012 - Litestar reads it from the class

    @post("/assign")
    async def assign(
        self,
        case_id: PathUuid,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        """Claiming is giving it to oneself, releasing is giving it to nobody."""
        wanted = (await forms.parse(request, AssignForm)).staff_id
        names = {one.id: one.name for one in await colleagues(runtime, tenant)} | {staff.id: staff.name}
        if wanted is not None and wanted not in names:
            raise Invalid({"staff_id": "This person does not work here any more."})
        name = names[wanted] if wanted else ""

        async def work(session: AsyncSession) -> str:
            case = await queries.case(session, case_id)
            before = await service.assign(session, case_id, wanted, name, staff.name)
            detail = {"from": before, "to": name}
            await audit.record(session, staff.name, "desk.assign", case.order_no, detail, staff.address)
            return gettext("It is %(name)s's now.", name=name) if name else gettext("It is nobody's now.")

        return await _done(request, runtime, tenant, staff, case_id, "assign", work)

    @post("/message")
    async def message(
        self,
        case_id: PathUuid,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async def work(session: AsyncSession) -> str:
            sent = await forms.parse(request, MessageForm)
            case = await queries.case(session, case_id, lock=True)
            if case.is_open:  # of what is solved there may still be something to say
                await service.touch(session, case_id, staff.id, staff.name)
            order = await orders.order(session, case.order_id)
            await messages.write(session, order, "person", sent.body, by=staff.name)
            await service.note(session, case, "message", Result.DONE, actor=staff.name)
            await audit.record(session, staff.name, "desk.message", case.order_no, {"text": sent.body}, staff.address)
            return gettext("It is on the buyer's page.")

        return await _done(request, runtime, tenant, staff, case_id, "message", work)

    @post("/correct")
    async def correct(
        self,
        case_id: PathUuid,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        """Puts right what was filled in, and has the order go on with it."""

        async def work(session: AsyncSession) -> str:
            sent = await forms.parse(request, ContactForm)
            filled_in = {name.removeprefix(INPUT): said for name, said in await forms.pairs(request)
                         if name.startswith(INPUT)}  # fmt: skip
            no = (await queries.case(session, case_id)).order_no
            await _nobody_is_asked(runtime, tenant, no)
            order, before = await correcting.correct(session, no, filled_in, sent.contact, staff.name)
            case = await service.touch(session, case_id, staff.id, staff.name)
            await service.note(session, case, "correct", Result.DONE, actor=staff.name)
            await outbox.record(session, OrderPushed(order.id))
            after = {**order.inputs, "contact": order.contact}
            await audit.record(
                session, staff.name, "desk.correct", no, None, staff.address,
                before={"inputs": before}, after={"inputs": after},
            )  # fmt: skip
            return gettext("Corrected. The order goes on.")

        return await _done(request, runtime, tenant, staff, case_id, "correct", work)

    @post("/next-supplier")
    async def next_supplier(
        self,
        case_id: PathUuid,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        return await _buy(request, runtime, tenant, staff, case_id, "next_supplier")

    @post("/buy-again")
    async def buy_again(
        self,
        case_id: PathUuid,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        return await _buy(request, runtime, tenant, staff, case_id, "buy_again")

    @post("/deliver")
    async def deliver(
        self,
        case_id: PathUuid,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        sealer = await runtime.keyring.tenant(tenant.id)

        async def work(session: AsyncSession) -> str:
            given = await forms.parse(request, Delivery)
            no = (await queries.case(session, case_id)).order_no
            before = await orders.order_by_no(session, no, lock=True)
            had = before.delivered_quantity
            handed = handed_over(given, before.quantity - had)
            order = await selling.deliver_by_hand(session, sealer, no, handed, staff.name)
            case = await service.touch(session, case_id, staff.id, staff.name)
            detail = {"units": order.delivered_quantity - had, "state": order.state}
            await service.note(session, case, "deliver", Result.DONE, actor=staff.name, detail=detail)
            if order.final:
                await service.solve(session, case, order.state, staff.name)
            await audit.record(session, staff.name, "desk.deliver", no, detail, staff.address)
            return gettext("It is on the buyer's page.")

        return await _done(request, runtime, tenant, staff, case_id, "deliver", work)

    @post("/offer")
    async def offer(
        self,
        case_id: PathUuid,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        """Offers another product; the buyer takes it with one press on the order's page."""

        async def work(session: AsyncSession) -> str:
            chosen = (await forms.parse(request, OfferForm)).product_id
            order = await orders.order_locked(session, (await queries.case(session, case_id)).order_id)
            case = await service.touch(session, case_id, staff.id, staff.name)
            swap = await swaps.offer(session, case, order, chosen)
            said = gettext("You can have %(name)s for %(price)s at once; the difference goes back to your wallet.",
                           name=swap.product_name, price=format_cents(swap.total_cents))  # fmt: skip
            await messages.write(session, order, "offer", said, by=staff.name)
            detail = {"product": swap.product_name, "amount_cents": swap.total_cents}
            await service.note(session, case, "equivalent", Result.DONE, actor=staff.name, detail=detail)
            await audit.record(session, staff.name, "desk.offer", order.no, detail, staff.address)
            return gettext("The buyer is asked on the order's page.")

        return await _done(request, runtime, tenant, staff, case_id, "offer", work)

    @post("/refund")
    async def refund(
        self,
        case_id: PathUuid,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        """Ends an order: the money for all that has not come goes back to the wallet."""

        async def work(session: AsyncSession) -> str:
            most = await limits.most_cents(session, staff.id, may_refund=staff.may(Permission.ORDERS_REFUND))
            order = await orders.order_locked(session, (await queries.case(session, case_id)).order_id)
            had = order.refunded_cents
            if not await selling.end_part(session, order.id, "by_desk", staff.name):
                raise NotRefundable
            await session.refresh(order)
            cents = order.refunded_cents - had
            if most is not None and cents > most:
                raise OverLimit(most=format_cents(most))
            case = await service.touch(session, case_id, staff.id, staff.name)
            detail = {"amount_cents": cents}
            await service.note(session, case, "refund", Result.DONE, actor=staff.name, detail=detail)
            await service.solve(session, case, order.state, staff.name)
            await audit.record(session, staff.name, "desk.refund", order.no, detail, staff.address)
            return gettext("The money is back in the buyer's wallet.")

        return await _done(request, runtime, tenant, staff, case_id, "refund", work)

    @post("/give-back")
    async def give_back(
        self,
        case_id: PathUuid,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        """Gives back all or a part of an order that was delivered."""

        async def work(session: AsyncSession) -> str:
            sent = await forms.parse(request, GiveForm)
            most = await limits.most_cents(session, staff.id, may_refund=staff.may(Permission.ORDERS_REFUND))
            no = (await queries.case(session, case_id)).order_no
            cents = to_cents(sent.amount)
            refund = await refunds.give_back(
                session, no, cents=cents, to=sent.to, reason=sent.reason, by=staff.name,
                request_key=sent.request_key, limit_cents=most,
            )  # fmt: skip
            case = await service.touch(session, case_id, staff.id, staff.name)
            detail = {"amount_cents": cents, "to": sent.to, "reason": sent.reason}
            await service.note(
                session, case, "refund", Result.DONE, actor=staff.name, detail=detail, key=f"refund:{refund.id}"
            )
            await audit.record(session, staff.name, "desk.give_back", no, detail, staff.address)
            if refund.state == "done":
                return gettext("The money is back in the buyer's wallet.")
            return gettext("The gateway is asked to give it back; the result appears here.")

        return await _done(request, runtime, tenant, staff, case_id, "give", work)

    @post("/close")
    async def close(
        self,
        case_id: PathUuid,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async def work(session: AsyncSession) -> str:
            sent = await forms.parse(request, CloseForm)
            case = await service.touch(session, case_id, staff.id, staff.name)
            await service.solve(session, case, "closed", staff.name, sent.words)
            await audit.record(session, staff.name, "desk.close", case.order_no, {"note": sent.words}, staff.address)
            return gettext("The case is closed.")

        return await _done(request, runtime, tenant, staff, case_id, "close", work)


async def _done(
    request: AnyRequest, runtime: Runtime, tenant: Tenant, staff: Staff, case_id: UUID, act: str, work: Work
) -> Response[Any]:
    """Does an act in one transaction and comes back to the case. What is wrong stands at its field, or is said."""
    try:
        async with tenant.begin() as session:
            said = await work(session)
            no = (await queries.case(session, case_id)).order_no
    except Invalid as error:
        form = await forms.again(request, error)
        return await desk_case.case_page(request, runtime, tenant, staff, case_id, status=422, form=form, wrong=act)
    except (Refused, Conflict) as refusal:
        if refusal.field or act in WRITTEN:
            form = await forms.again(request, refusal)
            return await desk_case.case_page(request, runtime, tenant, staff, case_id, status=422, form=form, wrong=act)
        answers.toast(request, of_error(refusal), "error")
    else:
        await live.changed(runtime, tenant, no)
        answers.toast(request, said)
    return answers.redirect(request, f"{desk.PATH}/cases/{case_id}")


async def _buy(
    request: AnyRequest,
    runtime: Runtime,
    tenant: Tenant,
    staff: Staff,
    case_id: UUID,
    act: Literal["next_supplier", "buy_again"],
) -> Response[Any]:
    """The call stands between two transactions: the first takes the case on, the second says what came of it."""
    try:
        async with tenant.begin() as session:
            case = await service.touch(session, case_id, staff.id, staff.name)
            order = await orders.order(session, case.order_id)
        if order.final:
            result = Result.NOTHING
        elif act == "next_supplier":
            result = await tasks.ask_next_supplier(runtime, tenant, order)
        else:
            result = await tasks.buy(runtime, tenant, order)
        async with tenant.begin() as session:
            case = await queries.case(session, case_id)
            await service.note(session, case, act, result, actor=staff.name)
            detail = {"act": act, "result": str(result)}
            await audit.record(session, staff.name, "desk.buy", order.no, detail, staff.address)
    except (Refused, Conflict) as refusal:
        answers.toast(request, of_error(refusal), "error")
    else:
        await live.changed(runtime, tenant, order.no)
        said = {
            Result.DONE: gettext("A supplier has delivered. The order gets it in a moment."),
            Result.UNDER_WAY: gettext("A supplier is at work on it already; the result appears here."),
            Result.NOTHING: gettext("There is no other supplier that could be asked."),
            Result.FAILED: gettext("Nobody could deliver. Nothing was bought."),
        }[result]
        answers.toast(request, said, "ok" if result is Result.DONE else "info")
    return answers.redirect(request, f"{desk.PATH}/cases/{case_id}")


async def _nobody_is_asked(runtime: Runtime, tenant: Tenant, no: str) -> None:
    """Raises `StillAsked`."""
    async with tenant.begin() as session:
        order_id = (await orders.order_by_no(session, no)).id
    await desk_correcting.nobody_is_asked(runtime, order_id)
