"""Lending somebody one permission until a moment, and taking it back."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response, post
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from admin_ui.frame import AnyRequest, PathUuid
from admin_ui.people.team import member_page
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity import delegations, roles, standing, team
from kameng.identity.delegations import HasIt
from kameng.identity.permissions import Permission
from kameng.identity.roles import BeyondOwn
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import as_place
from kameng.web import answers, forms, i18n
from kameng.web.guards import requires
from kameng.web.i18n import N_, gettext
from kameng.web.people import Staff


class LendForm(Struct, frozen=True):
    """`ends_at` as a browser's date and time field writes it, on the station's clocks."""

    permission: Annotated[Permission, Meta(extra={"message": N_("Choose one of the list.")})]
    ends_at: Annotated[
        str,
        Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d$", extra={"message": N_("Choose a date and a time.")}),
    ]
    note: Annotated[str, Meta(max_length=200)] = ""

    def moment(self) -> datetime:
        """Raises `Invalid`."""
        try:
            return datetime.fromisoformat(self.ends_at).replace(tzinfo=i18n.reader().zone)
        except ValueError:
            raise Invalid({"ends_at": "Choose a date and a time."}) from None


def controller(base: str, write: Permission) -> type[Controller]:
    """What is lent at a place."""

    class DelegationController(Controller):
        path = f"{base}/team"

        @post("/{staff_id:uuid}/delegations", guards=[requires(write)])
        async def lend(
            self,
            staff_id: PathUuid,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            try:
                await _lend(runtime, staff, staff_id, await forms.parse(request, LendForm))
            except (Invalid, HasIt, BeyondOwn) as error:
                form = await forms.again(request, error)
                return await member_page(request, runtime, staff, staff_id, write, 422, lend_form=form)
            answers.toast(request, gettext("The permission is lent. It ends by itself."))
            return answers.redirect(request, f"{base}/team/{staff_id}")

        @post("/delegations/{delegation_id:uuid}/revoke", guards=[requires(write)])
        async def revoke(
            self,
            delegation_id: PathUuid,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            staff_id = await _revoke(runtime, staff, delegation_id)
            answers.toast(request, gettext("The permission is taken back."))
            return answers.redirect(request, f"{base}/team/{staff_id}")

    return DelegationController


async def _lend(runtime: Runtime, viewer: Staff, staff_id: UUID, sent: LendForm) -> None:
    ends_at = sent.moment()
    async with runtime.database.master_session() as session:
        by = await roles.giver(session, viewer.tenant_id, viewer.id)
        person = await team.person(session, viewer.tenant_id, staff_id)
        await delegations.lend(session, viewer.tenant_id, staff_id, sent.permission, ends_at, sent.note, by)
        detail = {"permission": str(sent.permission), "until": ends_at.isoformat(timespec="minutes"), "note": sent.note}
        await as_place(session, runtime.database, viewer.tenant_id)
        await audit.record(session, viewer.name, "delegations.add", person.login, detail, viewer.address)
    standing.forget()


async def _revoke(runtime: Runtime, viewer: Staff, delegation_id: UUID) -> UUID:
    async with runtime.database.master_session() as session:
        by = await roles.giver(session, viewer.tenant_id, viewer.id)
        ended = await delegations.revoke(session, viewer.tenant_id, delegation_id, by)
        person = await team.person(session, viewer.tenant_id, ended.staff_id)
        await as_place(session, runtime.database, viewer.tenant_id)
        detail = {"permission": ended.permission}
        await audit.record(session, viewer.name, "delegations.revoke", person.login, detail, viewer.address)
    standing.forget()
    return ended.staff_id
