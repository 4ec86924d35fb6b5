"""The first page of a station's console: today."""

from collections.abc import Sequence
from typing import Any

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.response import Template

from admin_ui import charts, days
from admin_ui.console.deposit import outlook
from admin_ui.frame import AnyRequest, page, to_first_room
from admin_ui.notices import words as notices
from billing.ledger import queries as ledger
from kameng.core.errors import Forbidden
from kameng.identity.permissions import Permission
from kameng.infra.tenancy import Tenant
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from tenants.notices import queries as notice_queries
from tenants.orders import queries as orders

LATEST = 8
MOST_NOTICES = 3
Hours = Sequence[tuple[int, int, int]]


class OverviewController(Controller):
    path = "/console"

    @get("/", guards=[requires(Permission.OVERVIEW_READ)], exception_handlers={Forbidden: to_first_room})
    async def show(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        since = days.today()
        async with tenant.begin() as session:
            today = await orders.today(session, since)
            hours = await orders.by_hour(session, since, tenant.time_zone)
            before = await orders.by_hour(session, days.today(days_ago=1), tenant.time_zone, until=since)
            deposit_cents = await ledger.balance_cents(session, "deposit")
            week_cents = await orders.wholesale_since(session, days.today(days_ago=7))
            open_orders = await orders.open_counts(session)
            unread = await notice_queries.unread(session)
            waiting = await orders.waiting(session, notices.orders_of(unread))
            latest = (await session.scalars(orders.search().limit(LATEST))).all()
        told = notices.told(unread, waiting)
        return page(
            request,
            "console/overview.html",
            today=today,
            waiting=open_orders.get("waiting", 0),
            deposit_cents=deposit_cents,
            outlook=outlook(deposit_cents, week_cents),
            notices=told[:MOST_NOTICES],
            more_notices=len(told) - MOST_NOTICES,
            latest=latest,
            **_charts(hours, before),
        )

    @get("/hours", guards=[requires(Permission.OVERVIEW_READ)])
    async def hours(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        since = days.today()
        async with tenant.begin() as session:
            today = await orders.by_hour(session, since, tenant.time_zone)
            before = await orders.by_hour(session, days.today(days_ago=1), tenant.time_zone, until=since)
        rows = [(hour, _at(today, hour), _at(before, hour)) for hour in charts.HOURS]
        return page(request, "console/hours.html", rows=rows)


def _charts(today: Hours, before: Hours) -> dict[str, Any]:
    names = (gettext("Today"), gettext("Yesterday"))
    now = days.hour_now()
    counts, counts_before = ([(hour, count) for hour, count, _ in rows] for rows in (today, before))
    money, money_before = ([(hour, cents) for hour, _, cents in rows] for rows in (today, before))
    return {
        "orders_chart": charts.by_hour(counts, counts_before, now, *names),
        "revenue_chart": charts.by_hour(money, money_before, now, *names),
    }


def _at(rows: Hours, wanted: int) -> tuple[int, int]:
    """Orders and cents of one hour."""
    return next(((count, cents) for hour, count, cents in rows if hour == wanted), (0, 0))
