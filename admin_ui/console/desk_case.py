"""One case with all that a person needs to end it. The open page follows what happens to it, as the buyer's does."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.response import Stream, Template
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.console import desk
from admin_ui.console.tickets import colleagues
from admin_ui.frame import AnyRequest, PathUuid, page
from kameng.core import clock, ids
from kameng.identity.permissions import Permission
from kameng.infra import links
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web.forms import Form
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from supplier_gateway.purchases import queries as purchases
from tenants.aftersale import queries as tickets
from tenants.buyers import queries as buyers
from tenants.buyers.errors import BuyerGone
from tenants.desk import limits, messages, queries, swaps, texts
from tenants.desk.limits import Limit
from tenants.desk.swaps import Swap
from tenants.orders import live, refunds
from tenants.orders import queries as orders
from tenants.orders.service import Order
from tenants.orders.states import State
from tenants.shop import queries as shop
from tenants.shop.errors import ProductGone
from tenants.storefront import stream
from tenants.storefront.stream import Seen
from tenants.toggles import flags

UNDER_WAY = (State.PAID, State.WAITING)


class CaseController(Controller):
    path = f"{desk.PATH}/cases/{{case_id:uuid}}"
    opt = flags.DESK.opt
    guards = desk.READ

    @get("/")
    async def show(
        self,
        case_id: PathUuid,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Template:
        return await case_page(request, runtime, tenant, staff, case_id)

    @get("/now", opt={"quiet": True})
    async def now(
        self,
        case_id: PathUuid,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Template:
        """What has changed on an open page."""
        values = await _values(runtime, tenant, staff, case_id)
        shown = request.query_params.get("acts", "")
        return page(request, "console/parts/case_now.html", form=None, wrong="", shown_acts=shown, **values)

    @get("/live", opt={"quiet": True})
    async def live(
        self,
        case_id: PathUuid,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
    ) -> Stream:
        async with tenant.begin() as session:
            case = await queries.case(session, case_id)

        async def look() -> Seen:
            async with tenant.begin() as session:
                mark = await queries.case_mark(session, case_id)
            return Seen(_with_purchases(mark, await _purchases(runtime, case.order_id)), final=False)

        shown = request.query_params.get("shown", "")
        return stream.events(stream.follow(runtime.hub, live.topic(tenant, case.order_no), shown, look))


async def case_page(
    request: AnyRequest,
    runtime: Runtime,
    tenant: Tenant,
    staff: Staff,
    case_id: UUID,
    *,
    status: int = 200,
    form: Form | None = None,
    wrong: str = "",
) -> Template:
    """One case. `form` is what was sent wrongly, and `wrong` the act that it was for."""
    values = await _values(runtime, tenant, staff, case_id)
    async with tenant.begin() as session:
        case = values["case"]
        values |= {
            "buyer": await _buyer(session, case.buyer_id),
            "past": await tickets.past(session, case.buyer_id, clock.now() - timedelta(days=tickets.CLAIM_DAYS)),
            "past_orders": await queries.orders_of_buyer(session, case.buyer_id),
            "past_cases": await queries.of_buyer(session, case.buyer_id, case_id),
            "following": await queries.next_case(session, case_id, staff.id),
        }
    return page(request, "console/desk_case.html", status=status, form=form, wrong=wrong, **values)


async def _values(runtime: Runtime, tenant: Tenant, staff: Staff, case_id: UUID) -> dict[str, Any]:
    """What the parts of the page are drawn from that change while it is open. Raises `CaseGone`."""
    base_url = links.of_station(runtime.settings, tenant, "")
    async with tenant.begin() as session:
        case = await queries.case(session, case_id)
        mark = await queries.case_mark(session, case_id)  # before what is drawn: what happens in between is drawn again
        order = await orders.order(session, case.order_id)
        limit = None if staff.may(Permission.ORDERS_REFUND) else await limits.of(session, staff.id)
        rules = await queries.rules(session)
        swap = await swaps.open_for(session, order)
        fields = await _fields(session, order.product_id, order.inputs)
        values = {
            "history": await queries.history(session, case_id),
            "refunds": await refunds.of_order(session, order.id),
            "messages": await queries.messages(session, order.id),
            "conversations": [await tickets.thread(session, one) for one in await tickets.about(session, order.no)],
            "by_channel": await refunds.payment_no_of(session, order) is not None,
            "equivalents": await swaps.candidates(session, order) if not order.final else [],
            "ready": await messages.ready(session, tenant, base_url, order, case, rules) if case.is_open else [],
        }
    bought = await _purchases(runtime, case.order_id)
    return values | _money(staff, order, limit) | {
        "case": case,
        "order": order,
        "fields": fields,
        "input_labels": {"contact": gettext("Contact"), **{f"inputs.{n}": label for n, label in enumerate(fields)}},
        "swap": swap,
        "rules": {rule.id: texts.name_of(rule) for rule in rules},
        "purchases": bought,
        "mark": _with_purchases(mark, bought),
        "acts_mark": _acts_mark(case.state, order, swap),
        "colleagues": await colleagues(runtime, tenant),
        "me": staff.id,
        "writes": staff.may(Permission.DESK_WORK),
        "works": staff.may(Permission.DESK_WORK) and case.is_open,
        "now": clock.now(),
        "is_under_way": order.state in UNDER_WAY,
        "is_delivered": order.state in (State.DELIVERED, State.PARTIAL),
        "request_key": ids.code(20),
    }  # fmt: skip


def _money(staff: Staff, order: Order, limit: Limit | None) -> dict[str, Any]:
    """What the viewer may give back of the order."""
    may_refund = staff.may(Permission.ORDERS_REFUND)
    left_cents = order.total_cents - order.refunded_cents
    return {
        "may_give_back": may_refund or (limit is not None and limit.limit_cents > 0),
        "limit": desk.say_limit(limit) if limit else "",
        "give_cents": min(left_cents, limit.limit_cents) if limit else left_cents,
        "is_beyond_limit": limit is not None and not order.delivered_quantity and left_cents > limit.limit_cents,
    }


async def _purchases(runtime: Runtime, order_id: UUID) -> Sequence[Any]:
    async with runtime.database.master_session() as session:
        return await purchases.of_order(session, order_id)


def _with_purchases(mark: str, bought: Sequence[Any]) -> str:
    return f"{mark}.{len(bought)}.{bought[-1].state}" if bought else mark


def _acts_mark(state: str, order: Order, swap: Swap | None) -> str:
    """While it stays the same, the same can be done."""
    units = f"{order.delivered_quantity}-{order.refunded_cents}"
    return f"{state}.{order.state}.{units}.{swap.id if swap else 0}"


async def _fields(session: AsyncSession, product_id: int, filled_in: Mapping[str, str]) -> list[str]:
    """The labels that can be corrected: those of the product, and what the order has besides."""
    try:
        labels = [str(field["label"]) for field in (await shop.head_of(session, product_id)).fields]
    except ProductGone:
        labels = []
    return list(dict.fromkeys([*labels, *filled_in]))


async def _buyer(session: AsyncSession, buyer_id: UUID) -> Any:
    try:
        return await buyers.buyer(session, buyer_id)
    except BuyerGone:
        return None
