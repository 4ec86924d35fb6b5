"""Keys with which a buyer's own shop buys by machine."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui.console import buyers
from admin_ui.frame import AnyRequest, page
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from tenants.openapi import keys
from tenants.openapi.errors import KeyNotForGuests
from tenants.toggles import flags


class KeyForm(Struct, frozen=True):
    """What the key is for."""

    key_name: Annotated[str, Meta(min_length=1, max_length=40)]


class KeyController(Controller):
    path = "/console/buyers/{buyer_id:uuid}/keys"
    opt = flags.OPEN_API.opt

    @post("/", guards=[requires(Permission.KEYS_WRITE)])
    async def issue(
        self,
        buyer_id: FromPath[UUID],
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Template:
        """The page that answers is the only one that ever shows the secret."""
        sealer = await runtime.keyring.tenant(tenant.id)
        try:
            name = (await forms.parse(request, KeyForm)).key_name
            async with tenant.begin() as session:
                issued = await keys.issue(session, sealer, buyer_id, name)
                detail = {"name": name, "key": issued.key}
                await audit.record(session, staff.name, "keys.issue", str(buyer_id), detail, staff.address)
        except (Invalid, KeyNotForGuests) as error:
            form = await forms.again(request, error)
            return await buyers.detail(request, tenant, buyer_id, status=422, key_form=form)
        door = runtime.settings.base_url(tenant.host) + "/api/v1/upstream"
        return page(request, "console/key.html", issued=issued, name=name, buyer_id=buyer_id, door=door)

    @post("/{key_id:uuid}/revoke", guards=[requires(Permission.KEYS_WRITE)])
    async def revoke(
        self,
        buyer_id: FromPath[UUID],
        key_id: FromPath[UUID],
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        async with tenant.begin() as session:
            name = await keys.revoke(session, buyer_id, key_id)
            await audit.record(session, staff.name, "keys.revoke", str(buyer_id), {"name": name}, staff.address)
        answers.toast(request, gettext("The key is revoked. Requests signed with it are refused from now on."))
        return answers.redirect(request, f"/console/buyers/{buyer_id}")
