"""Who did what at the station."""

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.response import Stream, Template

from admin_ui import records
from admin_ui.frame import AnyRequest
from admin_ui.records import LineId
from kameng.identity.permissions import Permission
from kameng.infra.tenancy import Tenant
from kameng.web.guards import requires
from tenants.toggles import flags


class AuditController(Controller):
    path = "/console/audit"
    opt = flags.AUDIT.opt

    @get("/", guards=[requires(Permission.AUDIT_READ)])
    async def show(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            return await records.show(request, session)

    @get("/export", guards=[requires(Permission.AUDIT_READ)])
    async def export(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Stream:
        return await records.export(request, tenant.begin)

    @get("/{line_id:int}", guards=[requires(Permission.AUDIT_READ)])
    async def line(self, line_id: LineId, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            return await records.show_line(request, session, line_id)
