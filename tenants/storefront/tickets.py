"""`/tickets`: asking the shop for help, about an order or in general, and the conversation that follows."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream, Template
from msgspec import Meta, Struct, convert, structs
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core.errors import Conflict, Forbidden, Invalid, KamengError, Refused
from kameng.infra import ratelimit
from kameng.infra.ratelimit import Limit
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, context, forms, grants, paging
from kameng.web.answers import AnyRequest, render
from kameng.web.forms import Form
from kameng.web.i18n import _
from kameng.web.people import Visitor
from kameng.web.uploads import DRAINED
from tenants.aftersale import facts, live, pictures, queries, service
from tenants.aftersale.queries import Thread
from tenants.aftersale.service import Claim
from tenants.branding.drawing import MOST_BYTES, Drawn
from tenants.orders import queries as orders
from tenants.orders.errors import OrderGone
from tenants.storefront import numbers, pages, stream
from tenants.storefront.media import TYPES
from tenants.storefront.stream import Seen
from tenants.toggles import flags

WRITING = Limit(name="ticket-messages", attempts=20, per_s=600, fails_open=True)
LONGEST_SUBJECT = 60
LABELS = {"open": "wait", "answered": "ok", "waiting": "info", "closed": "off"}
PICTURE_AGE_S = 3600

Body = Annotated[str, Meta(min_length=2, max_length=2000, extra={"lines": True})]


class NobodyAsks(Forbidden):
    message = "Log in, or look your order up, so that the answer finds you."


class TicketForm(Struct, frozen=True):
    """What is wrong. Without an order `order` is empty."""

    kind: Literal["not_received", "key_invalid", "wrong_account", "other"]
    body: Body
    order: Annotated[str, Meta(max_length=40)] = ""
    contact: Annotated[str, Meta(max_length=100)] = ""


class MessageForm(Struct, frozen=True):
    body: Body


class RatingForm(Struct, frozen=True):
    stars: Annotated[int, Meta(ge=1, le=5)]
    words: Annotated[str, Meta(max_length=500, extra={"lines": True})] = ""


class Asker(Struct, frozen=True):
    """Whose tickets: a buyer's, or those about the order that this browser was let in to."""

    buyer_id: UUID | None
    order_no: str

    @property
    def is_known(self) -> bool:
        return self.buyer_id is not None or bool(self.order_no)


class Order(Struct, frozen=True):
    """Of an order what a ticket needs."""

    id: UUID
    no: str
    buyer_id: UUID
    product_name: str
    quantity: int
    contact: str
    state: str


