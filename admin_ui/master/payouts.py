"""Withdrawals of all stations: looked at, paid by hand, declined; and the terms for everybody."""

from decimal import Decimal
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui.frame import AnyRequest, PathUuid, chips, page
from admin_ui.payout_words import MOST_EXPORTED, payout_file
from billing.payouts import queries, service
from billing.payouts.errors import DecidedAlready
from billing.payouts.queries import Overrides, Payout
from billing.refunds import service as gateway_refunds
from kameng.audit import service as audit
from kameng.core.errors import Conflict, Invalid
from kameng.core.money import to_cents, to_yuan
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext, of_error
from kameng.web.people import Staff
from tenants.orders import refund_tasks
from tenants.orders.refunds import NotInDoubt
from tenants.registry import queries as registry

ROOM = "/payouts"
Yuan = Annotated[Decimal, Meta(extra={"ge": "0", "le": "100000000", "places": 2})]
AtLeastACent = Annotated[Decimal, Meta(extra={"ge": "0.01", "le": "100000000", "places": 2})]
Percent = Annotated[Decimal, Meta(extra={"ge": "0", "le": "50", "places": 3})]


class PaidForm(Struct, frozen=True):
    """The number of the transfer at the bank."""

    reference: Annotated[str, Meta(min_length=1, max_length=100)]


class DeclineForm(Struct, frozen=True):
    """Why; the owner reads it."""

    reason: Annotated[str, Meta(min_length=1, max_length=200)]


class TermsForm(Struct, frozen=True, kw_only=True):
    """Amounts in yuan, the rate in percent."""

    hold_days: Annotated[int, Meta(ge=0, le=180)]
    least: AtLeastACent
    daily: AtLeastACent
    fee_percent: Percent = Decimal(0)
    fee: Yuan = Decimal(0)

    def terms(self) -> Overrides:
        return Overrides(
            hold_days=self.hold_days,
            least_cents=to_cents(self.least),
            daily_cents=to_cents(self.daily),
            fee_rate=self.fee_percent / 100,
            fee_cents=to_cents(self.fee),
        )


class OutcomeForm(Struct, frozen=True):
    """Whether the gateway gave the money back."""

    done: bool = False


