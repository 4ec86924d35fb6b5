"""What stations can have, and what they pay for it."""

from decimal import Decimal
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct, structs

from admin_ui.fields import Switch
from admin_ui.frame import AnyRequest, PathId, page
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.core.money import to_cents, to_yuan
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from tenants.plans import queries, service
from tenants.plans.errors import PlanNameTaken
from tenants.plans.queries import Plan
from tenants.plans.service import PlanDraft

Yuan = Annotated[Decimal, Meta(extra={"ge": "0", "le": "1000000", "places": 2})]
Fee = Annotated[Decimal, Meta(extra={"ge": "0", "le": "50000", "places": 2})]  # one payment at a gateway
Limit = Annotated[int, Meta(ge=1, le=100_000_000)]


class PlanForm(Struct, frozen=True, kw_only=True):
    """Amounts in yuan; a limit that is left empty is none; `is_offered` is a checkbox."""

    name: Annotated[str, Meta(min_length=1, max_length=40)]
    price: Yuan
    period_months: Annotated[int, Meta(ge=1, le=36)] = 1
    trial_days: Annotated[int, Meta(ge=0, le=365)] = 0
    opening_fee: Fee = Decimal(0)
    max_products: Limit | None = None
    max_staff: Limit | None = None
    max_orders_month: Limit | None = None
    is_offered: bool = False

    def draft(self) -> PlanDraft:
        return PlanDraft(
            name=self.name,
            price_cents=to_cents(self.price),
            period_months=self.period_months,
            trial_days=self.trial_days,
            opening_fee_cents=to_cents(self.opening_fee),
            max_products=self.max_products,
            max_staff=self.max_staff,
            max_orders_month=self.max_orders_month,
            is_offered=self.is_offered,
        )


BLANK = Form(values={"period_months": "1", "trial_days": "0", "opening_fee": "0.00"})


class PlanController(Controller):
    path = "/plans"

    @get("/", guards=[requires(Permission.PLANS_READ)])
    async def listed(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        async with runtime.database.master_session() as session:
            plans = await queries.plans(session)
            stations = await queries.stations(session)
        return page(request, "master/plans.html", plans=plans, stations=stations)

    @get("/new", guards=[requires(Permission.PLANS_WRITE)])
    async def blank(self, request: AnyRequest) -> Template:
        return page(request, "master/plan_form.html", form=BLANK, plan_id=None)

    @post("/", guards=[requires(Permission.PLANS_WRITE)])
    async def add(
        self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            draft = (await forms.parse(request, PlanForm)).draft()
            async with runtime.database.master_session() as session:
                plan_id = await service.add(session, draft)
                detail = {"name": draft.name, "to": _terms(draft)}
                await audit.record(session, staff.name, "plans.add", str(plan_id), detail, staff.address)
        except (Invalid, PlanNameTaken) as error:
            form = await forms.again(request, error)
            return page(request, "master/plan_form.html", status=422, form=form, plan_id=None)
        answers.toast(request, gettext("The plan is added."))
        return answers.redirect(request, f"/plans/{plan_id}")

    @get("/{plan_id:int}", guards=[requires(Permission.PLANS_READ)])
    async def show(self, plan_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        async with runtime.database.master_session() as session:
            plan = await queries.plan(session, plan_id)
            stations = await queries.stations(session)
        return page(request, "master/plan.html", plan=plan, stations=stations.get(plan_id, 0))

    @get("/{plan_id:int}/edit", guards=[requires(Permission.PLANS_WRITE)])
    async def edit(self, plan_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        async with runtime.database.master_session() as session:
            plan = await queries.plan(session, plan_id)
        return page(request, "master/plan_form.html", form=_filled(plan), plan_id=plan_id)

    @post("/{plan_id:int}", guards=[requires(Permission.PLANS_WRITE)])
    async def change(
        self,
        plan_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            draft = (await forms.parse(request, PlanForm)).draft()
            async with runtime.database.master_session() as session:
                before, now = _terms(await queries.plan(session, plan_id)), _terms(draft)
                await service.change(session, plan_id, draft)
                detail = {
                    "name": draft.name,
                    "from": {name: value for name, value in before.items() if value != now[name]},
                    "to": {name: value for name, value in now.items() if value != before[name]},
                }
                await audit.record(session, staff.name, "plans.change", str(plan_id), detail, staff.address)
        except (Invalid, PlanNameTaken) as error:
            form = await forms.again(request, error)
            return page(request, "master/plan_form.html", status=422, form=form, plan_id=plan_id)
        runtime.directory.forget()
        answers.toast(request, gettext("The plan is saved. Stations pay the new price from their next period on."))
        return answers.redirect(request, f"/plans/{plan_id}")

    @post("/{plan_id:int}/retire", guards=[requires(Permission.PLANS_WRITE)])
    async def retire(
        self,
        plan_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        retired = (await forms.parse(request, Switch)).paused
        async with runtime.database.master_session() as session:
            name = await service.retire(session, plan_id, retired=retired)
            action = "plans.retire" if retired else "plans.restore"
            await audit.record(session, staff.name, action, str(plan_id), {"name": name}, staff.address)
        answers.toast(
            request,
            gettext("The plan is retired. Who has it keeps it.")
            if retired
            else gettext("The plan can be chosen again."),
        )
        return answers.redirect(request, f"/plans/{plan_id}")


def _filled(plan: Plan) -> Form:
    values = {name: str(value) for name, value in structs.asdict(plan).items() if value is not None}
    values |= {"price": str(to_yuan(plan.price_cents)), "opening_fee": str(to_yuan(plan.opening_fee_cents))}
    if not plan.is_offered:
        values.pop("is_offered")
    return Form(values=values)


def _terms(plan: Plan | PlanDraft) -> dict[str, Any]:
    """What a plan says, for the log of changes."""
    return {name: getattr(plan, name) for name in PlanDraft.__struct_fields__}
