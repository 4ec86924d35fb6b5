"""What a route may ask for by name:

    async def place(self, runtime: NamedDependency[Runtime], tenant: NamedDependency[Tenant],
                    visitor: NamedDependency[Visitor], request: Request) -> ...

Each of the shop's hangs on the one before it, although it does not need it: Litestar starts a task for each
of several that are independent, which took 100 of the 600 microseconds on the way to an order.
"""

from typing import Any

from litestar import Request
from litestar.di import NamedDependency, Provide

from kameng.core.errors import NotFound, Unauthenticated
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import context
from kameng.web.people import Staff, Visitor

AnyRequest = Request[Any, Any, Any]


def provide_runtime(request: AnyRequest) -> Runtime:
    """The process's resources."""
    return context.of(request.scope).kit.runtime


def provide_tenant(request: AnyRequest, runtime: NamedDependency[Runtime]) -> Tenant:  # noqa: ARG001 - see above
    """The station whose host was called. Raises `NotFound` at the master's host."""
    tenant = context.of(request.scope).tenant
    if tenant is None:
        raise NotFound
    return tenant


def provide_visitor(request: AnyRequest, tenant: NamedDependency[Tenant]) -> Visitor:  # noqa: ARG001 - see above
    """The browser at the storefront, signed in or not."""
    return context.of(request.scope).visitor


def provide_staff(request: AnyRequest) -> Staff:
    """The person at the console. Raises `Unauthenticated`."""
    staff = context.of(request.scope).staff
    if staff is None:
        raise Unauthenticated
    return staff


def provided() -> dict[str, Provide]:
    """All of them, for the application."""
    return {
        "runtime": Provide(provide_runtime, sync_to_thread=False),
        "tenant": Provide(provide_tenant, sync_to_thread=False),
        "visitor": Provide(provide_visitor, sync_to_thread=False),
        "staff": Provide(provide_staff, sync_to_thread=False),
    }
