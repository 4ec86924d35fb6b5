"""The exception desk: one queue, and how well it works."""

from collections.abc import Mapping
from typing import Any

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.response import Template

from admin_ui import charts, days, words
from admin_ui.console.tickets import duration
from admin_ui.frame import AnyRequest, Chip, page
from admin_ui.sheets import csv_file
from kameng.core import clock
from kameng.core.money import format_cents
from kameng.identity.permissions import Permission
from kameng.infra.tenancy import Tenant
from kameng.web import paging
from kameng.web.guards import requires
from kameng.web.i18n import N_, gettext
from kameng.web.pages import when
from kameng.web.paging import Wanted
from kameng.web.people import Staff
from tenants.desk import limits, measures, queries
from tenants.desk.limits import Limit
from tenants.desk.states import Kind
from tenants.toggles import flags

PATH = "/console/desk"
READ = [requires(Permission.DESK_READ)]
CHART_DAYS = 14
VIEWS = {
    "todo": N_("For a person"),
    "overdue": N_("Overdue"),
    "mine": N_("Mine"),
    "nobodys": N_("Nobody's"),
    "rules": N_("With the rules"),
    "solved": N_("Solved"),
    "all": N_("All"),
}


class DeskController(Controller):
    path = PATH
    opt = flags.DESK.opt
    guards = READ

    @get("/")
    async def listed(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Template:
        asked = paging.wanted(request)
        view = asked.get("show") if asked.get("show") in VIEWS else "all" if asked.search else "todo"
        kind = asked.get("kind") if asked.get("kind") in set(Kind) else ""
        values: dict[str, Any] = {"words": asked.search, "pattern": paging.like(asked.search), "kind": kind}
        async with tenant.begin() as session:
            found = await paging.of_sql(
                session, queries.lines(view), values | ({"me": staff.id} if view == "mine" else {}), asked
            )
            counts = await queries.counts(session, staff.id)
            figures = await measures.over_all(session, _since(measures.SPAN_DAYS))
            daily = await measures.by_day(session, _since(CHART_DAYS), tenant.time_zone)
            limit = await limits.of(session, staff.id)
        return page(
            request,
            "console/desk.html",
            found=found,
            asked=asked,
            view=view,
            filters=_chips(asked, view, counts),
            kinds=[Chip(gettext("Every kind"), _kept(asked).url_with(kind=""), not kind)]
            + [Chip(words.say("case", one), _kept(asked).url_with(kind=one), one == kind) for one in Kind],
            counts=counts,
            figures=figures,
            span_days=measures.SPAN_DAYS,
            chart_option=charts.cases_by_day(
                daily, days.latest(CHART_DAYS), gettext("Solved without a person"), gettext("With a person")
            ),
            chart_days=CHART_DAYS,
            duration=duration,
            now=clock.now(),
            limit=say_limit(limit) if limit and not staff.may(Permission.ORDERS_REFUND) else "",
        )

    @get("/figures")
    async def figures(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            daily = await measures.by_day(session, _since(measures.SPAN_DAYS), tenant.time_zone)
            kinds = await measures.by_kind(session, _since(measures.SPAN_DAYS))
        return page(request, "console/desk_figures.html", days=daily[::-1], kinds=kinds, duration=duration)

    @get("/cases.csv")
    async def export(self, tenant: NamedDependency[Tenant]) -> Response[Any]:
        async with tenant.begin() as session:
            found = await measures.lines(session, _since(measures.SPAN_DAYS))
        head = [
            gettext("Order"), gettext("Kind"), gettext("What showed it"), gettext("Came up at"),
            gettext("First act of a person"), gettext("Solved"), gettext("By what"), gettext("Solved by"),
            gettext("Whose"), gettext("Seconds"),
        ]  # fmt: skip
        rows = [
            (
                one.order_no, words.say("case", one.kind), words.say("case_cause", one.cause), _at(one.opened_at),
                _at(one.touched_at), _at(one.solved_at), words.say("case_solution", one.solution), one.solved_by,
                one.assigned_name, "" if one.seconds is None else one.seconds,
            )
            for one in found
        ]  # fmt: skip
        return csv_file("cases.csv", head, rows)


def say_limit(limit: Limit) -> str:
    """What somebody may give back, in words."""
    until = when(limit.ends_at, "%Y-%m-%d %H:%M")
    if not limit.limit_cents:
        return gettext("no refunds, until %(until)s", until=until)
    return gettext("up to %(amount)s each until %(until)s", amount=format_cents(limit.limit_cents), until=until)


def _kept(asked: Wanted) -> paging.Page[None]:
    return paging.Page[None](items=[], total=0, page=1, size=1, path=asked.path, query=asked.query)


def _chips(asked: Wanted, view: str, counts: Mapping[str, int]) -> list[Chip]:
    return [
        Chip(gettext(word), _kept(asked).url_with(show=code), code == view, counts.get(code))
        for code, word in VIEWS.items()
    ]


def _since(days_ago: int) -> Any:
    return days.today(days_ago=days_ago - 1)


def _at(moment: Any) -> str:
    return when(moment, "%Y-%m-%d %H:%M:%S") if moment else ""
