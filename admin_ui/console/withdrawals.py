"""What the master holds for the station: what is coming, what is there, and having it paid out."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui import words
from admin_ui.channel_form import percent
from admin_ui.fields import Confirmed
from admin_ui.frame import AnyRequest, PathUuid, chips, page
from admin_ui.payout_words import METHODS, MOST_EXPORTED, RequestKey, payout_file
from billing.ledger.errors import EarningsTooLow
from billing.payouts import queries, service
from billing.payouts.errors import DecidedAlready
from billing.payouts.queries import Payout
from billing.payouts.service import PayoutDraft
from kameng.audit import service as audit
from kameng.core import ids
from kameng.core.errors import Invalid, Refused
from kameng.core.money import to_cents
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext, of_error
from kameng.web.people import Staff
from tenants.toggles import flags

ROOM = "/console/withdrawals"
Amount = Annotated[Decimal, Meta(extra={"ge": "0.01", "le": "10000000", "places": 2})]


class WithdrawalForm(Struct, frozen=True, kw_only=True):
    """What the owner asks for, in yuan. `request_key` is made with the page: the same form sent twice asks once."""

    amount: Amount
    method: Literal["alipay", "bank", "usdt"]
    account: Annotated[str, Meta(min_length=4, max_length=400, extra={"lines": True})]
    request_key: RequestKey
    note: Annotated[str, Meta(max_length=200)] = ""


class ToDepositForm(Struct, frozen=True, kw_only=True):
    """Earnings that are to pay in to the deposit, in yuan."""

    deposit_amount: Amount
    request_key: RequestKey


class WithdrawalController(Controller):
    path = ROOM
    opt = flags.WITHDRAWALS.opt

    @get("/", guards=[requires(Permission.WITHDRAWALS_READ)])
    async def listed(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        return await _list(request, tenant)

    @get("/export", guards=[requires(Permission.WITHDRAWALS_READ)])
    async def export(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Response[bytes]:
        asked = paging.wanted(request, size=MOST_EXPORTED)
        async with tenant.begin() as session:
            found = await paging.of_sql(session, queries.OWN, _values(asked), asked)
        return payout_file([Payout(**row._mapping) for row in found.items], with_station=False)

    @get("/new", guards=[requires(Permission.WITHDRAWALS_WRITE)])
    async def blank(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        return await _form(request, tenant)

    @post("/", guards=[requires(Permission.WITHDRAWALS_WRITE)])
    async def ask(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            await _ask(runtime, tenant, await forms.parse(request, WithdrawalForm), staff)
        except (Invalid, Refused) as error:
            form = await forms.again(request, _at_amount(error, "amount"))
            return await _form(request, tenant, form, 422)
        answers.toast(request, gettext("The withdrawal is asked for. The master station looks at it."))
        return answers.redirect(request, ROOM)

    @post("/to-deposit", guards=[requires(Permission.WITHDRAWALS_WRITE)])
    async def to_deposit(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, ToDepositForm)
            cents = to_cents(sent.deposit_amount)
            async with tenant.begin() as session:
                if await service.to_deposit(session, cents, sent.request_key):
                    detail = {"amount_cents": cents}
                    await audit.record(session, staff.name, "payouts.to_deposit", "", detail, staff.address)
        except (Invalid, EarningsTooLow) as error:
            form = await forms.again(request, _at_amount(error, "deposit_amount"))
            return await _list(request, tenant, form, 422)
        answers.toast(request, gettext("Paid in to the deposit."))
        return answers.redirect(request, ROOM)

    @get("/{payout_id:uuid}", guards=[requires(Permission.WITHDRAWALS_READ)])
    async def show(
        self,
        payout_id: PathUuid,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
    ) -> Template:
        sealer = await runtime.keyring.master()
        async with tenant.begin() as session:
            payout = await queries.payout(session, payout_id)
        account = service.account_of(sealer, payout)
        return page(request, "console/withdrawal.html", payout=payout, account_text=account)

    @post("/{payout_id:uuid}/cancel", guards=[requires(Permission.WITHDRAWALS_WRITE)])
    async def cancel(
        self,
        payout_id: PathUuid,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        await forms.parse(request, Confirmed)
        try:
            async with tenant.begin() as session:
                payout = await service.cancel(session, payout_id, staff.name)
                detail = {"amount_cents": payout.amount_cents}
                await audit.record(session, staff.name, "payouts.cancel", payout.no, detail, staff.address)
        except DecidedAlready as refusal:
            answers.toast(request, of_error(refusal), "error")
        else:
            answers.toast(request, gettext("Cancelled. The money is back in your earnings."))
        return answers.redirect(request, f"{ROOM}/{payout_id}")


async def _ask(runtime: Runtime, tenant: Tenant, sent: WithdrawalForm, by: Staff) -> None:
    sealer = await runtime.keyring.master()
    draft = PayoutDraft(
        amount_cents=to_cents(sent.amount),
        method=sent.method,
        account=sent.account,
        request_key=sent.request_key,
        note=sent.note,
    )
    async with tenant.begin() as session:
        if no := await service.ask(session, sealer, draft, by.name):
            detail = {"amount_cents": draft.amount_cents, "method": draft.method}
            await audit.record(session, by.name, "payouts.ask", no, detail, by.address)


async def _list(request: AnyRequest, tenant: Tenant, form: Form | None = None, status: int = 200) -> Template:
    asked = paging.wanted(request)
    async with tenant.begin() as session:
        balances = await queries.balances(session, tenant.id)
        terms = await queries.own_terms(session)
        held = await queries.held_by_day(session, tenant.id, terms.hold_days)
        found = await paging.of_sql(session, queries.OWN, _values(asked), asked)
        counts = await queries.waiting(session)
    return page(
        request,
        "console/withdrawals.html",
        status=status,
        balances=balances,
        terms=terms,
        held=[(day + timedelta(days=terms.hold_days + 1), cents) for day, cents in held],
        found=found.map(lambda row: Payout(**row._mapping)),
        filters=chips(asked, "payout", counts),
        asked=asked,
        export=paging.address(f"{ROOM}/export", asked.query),
        form=form,
        request_key=ids.code(20),
    )


async def _form(request: AnyRequest, tenant: Tenant, form: Form | None = None, status: int = 200) -> Template:
    async with tenant.begin() as session:
        balances = await queries.balances(session, tenant.id)
        terms = await queries.own_terms(session)
    return page(
        request,
        "console/withdrawal_form.html",
        status=status,
        balances=balances,
        terms=terms,
        most_cents=min(balances.earnings_cents, terms.left_today_cents),
        percent=percent,
        methods=[(method, words.say("payout_method", method)) for method in METHODS],
        form=form,
        request_key=ids.code(20),
    )


def _values(asked: paging.Wanted) -> dict[str, Any]:
    return {"words": asked.search, "pattern": paging.like(asked.search), "state": asked.get("state")}


def _at_amount(error: Invalid | Refused, field: str) -> Invalid | Refused:
    """What the commit refuses knows no field."""
    return error if isinstance(error, Invalid) or error.field else Invalid({field: error.message})
