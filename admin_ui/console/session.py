"""Who sits at a station's console."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency

from admin_ui import signing
from admin_ui.frame import AnyRequest
from admin_ui.people import visiting
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant

HOME, LOGIN = "/console", "/console/login"


class SessionController(Controller):
    path = HOME

    @get("/login", opt={"public": True})
    async def show(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Response[Any]:
        return await signing.show(request, runtime, HOME)

    @post("/login", opt={"public": True})
    async def enter(
        self, request: AnyRequest, runtime: NamedDependency[Runtime], tenant: NamedDependency[Tenant]
    ) -> Response[Any]:
        return await signing.enter(request, runtime, tenant.id, HOME)

    @post("/logout", opt={"public": True})
    async def leave(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Response[Any]:
        await visiting.end_own(request, tenant)
        return await signing.leave(request, LOGIN)
