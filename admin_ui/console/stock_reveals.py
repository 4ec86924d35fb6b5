"""The cards of an order, hidden until somebody asks for them; and who has seen them."""

from typing import Any

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.response import Template

from admin_ui.fields import Confirmed
from admin_ui.frame import AnyRequest, PathNo, page
from kameng.audit import service as audit
from kameng.cards import reveals
from kameng.cards import service as cards
from kameng.cards.formats import masked
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import forms
from kameng.web.guards import requires
from kameng.web.people import Staff
from tenants.orders import queries


class OrderCardController(Controller):
    path = "/console/orders/{no:str}/cards"

    @get("/", guards=[requires(Permission.ORDERS_READ)])
    async def hidden(
        self, no: PathNo, request: AnyRequest, runtime: NamedDependency[Runtime], tenant: NamedDependency[Tenant]
    ) -> Template:
        return page(request, "console/order_cards.html", **await _values(runtime, tenant, no), is_clear=False)

    @post("/", guards=[requires(Permission.ORDERS_WRITE)], status_code=200)
    async def reveal(
        self,
        no: PathNo,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Template:
        """That somebody looks is written down before he does."""
        await forms.parse(request, Confirmed)
        async with tenant.begin() as session:
            order = await queries.order_by_no(session, no)
            sealed = await cards.issued(session, order.id)
            if sealed:
                await reveals.log(session, "staff", "shown", staff.name, staff.address, order_ref=order.id)
                detail = {"order": no, "cards": len(sealed)}
                await audit.record(session, staff.name, "cards.reveal", no, detail, staff.address)
        return page(request, "console/order_cards.html", **await _values(runtime, tenant, no), is_clear=True)


async def _values(runtime: Runtime, tenant: Tenant, no: str) -> dict[str, Any]:
    sealer = await runtime.keyring.tenant(tenant.id)
    async with tenant.begin() as session:
        order = await queries.order_by_no(session, no)
        sealed = await cards.issued(session, order.id)
        seen = await reveals.of_order(session, order.id)
    secrets = cards.reveal(sealer, sealed)
    return {"order": order, "secrets": secrets, "ends": [masked(secret) for secret in secrets], "seen": seen}
