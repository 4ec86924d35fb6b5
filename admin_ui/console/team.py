"""The people of a station, and visits of the operator, which its owner can end."""

from typing import Any

from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from admin_ui.frame import AnyRequest, PathUuid
from admin_ui.people import routes, visiting
from kameng.core.errors import NotFound
from kameng.identity import standing, visits
from kameng.identity.permissions import Permission
from kameng.infra.tenancy import Tenant
from kameng.web import answers
from kameng.web.guards import requires, signed_in_staff
from kameng.web.i18n import gettext
from kameng.web.people import Staff

BASE = "/console"


class VisitController(Controller):
    path = f"{BASE}/visits"

    @post("/leave", guards=[signed_in_staff])
    async def leave(
        self,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        if staff.visit is None:
            raise NotFound
        await visiting.end_own(request, tenant)
        await answers.sign_out(request)
        answers.toast(request, gettext("Your visit has ended."))
        return answers.redirect(request, f"{BASE}/login")

    @post("/{visit_id:uuid}/end", guards=[requires(Permission.TEAM_WRITE)])
    async def end(
        self,
        visit_id: PathUuid,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with tenant.begin() as session:
            await visits.end(session, visit_id, visits.By(staff.name, staff.address))
        standing.forget()
        answers.toast(request, gettext("The visit has ended."))
        return answers.redirect(request, BASE)


HANDLERS: list[ControllerRouterHandler] = [
    *routes.controllers(BASE, Permission.TEAM_READ, Permission.TEAM_WRITE),
    VisitController,
]
