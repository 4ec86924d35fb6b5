"""The station's statement: what was there, what came and went, what is left."""

from typing import Annotated, Any

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.response import Template

from admin_ui import statements
from admin_ui.frame import AnyRequest, page
from admin_ui.payout_words import wanted_range
from kameng.identity.permissions import Permission
from kameng.infra.tenancy import Tenant
from kameng.web.guards import requires
from tenants.toggles import flags


class StatementController(Controller):
    path = "/console/statements"
    opt = flags.STATEMENTS.opt

    @get("/", guards=[requires(Permission.LEDGER_READ)])
    async def show(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            told = await statements.told(session, tenant.id, wanted_range(request))
        return page(request, "console/statement.html", **told)

    @get("/{kind:str}", guards=[requires(Permission.LEDGER_READ)])
    async def export(
        self,
        kind: Annotated[str, PathParameter(pattern=r"^(csv|xlsx)$")],
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
    ) -> Response[Any]:
        async with tenant.begin() as session:
            return await statements.file(session, tenant.id, wanted_range(request), kind)