class TicketController(Controller):
    path = "/tickets"
    opt = {"public": True} | flags.HELP.opt

    @get()
    async def mine(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], visitor: NamedDependency[Visitor]
    ) -> Template:
        who = _asker(request, visitor)
        async with tenant.begin() as session:
            wanted = queries.of_whom(who.buyer_id, who.order_no)
            found = await paging.of_select(session, wanted, paging.wanted(request)) if who.is_known else None
            return await pages.page(
                session, visitor, "storefront/tickets.html", page=found, label=label, kinds=facts.KINDS
            )

    @get("/new")
    async def blank(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], visitor: NamedDependency[Visitor]
    ) -> Template:
        asked = request.query_params
        return await _form(request, tenant, visitor, asked.get("order", ""), kind=asked.get("kind", ""))

    @post(opt={"uploads": MOST_BYTES}, request_max_body_size=DRAINED)
    async def open(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Response[bytes]:
        sent = ""
        try:
            form = await forms.parse(request, TicketForm)
            sent = form.order
            who = _asker(request, visitor)
            drawn = await _drawn(request, runtime, tenant, who)
            async with tenant.begin() as session:
                claim = await _claim(session, who, form)
                ticket = await service.open_ticket(session, tenant, _with(claim, drawn))
        except (Invalid, Refused) as error:
            sent = sent or dict(await forms.pairs(request)).get("order", "")
            return await _form(request, tenant, visitor, sent, error)
        return answers.redirect(request, f"/tickets/{ticket.no}")

    @get("/{ticket_no:str}")
    async def show(
        self,
        ticket_no: FromPath[str],
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Response[bytes]:
        who = _asker(request, visitor)
        async with tenant.begin() as session:
            ticket = await queries.ticket_of(session, ticket_no, who.buyer_id, who.order_no)
            if ticket.merged_into is not None:
                into = await queries.ticket_by_id(session, ticket.merged_into)
                return answers.redirect(request, f"/tickets/{into.no}")
            service.see(ticket)
            return await _thread_page(session, visitor, await queries.thread(session, ticket))

    @get("/{ticket_no:str}/thread", opt={"quiet": True})
    async def thread(
        self,
        ticket_no: FromPath[str],
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Template:
        who = _asker(request, visitor)
        async with tenant.begin() as session:
            ticket = await queries.ticket_of(session, ticket_no, who.buyer_id, who.order_no)
            service.see(ticket)
            seen = await queries.thread(session, ticket)
        return render("storefront/parts/ticket_live.html", seen=seen, label=label, kinds=facts.KINDS, rating_form=None)

    @get("/{ticket_no:str}/live", opt={"quiet": True})
    async def live(
        self,
        ticket_no: FromPath[str],
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Stream:
        who = _asker(request, visitor)

        async def look() -> Seen:
            async with tenant.begin() as session:
                ticket = await queries.ticket_of(session, ticket_no, who.buyer_id, who.order_no)
                said = await queries.thread(session, ticket)
                return Seen(said.mark, said.is_closed)

        await look()
        shown = request.query_params.get("shown", "")
        return stream.events(stream.follow(runtime.hub, live.topic(tenant, ticket_no), shown, look))

    @post("/{ticket_no:str}/messages", opt={"uploads": MOST_BYTES}, request_max_body_size=DRAINED)
    async def write(
        self,
        ticket_no: FromPath[str],
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Response[bytes]:
        who = _asker(request, visitor)
        async with tenant.begin() as session:
            await queries.ticket_of(session, ticket_no, who.buyer_id, who.order_no)
        try:
            body = (await forms.parse(request, MessageForm)).body
            drawn = await _drawn(request, runtime, tenant, who)
            async with tenant.begin() as session:
                ticket = await queries.ticket_of(session, ticket_no, who.buyer_id, who.order_no, lock=True)
                await service.write(session, tenant, ticket, body, drawn)
        except (Invalid, Refused, Conflict) as error:
            form = await forms.again(request, error)
            async with tenant.begin() as session:
                ticket = await queries.ticket_of(session, ticket_no, who.buyer_id, who.order_no)
                return await _thread_page(session, visitor, await queries.thread(session, ticket), form=form)
        await live.changed(runtime, tenant, ticket_no)
        return answers.redirect(request, f"/tickets/{ticket_no}#latest")

    @post("/{ticket_no:str}/close")
    async def close(
        self,
        ticket_no: FromPath[str],
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Response[bytes]:
        who = _asker(request, visitor)
        async with tenant.begin() as session:
            ticket = await queries.ticket_of(session, ticket_no, who.buyer_id, who.order_no, lock=True)
            if not ticket.is_closed:
                await service.close(session, ticket, service.BY_BUYER)
        await live.changed(runtime, tenant, ticket_no)
        return answers.redirect(request, f"/tickets/{ticket_no}")

    @post("/{ticket_no:str}/rating")
    async def rate(
        self,
        ticket_no: FromPath[str],
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Response[bytes]:
        who = _asker(request, visitor)
        async with tenant.begin() as session:
            await queries.ticket_of(session, ticket_no, who.buyer_id, who.order_no)
        try:
            given = await forms.parse(request, RatingForm)
            async with tenant.begin() as session:
                ticket = await queries.ticket_of(session, ticket_no, who.buyer_id, who.order_no, lock=True)
                await service.rate(session, ticket, given.stars, given.words)
        except (Invalid, Conflict) as error:
            form = await forms.again(request, error)
            async with tenant.begin() as session:
                ticket = await queries.ticket_of(session, ticket_no, who.buyer_id, who.order_no)
                return await _thread_page(session, visitor, await queries.thread(session, ticket), rating_form=form)
        await live.changed(runtime, tenant, ticket_no)
        answers.toast(request, _("Thank you. The shop sees your rating."))
        return answers.redirect(request, f"/tickets/{ticket_no}")

    @get("/{ticket_no:str}/pictures/{picture:str}", opt={"quiet": True})
    async def picture(
        self,
        ticket_no: FromPath[str],
        picture: FromPath[str],
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        visitor: NamedDependency[Visitor],
    ) -> Response[bytes]:
        who = _asker(request, visitor)
        async with tenant.begin() as session:
            ticket = await queries.ticket_of(session, ticket_no, who.buyer_id, who.order_no)
            return shown_picture(picture, await queries.picture(session, ticket.id, picture))


def shown_picture(name: str, body: bytes) -> Response[bytes]:
    """A picture of a ticket: kept by this browser for an hour, and by nobody on the way."""
    kind = TYPES[name.rpartition(".")[2]]
    return Response(body, media_type=kind, headers={"Cache-Control": f"private, max-age={PICTURE_AGE_S}"})


def label(state: str) -> tuple[str, str]:
    """Kind and word of a ticket's state, as its buyer reads it."""
    words = {
        "open": _("The shop is to answer"),
        "answered": _("Answered"),
        "waiting": _("The shop asks you"),
        "closed": _("Closed"),
    }
    return LABELS[state], words[state]


def _asker(request: AnyRequest, visitor: Visitor) -> Asker:
    here = context.of(request.scope)
    return Asker(visitor.buyer_id, grants.held(here) if here.flags[flags.GUEST_LOOKUP.key] else "")


async def _drawn(request: AnyRequest, runtime: Runtime, tenant: Tenant, who: Asker) -> list[Drawn]:
    """The pictures of the form, once it is known that this person may send some."""
    if not who.is_known:
        raise NobodyAsks
    name = str(who.buyer_id or who.order_no)
    await ratelimit.take(runtime.redis, (WRITING, f"{tenant.id}\n{name}"))
    return list(await pictures.draw(runtime, tenant, name, await forms.files(request)))


async def _claim(session: AsyncSession, who: Asker, form: TicketForm) -> Claim:
    """Raises `Invalid` for an order that is not the asker's."""
    if not form.order:
        if who.buyer_id is None:
            raise Invalid({"order": "Choose the order that you looked up."})
        subject = _short(form.body)
        return Claim(buyer_id=who.buyer_id, kind=form.kind, subject=subject, contact=form.contact, body=form.body)
    try:
        order = await _order(session, who, form.order)
    except OrderGone:
        raise Invalid({"order": "There is no such order, or it belongs to somebody else."}) from None
    return Claim(
        buyer_id=order.buyer_id,
        order_id=order.id,
        order_no=order.no,
        kind=form.kind,
        subject=f"{order.product_name} × {order.quantity}",
        contact=form.contact or order.contact,
        body=form.body,
    )


def _with(claim: Claim, drawn: list[Drawn]) -> Claim:
    return structs.replace(claim, pictures=drawn)


def _short(body: str) -> str:
    line = body.strip().partition("\n")[0]
    return line if len(line) <= LONGEST_SUBJECT else f"{line[: LONGEST_SUBJECT - 1]}…"


async def _order(session: AsyncSession, who: Asker, no: str) -> Order:
    """The asker's own order, or the one that he was let in to. Raises `OrderGone`."""
    no = numbers.order_no(no)
    if who.order_no and no == who.order_no:
        return convert(await orders.order_by_no(session, no), Order, from_attributes=True)
    if who.buyer_id is None:
        raise OrderGone
    return convert(await orders.order_of(session, who.buyer_id, no), Order, from_attributes=True)


async def _form(
    request: AnyRequest,
    tenant: Tenant,
    visitor: Visitor,
    order_no: str,
    error: KamengError | None = None,
    kind: str = "",
) -> Template:
    """The form for a ticket, with the order it is about, and the tickets that there are about it already. `kind` is
    chosen beforehand."""
    who = _asker(request, visitor)
    form = await forms.again(request, error) if error else None
    order: Order | None = None
    already: Sequence[Any] = ()
    async with tenant.begin() as session:
        if order_no:
            try:
                order = await _order(session, who, order_no)
                already = await queries.open_about(session, order.no)
            except OrderGone:
                if error is None:
                    raise
        return await pages.page(
            session,
            visitor,
            "storefront/ticket_form.html",
            status=422 if error else 200,
            form=form or Form({"kind": kind}),
            order=order,
            already=already,
            may_ask=who.is_known and (order is not None or who.buyer_id is not None),
            kinds=facts.KINDS,
            picture_fields=pictures.FIELDS,
            most_bytes=MOST_BYTES,
        )


async def _thread_page(
    session: AsyncSession,
    visitor: Visitor,
    seen: Thread,
    *,
    form: Form | None = None,
    rating_form: Form | None = None,
) -> Template:
    return await pages.page(
        session,
        visitor,
        "storefront/ticket.html",
        status=422 if form or rating_form else 200,
        seen=seen,
        form=form,
        rating_form=rating_form,
        label=label,
        kinds=facts.KINDS,
        picture_fields=pictures.FIELDS,
        most_bytes=MOST_BYTES,
    )
