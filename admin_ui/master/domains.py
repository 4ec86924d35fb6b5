"""A station's domains as the master sees them: all hosts, all claims, and what only the operator may do to them."""

from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui import domain_words
from admin_ui.console.domains import PathHost
from admin_ui.frame import AnyRequest, PathId, page
from admin_ui.master.station_tabs import tabs
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra import links
from kameng.infra.dns import readable_name
from kameng.infra.runtime import Runtime
from kameng.web import answers, context, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import N_, gettext
from kameng.web.people import Staff
from tenants.domains import queries, service
from tenants.domains.errors import BadLabel, DomainGone, DomainTaken
from tenants.registry import queries as registry


class SubdomainForm(Struct, frozen=True):
    """What stands before the deployment's domain for stations."""

    label: Annotated[str, Meta(min_length=1, max_length=63)]


class VouchForm(Struct, frozen=True):
    """A claim that the operator vouches for."""

    claim_id: Annotated[int, Meta(ge=1, le=2**63 - 1, extra={"message": N_("Choose one of the list.")})]
    reason: Annotated[str, Meta(min_length=3, max_length=200)]


class StationDomainController(Controller):
    path = "/tenants/{tenant_id:int}/domains"

    @get("/", guards=[requires(Permission.TENANTS_READ)])
    async def listed(self, tenant_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _page(request, runtime, tenant_id)

    @post("/", guards=[requires(Permission.TENANTS_WRITE)])
    async def give(
        self,
        tenant_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            label = (await forms.parse(request, SubdomainForm)).label.lower()
            async with runtime.database.master_session() as session:
                await registry.station(session, tenant_id)
                host = await service.give_subdomain(session, runtime.settings, tenant_id, label)
                await audit.record(session, staff.name, "domains.give", str(tenant_id), {"domain": host}, staff.address)
        except (Invalid, BadLabel, DomainTaken) as error:
            return await _page(request, runtime, tenant_id, 422, given=await forms.again(request, error))
        runtime.directory.forget()
        answers.toast(request, gettext("%(domain)s leads to the shop now.", domain=host))
        return answers.redirect(request, f"/tenants/{tenant_id}/domains")

    @post("/vouch", guards=[requires(Permission.TENANTS_WRITE)])
    async def vouch(
        self,
        tenant_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, VouchForm)
            async with runtime.database.master_session() as session:
                claim = await queries.claim(session, tenant_id, sent.claim_id)
                await service.force(session, claim, staff.name, sent.reason, staff.address)
        except (Invalid, DomainTaken) as error:
            wrong = Invalid({"claim_id": error.message}) if isinstance(error, DomainTaken) else error
            return await _page(request, runtime, tenant_id, 422, vouched=await forms.again(request, wrong))
        except DomainGone:
            wrong = Invalid({"claim_id": "Choose one of the list."})
            return await _page(request, runtime, tenant_id, 422, vouched=await forms.again(request, wrong))
        runtime.directory.forget()
        answers.toast(request, gettext("%(domain)s leads to the shop now.", domain=claim.readable))
        return answers.redirect(request, f"/tenants/{tenant_id}/domains")

    @post("/{claim_id:int}/withdraw", guards=[requires(Permission.TENANTS_WRITE)])
    async def withdraw(
        self,
        tenant_id: PathId,
        claim_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with runtime.database.master_session() as session:
            host = await service.withdraw(session, tenant_id, claim_id)
            detail = {"domain": host}
            await audit.record(session, staff.name, "domains.withdraw", str(tenant_id), detail, staff.address)
        answers.toast(request, gettext("%(domain)s is withdrawn.", domain=readable_name(host)))
        return answers.redirect(request, f"/tenants/{tenant_id}/domains")

    @post("/served/{host:str}/primary", guards=[requires(Permission.TENANTS_WRITE)])
    async def make_primary(
        self,
        tenant_id: PathId,
        host: PathHost,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with runtime.database.master_session() as session:
            before = await service.make_primary(session, tenant_id, host)
            detail = {"from": before, "to": host}
            await audit.record(session, staff.name, "domains.primary", str(tenant_id), detail, staff.address)
        runtime.directory.forget()
        said = gettext("%(domain)s is the main domain now; the others still lead here.", domain=readable_name(host))
        answers.toast(request, said)
        return answers.redirect(request, f"/tenants/{tenant_id}/domains")

    @post("/served/{host:str}/remove", guards=[requires(Permission.TENANTS_WRITE)])
    async def remove(
        self,
        tenant_id: PathId,
        host: PathHost,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with runtime.database.master_session() as session:
            await service.remove(session, runtime.settings, tenant_id, host)
            detail = {"domain": host}
            await audit.record(session, staff.name, "domains.remove", str(tenant_id), detail, staff.address)
        runtime.directory.forget()
        answers.toast(request, gettext("%(domain)s no longer leads to the shop.", domain=readable_name(host)))
        return answers.redirect(request, f"/tenants/{tenant_id}/domains")


async def _page(
    request: AnyRequest,
    runtime: Runtime,
    tenant_id: int,
    status: int = 200,
    given: Form | None = None,
    vouched: Form | None = None,
) -> Template:
    """Raises `StationGone`."""
    settings = runtime.settings
    async with runtime.database.master_session() as session:
        station = await registry.station(session, tenant_id)
        hosts = await queries.hosts(session, tenant_id)
        claims = await queries.claims(session, tenant_id)
    return page(
        request,
        "master/station_domains.html",
        status=status,
        station=station,
        tabs=tabs(context.of(request.scope), tenant_id),
        url=settings.base_url,
        link=lambda host: links.of_host(settings, host),
        hosts=[(one, domain_words.why(settings, one)) for one in hosts],
        claims=[(one, domain_words.why(settings, one)) for one in claims],
        options=[(str(one.id), one.readable) for one in claims],
        domain=settings.station_domain,
        given=given,
        vouched=vouched,
    )
