"""Canned replies: what staff answer again and again."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template

from admin_ui.frame import AnyRequest, PathId, page
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.tenancy import Tenant
from kameng.infra.wording import BadWording
from kameng.web import answers, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from tenants.aftersale import facts, queries, replies
from tenants.aftersale.errors import TooManyReplies
from tenants.aftersale.replies import Draft
from tenants.toggles import flags

PATH = "/console/replies"


class ReplyController(Controller):
    path = PATH
    opt = flags.TICKETS.opt
    guards = [requires(Permission.TICKETS_WRITE)]  # noqa: RUF012 - Litestar reads it from the class

    @get("/")
    async def listed(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            found = await queries.replies(session)
        return page(request, "console/replies.html", replies=found, most=replies.MOST)

    @get("/new")
    async def blank(self, request: AnyRequest) -> Template:
        return _form(request, Form({"position": "0"}))

    @post("/")
    async def add(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            draft = await forms.parse(request, Draft)
            async with tenant.begin() as session:
                reply_id = await replies.add(session, draft)
                await audit.record(
                    session, staff.name, "replies.add", str(reply_id), {"title": draft.title}, staff.address
                )
        except (Invalid, BadWording, TooManyReplies) as error:
            return _form(request, await forms.again(request, error), status=422)
        answers.toast(request, gettext("The reply is saved."))
        return answers.redirect(request, PATH)

    @get("/{reply_id:int}")
    async def show(self, reply_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            found = await queries.canned(session, reply_id)
        values = {"title": found.title, "body": found.body, "position": str(found.position)}
        return _form(request, Form(values), reply_id)

    @post("/{reply_id:int}")
    async def change(
        self,
        reply_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            draft = await forms.parse(request, Draft)
            async with tenant.begin() as session:
                before = await replies.change(session, reply_id, draft)
                detail = {"from": _told(before), "to": _told(draft)}
                await audit.record(session, staff.name, "replies.change", str(reply_id), detail, staff.address)
        except (Invalid, BadWording) as error:
            return _form(request, await forms.again(request, error), reply_id, status=422)
        answers.toast(request, gettext("The reply is saved."))
        return answers.redirect(request, PATH)

    @post("/{reply_id:int}/delete")
    async def delete(
        self,
        reply_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with tenant.begin() as session:
            before = await replies.delete(session, reply_id)
            await audit.record(session, staff.name, "replies.delete", str(reply_id), _told(before), staff.address)
        answers.toast(request, gettext("The reply is deleted."))
        return answers.redirect(request, PATH)


def _form(request: AnyRequest, form: Form, reply_id: int | None = None, status: int = 200) -> Template:
    return page(
        request,
        "console/reply_form.html",
        status=status,
        form=form,
        reply_id=reply_id,
        variables=facts.VARIABLES,
        longest=replies.LONGEST,
    )


def _told(draft: Draft) -> dict[str, str]:
    return {"title": draft.title, "body": draft.body}
