"""Lending the desk: to whom, until when, and up to how much of an order he may give back."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui.console.desk import PATH as DESK
from admin_ui.console.desk import say_limit
from admin_ui.console.tickets import colleagues
from admin_ui.frame import AnyRequest, PathUuid, page
from kameng.audit import service as audit
from kameng.core import clock
from kameng.core.errors import Invalid
from kameng.core.money import to_cents
from kameng.identity import delegations, roles, standing, team
from kameng.identity.delegations import DelegationGone, HasIt
from kameng.identity.permissions import Permission
from kameng.identity.roles import BeyondOwn
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms, i18n
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import N_, gettext
from kameng.web.people import Staff
from tenants.desk import limits
from tenants.toggles import flags

PATH = f"{DESK}/limits"
SUGGESTED = timedelta(days=7)
LENT = (Permission.DESK_READ, Permission.DESK_WORK)


class LimitForm(Struct, frozen=True):
    """`limit` in yuan for each refund, 0 for none; `ends_at` on the station's clocks."""

    staff_id: UUID
    limit: Annotated[Decimal, Meta(extra={"ge": "0", "le": "100000", "places": 2})]
    ends_at: Annotated[
        str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d$", extra={"message": N_("Choose a date and a time.")})
    ]

    def moment(self) -> datetime:
        """Raises `Invalid`."""
        try:
            return datetime.fromisoformat(self.ends_at).replace(tzinfo=i18n.reader().zone)
        except ValueError:
            raise Invalid({"ends_at": "Choose a date and a time."}) from None


class DeskLimitController(Controller):
    path = PATH
    opt = flags.DESK.opt
    guards = [requires(Permission.TEAM_WRITE)]  # noqa: RUF012 - Litestar reads it from the class

    @get("/")
    async def listed(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Template:
        return await _page(request, runtime, tenant, staff)

    @post("/")
    async def give(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            await _give(runtime, tenant, staff, await forms.parse(request, LimitForm))
        except (Invalid, BeyondOwn) as error:
            return await _page(request, runtime, tenant, staff, await forms.again(request, error), 422)
        answers.toast(request, gettext("The desk is lent. It ends by itself."))
        return answers.redirect(request, PATH)

    @post("/{staff_id:uuid}/revoke")
    async def revoke(
        self,
        staff_id: PathUuid,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with tenant.begin() as session:
            ended = await limits.take(session, staff_id)
            if ended:
                detail = {"limit_cents": ended.limit_cents}
                await audit.record(session, staff.name, "desk.take", ended.staff_name, detail, staff.address)
        if ended is None:
            raise DelegationGone
        for delegation_id in ended.delegations:
            await _end(runtime, tenant, staff, delegation_id)
        standing.forget()
        answers.toast(request, gettext("The desk is taken back."))
        return answers.redirect(request, PATH)


async def _give(runtime: Runtime, tenant: Tenant, viewer: Staff, sent: LimitForm) -> None:
    """First the rights, then the limit: what dies between them leaves somebody who may work, and give nothing back."""
    ends_at, cents = sent.moment(), to_cents(sent.limit)
    made: list[UUID] = []
    async with runtime.database.master_session() as session:
        by = await roles.giver(session, tenant.id, viewer.id)
        try:
            person = await team.person(session, tenant.id, sent.staff_id)
        except team.MemberGone:
            raise Invalid({"staff_id": "This person does not work here any more."}) from None
        for permission in LENT:
            try:
                made.append(await delegations.lend(session, tenant.id, sent.staff_id, permission, ends_at, "desk", by))
            except HasIt:  # his role has it; the limit alone is new
                continue
    async with tenant.begin() as session:
        await limits.give(session, sent.staff_id, person.name, cents, ends_at, made, viewer.name)
        detail = {"limit_cents": cents, "until": ends_at.isoformat(timespec="minutes")}
        await audit.record(session, viewer.name, "desk.lend", person.name, detail, viewer.address)
    standing.forget()


async def _end(runtime: Runtime, tenant: Tenant, viewer: Staff, delegation_id: UUID) -> None:
    try:
        async with runtime.database.master_session() as session:
            by = await roles.giver(session, tenant.id, viewer.id)
            await delegations.revoke(session, tenant.id, delegation_id, by)
    except DelegationGone:
        return


async def _page(
    request: AnyRequest, runtime: Runtime, tenant: Tenant, viewer: Staff, form: Form | None = None, status: int = 200
) -> Template:
    async with tenant.begin() as session:
        current = await limits.current(session)
    people = [one for one in await colleagues(runtime, tenant) if one.id != viewer.id]
    ends_at = clock.now().astimezone(i18n.reader().zone) + SUGGESTED
    return page(
        request,
        "console/desk_limits.html",
        status=status,
        form=form,
        current=[(one, say_limit(one)) for one in current],
        ends_at=f"{ends_at:%Y-%m-%dT%H:%M}",
        colleagues=[(str(one.id), one.name) for one in people],
    )
