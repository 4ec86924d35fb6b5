"""What the master does to one station: its deposit, its tier, its state."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from litestar import Controller, Response, post
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from admin_ui.frame import AnyRequest, PathId
from admin_ui.master import stations
from billing.deposits import service as deposits
from billing.ledger.errors import DepositTooLow
from billing.wholesale import queries as wholesale
from kameng.audit import service as audit
from kameng.core.errors import Invalid, Refused
from kameng.core.money import to_cents
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms
from kameng.web.guards import requires
from kameng.web.i18n import N_, gettext
from kameng.web.people import Staff
from tenants.registry import closing, queries, service
from tenants.registry.provisioning import By
from tenants.registry.states import State

Amount = Annotated[Decimal, Meta(extra={"ge": "0.01", "le": "100000000", "places": 2})]
RequestKey = Annotated[str, Meta(pattern=r"^[A-Z0-9]{20}$")]


class BeyondDeposit(Refused):
    """More is to be paid out than is there."""

    message = "The deposit does not cover this."


class DepositForm(Struct, frozen=True):
    """`amount` in yuan; `request_key` is made with the page, so that the same form sent twice books once."""

    direction: Literal["in", "out"]
    amount: Amount
    request_key: RequestKey
    note: Annotated[str, Meta(max_length=100)] = ""

    @property
    def cents(self) -> int:
        return to_cents(self.amount) * (1 if self.direction == "in" else -1)


class TierForm(Struct, frozen=True):
    """Which price level the station gets."""

    tier_id: Annotated[int, Meta(ge=1, le=2**31 - 1, extra={"message": N_("Choose one of the list.")})]


class SuspendForm(Struct, frozen=True):
    """Why the shop is closed to its buyers."""

    reason: Annotated[str, Meta(min_length=1, max_length=200)]


class StationActController(Controller):
    path = "/tenants/{tenant_id:int}"

    @post("/deposit", guards=[requires(Permission.DEPOSITS_WRITE)])
    async def book(
        self,
        tenant_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, DepositForm)
            is_new = await _book(runtime, tenant_id, sent, staff)
        except (Invalid, BeyondDeposit) as error:
            form = await forms.again(request, error)
            return await stations.detail(request, runtime, tenant_id, 422, deposit_form=form)
        answers.toast(request, gettext("Booked.") if is_new else gettext("This was booked already; nothing changed."))
        return answers.redirect(request, f"/tenants/{tenant_id}")

    @post("/tier", guards=[requires(Permission.TENANTS_WRITE)])
    async def tier(
        self,
        tenant_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        wanted = await forms.parse(request, TierForm)
        async with runtime.database.master_session() as session:
            before = await queries.station(session, tenant_id)
            tier = await wholesale.tier(session, wanted.tier_id)
            await service.change_tier(session, tenant_id, tier.id)
            detail = {"name": before.name, "from": before.tier, "to": tier.name}
            await audit.record(session, staff.name, "stations.tier", str(tenant_id), detail, staff.address)
        runtime.directory.forget()
        answers.toast(request, gettext("The station buys at the prices of its new tier from now on."))
        return answers.redirect(request, f"/tenants/{tenant_id}")

    @post("/suspend", guards=[requires(Permission.TENANTS_WRITE)])
    async def suspend(
        self,
        tenant_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, SuspendForm)
        except Invalid as error:
            form = await forms.again(request, error)
            return await stations.detail(request, runtime, tenant_id, 422, suspend_form=form)
        await closing.suspend(runtime, tenant_id, sent.reason, By(staff.name, staff.address))
        answers.toast(request, gettext("The shop is closed."))
        return answers.redirect(request, f"/tenants/{tenant_id}")

    @post("/resume", guards=[requires(Permission.TENANTS_WRITE)])
    async def resume(
        self,
        tenant_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        moved = await closing.resume(runtime, tenant_id, By(staff.name, staff.address))
        if moved.after == State.OVERDUE:
            told = gettext("The shop is open again, but takes no orders until its plan is paid.")
            answers.toast(request, told, "warn")
        else:
            answers.toast(request, gettext("The shop is open again."))
        return answers.redirect(request, f"/tenants/{tenant_id}")


async def _book(runtime: Runtime, tenant_id: int, sent: DepositForm, by: Staff) -> bool:
    """False when the same form was booked before. Raises `StationGone`, `BeyondDeposit`."""
    try:
        async with runtime.database.master_session() as session:
            station = await queries.station(session, tenant_id)
            posted = await deposits.pay_in(session, tenant_id, sent.cents, sent.request_key)
            if not posted.replayed:
                action = "deposits.pay_in" if sent.cents > 0 else "deposits.pay_out"
                detail = {"name": station.name, "amount_cents": abs(sent.cents), "note": sent.note}
                await audit.record(session, by.name, action, str(tenant_id), detail, by.address)
    except DepositTooLow:
        raise BeyondDeposit(field="amount") from None
    return not posted.replayed
