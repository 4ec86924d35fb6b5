"""Whose version of a good is bought: cost, stock and order of the offers."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.fields import Switch
from admin_ui.frame import AnyRequest, PathId, page
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import N_, gettext
from kameng.web.pages import yuan
from kameng.web.people import Staff
from supplier_gateway.goods import queries as goods
from supplier_gateway.offers import queries, service
from supplier_gateway.offers.errors import OfferGone, OfferThere
from supplier_gateway.offers.queries import OfferLine
from supplier_gateway.suppliers import queries as suppliers
from supplier_gateway.suppliers.errors import SupplierGone

Cost = Annotated[Decimal, Meta(extra={"ge": "0", "le": "100000", "places": 4})]
Stock = Annotated[int, Meta(ge=0, le=10_000_000)]


class OfferForm(Struct, frozen=True):
    """`cost` in yuan for one unit; no `stock`: the supplier does not tell."""

    cost: Cost
    sku: Annotated[str, Meta(max_length=80)] = ""
    stock: Stock | None = None
    priority: Annotated[int, Meta(ge=0, le=1000)] = 0
    follow_cost: bool = False
    own_stock: bool = False
    mode: Literal["cached", "live"] = "cached"
    warn_at: Stock | None = None

    @property
    def hand_set(self) -> tuple[str, ...]:
        """What no supplier's word changes."""
        return (() if self.follow_cost else ("cost",)) + (("stock",) if self.own_stock else ())


class NewOfferForm(OfferForm, frozen=True, kw_only=True):
    """With the supplier, which does not change later."""

    supplier_id: Annotated[int, Meta(ge=1, le=2**31 - 1, extra={"message": N_("Choose one of the list.")})]


class OfferController(Controller):
    path = "/goods/{good_id:int}/offers"

    @get("/new", guards=[requires(Permission.GOODS_WRITE)])
    async def blank(self, good_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _form(request, runtime, good_id, Form(values={"priority": "0"}))

    @post("/", guards=[requires(Permission.GOODS_WRITE)])
    async def add(
        self,
        good_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, NewOfferForm)
            async with runtime.database.master_session() as session:
                good = await goods.good(session, good_id)
                supplier = await suppliers.find(session, sent.supplier_id)
                offer = await service.add(
                    session, good_id, supplier.id, sent.cost, sent.sku, sent.stock, sent.priority,
                    hand_set=sent.hand_set,
                )  # fmt: skip
                await service.watch(session, offer.id, mode=sent.mode, warn_at=sent.warn_at)
                detail = {
                    "good": good.name,
                    "supplier": supplier.name,
                    "cost": str(sent.cost),
                    "sku": sent.sku,
                }
                await audit.record(session, staff.name, "offers.add", str(offer.id), detail, staff.address)
        except (Invalid, OfferThere) as error:
            return await _form(request, runtime, good_id, await forms.again(request, error), status=422)
        except SupplierGone as error:
            wrong = await forms.again(request, Invalid({"supplier_id": error.message}))
            return await _form(request, runtime, good_id, wrong, status=422)
        answers.toast(request, gettext("The offer is added."))
        return answers.redirect(request, f"/goods/{good_id}")

    @get("/{offer_id:int}", guards=[requires(Permission.GOODS_WRITE)])
    async def edit(
        self, good_id: PathId, offer_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]
    ) -> Template:
        async with runtime.database.master_session() as session:
            line = await _line(session, good_id, offer_id)
        values = {
            "cost": yuan(line.cost).removeprefix("¥").replace(",", ""),
            "sku": line.sku,
            "stock": "" if line.stock is None else str(line.stock),
            "priority": str(line.priority),
            "mode": line.mode,
            "warn_at": "" if line.warn_at is None else str(line.warn_at),
            **({} if "cost" in line.hand_set else {"follow_cost": "yes"}),
            **({"own_stock": "yes"} if "stock" in line.hand_set else {}),
        }
        return await _form(request, runtime, good_id, Form(values=values), offer_id)

    @post("/{offer_id:int}", guards=[requires(Permission.GOODS_WRITE)])
    async def change(
        self,
        good_id: PathId,
        offer_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, OfferForm)
            async with runtime.database.master_session() as session:
                await _line(session, good_id, offer_id)
                await service.change(
                    session, offer_id, sent.cost, sent.sku, sent.stock, sent.priority, hand_set=sent.hand_set
                )  # fmt: skip
                await service.watch(session, offer_id, mode=sent.mode, warn_at=sent.warn_at)
                line = await queries.line(session, offer_id)
                detail = {
                    "supplier": line.supplier,
                    "cost": str(sent.cost),
                    "sku": sent.sku,
                    "priority": sent.priority,
                    "hand_set": ", ".join(sent.hand_set),
                    "stock_mode": sent.mode,
                }
                await audit.record(session, staff.name, "offers.change", str(offer_id), detail, staff.address)
        except (Invalid, OfferThere) as error:
            return await _form(request, runtime, good_id, await forms.again(request, error), offer_id, status=422)
        answers.toast(request, gettext("The offer is saved."))
        return answers.redirect(request, f"/goods/{good_id}")

    @post("/{offer_id:int}/pause", guards=[requires(Permission.GOODS_WRITE)])
    async def pause(
        self,
        good_id: PathId,
        offer_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        paused = (await forms.parse(request, Switch)).paused
        async with runtime.database.master_session() as session:
            line = await _line(session, good_id, offer_id)
            await service.pause(session, offer_id, paused=paused)
            action = "offers.pause" if paused else "offers.resume"
            await audit.record(session, staff.name, action, str(offer_id), {"supplier": line.supplier}, staff.address)
        answers.toast(request, gettext("The offer is paused.") if paused else gettext("The offer sells again."))
        return answers.redirect(request, f"/goods/{good_id}")


async def _form(
    request: AnyRequest,
    runtime: Runtime,
    good_id: int,
    form: Form,
    offer_id: int | None = None,
    status: int = 200,
) -> Template:
    async with runtime.database.master_session() as session:
        good = await goods.good(session, good_id)
        line = await _line(session, good_id, offer_id) if offer_id else None
        known = await suppliers.all_suppliers(session)
    options = [(str(one.id), one.name) for one in known]
    return page(
        request,
        "master/offer_form.html",
        status=status,
        form=form,
        good=good,
        line=line,
        supplier_options=options,
    )


async def _line(session: AsyncSession, good_id: int, offer_id: int) -> OfferLine:
    """Raises `OfferGone`, for another good's offer too."""
    line = await queries.line(session, offer_id)
    if line.good_id != good_id:
        raise OfferGone
    return line
