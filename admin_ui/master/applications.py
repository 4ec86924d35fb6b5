"""Who wants to open a station: found, looked at, decided."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui import ledger
from admin_ui.frame import AnyRequest, chips, page
from billing.ledger import queries as ledger_queries
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from tenants.applications import queries, service


class DeclineForm(Struct, frozen=True):
    """Why not, in words for the applicant."""

    reason: Annotated[str, Meta(min_length=1, max_length=300)]


class ApplicationController(Controller):
    path = "/applications"

    @get("/", guards=[requires(Permission.APPLICATIONS_READ)])
    async def listed(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        asked = paging.wanted(request)
        values = {"words": asked.search, "pattern": paging.like(asked.search), "state": asked.get("state")}
        async with runtime.database.master_session() as session:
            found = await paging.of_sql(session, queries.LINES, values, asked)
            counts = await queries.counts(session)
            settings = await queries.settings(session)
        filters = chips(asked, "application", counts)
        url = runtime.settings.base_url(runtime.settings.master_host)
        return page(
            request,
            "master/applications.html",
            found=found.map(lambda row: queries.Application(**row._mapping)),
            filters=filters,
            asked=asked,
            settings=settings,
            address=f"{url}/open",
        )

    @get("/{application_id:uuid}", guards=[requires(Permission.APPLICATIONS_READ)])
    async def show(
        self, application_id: FromPath[UUID], request: AnyRequest, runtime: NamedDependency[Runtime]
    ) -> Template:
        return await _page(request, runtime, application_id)

    @post("/{application_id:uuid}/approve", guards=[requires(Permission.APPLICATIONS_WRITE)])
    async def approve(
        self,
        application_id: FromPath[UUID],
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with runtime.database.master_session() as session:
            application = await service.approve(session, application_id, staff.name)
            detail = {"name": application.name, "slug": application.slug}
            await audit.record(session, staff.name, "applications.approve", str(application_id), detail, staff.address)
        answers.toast(request, gettext("Approved: the station is being opened."))
        return answers.redirect(request, f"/applications/{application_id}")

    @post("/{application_id:uuid}/decline", guards=[requires(Permission.APPLICATIONS_WRITE)])
    async def decline(
        self,
        application_id: FromPath[UUID],
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            reason = (await forms.parse(request, DeclineForm)).reason
        except Invalid as error:
            form = await forms.again(request, error)
            return await _page(request, runtime, application_id, form, status=422)
        async with runtime.database.master_session() as session:
            application = await service.decline(session, application_id, reason)
            detail = {"name": application.name, "slug": application.slug, "reason": reason}
            await audit.record(session, staff.name, "applications.decline", str(application_id), detail, staff.address)
        answers.toast(request, gettext("Declined. The applicant reads why on his page."))
        return answers.redirect(request, f"/applications/{application_id}")

    @post("/{application_id:uuid}/refund", guards=[requires(Permission.APPLICATIONS_WRITE)])
    async def refund(
        self,
        application_id: FromPath[UUID],
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with runtime.database.master_session() as session:
            application = await queries.application(session, application_id)
            cents = await service.refund(session, application_id)
            detail = {"name": application.name, "slug": application.slug, "amount_cents": cents}
            await audit.record(session, staff.name, "applications.refund", str(application_id), detail, staff.address)
        answers.toast(request, gettext("Booked as given back."))
        return answers.redirect(request, f"/applications/{application_id}")


async def _page(
    request: AnyRequest, runtime: Runtime, application_id: UUID, form: Form | None = None, status: int = 200
) -> Template:
    async with runtime.database.master_session() as session:
        application = await queries.application(session, application_id)
        payments = await queries.payments(session, application_id)
        entries = [entry for one in payments for entry in await ledger_queries.entries_of(session, one.no)]
    url = runtime.settings.base_url(runtime.settings.master_host)
    return page(
        request,
        "master/application.html",
        status=status,
        application=application,
        payments=payments,
        transfers_of_payment=ledger.transfers(entries),
        own_page=f"{url}/open/{application.code}",
        form=form,
    )
