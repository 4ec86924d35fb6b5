"""Repricing: its first page, runs, and what waits for a decision."""

from datetime import timedelta
from typing import Any, Literal

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Struct, structs

from admin_ui.console import pricing_words
from admin_ui.fields import Confirmed
from admin_ui.frame import AnyRequest, PathId, chips, page
from kameng.audit import service as audit
from kameng.core import clock
from kameng.core.errors import Conflict, Refused
from kameng.identity.permissions import Permission
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms, paging
from kameng.web.guards import requires
from kameng.web.i18n import gettext, of_error
from kameng.web.paging import Page
from kameng.web.people import Staff
from tenants.pricing import feed_queries, queries, runs, sets, settings
from tenants.pricing.sets import Head, Line
from tenants.toggles import flags

PAGE = "/console/pricing"
LATEST = 5
SPANS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}


class Automatic(Struct, frozen=True):
    """Whether automatic rules change prices by themselves."""

    on: bool = False


class Since(Struct, frozen=True):
    """How far back a roll-back goes."""

    since: Literal["hour", "day", "week"]
    confirmed: Literal["yes"] = "yes"


class PricingController(Controller):
    path = PAGE
    opt = flags.PRICING.opt

    @get("/", guards=[requires(Permission.PRICING_READ)])
    async def show(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            rules = await queries.rules(session)
            categories = await queries.categories(session)
            names = await queries.product_names(session, [one.product_id for one in rules if one.product_id])
            waiting = await sets.waiting(session)
            set_to = await settings.read(session)
            feeds = await feed_queries.feeds(session)
            asked = paging.Wanted(size=LATEST, path=PAGE)
            latest = await paging.of_sql(session, sets.LIST, {"state": "applied"}, asked)
        now = clock.now()
        return page(
            request,
            "console/pricing.html",
            rules=[one for one in rules if not (one.kind == "leave" and one.product_id)],
            pinned=sum(one.kind == "leave" and bool(one.product_id) for one in rules),
            scope=lambda one: pricing_words.scope(one, categories, names),
            said=pricing_words.rule,
            waiting=waiting,
            set_to=set_to,
            ailing=[one for one in feeds if one.health(now) in ("failing", "stale")],
            latest=[Head(*list(row)) for row in latest.items],
        )

    @post("/run", guards=[requires(Permission.PRICING_WRITE)])
    async def run(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        async with tenant.begin() as session:
            ran = await runs.run(session, clock.now(), "hand", by=staff.name, everything=True)
            detail = {"changes": len(ran.applied), "cause": "hand"}
            await audit.record(session, staff.name, "pricing.run", str(ran.set_id or ""), detail, staff.address)
        waits = ran.held or ran.draft
        if ran.applied:
            answers.toast(request, gettext("%(count)s prices are changed.", count=len(ran.applied)))
        elif waits is None:
            answers.toast(request, gettext("Every price is where it should be, or may not move yet."), "info")
        else:
            answers.toast(request, gettext("The changes wait for your decision."), "info")
        to = f"{PAGE}/sets/{waits}" if waits is not None else f"{PAGE}/sets/{ran.set_id}" if ran.set_id else PAGE
        return answers.redirect(request, to)

    @post("/automatic", guards=[requires(Permission.PRICING_WRITE)])
    async def automatic(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        wanted = (await forms.parse(request, Automatic)).on
        async with tenant.begin() as session:
            set_to = await settings.take_turn(session)
            await settings.keep(session, structs.replace(set_to, is_automatic=wanted))
            action = "pricing.automatic_on" if wanted else "pricing.automatic_off"
            await audit.record(session, staff.name, action, "", address=staff.address)
        on, off = gettext("Automatic rules change prices again."), gettext("Rules only prepare drafts now.")
        answers.toast(request, on if wanted else off)
        return answers.redirect(request, PAGE)

    @post("/rollback", guards=[requires(Permission.PRICING_WRITE)])
    async def roll_back_since(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        wanted = (await forms.parse(request, Since)).since
        now = clock.now()
        return await _roll_back(request, tenant, staff, since=now - SPANS[wanted])

    @get("/sets", guards=[requires(Permission.PRICING_READ)])
    async def listed(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        asked = paging.wanted(request)
        async with tenant.begin() as session:
            found = await paging.of_sql(session, sets.LIST, {"state": asked.get("state")}, asked)
        found_heads = found.map(lambda row: Head(*list(row)))
        return page(request, "console/pricing_sets.html", found=found_heads, filters=chips(asked, "price_set"))

    @get("/sets/{set_id:int}", guards=[requires(Permission.PRICING_READ)])
    async def one(self, set_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        asked = paging.wanted(request, size=50)
        async with tenant.begin() as session:
            found = await sets.one(session, set_id)
            shown = _page(found.lines, asked)
            names = await queries.product_names(session, [line.product_id for line in shown.items])
        return page(
            request,
            "console/pricing_set.html",
            head=found.head,
            found=shown,
            names=names,
            rises=sum(line.new > line.old for line in found.lines),
            why=pricing_words.why,
            moved=lambda line: f"{(line.new - line.old) / line.old:+.1%}",
        )

    @post("/sets/{set_id:int}/approve", guards=[requires(Permission.PRICING_WRITE)])
    async def approve(
        self, set_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            async with tenant.begin() as session:
                written = await runs.approve(session, set_id, staff.name, clock.now())
                detail = {"changes": len(written)}
                await audit.record(session, staff.name, "pricing.approve", str(set_id), detail, staff.address)
        except Conflict as error:
            answers.toast(request, of_error(error), "error")
        else:
            answers.toast(request, gettext("%(count)s prices are changed.", count=len(written)))
        return answers.redirect(request, f"{PAGE}/sets/{set_id}")

    @post("/sets/{set_id:int}/discard", guards=[requires(Permission.PRICING_WRITE)])
    async def discard(
        self, set_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            async with tenant.begin() as session:
                await runs.discard(session, set_id, staff.name, clock.now())
                await audit.record(session, staff.name, "pricing.discard", str(set_id), address=staff.address)
        except Conflict as error:
            answers.toast(request, of_error(error), "error")
        else:
            answers.toast(request, gettext("Nothing was changed. The next run works it out anew."))
        return answers.redirect(request, PAGE)

    @post("/sets/{set_id:int}/rollback", guards=[requires(Permission.PRICING_WRITE)])
    async def roll_back(
        self, set_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        await forms.parse(request, Confirmed)
        return await _roll_back(request, tenant, staff, set_id=set_id)


async def _roll_back(request: AnyRequest, tenant: Tenant, staff: Staff, **what: Any) -> Response[Any]:
    try:
        async with tenant.begin() as session:
            written = await runs.roll_back(session, staff.name, clock.now(), **what)
            detail = {"changes": len(written), **{name: str(value) for name, value in what.items()}}
            subject = str(what.get("set_id", ""))
            await audit.record(session, staff.name, "pricing.roll_back", subject, detail, staff.address)
    except Refused as error:
        answers.toast(request, of_error(error), "info")
        return answers.redirect(request, PAGE)
    said = gettext("%(count)s prices are as before. Rules only prepare drafts until you switch them on again.",
                   count=len(written))  # fmt: skip
    answers.toast(request, said)
    return answers.redirect(request, PAGE)


def _page(lines: Any, asked: paging.Wanted) -> Page[Line]:
    """A page of lines that stand in one row."""
    last = max(1, -(-len(lines) // asked.size))
    at = min(asked.page, last)
    start = (at - 1) * asked.size
    return Page(
        items=list(lines[start : start + asked.size]), total=len(lines), page=at, size=asked.size, path=asked.path,
        query=asked.query,
    )  # fmt: skip
