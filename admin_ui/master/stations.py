"""The stations: found, opened, looked at."""

from collections.abc import Sequence
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template

from admin_ui.frame import AnyRequest, PathId, chips, page
from admin_ui.master.station_form import StationForm
from admin_ui.master.station_tabs import tabs
from billing.ledger import queries as ledger
from billing.wholesale import queries as wholesale
from kameng.core import ids
from kameng.core.errors import Invalid
from kameng.identity import staff as people
from kameng.identity.permissions import STATION_ROLES, Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, context, forms, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import TITLES, Staff
from tenants.registry import provisioning, queries
from tenants.registry.errors import BadSlug, CannotProvision, HostTaken, SlugTaken
from tenants.registry.provisioning import By, Provisioner

LATEST = 10
WRONG = (Invalid, BadSlug, SlugTaken, HostTaken, CannotProvision)


class StationController(Controller):
    path = "/tenants"

    @get("/", guards=[requires(Permission.TENANTS_READ)])
    async def listed(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        asked = paging.wanted(request)
        values = {"words": asked.search, "pattern": paging.like(asked.search), "state": asked.get("state")}
        async with runtime.database.master_session() as session:
            found = await paging.of_sql(session, queries.LINES, values, asked)
            counts = await queries.counts(session)
        filters = chips(asked, "station", counts)
        url = runtime.settings.base_url
        return page(request, "master/stations.html", found=found, filters=filters, asked=asked, url=url)

    @get("/new", guards=[requires(Permission.TENANTS_WRITE)])
    async def blank(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _form(request, runtime, Form(values={"accent": "#2563eb", "deposit": "0.00"}))

    @post("/", guards=[requires(Permission.TENANTS_WRITE)])
    async def open(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        provisioner: NamedDependency[Provisioner],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, StationForm)
            draft = sent.draft(runtime.settings.station_domain)
            by = By(staff.name, staff.address)
            opened = await provisioning.open_station(runtime, provisioner, draft, sent.owner, sent.deposit_cents, by)
        except WRONG as error:
            return await _form(request, runtime, await forms.again(request, error), status=422)
        if opened.has_owner:
            answers.toast(request, gettext("The station is open."))
        else:
            answers.toast(request, gettext("The station is open, but its owner's login was taken: add one."), "warn")
        return answers.redirect(request, f"/tenants/{opened.tenant_id}")

    @get("/{tenant_id:int}", guards=[requires(Permission.TENANTS_READ)])
    async def show(self, tenant_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await detail(request, runtime, tenant_id)


async def detail(
    request: AnyRequest,
    runtime: Runtime,
    tenant_id: int,
    status: int = 200,
    deposit_form: Form | None = None,
    staff_form: Form | None = None,
) -> Template:
    """A station's page, with a form that was refused. Raises `StationGone`."""
    async with runtime.database.master_session() as session:
        station = await queries.station(session, tenant_id)
        return page(
            request,
            "master/station.html",
            status=status,
            station=station,
            tabs=tabs(context.of(request.scope), station.id),
            url=runtime.settings.base_url,
            tier_options=_options(await wholesale.tiers(session)),
            history=await ledger.history_of(session, tenant_id, "deposit", limit=LATEST),
            members=await people.members(session, tenant_id),
            roles=[(str(role), gettext(TITLES[role])) for role in STATION_ROLES],
            request_key=ids.code(20),
            deposit_form=deposit_form,
            staff_form=staff_form,
        )


async def _form(request: AnyRequest, runtime: Runtime, form: Form, status: int = 200) -> Template:
    async with runtime.database.master_session() as session:
        tiers = await wholesale.tiers(session)
    domain = runtime.settings.station_domain
    return page(
        request,
        "master/station_form.html",
        status=status,
        form=form,
        tiers=tiers,
        tier_options=_options(tiers),
        domain=domain,
    )


def _options(tiers: Sequence[Any]) -> list[tuple[int, str]]:
    return [(tier.id, tier.name) for tier in tiers]
