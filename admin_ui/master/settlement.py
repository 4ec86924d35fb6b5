"""One station's money at the master: what is held, its own terms, its statement, and a wholesale price given back."""

from decimal import Decimal
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui import statements
from admin_ui.frame import AnyRequest, PathId, page
from admin_ui.master.payouts import AtLeastACent, Percent, Yuan, filled, told
from admin_ui.master.station_tabs import tabs
from admin_ui.payout_words import RequestKey, wanted_range
from billing.ledger.errors import KeyReused, NeverCharged
from billing.payouts import queries, service
from billing.payouts.queries import Overrides
from kameng.audit import service as audit
from kameng.core import ids
from kameng.core.errors import Invalid
from kameng.core.money import to_cents
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, context, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from tenants.orders import queries as orders
from tenants.orders.errors import OrderGone
from tenants.registry import queries as registry


class OwnTermsForm(Struct, frozen=True, kw_only=True):
    """As in the terms for everybody, which hold where a field is empty."""

    hold_days: Annotated[int, Meta(ge=0, le=180)] | None = None
    least: AtLeastACent | None = None
    daily: AtLeastACent | None = None
    fee_percent: Percent | None = None
    fee: Yuan | None = None

    def terms(self) -> Overrides:
        return Overrides(
            hold_days=self.hold_days,
            least_cents=_cents(self.least),
            daily_cents=_cents(self.daily),
            fee_rate=None if self.fee_percent is None else self.fee_percent / 100,
            fee_cents=_cents(self.fee),
        )


class WholesaleForm(Struct, frozen=True, kw_only=True):
    """What of an order's wholesale price the master bears, in yuan."""

    order_no: Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]{1,64}$")]
    amount: AtLeastACent
    reason: Annotated[str, Meta(min_length=1, max_length=200)]
    request_key: RequestKey


class SettlementController(Controller):
    path = "/tenants/{tenant_id:int}/settlement"

    @get("/", guards=[requires(Permission.PAYOUTS_READ)])
    async def show(self, tenant_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _page(request, runtime, tenant_id)

    @post("/terms", guards=[requires(Permission.PAYOUTS_WRITE)])
    async def set_terms(
        self,
        tenant_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            terms = (await forms.parse(request, OwnTermsForm)).terms()
        except Invalid as error:
            return await _page(request, runtime, tenant_id, form=await forms.again(request, error), status=422)
        async with runtime.database.master_session() as session:
            await registry.station(session, tenant_id)
            before = await queries.overrides_of(session, tenant_id)
            await service.set_terms(session, tenant_id, terms)
            await audit.record(
                session, staff.name, "settlement.terms", str(tenant_id), address=staff.address, before=told(before),
                after=told(terms),
            )  # fmt: skip
        answers.toast(request, gettext("Saved."))
        return answers.redirect(request, f"/tenants/{tenant_id}/settlement")

    @post("/wholesale", guards=[requires(Permission.PAYOUTS_WRITE)])
    async def wholesale(
        self,
        tenant_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, WholesaleForm)
            await _give_back(runtime, tenant_id, sent, staff)
        except (Invalid, OrderGone, NeverCharged, KeyReused) as error:
            form = await forms.again(request, _at_field(error))
            return await _page(request, runtime, tenant_id, back_form=form, status=422)
        answers.toast(request, gettext("The wholesale price is back in the station's deposit."))
        return answers.redirect(request, f"/tenants/{tenant_id}/settlement")

    @get("/{kind:str}", guards=[requires(Permission.PAYOUTS_READ)])
    async def export(
        self,
        tenant_id: PathId,
        kind: Annotated[str, PathParameter(pattern=r"^(csv|xlsx)$")],
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
    ) -> Response[Any]:
        async with runtime.database.master_session() as session:
            await registry.station(session, tenant_id)
            return await statements.file(session, tenant_id, wanted_range(request), kind)


async def _give_back(runtime: Runtime, tenant_id: int, sent: WholesaleForm, by: Staff) -> None:
    """Raises `OrderGone`, `NeverCharged`, `KeyReused`."""
    tenant = await runtime.directory.tenant(tenant_id)
    async with tenant.begin() as session:
        order = await orders.order_by_no(session, sent.order_no)
    cents = to_cents(sent.amount)
    async with runtime.database.master_session() as session:
        if await service.give_back_wholesale(session, tenant_id, order.id, cents, sent.request_key):
            detail = {"station": tenant_id, "amount_cents": cents, "reason": sent.reason}
            await audit.record(session, by.name, "settlement.wholesale", order.no, detail, by.address)


def _at_field(error: Invalid | OrderGone | NeverCharged | KeyReused) -> Invalid:
    if isinstance(error, Invalid):
        return error
    if isinstance(error, OrderGone):
        return Invalid({"order_no": "This station has no such order."})
    return Invalid({"amount": "The order did not bring the master that much, or it has gone back already."})


def _cents(yuan: Decimal | None) -> int | None:
    return None if yuan is None else to_cents(yuan)


async def _page(
    request: AnyRequest,
    runtime: Runtime,
    tenant_id: int,
    *,
    form: Form | None = None,
    back_form: Form | None = None,
    status: int = 200,
) -> Template:
    """Raises `StationGone`."""
    async with runtime.database.master_session() as session:
        station = await registry.station(session, tenant_id)
        balances = await queries.balances(session, tenant_id)
        usual = await queries.terms_of(session, 0)
        own = await queries.overrides_of(session, tenant_id)
        statement = await statements.told(session, tenant_id, wanted_range(request))
    return page(
        request,
        "master/station_settlement.html",
        status=status,
        station=station,
        tabs=tabs(context.of(request.scope), tenant_id, "/settlement"),
        url=runtime.settings.base_url,
        balances=balances,
        usual=usual,
        form=form or filled(own),
        back_form=back_form,
        request_key=ids.code(20),
        **statement,
    )
