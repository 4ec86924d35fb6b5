"""The station's domains: what is served, what waits for its proof, and what its owner has to do for that."""

from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui import domain_words
from admin_ui.frame import AnyRequest, PathId, page
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra import links, ratelimit
from kameng.infra.dns import readable_name
from kameng.infra.ratelimit import Limit
from kameng.infra.runtime import Runtime
from kameng.infra.settings import parts
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from tenants.domains import checking, names, queries, service
from tenants.domains.errors import BadDomain, DomainIsOurs, DomainIsYours, DomainTaken, HostInUse, TooManyClaims
from tenants.toggles import flags

PathHost = Annotated[str, PathParameter(pattern=r"^[a-z0-9.-]{1,253}$")]
LOOKS = Limit(name="domain_looks", attempts=20, per_s=60, fails_open=True)  # each asks other people's servers
PAGE = "/console/domains"
WRONG = (Invalid, BadDomain, DomainIsOurs, DomainIsYours, DomainTaken, TooManyClaims)


class DomainForm(Struct, frozen=True):
    """A domain as a person types it."""

    domain: Annotated[str, Meta(min_length=1, max_length=300)]


class DomainController(Controller):
    path = PAGE
    opt = flags.DOMAINS.opt

    @get("/", guards=[requires(Permission.DOMAINS_READ)])
    async def listed(
        self, request: AnyRequest, runtime: NamedDependency[Runtime], tenant: NamedDependency[Tenant]
    ) -> Template:
        return await _page(request, runtime, tenant)

    @post("/", guards=[requires(Permission.DOMAINS_WRITE)])
    async def add(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        await ratelimit.take(runtime.redis, (LOOKS, str(tenant.id)))
        try:
            typed = (await forms.parse(request, DomainForm)).domain
            async with tenant.begin() as session:
                claim_id = await service.claim(session, runtime.settings, tenant.id, typed)
                claim = await queries.claim(session, tenant.id, claim_id)
                await audit.record(session, staff.name, "domains.claim", claim.host, address=staff.address)
        except WRONG as error:
            return await _page(request, runtime, tenant, await forms.again(request, error), status=422)
        return await _look(request, runtime, tenant, claim_id)

    @post("/{claim_id:int}/check", guards=[requires(Permission.DOMAINS_WRITE)])
    async def check(
        self,
        claim_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        await ratelimit.take(runtime.redis, (LOOKS, str(tenant.id)))
        async with tenant.begin() as session:
            claim = await queries.claim(session, tenant.id, claim_id)
            await audit.record(session, staff.name, "domains.check", claim.host, address=staff.address)
        return await _look(request, runtime, tenant, claim_id)

    @post("/{claim_id:int}/withdraw", guards=[requires(Permission.DOMAINS_WRITE)])
    async def withdraw(
        self,
        claim_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with tenant.begin() as session:
            host = await service.withdraw(session, tenant.id, claim_id)
            await audit.record(session, staff.name, "domains.withdraw", host, address=staff.address)
        answers.toast(request, gettext("%(domain)s is withdrawn.", domain=readable_name(host)))
        return answers.redirect(request, PAGE)

    @post("/served/{host:str}/primary", guards=[requires(Permission.DOMAINS_WRITE)])
    async def make_primary(
        self,
        host: PathHost,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with tenant.begin() as session:
            before = await service.make_primary(session, tenant.id, host)
            detail = {"from": before, "to": host}
            await audit.record(session, staff.name, "domains.primary", host, detail, staff.address)
        runtime.directory.forget()
        said = gettext("%(domain)s is the main domain now; the others still lead here.", domain=readable_name(host))
        answers.toast(request, said)
        return answers.redirect(request, PAGE)

    @post("/served/{host:str}/remove", guards=[requires(Permission.DOMAINS_WRITE)])
    async def remove(
        self,
        host: PathHost,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        if host == tenant.host:
            raise HostInUse(domain=readable_name(host))
        async with tenant.begin() as session:
            await service.remove(session, runtime.settings, tenant.id, host)
            await audit.record(session, staff.name, "domains.remove", host, address=staff.address)
        runtime.directory.forget()
        answers.toast(request, gettext("%(domain)s no longer leads to your shop.", domain=readable_name(host)))
        return answers.redirect(request, PAGE)


async def _look(request: AnyRequest, runtime: Runtime, tenant: Tenant, claim_id: int) -> Response[Any]:
    """Looks at a claim now, and says what was found."""
    async with tenant.begin() as session:
        domain = (await queries.claim(session, tenant.id, claim_id)).readable
    found = await checking.check(runtime, tenant.id, claim_id)
    if found.error:
        answers.toast(request, domain_words.sentence(runtime.settings, domain, found), "warn")
    else:
        answers.toast(request, gettext("%(domain)s is proved and leads to your shop now.", domain=domain))
    return answers.redirect(request, PAGE)


async def _page(
    request: AnyRequest, runtime: Runtime, tenant: Tenant, form: Form | None = None, status: int = 200
) -> Template:
    settings = runtime.settings
    async with tenant.begin() as session:
        hosts = await queries.hosts(session, tenant.id)
        claims = await queries.claims(session, tenant.id)
    given = [one.host for one in hosts if names.is_subdomain(settings, one.host)]
    return page(
        request,
        "console/domains.html",
        status=status,
        form=form,
        hosts=hosts,
        claims=claims,
        lines=[(one, domain_words.why(settings, one)) for one in claims],
        why=lambda host: domain_words.why(settings, host),
        stays=given[0] if len(given) == 1 else "",
        alias=(given or [tenant.host])[0],  # where a CNAME record should lead
        proves=bool(given),  # and whether it is a proof: only what is the station's for good is one
        addresses=[one for one in parts(settings.public_addresses) if "/" not in one],
        url=lambda host: links.of_host(settings, host),
        here=tenant.host,
    )
