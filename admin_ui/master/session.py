"""Who sits at the master's console."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency

from admin_ui import signing
from admin_ui.frame import AnyRequest
from kameng.infra.runtime import Runtime

HOME, LOGIN = "/", "/login"


class SessionController(Controller):
    @get(LOGIN, opt={"public": True})
    async def show(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Response[Any]:
        return await signing.show(request, runtime, HOME)

    @post(LOGIN, opt={"public": True})
    async def enter(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Response[Any]:
        return await signing.enter(request, runtime, None, HOME)

    @post("/logout", opt={"public": True})
    async def leave(self, request: AnyRequest) -> Response[Any]:
        return await signing.leave(request, LOGIN)
