"""The first page of the master's console: what goes on at all stations."""

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.response import Template

from admin_ui import charts, days
from admin_ui.frame import AnyRequest, page, to_first_room
from billing.ledger import queries as ledger
from kameng.core import clock
from kameng.core.errors import Forbidden
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import i18n
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from supplier_gateway.purchases import queries as purchases
from supplier_gateway.suppliers import queries as suppliers
from tenants.registry import queries as registry
from tenants.toggles import tasks as toggles


class OverviewController(Controller):
    path = "/"

    @get("/", guards=[requires(Permission.TENANTS_READ)], exception_handlers={Forbidden: to_first_room})
    async def show(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        since, before = days.today(), days.today(days_ago=1)
        zone = i18n.reader().zone.key
        async with runtime.database.master_session() as session:
            stations = await registry.counts(session)
            today = await ledger.master_day(session, since)
            hours = await ledger.master_hours(session, since, days.today(days_ago=-1), zone)
            hours_before = await ledger.master_hours(session, before, since, zone)
            bought = await purchases.day(session, since)
            low = await registry.low_deposits(session, days.today(days_ago=7))
            all_suppliers = await suppliers.all_suppliers(session)
            past_flags = await toggles.past(session, clock.now().date())
        names = (gettext("Today"), gettext("Yesterday"))
        return page(
            request,
            "master/overview.html",
            stations=stations,
            today=today,
            bought=bought,
            low=low,
            suppliers=all_suppliers,
            past_flags=len(past_flags),
            sales_chart=charts.by_hour(
                [(hour, sales) for hour, sales, _ in hours],
                [(hour, sales) for hour, sales, _ in hours_before],
                days.hour_now(),
                *names,
            ),
            revenue_chart=charts.by_hour(
                [(hour, cents) for hour, _, cents in hours],
                [(hour, cents) for hour, _, cents in hours_before],
                days.hour_now(),
                *names,
            ),
        )
