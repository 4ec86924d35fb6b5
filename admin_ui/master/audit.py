"""Who did what, at the master and at the stations."""

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.response import Stream, Template

from admin_ui import records
from admin_ui.frame import AnyRequest
from admin_ui.records import LineId
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web.guards import requires


class AuditController(Controller):
    path = "/audit"

    @get("/", guards=[requires(Permission.AUDIT_READ)])
    async def show(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        async with runtime.database.master_session() as session:
            return await records.show(request, session, is_master=True)

    @get("/export", guards=[requires(Permission.AUDIT_READ)])
    async def export(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Stream:
        return await records.export(request, runtime.database.master_session, is_master=True)

    @get("/{line_id:int}", guards=[requires(Permission.AUDIT_READ)])
    async def line(self, line_id: LineId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        async with runtime.database.master_session() as session:
            return await records.show_line(request, session, line_id, is_master=True)
