"""Special prices: of all stations, and of one, where they are given and ended."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui.frame import AnyRequest, PathId, chips, page
from admin_ui.master import drafting
from admin_ui.master.drafting import Reason
from admin_ui.master.station_tabs import tabs
from billing.wholesale import change_queries, changes, lists
from billing.wholesale import queries as wholesale
from billing.wholesale.change_lines import Line, Value
from billing.wholesale.errors import NothingChanges, SellsAtLoss, SpecialGone, SpecialOverlaps
from billing.wholesale.lists import UNTIL, Wrong
from kameng.core import clock
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import context, forms, i18n, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import N_, gettext
from kameng.web.pages import yuan
from kameng.web.people import Staff
from supplier_gateway.goods import queries as goods
from tenants.registry import queries as registry
from tenants.tiering import queries as tiering

Price = Annotated[Decimal, Meta(extra={"ge": "0.0001", "le": "100000", "places": 4})]
Time = Annotated[str, Meta(max_length=25)]
WRONG = (Invalid, NothingChanges, SellsAtLoss, SpecialOverlaps)


class SpecialForm(Struct, frozen=True):
    """A price for one station and one good; no `starts`: at once, no `ends`: until it is ended."""

    good_id: Annotated[int, Meta(ge=1, le=2**31 - 1, extra={"message": N_("Choose one of the list.")})]
    price: Price
    reason: Reason
    starts: Time = ""
    ends: Time = ""
    note: Annotated[str, Meta(max_length=200)] = ""
    loss: bool = False

    def line(self, tenant_id: int) -> Line:
        """Raises `Invalid`."""
        zone = i18n.reader().zone
        errors: dict[str, str] = {}
        try:
            starts = lists.moment(self.starts, zone)
        except Wrong as wrong:
            starts, errors["starts"] = None, wrong.text
        try:
            ends = lists.moment(self.ends, zone, UNTIL)
        except Wrong as wrong:
            ends, errors["ends"] = None, wrong.text
        if not errors and ends is not None and ends <= (starts or clock.now()):
            errors["ends"] = gettext("This is before it begins.")
        if errors:
            raise Invalid(errors)
        value = Value(price=self.price, starts=starts, ends=ends, note=self.note)
        return Line(kind="special", tenant_id=tenant_id, good_id=self.good_id, after=value)


class EndForm(Struct, frozen=True):
    """Why a special price ends."""

    reason: Reason


class SpecialPriceController(Controller):
    path = "/special-prices"

    @get("/", guards=[requires(Permission.TIERS_READ)])
    async def listed(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        asked = paging.wanted(request)
        async with runtime.database.master_session() as session:
            found = await paging.of_sql(session, change_queries.SPECIALS, _values(asked, None), asked)
        return page(
            request, "master/special_prices.html", found=found, asked=asked, filters=chips(asked, "special_price")
        )


class StationPriceController(Controller):
    path = "/tenants/{tenant_id:int}/prices"

    @get("/", guards=[requires(Permission.TIERS_READ)])
    async def show(self, tenant_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _page(request, runtime, tenant_id)

    @post("/", guards=[requires(Permission.TIERS_WRITE)])
    async def give(
        self,
        tenant_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with runtime.database.master_session() as session:
            await registry.station(session, tenant_id)
        try:
            sent = await forms.parse(request, SpecialForm)
            line = sent.line(tenant_id)
            await _check(runtime, line, allows_loss=sent.loss)
            return await drafting.look_at(
                request, runtime, staff, [line], "special", sent.reason, allows_loss=sent.loss
            )
        except WRONG as error:
            return await _page(request, runtime, tenant_id, 422, await forms.again(request, error))

    @post("/{special_id:int}/end", guards=[requires(Permission.TIERS_WRITE)])
    async def end(
        self,
        tenant_id: PathId,
        special_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with runtime.database.master_session() as session:
            kept = await change_queries.special(session, special_id)
        if kept is None or kept.tenant_id != tenant_id:
            raise SpecialGone
        line = Line(kind="special", tenant_id=tenant_id, good_id=kept.good_id, special_id=special_id)
        why = gettext("The special price is ended.")
        return await drafting.look_at(request, runtime, staff, [line], "special", why)


async def _check(runtime: Runtime, line: Line, *, allows_loss: bool) -> None:
    """Raises `Invalid` for a good that is not there, a period that another has, and a loss that is not confirmed."""
    good_id = line.good_id or 0
    async with runtime.database.master_session() as session:
        names = await wholesale.good_names(session, [good_id])
        if good_id not in names:
            raise Invalid({"good_id": "Choose one of the list."})
        if await change_queries.overlaps(session, line):
            raise SpecialOverlaps(field="starts", good=names[good_id])
        losses = await changes.losses(session, [line])
    if losses and not allows_loss:
        lost = yuan(losses[0].cost - losses[0].price)
        raise Invalid(
            {
                "price": gettext(
                    "Below the best cost of %(cost)s: each sale would lose %(loss)s.",
                    cost=yuan(losses[0].cost),
                    loss=lost,
                ),
                "loss": gettext("Tick this to lose up to %(loss)s on each sale, or change the price.", loss=lost),
            }
        )


async def _page(
    request: AnyRequest, runtime: Runtime, tenant_id: int, status: int = 200, form: Form | None = None
) -> Template:
    asked = paging.wanted(request)
    async with runtime.database.master_session() as session:
        station = await registry.station(session, tenant_id)
        found = await paging.of_sql(session, change_queries.SPECIALS, _values(asked, tenant_id), asked)
        options = [(good.id, good.name) for good in await goods.active(session)]
        takes_part = await tiering.is_on_for(session, tenant_id)
        upgrades = await tiering.is_on(session)
    return page(
        request,
        "master/station_prices.html",
        status=status,
        station=station,
        tabs=tabs(context.of(request.scope), tenant_id),
        url=runtime.settings.base_url,
        found=found,
        asked=asked,
        filters=chips(asked, "special_price"),
        options=[("", gettext("Choose a good")), *options],
        takes_part=takes_part,
        upgrades=upgrades,
        form=form,
    )


def _values(asked: paging.Wanted, tenant_id: int | None) -> Mapping[str, Any]:
    return {
        "tenant": tenant_id,
        "words": asked.search,
        "pattern": paging.like(asked.search),
        "state": asked.get("state"),
    }
