"""Finding an order by its number: among one's own only, so that numbers cannot be tried out."""

from kameng.infra import ratelimit
from kameng.infra.ratelimit import Limit
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web.forms import Form
from kameng.web.i18n import _
from kameng.web.people import Visitor
from tenants.orders.errors import OrderGone
from tenants.storefront import order_view

FINDING = Limit(name="find-order", attempts=20, per_s=300, fails_open=False)
LONGEST = 40


async def find(runtime: Runtime, tenant: Tenant, visitor: Visitor, no: str) -> str | None:
    """The number of the visitor's own order; None for nobody's and for somebody else's alike. Raises
    `TooManyRequests`."""
    if not no.strip():
        return None
    await ratelimit.take(runtime.redis, (FINDING, f"{tenant.id}\n{visitor.address}"))
    try:
        return (await order_view.read(tenant, visitor, no)).no
    except OrderGone:
        return None


def form(visitor: Visitor, no: str) -> Form:
    """The form as it was sent, with why nothing was found."""
    if not no.strip():
        return Form()
    if visitor.buyer_id is None:
        said = _("This browser has no orders here. Log in with the account you used.")
    elif visitor.role == "guest":
        said = _("This browser has no such order. Check the number, or log in with the account you used.")
    else:
        said = _("Your account has no such order. Check the number, or look in the browser you used.")
    return Form({"no": no.strip()[:LONGEST]}, {"no": said})
