"""The stations: found, opened, looked at."""

from collections.abc import Sequence
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from sqlalchemy import text

from admin_ui import sheets, words
from admin_ui.frame import AnyRequest, PathId, chips, page
from admin_ui.master import station_filters, station_form
from admin_ui.master.station_tabs import tabs
from admin_ui.people.crossing import address_of
from billing.ledger import queries as ledger
from billing.wholesale import queries as wholesale
from kameng.core import ids
from kameng.core.errors import Invalid
from kameng.core.money import to_yuan
from kameng.identity import invitations
from kameng.identity import staff as people
from kameng.identity.invitations import Invited
from kameng.identity.permissions import Permission, Role
from kameng.identity.staff import LoginTaken
from kameng.infra.runtime import Runtime
from kameng.web import answers, context, forms, pages, paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import N_, gettext, of_error
from kameng.web.people import Staff
from tenants.domains.errors import DomainTaken
from tenants.registry import provisioning, queries, retirement
from tenants.registry.errors import CannotProvision, HostTaken, SlugTaken
from tenants.registry.provisioning import By, Provisioner

LATEST = 10
MOST_EXPORTED = 20_000
WRONG = (Invalid, SlugTaken, HostTaken, DomainTaken, LoginTaken, CannotProvision)
THEMES = {"classic": N_("Classic"), "market": N_("Market"), "night": N_("Night")}
EXPORTED = ("no", "slug", "name", "host", "tier", "plan", "paid_until", "state", "deposit", "version", "opened")


class StationController(Controller):
    path = "/tenants"

    @get("/", guards=[requires(Permission.TENANTS_READ)])
    async def listed(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        asked = paging.wanted(request)
        filters = station_filters.read(asked)
        async with runtime.database.master_session() as session:
            found = await paging.of_sql(session, filters.sql, filters.values, asked)
            counts = await queries.counts(session)
            tiers = _options(await wholesale.tiers(session))
            plans = _options(await queries.plans(session))
        return page(
            request,
            "master/stations.html",
            found=found,
            filters=chips(asked, "station", counts),
            asked=asked,
            kept={name: value for name, value in asked.query.items() if name != "q"},
            is_narrowed=any((filters.words, filters.state, filters.tier_id, filters.plan_id)),
            tier_options=[("", gettext("All tiers")), *tiers],
            plan_options=[("", gettext("All plans")), *plans],
            sort_options=station_filters.sorts(),
            export="/tenants/stations.csv" + found.url(1).removeprefix(found.path),
            url=runtime.settings.base_url,
        )

    @get("/stations.csv", guards=[requires(Permission.TENANTS_READ)])
    async def export(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Response[Any]:
        """The list as it is narrowed and ordered, all pages of it."""
        filters = station_filters.read(paging.wanted(request))
        async with runtime.database.master_session() as session:
            limited = text(filters.sql + " LIMIT :most")
            found = (await session.execute(limited, {**filters.values, "most": MOST_EXPORTED})).all()
        rows = [
            (
                row.id, row.slug, row.name, row.host, row.tier, row.plan, pages.when(row.paid_until),
                words.badge("station", row.state).word, to_yuan(row.deposit_cents), row.version,
                pages.when(row.created_at),
            )
            for row in found
        ]  # fmt: skip
        return sheets.csv_file("stations.csv", EXPORTED, rows)

    @get("/new", guards=[requires(Permission.TENANTS_WRITE)])
    async def blank(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        values = {"accent": "#2563eb", "deposit": "0.00", "markup": "10"}
        return await _form(request, runtime, Form(values=values))

    @post("/", guards=[requires(Permission.TENANTS_WRITE)])
    async def open(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        provisioner: NamedDependency[Provisioner],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            async with runtime.database.master_session() as session:
                sent = await station_form.checked(session, runtime.settings, await forms.pairs(request))
            draft = sent.draft(runtime.settings.station_domain)
            by = By(staff.name, staff.address)
            opened = await provisioning.open_station(
                runtime, provisioner, draft, sent.first_owner, sent.deposit_cents, by
            )
        except WRONG as error:
            return await _form(request, runtime, await forms.again(request, error), status=422)
        if opened.invited:
            answers.toast(request, gettext("The station is open."))
            return await detail(request, runtime, opened.tenant_id, invited=opened.invited)
        if opened.has_owner:
            answers.toast(request, gettext("The station is open."))
        else:
            answers.toast(request, gettext("The station is open. Now say who owns it."))
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
    suspend_form: Form | None = None,
    invited: Invited | None = None,
) -> Template:
    """A station's page, with a form that was refused, or with the link of an invitation that was just made: it is shown
    this once. Raises `StationGone`."""
    async with runtime.database.master_session() as session:
        station = await queries.station(session, tenant_id)
        members = await people.members(session, tenant_id)
        waiting = await invitations.pending(session, tenant_id)
        return page(
            request,
            "master/station.html",
            status=status,
            station=station,
            tabs=tabs(context.of(request.scope), station.id, at="" if invited else None),
            url=runtime.settings.base_url,
            theme=gettext(THEMES[station.theme]),
            tier_options=_options(await wholesale.tiers(session)),
            history=await ledger.history_of(session, tenant_id, "deposit", limit=LATEST),
            owners=[member for member in members if member.role == Role.OWNER],
            invited_owners=[one for one in waiting if one.role == Role.OWNER and not one.is_over],
            link=f"{await address_of(runtime, tenant_id, '/join')}?token={invited.token}" if invited else "",
            sends_letters=bool(runtime.settings.smtp_url),
            request_key=ids.code(20),
            certificate=await queries.certificate(session, tenant_id),
            obstacles=[of_error(one) for one in await retirement.obstacles(session, tenant_id)],
            deposit_form=deposit_form,
            suspend_form=suspend_form,
        )


async def _form(request: AnyRequest, runtime: Runtime, form: Form, status: int = 200) -> Template:
    async with runtime.database.master_session() as session:
        tiers = await wholesale.tiers(session)
        plans = await queries.plans(session)
    return page(
        request,
        "master/station_form.html",
        status=status,
        form=form,
        tiers=tiers,
        tier_options=_options(tiers),
        owner_options=[
            ("invite", gettext("Is invited, and sets the account up")),
            ("account", gettext("Gets a login and a password from me")),
            ("none", gettext("Nobody yet")),
        ],
        sends_letters=bool(runtime.settings.smtp_url),
        plan_options=[("", gettext("No plan: no limits, never due")), *_options(plans)] if plans else [],
        theme_options=[(code, gettext(word)) for code, word in THEMES.items()],
        catalogue_options=[("none", gettext("An empty shop")), ("all", gettext("All goods of its tier"))],
        domain=runtime.settings.station_domain,
    )


def _options(things: Sequence[Any]) -> list[tuple[int, str]]:
    return [(thing.id, thing.name) for thing in things]
