"""Cards that are wanted for the master's stock: ordered with a click, put away, settled; limits, and each good's
level."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui.frame import AnyRequest, PathId, PathNo, chips, page
from kameng.audit import service as audit
from kameng.core.errors import Conflict, Invalid
from kameng.core.money import to_cents
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import N_, gettext, of_error
from kameng.web.people import Staff
from supplier_gateway.goods import queries as goods
from supplier_gateway.offers.errors import OfferGone
from supplier_gateway.replenishment import ordering, queries, service
from supplier_gateway.replenishment.ordering import Verdict
from supplier_gateway.replenishment.queries import Rules, Setting

ROOM = "/replenishments"
Yuan = Annotated[Decimal, Meta(extra={"ge": "0.01", "le": "10000000", "places": 2})]


class OrderForm(Struct, frozen=True):
    offer_id: Annotated[int, Meta(ge=1, le=2**31 - 1, extra={"message": N_("Choose one of the list.")})]
    quantity: Annotated[int, Meta(ge=1, le=100_000)]


class RulesForm(Struct, frozen=True):
    """Limits in yuan."""

    order_limit: Yuan
    day_limit: Yuan
    lead_days: Annotated[int, Meta(ge=0, le=60)]
    cover_days: Annotated[int, Meta(ge=1, le=90)]


class WatchForm(Struct, frozen=True):
    """Empty `warn_at`: nobody is reminded; `auto_units` 0: a person orders."""

    warn_at: Annotated[int, Meta(ge=0, le=100_000)] | None = None
    auto_units: Annotated[int, Meta(ge=0, le=10_000)] = 0


class SettleForm(Struct, frozen=True):
    """What the supplier has said to a person."""

    verdict: Literal["received", "failed"]
    checked: Annotated[bool, Meta(extra={"message": N_("Ask the supplier first.")})] = False
    cards: Annotated[str, Meta(max_length=4_000_000, extra={"lines": True})] = ""
    cost: Annotated[Decimal, Meta(extra={"ge": 0, "le": 10_000_000, "places": 2})] | None = None
    supplier_order_no: Annotated[str, Meta(max_length=200)] = ""

    def verdict_of(self) -> Verdict:
        """Raises `Invalid`."""
        if not self.checked:
            raise Invalid({"checked": "Ask the supplier first."})
        if self.verdict == "failed":
            return Verdict(supplier_order_no=self.supplier_order_no)
        cards = tuple(line.strip() for line in self.cards.splitlines() if line.strip())
        if self.cost is None or not cards:
            raise Invalid({"cards" if not cards else "cost": "Fill this in."})
        return Verdict(cards, to_cents(self.cost), self.supplier_order_no)


class ReplenishmentController(Controller):
    path = ROOM

    @get("/", guards=[requires(Permission.PURCHASES_READ)])
    async def listed(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _list(request, runtime)

    @post("/rules", guards=[requires(Permission.PURCHASES_WRITE)])
    async def rules(
        self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, RulesForm)
        except Invalid as error:
            return await _list(request, runtime, await forms.again(request, error), 422)
        wanted = Rules(to_cents(sent.order_limit), to_cents(sent.day_limit), sent.lead_days, sent.cover_days)
        async with runtime.database.master_session() as session:
            before = await queries.rules(session)
            await service.change_rules(session, wanted)
            await audit.record(
                session, staff.name, "replenish.rules", "", None, staff.address,
                before={name: getattr(before, name) for name in Rules.__struct_fields__},
                after={name: getattr(wanted, name) for name in Rules.__struct_fields__},
            )  # fmt: skip
        answers.toast(request, gettext("Saved."))
        return answers.redirect(request, ROOM)

    @get("/goods/{good_id:int}", guards=[requires(Permission.PURCHASES_READ)])
    async def good(self, good_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _good(request, runtime, good_id)

    @post("/goods/{good_id:int}", guards=[requires(Permission.PURCHASES_WRITE)])
    async def watch(
        self,
        good_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, WatchForm)
        except Invalid as error:
            return await _good(request, runtime, good_id, await forms.again(request, error), 422)
        async with runtime.database.master_session() as session:
            found = await goods.good(session, good_id)
            before = await queries.setting(session, good_id)
            await service.watch(session, good_id, Setting(sent.warn_at, sent.auto_units), staff.name)
            await audit.record(
                session, staff.name, "replenish.good", str(good_id), {"good": found.name}, staff.address,
                before={"warn_at": before.warn_at, "auto_units": before.auto_units},
                after={"warn_at": sent.warn_at, "auto_units": sent.auto_units},
            )  # fmt: skip
        answers.toast(request, gettext("Saved."))
        return answers.redirect(request, f"{ROOM}/goods/{good_id}")

    @post("/goods/{good_id:int}/wanted", guards=[requires(Permission.PURCHASES_WRITE)])
    async def want(
        self,
        good_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with runtime.database.master_session() as session:
            wanted = await service.want(session, good_id, cause="by_hand")
            if wanted is not None:
                detail = {"good": wanted.good}
                await audit.record(session, staff.name, "replenish.want", wanted.reference, detail, staff.address)
        if wanted is None:
            answers.toast(request, gettext("Cards are on their way already, or the good has none."), "warn")
            return answers.redirect(request, f"{ROOM}/goods/{good_id}")
        return answers.redirect(request, f"{ROOM}/{wanted.reference}")

    @get("/{reference:str}", guards=[requires(Permission.PURCHASES_READ)])
    async def show(self, reference: PathNo, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _page(request, runtime, reference)

    @post("/{reference:str}/order", guards=[requires(Permission.PURCHASES_WRITE)])
    async def order(
        self,
        reference: PathNo,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, OrderForm)
            async with runtime.database.master_session() as session:
                done = await service.order(session, reference, sent.offer_id, sent.quantity, staff.name)
                detail = {"good": done.good, "supplier": done.supplier, "units": done.quantity,
                          "cost": str(done.max_unit_cost)}  # fmt: skip
                await audit.record(session, staff.name, "replenish.order", reference, detail, staff.address)
        except OfferGone as error:
            wrong = await forms.again(request, Invalid({"offer_id": error.message}))
            return await _page(request, runtime, reference, form=wrong, status=422)
        except (Invalid, Conflict) as error:
            return await _page(request, runtime, reference, form=await forms.again(request, error), status=422)
        answers.toast(request, gettext("Ordered. The cards lie in your stock as soon as the supplier has sent them."))
        return answers.redirect(request, f"{ROOM}/{reference}")

    @post("/{reference:str}/dismiss", guards=[requires(Permission.PURCHASES_WRITE)])
    async def dismiss(
        self,
        reference: PathNo,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            async with runtime.database.master_session() as session:
                done = await service.dismiss(session, reference, staff.name)
                detail = {"good": done.good}
                await audit.record(session, staff.name, "replenish.dismiss", reference, detail, staff.address)
        except Conflict as error:
            answers.toast(request, of_error(error), "warn")
        return answers.redirect(request, ROOM)

    @post("/{reference:str}/settle", guards=[requires(Permission.PURCHASES_WRITE)])
    async def settle(
        self,
        reference: PathNo,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            verdict = (await forms.parse(request, SettleForm)).verdict_of()
            async with runtime.database.master_session() as session:
                done = await ordering.settle(runtime, session, reference, verdict)
                detail = {"good": done.good, "to": done.state, "units": done.received,
                          "amount_cents": done.cost_cents}  # fmt: skip
                await audit.record(session, staff.name, "replenish.settle", reference, detail, staff.address)
        except (Invalid, Conflict) as error:
            return await _page(request, runtime, reference, settling=await forms.again(request, error), status=422)
        answers.toast(request, gettext("The replenishment is settled."))
        return answers.redirect(request, f"{ROOM}/{reference}")


async def _list(request: AnyRequest, runtime: Runtime, form: Form | None = None, status: int = 200) -> Template:
    asked = paging.wanted(request)
    values = {"words": asked.search, "pattern": paging.like(asked.search), "state": asked.get("state")}
    async with runtime.database.master_session() as session:
        found = await paging.of_sql(session, queries.LINES, values, asked)
        rules = await queries.rules(session)
        spent_cents = await queries.spent_cents(session)
    fields = {"order_limit": _yuan(rules.order_cents), "day_limit": _yuan(rules.day_cents),
              "lead_days": str(rules.lead_days), "cover_days": str(rules.cover_days)}  # fmt: skip
    return page(
        request, "master/replenishments.html", status=status, found=found.map(queries.line), asked=asked,
        filters=chips(asked, "replenishment"), form=form or Form(values=fields), spent_cents=spent_cents, rules=rules,
    )  # fmt: skip


async def _good(
    request: AnyRequest, runtime: Runtime, good_id: int, form: Form | None = None, status: int = 200
) -> Template:
    async with runtime.database.master_session() as session:
        good = await goods.good(session, good_id)
        setting = await queries.setting(session, good_id)
        pace = await queries.pace(session, good_id)
    fields = {"warn_at": "" if setting.warn_at is None else str(setting.warn_at), "auto_units": str(setting.auto_units)}
    return page(
        request, "master/replenish_good.html", status=status, good=good, pace=pace, form=form or Form(values=fields)
    )  # fmt: skip


async def _page(
    request: AnyRequest,
    runtime: Runtime,
    reference: str,
    *,
    form: Form | None = None,
    settling: Form | None = None,
    status: int = 200,
) -> Template:
    async with runtime.database.master_session() as session:
        found = await queries.find(session, reference)
        is_wanted = found.state == "wanted"
        offers = await service.choices(session, found.good_id) if is_wanted else []
        pace = await queries.pace(session, found.good_id)
    fields = {"quantity": str(found.suggested)}
    return page(
        request, "master/replenishment.html", status=status, one=found, offers=offers, pace=pace,
        form=form or Form(values=fields), settling=settling or Form(), is_stuck=ordering.is_stuck(found),
    )  # fmt: skip


def _yuan(cents: int) -> str:
    return f"{cents / 100:.2f}"
