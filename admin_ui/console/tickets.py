"""The queue of tickets, and one ticket: the conversation beside the order and what its buyer did before."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream, Template
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui import charts, days
from admin_ui.frame import AnyRequest, Chip, PathNo, page
from admin_ui.lists import bar as list_bar
from admin_ui.lists.tickets import SOURCE, view_of
from kameng.core import clock
from kameng.identity import staff as people
from kameng.identity.permissions import Permission
from kameng.infra import wording
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.infra.wording import BadWording
from kameng.web import answers, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import N_, gettext, of_error
from kameng.web.paging import Wanted
from kameng.web.people import Staff
from tenants.aftersale import facts, live, measures, queries, service
from tenants.buyers import queries as buyers
from tenants.buyers.errors import BuyerGone
from tenants.desk import queries as desk
from tenants.orders import queries as orders
from tenants.orders.errors import OrderGone
from tenants.storefront import stream
from tenants.storefront.stream import Seen
from tenants.storefront.tickets import shown_picture
from tenants.toggles import flags

PATH = "/console/tickets"
CHART_DAYS = 14
LONGEST_ID = 9  # digits; an int of four bytes
VIEWS = {
    "open": N_("To answer"),
    "overdue": N_("Overdue"),
    "mine": N_("Mine"),
    "nobodys": N_("Nobody's"),
    "waiting": N_("Waiting for the buyer"),
    "answered": N_("Answered"),
    "closed": N_("Closed"),
    "all": N_("All"),
}


class TicketController(Controller):
    path = PATH
    opt = flags.TICKETS.opt

    @get("/", guards=[requires(Permission.TICKETS_READ)])
    async def listed(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Template:
        asked = paging.wanted(request)
        view = view_of(asked.get("show"), asked.search)
        values = {"words": asked.search, "pattern": paging.like(asked.search), "me": staff.id}
        async with tenant.begin() as session:
            found = await paging.of_sql(session, queries.lines(view), _used(view, values), asked)
            counts = await queries.counts(session, staff.id)
            figures = await measures.over_all(session, _since(measures.SPAN_DAYS))
            daily = await measures.by_day(session, _since(CHART_DAYS), tenant.time_zone)
            bar = await list_bar.of(session, SOURCE, staff, asked.query)
        return page(
            request,
            "console/tickets.html",
            bar=bar,
            found=found,
            asked=asked,
            view=view,
            views=VIEWS,
            filters=_chips(asked, view, counts),
            counts=counts,
            figures=figures,
            span_days=measures.SPAN_DAYS,
            is_frequent=queries.is_frequent,
            kinds=facts.KINDS,
            chart_option=charts.tickets_by_day(
                daily, days.latest(CHART_DAYS), gettext("Answered at once by template"), gettext("Answered by a person")
            ),
            chart_days=CHART_DAYS,
            duration=duration,
        )

    @get("/figures", guards=[requires(Permission.TICKETS_READ)])
    async def figures(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            daily = await measures.by_day(session, _since(measures.SPAN_DAYS), tenant.time_zone)
        return page(request, "console/ticket_figures.html", days=daily[::-1], duration=duration)

    @get("/{ticket_no:str}", guards=[requires(Permission.TICKETS_READ)])
    async def show(
        self,
        ticket_no: PathNo,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Template:
        draft, said = Form(), request.query_params.get("reply", "")
        if said.isascii() and said.isdigit() and len(said) <= LONGEST_ID:
            draft = await _drafted(tenant, ticket_no, int(said))
        return await detail(request, runtime, tenant, staff, ticket_no, form=draft)

    @get("/{ticket_no:str}/draft", guards=[requires(Permission.TICKETS_READ)])
    async def draft(self, ticket_no: PathNo, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        """The field of the answer with a canned reply in it, for htmx."""
        said = request.query_params.get("reply", "")
        number = int(said) if said.isascii() and said.isdigit() and len(said) <= LONGEST_ID else 0
        form = await _drafted(tenant, ticket_no, number)
        return answers.render("console/parts/ticket_answer.html", form=form)

    @get("/{ticket_no:str}/thread", guards=[requires(Permission.TICKETS_READ)], opt={"quiet": True})
    async def thread(self, ticket_no: PathNo, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            seen = await queries.thread(session, await queries.ticket(session, ticket_no), notes=True)
        return page(request, "console/parts/ticket_live.html", seen=seen, ticket=seen.ticket, now=clock.now())

    @get("/{ticket_no:str}/live", guards=[requires(Permission.TICKETS_READ)], opt={"quiet": True})
    async def live(
        self,
        ticket_no: PathNo,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
    ) -> Stream:
        async def look() -> Seen:
            async with tenant.begin() as session:
                seen = await queries.thread(session, await queries.ticket(session, ticket_no), notes=True)
            return Seen(seen.mark, seen.ticket.merged_into is not None)

        await look()
        shown = request.query_params.get("shown", "")
        return stream.events(stream.follow(runtime.hub, live.topic(tenant, ticket_no), shown, look))

    @get("/{ticket_no:str}/pictures/{picture:str}", guards=[requires(Permission.TICKETS_READ)], opt={"quiet": True})
    async def picture(
        self, ticket_no: PathNo, picture: FromPath[str], tenant: NamedDependency[Tenant]
    ) -> Response[bytes]:
        async with tenant.begin() as session:
            ticket = await queries.ticket(session, ticket_no)
            return shown_picture(picture, await queries.picture(session, ticket.id, picture))


class Colleague(Struct, frozen=True):
    """Somebody to whom a ticket can be given."""

    id: UUID
    name: str


async def detail(
    request: AnyRequest,
    runtime: Runtime,
    tenant: Tenant,
    staff: Staff,
    ticket_no: str,
    *,
    status: int = 200,
    form: Form | None = None,
    note_form: Form | None = None,
) -> Template:
    """A ticket's page, with a form that was refused. Raises `TicketGone`."""
    async with tenant.begin() as session:
        ticket = await queries.ticket(session, ticket_no)
        seen = await queries.thread(session, ticket, notes=True)
        others = [one for one in await queries.open_about(session, ticket.order_no) if one.no != ticket.no]
        values: dict[str, Any] = {
            "seen": seen,
            "ticket": ticket,
            "order": await _order(session, ticket.order_no),
            "buyer": await _buyer(session, ticket.buyer_id),
            "past": await queries.past(session, ticket.buyer_id, clock.now() - timedelta(days=queries.CLAIM_DAYS)),
            "into": await queries.ticket_by_id(session, ticket.merged_into) if ticket.merged_into else None,
            "others": [one for one in others if ticket.order_no and one.buyer_id == ticket.buyer_id],
            "replies": await queries.replies(session),
            "cases": await desk.about(session, ticket.order_no) if ticket.order_no else [],
        }
    return page(
        request,
        "console/ticket.html",
        status=status,
        form=form,
        note_form=note_form,
        colleagues=await colleagues(runtime, tenant),
        me=staff.id,
        by_buyer=service.BY_BUYER,
        now=clock.now(),
        **values,
    )


