"""What staff do with a ticket: answer, note, hand over, close, open again, merge. Each says so to the open pages."""

from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Response, post
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from admin_ui.console import tickets
from admin_ui.frame import AnyRequest, PathNo
from kameng.audit import service as audit
from kameng.core.errors import Conflict, Invalid, Refused
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms
from kameng.web.guards import requires
from kameng.web.i18n import gettext, of_error
from kameng.web.people import Staff
from tenants.aftersale import live, queries, replies, service
from tenants.aftersale.errors import NotClosed, NotTheSame, TicketClosed
from tenants.toggles import flags

WRITE = [requires(Permission.TICKETS_WRITE)]
Body = Annotated[str, Meta(min_length=1, max_length=2000, extra={"lines": True})]


class AnswerForm(Struct, frozen=True):
    """`then`: how the ticket stands after it. `reply_id`: the canned reply that it began with."""

    body: Body
    then: Literal["answered", "waiting", "closed"] = "answered"
    reply_id: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0


class NoteForm(Struct, frozen=True):
    note: Body


class AssignForm(Struct, frozen=True):
    """Nobody where it is empty."""

    staff_id: UUID | None = None


class MergeForm(Struct, frozen=True):
    """The ticket that stays."""

    into: Annotated[str, Meta(min_length=1, max_length=40)]


class TicketActController(Controller):
    path = f"{tickets.PATH}/{{ticket_no:str}}"
    opt = flags.TICKETS.opt
    guards = WRITE

    @post("/answer")
    async def answer(
        self,
        ticket_no: PathNo,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, AnswerForm)
            async with tenant.begin() as session:
                await service.answer(session, ticket_no, staff.id, staff.name, sent.body, sent.then)
                if sent.reply_id:
                    await replies.count_use(session, sent.reply_id)
                await audit.record(
                    session, staff.name, "tickets.answer", ticket_no, {"state": sent.then}, staff.address
                )
        except (Invalid, Refused, Conflict) as error:
            form = await forms.again(request, error)
            return await tickets.detail(request, runtime, tenant, staff, ticket_no, status=422, form=form)
        await live.changed(runtime, tenant, ticket_no)
        return answers.redirect(request, f"{tickets.PATH}/{ticket_no}#latest")

    @post("/note")
    async def note(
        self,
        ticket_no: PathNo,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, NoteForm)
            async with tenant.begin() as session:
                await service.note(session, ticket_no, staff.name, sent.note)
                await audit.record(session, staff.name, "tickets.note", ticket_no, address=staff.address)
        except (Invalid, Conflict) as error:
            form = await forms.again(request, error)
            return await tickets.detail(request, runtime, tenant, staff, ticket_no, status=422, note_form=form)
        await live.changed(runtime, tenant, ticket_no)
        return answers.redirect(request, f"{tickets.PATH}/{ticket_no}#latest")

    @post("/assign")
    async def assign(
        self,
        ticket_no: PathNo,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        wanted = (await forms.parse(request, AssignForm)).staff_id
        names = {one.id: one.name for one in await tickets.colleagues(runtime, tenant)} | {staff.id: staff.name}
        if wanted is not None and wanted not in names:
            raise Invalid({"staff_id": "This person does not work here any more."})
        name = names[wanted] if wanted else ""
        async with tenant.begin() as session:
            before = await service.assign(session, ticket_no, wanted, name)
            detail = {"from": before, "to": name}
            await audit.record(session, staff.name, "tickets.assign", ticket_no, detail, staff.address)
        await live.changed(runtime, tenant, ticket_no)
        return answers.redirect(request, f"{tickets.PATH}/{ticket_no}")

    @post("/close")
    async def close(
        self,
        ticket_no: PathNo,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            async with tenant.begin() as session:
                ticket = await queries.ticket(session, ticket_no, lock=True)
                before = ticket.state
                await service.close(session, ticket, staff.name)
                detail = {"from": before, "to": "closed"}
                await audit.record(session, staff.name, "tickets.close", ticket_no, detail, staff.address)
        except TicketClosed as refusal:
            answers.toast(request, of_error(refusal), "error")
        else:
            await live.changed(runtime, tenant, ticket_no)
            answers.toast(request, gettext("The ticket is closed. It can be opened again."))
        return answers.redirect(request, f"{tickets.PATH}/{ticket_no}")

    @post("/reopen")
    async def reopen(
        self,
        ticket_no: PathNo,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            async with tenant.begin() as session:
                ticket = await queries.ticket(session, ticket_no, lock=True)
                await service.reopen(session, tenant, ticket)
                await audit.record(session, staff.name, "tickets.reopen", ticket_no, address=staff.address)
        except (NotClosed, Conflict) as refusal:
            answers.toast(request, of_error(refusal), "error")
        else:
            await live.changed(runtime, tenant, ticket_no)
        return answers.redirect(request, f"{tickets.PATH}/{ticket_no}")

    @post("/merge")
    async def merge(
        self,
        ticket_no: PathNo,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        into = (await forms.parse(request, MergeForm)).into
        said = gettext("Ticket %(no)s was merged into this one.", no=ticket_no)
        try:
            async with tenant.begin() as session:
                await service.merge(session, ticket_no, into, said, staff.name)
                await audit.record(session, staff.name, "tickets.merge", ticket_no, {"into": into}, staff.address)
        except NotTheSame as refusal:
            answers.toast(request, of_error(refusal), "error")
            return answers.redirect(request, f"{tickets.PATH}/{ticket_no}")
        await live.changed(runtime, tenant, ticket_no)
        await live.changed(runtime, tenant, into)
        answers.toast(request, gettext("The tickets are one now."))
        return answers.redirect(request, f"{tickets.PATH}/{into}")
