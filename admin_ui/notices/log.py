"""What was sent, to whom, and what became of it."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template

from admin_ui.frame import AnyRequest, PathUuid, chips, page
from admin_ui.notices import sending
from admin_ui.notices.bell import place_of
from kameng.audit import service as audit
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, context, forms, i18n, paging
from kameng.web.guards import requires
from kameng.web.i18n import gettext, of_error
from kameng.web.people import Staff
from tenants.notices import channels, delivery
from tenants.notices.errors import NotToRepeat
from tenants.notices.kinds import of_place

LONGEST_ID = 9


def controller(base: str, team: Permission) -> type[Controller]:
    """Who may change the team's channels sees what went out on them; everybody sees his own."""
    path_ = f"{base}/notices/deliveries"

    class DeliveryController(Controller):
        path = path_
        guards = [requires(Permission.NOTICES_READ)]  # noqa: RUF012 - Litestar reads it from the class

        @get("/")
        async def listed(
            self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Template:
            asked, place = paging.wanted(request), place_of(request, runtime)
            wanted = asked.get("channel")
            number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) <= LONGEST_ID else 0
            with_teams = staff.may(team)
            values = {"staff_id": staff.id, "with_teams": with_teams, "state": asked.get("state"), "channel": number}
            async with place.begin() as session:
                found = await paging.of_sql(session, delivery.LINES, values, asked)
                seen = await channels.seen_by(session, staff.id, with_teams=with_teams)
            return page(
                request,
                "notices/deliveries.html",
                found=found.map(lambda row: delivery.line_of(row._mapping)),
                filters=chips(asked, "notice_delivery"),
                channels=seen,
                chosen=number,
                asked=asked,
                kinds=of_place(place.tenant_id),
            )

        @get("/{delivery_id:uuid}")
        async def show(
            self,
            delivery_id: PathUuid,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Template:
            place = place_of(request, runtime)
            async with place.begin() as session:
                one = await delivery.line(session, delivery_id, staff.id, with_teams=staff.may(team))
            (item,) = sending.items(place, [one.notice]) or (None,)
            i18n.use(context.of(request.scope).locale, place.site.time_zone)
            return page(request, "notices/delivery.html", one=one, item=item, most=delivery.MOST_ATTEMPTS)

        @post("/{delivery_id:uuid}/retry")
        async def retry(
            self,
            delivery_id: PathUuid,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            await forms.pairs(request)
            place = place_of(request, runtime)
            try:
                async with place.begin() as session:
                    one = await delivery.line(session, delivery_id, staff.id, with_teams=staff.may(team))
                    await delivery.repeat(session, one)
                    detail = {"name": one.channel_name, "state": one.state}
                    await audit.record(session, staff.name, "notices.retry", str(delivery_id), detail, staff.address)
            except NotToRepeat as error:
                answers.toast(request, of_error(error), "error")
            else:
                answers.toast(request, gettext("It is sent again."))
            return answers.redirect(request, path_)

    return DeliveryController