async def colleagues(runtime: Runtime, tenant: Tenant) -> list[Colleague]:
    """Everybody who works at the station."""
    async with runtime.database.master_session() as session:
        members = await people.members(session, tenant.id)
    return [Colleague(one.id, one.name) for one in members if not one.is_disabled]


def duration(seconds: float | None) -> str:
    """A time span for tiles: `45 s`, `12 min`, `3.5 h`; nothing for None."""
    if seconds is None:
        return ""
    if seconds < 120:
        return gettext("%(num)s s", num=round(seconds))
    if seconds < 7200:
        return gettext("%(num)s min", num=round(seconds / 60))
    return gettext("%(num)s h", num=round(seconds / 3600, 1))


async def _drafted(tenant: Tenant, ticket_no: str, reply_id: int) -> Form:
    """The form of an answer with a canned reply, its places filled in. Raises `TicketGone`, `ReplyGone`."""
    async with tenant.begin() as session:
        ticket = await queries.ticket(session, ticket_no)
        reply = await queries.canned(session, reply_id)
        known = await facts.of_ticket(session, tenant, ticket)
    try:
        return Form({"body": wording.render(reply.body, known, field="body"), "reply_id": str(reply_id)})
    except BadWording as bad:
        return Form({"body": reply.body}, {"body": of_error(bad)})


async def _order(session: AsyncSession, no: str) -> Any:
    try:
        return await orders.order_by_no(session, no) if no else None
    except OrderGone:
        return None


async def _buyer(session: AsyncSession, buyer_id: UUID) -> Any:
    try:
        return await buyers.buyer(session, buyer_id)
    except BuyerGone:
        return None


def _used(view: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without what the statement of this view does not name."""
    return values if view == "mine" else {name: value for name, value in values.items() if name != "me"}


def _chips(asked: Wanted, view: str, counts: Mapping[str, int]) -> list[Chip]:
    kept = paging.Page[None](items=[], total=0, page=1, size=1, path=asked.path, query=asked.query)
    return [
        Chip(gettext(word), kept.url_with(show=code), code == view, counts.get(code)) for code, word in VIEWS.items()
    ]


def _since(days_ago: int) -> Any:
    return days.today(days_ago=days_ago - 1)