class PayoutController(Controller):
    path = ROOM

    @get("/", guards=[requires(Permission.PAYOUTS_READ)])
    async def listed(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        asked = paging.wanted(request)
        async with runtime.database.master_session() as session:
            found = await paging.of_sql(session, queries.ALL, values_of(asked), asked)
            counts = await queries.waiting(session)
            doubtful = await paging.of_sql(session, gateway_refunds.AT_MASTER, {"state": "unknown"}, paging.Wanted())
        return page(
            request,
            "master/payouts.html",
            found=found.map(lambda row: Payout(**row._mapping)),
            doubtful=doubtful,
            filters=chips(asked, "payout", counts),
            asked=asked,
            export=paging.address(f"{ROOM}/export", asked.query),
        )

    @get("/export", guards=[requires(Permission.PAYOUTS_READ)])
    async def export(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Response[bytes]:
        asked = paging.wanted(request, size=MOST_EXPORTED)
        async with runtime.database.master_session() as session:
            found = await paging.of_sql(session, queries.ALL, values_of(asked), asked)
        return payout_file([Payout(**row._mapping) for row in found.items], with_station=True)

    @get("/terms", guards=[requires(Permission.PAYOUTS_READ)])
    async def terms(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _terms(request, runtime)

    @post("/terms", guards=[requires(Permission.PAYOUTS_WRITE)])
    async def set_terms(
        self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            terms = (await forms.parse(request, TermsForm)).terms()
        except Invalid as error:
            return await _terms(request, runtime, await forms.again(request, error), 422)
        async with runtime.database.master_session() as session:
            before = await queries.overrides_of(session, 0)
            await service.set_terms(session, 0, terms)
            await audit.record(
                session,
                staff.name,
                "settlement.terms",
                "",
                address=staff.address,
                before=told(before),
                after=told(terms),
            )
        answers.toast(request, gettext("Saved."))
        return answers.redirect(request, f"{ROOM}/terms")

    @get("/{payout_id:uuid}", guards=[requires(Permission.PAYOUTS_READ)])
    async def show(self, payout_id: PathUuid, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _page(request, runtime, payout_id)

    @post("/{payout_id:uuid}/pay", guards=[requires(Permission.PAYOUTS_WRITE)])
    async def pay(
        self,
        payout_id: PathUuid,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            reference = (await forms.parse(request, PaidForm)).reference
            async with runtime.database.master_session() as session:
                payout = await queries.payout(session, payout_id)
                await service.pay(session, payout_id, reference, staff.name)
                detail = {"station": payout.tenant_id, "amount_cents": payout.amount_cents, "reference": reference}
                await audit.record(session, staff.name, "payouts.pay", payout.no, detail, staff.address)
        except Invalid as error:
            return await _page(request, runtime, payout_id, await forms.again(request, error), 422)
        except DecidedAlready as refusal:
            answers.toast(request, of_error(refusal), "error")
        else:
            answers.toast(request, gettext("Booked as paid; the owner is told."))
        return answers.redirect(request, f"{ROOM}/{payout_id}")

    @post("/{payout_id:uuid}/decline", guards=[requires(Permission.PAYOUTS_WRITE)])
    async def decline(
        self,
        payout_id: PathUuid,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            reason = (await forms.parse(request, DeclineForm)).reason
            async with runtime.database.master_session() as session:
                payout = await queries.payout(session, payout_id)
                await service.decline(session, payout_id, reason, staff.name)
                detail = {"station": payout.tenant_id, "amount_cents": payout.amount_cents, "reason": reason}
                await audit.record(session, staff.name, "payouts.decline", payout.no, detail, staff.address)
        except Invalid as error:
            return await _page(request, runtime, payout_id, await forms.again(request, error), 422)
        except DecidedAlready as refusal:
            answers.toast(request, of_error(refusal), "error")
        else:
            answers.toast(request, gettext("Declined. The money is back in the station's earnings; the owner is told."))
        return answers.redirect(request, f"{ROOM}/{payout_id}")

    @post("/refunds/{refund_id:uuid}", guards=[requires(Permission.PAYOUTS_WRITE)])
    async def decide_refund(
        self,
        refund_id: PathUuid,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        """What the operator saw at the gateway of a refund that nobody knew of."""
        done = (await forms.parse(request, OutcomeForm)).done
        try:
            async with runtime.database.master_session() as session:
                asked = await refund_tasks.decide_at_master(session, refund_id, done=done)
                detail = {"station": asked.tenant_id, "amount_cents": asked.amount_cents, "state": asked.state}
                await audit.record(session, staff.name, "refunds.decide", asked.payment_no, detail, staff.address)
        except (NotInDoubt, Conflict) as refusal:
            answers.toast(request, of_error(refusal), "error")
        else:
            answers.toast(request, gettext("Saved."))
        return answers.redirect(request, ROOM)


def values_of(asked: paging.Wanted, tenant_id: int = 0) -> dict[str, Any]:
    pattern = paging.like(asked.search)
    return {"words": asked.search, "pattern": pattern, "state": asked.get("state"), "tenant": tenant_id}


def told(terms: Overrides) -> dict[str, object]:
    """Terms as the audit log keeps them."""
    return {
        "hold_days": terms.hold_days,
        "least_cents": terms.least_cents,
        "daily_cents": terms.daily_cents,
        "fee_rate": None if terms.fee_rate is None else str(terms.fee_rate.normalize()),
        "fee_cents": terms.fee_cents,
    }


def filled(terms: Overrides) -> Form:
    """Terms as a form shows them; what is not set stays empty."""
    amounts = {"least": terms.least_cents, "daily": terms.daily_cents, "fee": terms.fee_cents}
    values = {name: "" if cents is None else str(to_yuan(cents)) for name, cents in amounts.items()}
    values["hold_days"] = "" if terms.hold_days is None else str(terms.hold_days)
    values["fee_percent"] = "" if terms.fee_rate is None else f"{terms.fee_rate * 100:.3f}".rstrip("0").rstrip(".")
    return Form(values=values)


async def _terms(request: AnyRequest, runtime: Runtime, form: Form | None = None, status: int = 200) -> Template:
    async with runtime.database.master_session() as session:
        terms = await queries.overrides_of(session, 0)
    return page(request, "master/settlement_terms.html", status=status, form=form or filled(terms))


async def _page(
    request: AnyRequest, runtime: Runtime, payout_id: Any, form: Form | None = None, status: int = 200
) -> Template:
    """Raises `NoSuchPayout`."""
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        payout = await queries.payout(session, payout_id)
        balances = await queries.balances(session, payout.tenant_id)
        station = (await registry.names(session, [payout.tenant_id]))[payout.tenant_id]
    account = service.account_of(sealer, payout)
    return page(
        request,
        "master/payout.html",
        status=status,
        payout=payout,
        station=station,
        account_text=account,
        balances=balances,
        form=form,
    )
