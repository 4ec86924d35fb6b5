"""What was bought from suppliers: why there, what came of it, and the end that a person puts to it. A purchase's cards
are never shown here."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui import ledger, words
from admin_ui.frame import AnyRequest, Chip, PathNo, chips, page
from admin_ui.sheets import csv_file
from billing.ledger import queries as ledger_queries
from kameng.audit import service as audit
from kameng.core import clock
from kameng.core.errors import Conflict, Invalid
from kameng.core.money import to_yuan
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import N_, gettext
from kameng.web.pages import when
from kameng.web.paging import Wanted
from kameng.web.people import Staff
from supplier_gateway.adapters.manual import queries as tasks
from supplier_gateway.adapters.registry import PROTOCOLS
from supplier_gateway.goods import queries as goods
from supplier_gateway.purchases import queries, settling
from supplier_gateway.purchases.settling import Verdict
from supplier_gateway.routing import queries as routing
from supplier_gateway.suppliers import queries as suppliers
from supplier_gateway.suppliers.service import Supplier
from tenants.registry import queries as registry

STUCK = "stuck"  # beside the states: open for so long that a person is to look
OPEN = frozenset({"submitted", "unknown"})
MOST_CARDS_TEXT = 200_000
MOST_EXPORTED = 20_000


class SettleForm(Struct, frozen=True):
    """What the supplier has said to a person. `cards`: one in a line; `units` of a top-up; `cost` in yuan for all."""

    verdict: Literal["delivered", "failed"]
    checked: Annotated[bool, Meta(extra={"message": N_("Ask the supplier first.")})] = False
    cards: Annotated[str, Meta(max_length=MOST_CARDS_TEXT, extra={"lines": True})] = ""
    units: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    cost: Annotated[Decimal, Meta(extra={"ge": 0, "le": 10_000_000, "places": 2})] | None = None
    supplier_order_no: Annotated[str, Meta(max_length=200)] = ""
    message: Annotated[str, Meta(max_length=2000, extra={"lines": True})] = ""

    def verdict_of(self) -> Verdict:
        """Raises `Invalid`."""
        if not self.checked:
            raise Invalid({"checked": "Ask the supplier first."})
        if self.verdict == "failed":
            return Verdict(delivered=False, supplier_order_no=self.supplier_order_no)
        if self.cost is None:
            raise Invalid({"cost": "Fill this in."})
        return Verdict(
            delivered=True,
            units=self.units,
            cards=tuple(line.strip() for line in self.cards.splitlines() if line.strip()),
            cost_cents=int(self.cost * 100),
            supplier_order_no=self.supplier_order_no,
            message=self.message,
        )


class PurchaseController(Controller):
    path = "/purchases"

    @get("/", guards=[requires(Permission.PURCHASES_READ)])
    async def listed(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        asked = paging.wanted(request)
        state = asked.get("state")
        async with runtime.database.master_session() as session:
            minutes = (await routing.rules(session)).person_after_minutes
            accounts = await suppliers.all_suppliers(session)
            people = _people(accounts)
            found = await paging.of_sql(session, queries.LINES, _values(asked, minutes, people), asked)
            stuck = await queries.stuck(session, minutes, people)
            stations = await registry.names(session, [row.tenant_id for row in found.items])
            by_hand = await tasks.waiting(session)
        filters = chips(asked, "purchase")
        filters.append(Chip(gettext("For a person"), found.url_with(state=STUCK), state == STUCK, stuck or None))
        return page(
            request,
            "master/purchases.html",
            found=found,
            stations=stations,
            suppliers={one.id: one.name for one in accounts},
            people=people,
            by_hand=by_hand.waiting,
            filters=filters,
            asked=asked,
            export=paging.address("/purchases/export", asked.query),
            stuck=stuck,
            minutes=minutes,
        )

    @get("/export", guards=[requires(Permission.PURCHASES_READ)])
    async def export(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Response[Any]:
        asked = paging.wanted(request, size=MOST_EXPORTED)
        async with runtime.database.master_session() as session:
            minutes = (await routing.rules(session)).person_after_minutes
            accounts = await suppliers.all_suppliers(session)
            found = await paging.of_sql(session, queries.LINES, _values(asked, minutes, _people(accounts)), asked)
            stations = await registry.names(session, list({row.tenant_id for row in found.items}))
            names = {one.id: one.name for one in accounts}
        head = [
            gettext("Reference"), gettext("Order"), gettext("Station"), gettext("Good"), gettext("Supplier"),
            gettext("State"), gettext("Fault"), gettext("Quantity"), gettext("Cost, ¥"), gettext("Begun"),
        ]  # fmt: skip
        rows = [_row(one, stations, names) for one in found.items]
        return csv_file(f"purchases-{_stamp(clock.now())}.csv", head, rows)

    @get("/{reference:str}", guards=[requires(Permission.PURCHASES_READ)])
    async def show(self, reference: PathNo, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _page(request, runtime, reference)

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
                purchase = await settling.settle(runtime, session, reference, verdict)
                detail = {"order": purchase.order_no, "to": purchase.state, "units": purchase.delivered_quantity,
                          "amount_cents": purchase.cost_cents}  # fmt: skip
                await audit.record(session, staff.name, "purchases.settle", reference, detail, staff.address)
        except (Invalid, Conflict) as error:
            return await _page(request, runtime, reference, await forms.again(request, error), status=422)
        answers.toast(request, gettext("The purchase is settled. Its order goes on at once."))
        return answers.redirect(request, f"/purchases/{reference}")


def is_person(supplier: Supplier) -> bool:
    """Whether somebody delivers by hand there, so that a purchase without an answer waits for him."""
    return supplier.protocol in PROTOCOLS and PROTOCOLS[supplier.protocol].by_hand


def _people(accounts: Sequence[Supplier]) -> list[int]:
    return [one.id for one in accounts if is_person(one)]


def _values(asked: Wanted, minutes: int, people: Sequence[int]) -> dict[str, Any]:
    """What `queries.LINES` is asked with. Nonsense counts as absent."""
    state, supplier = asked.get("state"), asked.get("supplier")
    return {
        "words": asked.search,
        "pattern": paging.like(asked.search),
        "state": "" if state == STUCK else state,
        "stuck": state == STUCK,
        "minutes": minutes,
        "people": people,
        "supplier": int(supplier) if supplier.isascii() and supplier.isdigit() and len(supplier) < 8 else 0,
    }


def _row(one: Any, stations: Mapping[int, str], names: Mapping[int, str]) -> list[object]:
    return [
        one.reference,
        one.order_no,
        stations.get(one.tenant_id, ""),
        one.good,
        names.get(one.supplier_id, ""),
        words.badge("purchase", one.state).word,
        words.say("fault", one.fault) if one.fault else "",
        one.quantity,
        to_yuan(one.cost_cents) if one.cost_cents else "",
        when(one.at),
    ]


def _stamp(moment: datetime) -> str:
    return when(moment, "%Y%m%d-%H%M")


async def _page(
    request: AnyRequest, runtime: Runtime, reference: str, form: Form | None = None, status: int = 200
) -> Template:
    async with runtime.database.master_session() as session:
        purchase = await queries.by_reference(session, reference)
        station = await registry.names(session, [purchase.tenant_id])
        entries = await ledger_queries.entries_of(session, reference)
        minutes = (await routing.rules(session)).person_after_minutes
        decisions = await routing.of_order(session, purchase.order_ref)
        named = {one.offer_id for kept in decisions for one in kept.candidates}
        named |= {one.offer_id for kept in decisions for one in kept.left_out}
        supplier = await suppliers.find(session, purchase.supplier_id)
        return page(
            request,
            "master/purchase.html",
            status=status,
            form=form,
            purchase=purchase,
            station=station.get(purchase.tenant_id, ""),
            supplier=supplier,
            waits_for_person=purchase.state in OPEN and is_person(supplier),
            good=await goods.good(session, purchase.good_id),
            tries=await queries.of_order(session, purchase.order_ref),
            transfers_of_purchase=ledger.transfers(entries),
            decisions=[kept for kept in decisions if kept.id == purchase.id or kept.offer_id is None],
            offers=await routing.offer_names(session, list(named)),
            is_stuck=settling.is_stuck(purchase, minutes),
            minutes=minutes,
        )
