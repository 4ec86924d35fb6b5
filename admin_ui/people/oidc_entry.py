"""The way to the provider, from a sign-in page, an invitation or one's own account; and the one place it sends people
back to, at the master's host.
"""

import secrets
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from admin_ui.frame import AnyRequest
from admin_ui.people.crossing import leave_to, send_with
from kameng.core.errors import NotFound
from kameng.identity import invitations, oidc, providers
from kameng.identity.oidc import CALLBACK, FLOW_S, OidcFailed
from kameng.identity.providers import Provider
from kameng.infra import ratelimit
from kameng.infra.ratelimit import Limit
from kameng.infra.runtime import Runtime
from kameng.web import answers, context, cookies, forms
from kameng.web.guards import signed_in_staff
from kameng.web.people import Staff

BY_ADDRESS = Limit(name="oidc-address", attempts=30, per_s=600, fails_open=False)


class WayForm(Struct, frozen=True):
    """`token` of an invitation, to join with it; else to sign in."""

    token: Annotated[str, Meta(max_length=100)] = ""


def controller(base: str) -> type[Controller]:
    """The ways to the provider."""

    class OidcController(Controller):
        path = base or "/"

        @post("/oidc", opt={"public": True}, status_code=200)
        async def begin(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Response[Any]:
            here = context.of(request.scope)
            token = (await forms.parse(request, WayForm)).token
            if not token:
                return await _leave(request, runtime, "sign_in", next=answers.next_path(request, ""))
            async with runtime.database.master_session() as session:
                invitation = await invitations.of_token(session, here.tenant.id if here.tenant else None, token)
            return await _leave(request, runtime, "join", invitation_id=invitation.id)

        @post("/account/identity", guards=[signed_in_staff], status_code=200)
        async def link(
            self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Response[Any]:
            if staff.visit:
                raise NotFound
            return await _leave(request, runtime, "link", staff_id=staff.id)

    return OidcController


@get(CALLBACK, opt={"public": True})
async def come_back(request: AnyRequest, runtime: NamedDependency[Runtime]) -> Response[Any]:
    """Checks what the provider sent along, and goes on to the host where it began, with a ticket. Raises `FlowGone`,
    `OidcFailed`.
    """
    here = context.of(request.scope)
    await ratelimit.take(runtime.redis, (BY_ADDRESS, here.address))
    flow = await oidc.take_flow(runtime.redis, request.query_params.get("state", ""))
    provider = await _provider(runtime)
    if provider is None:
        raise OidcFailed
    proof = await oidc.prove(runtime, provider, flow, dict(request.query_params.items()))
    return await send_with(request, runtime, flow.tenant_id, proof)


async def _leave(
    request: AnyRequest,
    runtime: Runtime,
    wish: Literal["sign_in", "join", "link"],
    *,
    staff_id: UUID | None = None,
    invitation_id: UUID | None = None,
    next: str = "",
) -> Response[Any]:
    """To the provider; a cookie ties what comes of it to this browser. Raises `NotFound` where none is set,
    `ProviderUnusable`.
    """
    here = context.of(request.scope)
    await ratelimit.take(runtime.redis, (BY_ADDRESS, here.address))
    provider = await _provider(runtime)
    if provider is None:
        raise NotFound
    secret = secrets.token_urlsafe(32)
    tenant_id = here.tenant.id if here.tenant else None
    flow = oidc.new_flow(provider, tenant_id, wish, secret, staff_id=staff_id, invitation_id=invitation_id, next=next)
    address = await oidc.begin(runtime, provider, flow)
    here.set_cookie(cookies.BROWSER, secret, FLOW_S)
    return leave_to(request, address)


async def _provider(runtime: Runtime) -> Provider | None:
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        found = await providers.find(session, sealer)
    return found if found is not None and found.is_active else None
