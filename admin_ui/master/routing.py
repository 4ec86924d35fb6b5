"""How suppliers are chosen: the weights, what is known of each offer now, breakers closed by hand, goods that are
pinned."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.frame import AnyRequest, PathId, page
from kameng.audit import service as audit
from kameng.core import clock
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import N_, gettext
from kameng.web.people import Staff
from supplier_gateway.adapters.registry import PROTOCOLS
from supplier_gateway.goods import queries as goods
from supplier_gateway.offers import queries as offers
from supplier_gateway.routing import queries, service
from supplier_gateway.routing.choice import Rules
from supplier_gateway.routing.errors import NoSuchOffer
from supplier_gateway.routing.router import Known
from supplier_gateway.suppliers import queries as suppliers

ROOM = "/routing"
MOST_SHOWN = 200


class RulesForm(Struct, frozen=True):
    """As `routing.choice.Rules`; percentages and points as people write them."""

    cost_weight: Annotated[Decimal, Meta(extra={"ge": 0, "le": 10, "places": 3})]
    latency_weight: Annotated[Decimal, Meta(extra={"ge": 0, "le": 20, "places": 3})]
    explore_percent: Annotated[Decimal, Meta(extra={"ge": 0, "le": 20, "places": 2})]
    least_margin_percent: Annotated[Decimal, Meta(extra={"ge": -100, "le": 90, "places": 2})]
    fresh_hours: Annotated[int, Meta(ge=1, le=8760)]
    budget_ms: Annotated[int, Meta(ge=500, le=60_000)]
    person_after_minutes: Annotated[int, Meta(ge=1, le=1440)]
    keep_days: Annotated[int, Meta(ge=1, le=730)]

    def rules(self) -> Rules:
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        for name in ("cost_weight", "latency_weight", "explore_percent"):
            values[name] = float(values[name])
        return Rules(**values)


class ResetForm(Struct, frozen=True):
    scope: Literal["offer", "supplier"]
    subject: Annotated[int, Meta(ge=1, le=2**31 - 1)]


class PinForm(Struct, frozen=True):
    """`alone`: nobody else is asked when it fails."""

    supplier_id: Annotated[int, Meta(ge=1, le=2**31 - 1, extra={"message": N_("Choose one of the list.")})]
    alone: bool = False
    note: Annotated[str, Meta(max_length=200)] = ""


class Shown(Struct, frozen=True):
    """An offer or a supplier as the page tells it. `success` from 0 to 1; `seen_at` None: nothing was bought lately."""

    id: int
    title: str
    href: str
    note: str
    state: str
    success: float
    latency_s: float
    in_flight: int
    next_probe: datetime | None
    seen_at: datetime | None


class RoutingController(Controller):
    path = ROOM

    @get("/", guards=[requires(Permission.SUPPLIERS_READ)])
    async def show(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _page(request, runtime)

    @post("/", guards=[requires(Permission.SUPPLIERS_WRITE)])
    async def change(
        self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            rules = (await forms.parse(request, RulesForm)).rules()
        except Invalid as error:
            return await _page(request, runtime, await forms.again(request, error), status=422)
        async with runtime.database.master_session() as session:
            before = _values(await queries.rules(session))
            await service.change_rules(session, rules)
            await audit.record(
                session, staff.name, "routing.rules", "", None, staff.address, before=before, after=_values(rules)
            )
        answers.toast(request, gettext("Saved. Every process follows within a second."))
        return answers.redirect(request, ROOM)

    @post("/reset", guards=[requires(Permission.SUPPLIERS_WRITE)])
    async def reset(
        self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        sent = await forms.parse(request, ResetForm)
        async with runtime.database.master_session() as session:
            name = await _name(session, sent)
            await service.reset(session, sent.scope, sent.subject)
            detail = {"name": name, "kind": sent.scope}
            await audit.record(session, staff.name, "routing.reset", str(sent.subject), detail, staff.address)
        service.memory_of(runtime).router.forget(sent.scope, sent.subject)
        answers.toast(request, gettext("What was learnt of %(name)s is forgotten: it is asked again.", name=name))
        return answers.redirect(request, ROOM)

    @get("/pins/{good_id:int}", guards=[requires(Permission.SUPPLIERS_READ)])
    async def pinning(self, good_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _pin_page(request, runtime, good_id)

    @post("/pins/{good_id:int}", guards=[requires(Permission.SUPPLIERS_WRITE)])
    async def pin(
        self,
        good_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, PinForm)
            async with runtime.database.master_session() as session:
                good = await goods.good(session, good_id)
                before = await queries.pin_of(session, good_id)
                await service.pin(session, good_id, sent.supplier_id, staff.name, alone=sent.alone, note=sent.note)
                supplier = await suppliers.find(session, sent.supplier_id)
                detail = {"name": good.name, "supplier": supplier.name, "alone": sent.alone, "note": sent.note}
                was = {"supplier": before.supplier_id, "alone": before.alone} if before else {}
                await audit.record(
                    session, staff.name, "routing.pin", str(good_id), detail, staff.address,
                    before=was, after={"supplier": sent.supplier_id, "alone": sent.alone},
                )  # fmt: skip
        except (Invalid, NoSuchOffer) as error:
            return await _pin_page(request, runtime, good_id, await forms.again(request, error), status=422)
        answers.toast(
            request, gettext("%(good)s is bought from %(supplier)s first.", good=good.name, supplier=supplier.name)
        )
        return answers.redirect(request, ROOM)

    @post("/pins/{good_id:int}/remove", guards=[requires(Permission.SUPPLIERS_WRITE)])
    async def unpin(
        self,
        good_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with runtime.database.master_session() as session:
            good = await goods.good(session, good_id)
            supplier_id = await service.unpin(session, good_id)
            supplier = await suppliers.find(session, supplier_id)
            detail = {"name": good.name, "supplier": supplier.name}
            await audit.record(session, staff.name, "routing.unpin", str(good_id), detail, staff.address)
        answers.toast(
            request, gettext("The supplier of %(good)s is chosen again by what suppliers do.", good=good.name)
        )
        return answers.redirect(request, ROOM)


def _values(rules: Rules) -> dict[str, object]:
    return {name: str(getattr(rules, name)) for name in Rules.__struct_fields__}


async def _name(session: AsyncSession, sent: ResetForm) -> str:
    """Raises `SupplierGone`, `OfferGone`."""
    if sent.scope == "supplier":
        return (await suppliers.find(session, sent.subject)).name
    line = await offers.line(session, sent.subject)
    return f"{line.supplier} {line.sku}".strip()


async def _page(request: AnyRequest, runtime: Runtime, form: Form | None = None, status: int = 200) -> Template:
    async with runtime.database.master_session() as session:
        await service.memory_of(runtime).keep_up(session)
        rules = await queries.rules(session)
        pins = await queries.pins(session)
        told = await queries.balances(session)
        over_the_wire = [one for one in await suppliers.all_suppliers(session) if one.protocol in PROTOCOLS]
        accounts = {one.id: one.name for one in over_the_wire}
        balances = {one.id: told[one.id] for one in over_the_wire if one.id in told and has_balance(one.protocol)}
        known_offers = service.known_of(runtime, "offer")
        names = await queries.offer_names(session, _worst(known_offers))
    known_suppliers = service.known_of(runtime, "supplier")
    now = clock.now()
    return page(
        request,
        "master/routing.html",
        status=status,
        form=form or Form(values={name: _plain(value) for name, value in _values(rules).items()}),
        pins=pins,
        balances=balances,
        suppliers=[
            _shown(number, name, f"/suppliers/{number}", "", known_suppliers.get(number), now)
            for number, name in accounts.items()
        ],
        offers=[
            _shown(one.id, one.good, f"/goods/{one.good_id}", f"{one.supplier} {one.sku}".strip(),
                   known_offers.get(one.id), now)
            for one in names.values()
        ],
    )  # fmt: skip


def has_balance(protocol: str) -> bool:
    """Whether our money lies there: not with a person."""
    return PROTOCOLS[protocol].has_balance


def _worst(known: dict[int, Known]) -> Sequence[int]:
    """The offers that are shown: those whose breaker is not closed, then those that deliver least."""
    now = clock.now().timestamp()
    ranked = sorted(known, key=lambda one: (known[one].state(now) == "closed", known[one].standing.success(now)[0]))
    return ranked[:MOST_SHOWN]


def _shown(number: int, title: str, href: str, note: str, known: Known | None, now: datetime) -> Shown:
    if known is None:
        return Shown(number, title, href, note, "closed", 0.0, 0.0, 0, None, None)
    at, standing = now.timestamp(), known.standing
    state = known.state(at)
    return Shown(
        number, title, href, note, state, standing.success(at)[0], standing.latency_s, len(standing.in_flight),
        datetime.fromtimestamp(known.breaker.until, now.tzinfo) if state == "open" else None,
        datetime.fromtimestamp(standing.at, now.tzinfo) if standing.at else None,
    )  # fmt: skip


def _plain(number: object) -> str:
    """`0.500` and `1.0` as a person writes them."""
    text = str(number)
    return text.rstrip("0").rstrip(".") if "." in text else text


async def _pin_page(
    request: AnyRequest, runtime: Runtime, good_id: int, form: Form | None = None, status: int = 200
) -> Template:
    async with runtime.database.master_session() as session:
        good = await goods.good(session, good_id)
        pinned = await queries.pin_of(session, good_id)
        offered = [one for one in await offers.of_goods(session, [good_id]) if one.protocol != "stock"]
    values = {"supplier_id": str(pinned.supplier_id), "note": pinned.note} if pinned else {}
    if pinned and pinned.alone:
        values["alone"] = "yes"
    choices = list({one.supplier_id: one.supplier for one in offered}.items())
    return page(
        request, "master/routing_pin.html", status=status,
        form=form or Form(values=values), good=good, pinned=pinned, choices=choices,
    )  # fmt: skip
