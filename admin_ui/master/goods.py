"""What the gateway can deliver: the catalogue of the master."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui.fields import Switch
from admin_ui.frame import AnyRequest, PathId, chips, page
from billing.wholesale import queries as wholesale
from billing.wholesale.lists import price_text
from kameng.audit import service as audit
from kameng.cards import service as cards
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from supplier_gateway.goods import queries, service
from supplier_gateway.goods.errors import GoodNameTaken
from supplier_gateway.offers import queries as offers
from supplier_gateway.offers.queries import OfferLine

LONGEST_TEXT = 4000


class GoodForm(Struct, frozen=True):
    """A good as the operator describes it."""

    name: Annotated[str, Meta(min_length=1, max_length=80)]
    description: Annotated[str, Meta(max_length=LONGEST_TEXT, extra={"lines": True})] = ""
    usage_note: Annotated[str, Meta(max_length=1000, extra={"lines": True})] = ""


class GoodController(Controller):
    path = "/goods"

    @get("/", guards=[requires(Permission.GOODS_READ)])
    async def listed(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        asked = paging.wanted(request)
        values = {"words": asked.search, "pattern": paging.like(asked.search), "state": asked.get("state")}
        async with runtime.database.master_session() as session:
            found = await paging.of_sql(session, queries.LINES, values, asked)
        return page(request, "master/goods.html", found=found, filters=chips(asked, "good"), asked=asked)

    @get("/new", guards=[requires(Permission.GOODS_WRITE)])
    async def blank(self, request: AnyRequest) -> Template:
        return page(request, "master/good_form.html", form=None, good_id=None)

    @post("/", guards=[requires(Permission.GOODS_WRITE)])
    async def add(
        self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, GoodForm)
            async with runtime.database.master_session() as session:
                good = await service.add(session, sent.name, sent.description, sent.usage_note)
                await audit.record(session, staff.name, "goods.add", str(good.id), {"name": good.name}, staff.address)
        except (Invalid, GoodNameTaken) as error:
            form = await forms.again(request, error)
            return page(request, "master/good_form.html", status=422, form=form, good_id=None)
        answers.toast(request, gettext("The good is in the catalogue. Now say who supplies it, and what it costs."))
        return answers.redirect(request, f"/goods/{good.id}")

    @get("/{good_id:int}", guards=[requires(Permission.GOODS_READ)])
    async def show(self, good_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await detail(request, runtime, good_id)

    @get("/{good_id:int}/edit", guards=[requires(Permission.GOODS_WRITE)])
    async def edit(self, good_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        async with runtime.database.master_session() as session:
            good = await queries.good(session, good_id)
        form = Form(values={name: str(getattr(good, name)) for name in GoodForm.__struct_fields__})
        return page(request, "master/good_form.html", form=form, good_id=good_id)

    @post("/{good_id:int}", guards=[requires(Permission.GOODS_WRITE)])
    async def change(
        self,
        good_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, GoodForm)
            async with runtime.database.master_session() as session:
                await service.change(session, good_id, sent.name, sent.description, sent.usage_note)
                await audit.record(
                    session, staff.name, "goods.change", str(good_id), {"name": sent.name}, staff.address
                )
        except (Invalid, GoodNameTaken) as error:
            form = await forms.again(request, error)
            return page(request, "master/good_form.html", status=422, form=form, good_id=good_id)
        answers.toast(request, gettext("The good is saved."))
        return answers.redirect(request, f"/goods/{good_id}")

    @post("/{good_id:int}/withdraw", guards=[requires(Permission.GOODS_WRITE)])
    async def withdraw(
        self,
        good_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        withdrawn = (await forms.parse(request, Switch)).paused
        async with runtime.database.master_session() as session:
            good = await service.withdraw(session, good_id, withdrawn=withdrawn)
            action = "goods.withdraw" if withdrawn else "goods.restore"
            await audit.record(session, staff.name, action, str(good_id), {"name": good.name}, staff.address)
        told = gettext("No station can sell this good now.") if withdrawn else gettext("Stations can sell it again.")
        answers.toast(request, told)
        return answers.redirect(request, f"/goods/{good_id}")


async def detail(
    request: AnyRequest,
    runtime: Runtime,
    good_id: int,
    status: int = 200,
    prices_form: Form | None = None,
) -> Template:
    """A good's page, with a form that was refused. Raises `GoodGone`."""
    async with runtime.database.master_session() as session:
        good = await queries.good(session, good_id)
        lines = await offers.of_goods(session, [good_id])
        tiers = await wholesale.tiers(session)
        prices = await wholesale.tier_terms(session, good_id)
        floor = await wholesale.floor_of(session, good_id)
        in_stock = (await cards.counts(session, [good_id])).get(good_id, 0)
    return page(
        request,
        "master/good.html",
        status=status,
        good=good,
        offers=lines,
        best_cost=best_cost(lines),
        sells_cards=any(line.protocol == "stock" and _sells(line) for line in lines),
        tiers=tiers,
        prices=prices,
        price_text=price_text,
        floor=floor,
        cards=in_stock,
        prices_form=prices_form,
    )


def best_cost(lines: Sequence[OfferLine]) -> Decimal | None:
    """The lowest cost among the offers that sell, in yuan, or None."""
    return min((line.cost for line in lines if _sells(line)), default=None)


def _sells(line: OfferLine) -> bool:
    return line.state == "active" and line.supplier_state == "active"
