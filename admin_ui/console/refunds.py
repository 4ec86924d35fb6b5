"""Money given back for a delivered order, and what only a person can find out of it."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from litestar import Controller, Response, post
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from admin_ui.console.orders import order_page
from admin_ui.frame import AnyRequest, PathNo, PathUuid
from admin_ui.payout_words import RequestKey
from billing.ledger.errors import KeyReused
from kameng.audit import service as audit
from kameng.core.errors import Conflict, Invalid, Refused
from kameng.core.money import to_cents
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms
from kameng.web.guards import requires
from kameng.web.i18n import gettext, of_error
from kameng.web.people import Staff
from tenants.orders import live, refunds


class RefundForm(Struct, frozen=True, kw_only=True):
    """In yuan. `request_key` is made with the page: the same form sent twice gives back once."""

    amount: Annotated[Decimal, Meta(extra={"ge": "0.01", "le": "1000000", "places": 2})]
    to: Literal["wallet", "channel"]
    reason: Annotated[str, Meta(min_length=1, max_length=200)]
    request_key: RequestKey


class DecisionForm(Struct, frozen=True):
    """What the person saw at the gateway."""

    outcome: Literal["done", "failed"]


class RefundController(Controller):
    path = "/console/orders/{no:str}/refunds"

    @post("/", guards=[requires(Permission.ORDERS_REFUND)])
    async def give_back(
        self,
        no: PathNo,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            refund = await _give_back(tenant, no, await forms.parse(request, RefundForm), staff)
        except (Invalid, Refused) as error:
            return await order_page(request, tenant, no, await forms.again(request, error), 422)
        except (refunds.NotGivenBack, KeyReused) as refusal:
            answers.toast(request, of_error(refusal), "error")
        else:
            await live.changed(runtime, tenant, no)
            if refund.state == "done":
                answers.toast(request, gettext("The money is back in the buyer's wallet."))
            else:
                answers.toast(request, gettext("The gateway is asked to give it back; the result appears here."))
        return answers.redirect(request, f"/console/orders/{no}")

    @post("/{refund_id:uuid}/decision", guards=[requires(Permission.ORDERS_REFUND)])
    async def decide(
        self,
        no: PathNo,
        refund_id: PathUuid,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        done = (await forms.parse(request, DecisionForm)).outcome == "done"
        try:
            async with tenant.begin() as session:
                refund = await refunds.decide(session, refund_id, done=done, by=staff.name)
                detail = {"amount_cents": refund.amount_cents, "state": refund.state}
                await audit.record(session, staff.name, "refunds.decide", refund.order_no, detail, staff.address)
        except Conflict as refusal:
            answers.toast(request, of_error(refusal), "error")
        else:
            await live.changed(runtime, tenant, no)
            answers.toast(request, gettext("Saved."))
        return answers.redirect(request, f"/console/orders/{no}")


async def _give_back(tenant: Tenant, no: str, sent: RefundForm, by: Staff) -> refunds.Refund:
    cents = to_cents(sent.amount)
    async with tenant.begin() as session:
        refund = await refunds.give_back(
            session, no, cents=cents, to=sent.to, reason=sent.reason, by=by.name, request_key=sent.request_key
        )
        detail = {"amount_cents": cents, "to": sent.to, "reason": sent.reason}
        await audit.record(session, by.name, "refunds.give", no, detail, by.address)
    return refund
