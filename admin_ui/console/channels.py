"""The ways in which buyers can pay."""

from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui.fields import Switch, check_web_address
from admin_ui.frame import AnyRequest, PathId, page
from billing.payments import queries, service
from billing.payments.service import ChannelDraft
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from tenants.toggles import flags


class ChannelForm(Struct, frozen=True, kw_only=True):
    """An account at a gateway that speaks epay. `key_password` is its key, which no page draws back."""

    name: Annotated[str, Meta(min_length=1, max_length=40)]
    base_url: Annotated[str, Meta(max_length=200)]
    merchant_id: Annotated[str, Meta(min_length=1, max_length=80)]
    key_password: Annotated[str, Meta(min_length=1, max_length=200)]

    def draft(self) -> ChannelDraft:
        """Raises `Invalid`."""
        check_web_address(self.base_url, "base_url")
        return ChannelDraft(
            provider="epay",
            name=self.name,
            base_url=self.base_url,
            merchant_id=self.merchant_id,
            secret=self.key_password,
        )


class ChannelController(Controller):
    path = "/console/channels"
    opt = flags.CHANNELS.opt

    @get("/", guards=[requires(Permission.CHANNELS_READ)])
    async def listed(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            channels = await queries.all_channels(session)
        return page(request, "console/channels.html", channels=channels)

    @get("/new", guards=[requires(Permission.CHANNELS_WRITE)])
    async def blank(self, request: AnyRequest) -> Template:
        return page(request, "console/channel_form.html", form=None)

    @post("/", guards=[requires(Permission.CHANNELS_WRITE)])
    async def add(
        self,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            draft = (await forms.parse(request, ChannelForm)).draft()
        except Invalid as error:
            return page(request, "console/channel_form.html", status=422, form=await forms.again(request, error))
        sealer = await runtime.keyring.tenant(tenant.id)
        async with tenant.begin() as session:
            channel = await service.add_channel(session, sealer, draft)
            detail = {"name": draft.name, "merchant": draft.merchant_id}
            await audit.record(session, staff.name, "channels.add", str(channel.id), detail, staff.address)
        answers.toast(request, gettext("Buyers can pay by this channel now."))
        return answers.redirect(request, "/console/channels")

    @post("/{channel_id:int}/pause", guards=[requires(Permission.CHANNELS_WRITE)])
    async def pause(
        self,
        channel_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        paused = (await forms.parse(request, Switch)).paused
        async with tenant.begin() as session:
            channel = await service.pause_channel(session, channel_id, paused=paused)
            action = "channels.pause" if paused else "channels.resume"
            await audit.record(session, staff.name, action, str(channel_id), {"name": channel.name}, staff.address)
        answers.toast(request, gettext("The channel is paused.") if paused else gettext("The channel is open again."))
        return answers.redirect(request, "/console/channels")
