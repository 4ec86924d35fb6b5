"""The ways in which buyers can pay."""

from datetime import timedelta
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui import channel_form
from admin_ui.channel_form import KeyForm, TermsForm
from admin_ui.fields import Switch, check_web_address
from admin_ui.frame import AnyRequest, PathId, page
from billing.payments import queries, service
from billing.payments.errors import AmountOutOfRange, ChannelGone
from billing.payments.service import ChannelDraft
from kameng.audit import service as audit
from kameng.core import clock
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext, of_error
from kameng.web.people import Staff
from tenants.toggles import flags

ROOM = "/console/channels"
DAY = timedelta(days=1)


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


class LentForm(Struct, frozen=True):
    """A channel of the master's."""

    master_channel_id: Annotated[int, Meta(ge=1, le=2**31 - 1)]


class ChannelController(Controller):
    path = ROOM
    opt = flags.CHANNELS.opt

    @get("/", guards=[requires(Permission.CHANNELS_READ)])
    async def listed(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            channels = await queries.all_channels(session)
            health = await queries.health(session, clock.now() - DAY)
            taken = {channel.master_channel_id for channel in channels}
            lent = [one for one in await queries.lent(session) if one.id not in taken]
        return page(
            request, "console/channels.html", channels=channels, health=health, lent=lent, percent=channel_form.percent
        )

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
        return answers.redirect(request, ROOM)

    @post("/lent", guards=[requires(Permission.CHANNELS_WRITE)])
    async def offer_lent(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        """Has buyers pay by a channel of the master's."""
        try:
            sent = await forms.parse(request, LentForm)
            async with tenant.begin() as session:
                channel = await service.offer_lent(session, sent.master_channel_id)
                detail = {"name": channel.name}
                await audit.record(session, staff.name, "channels.offer", str(channel.id), detail, staff.address)
        except (Invalid, ChannelGone) as error:
            answers.toast(request, of_error(error), "error")
        else:
            answers.toast(request, gettext("Buyers can pay by this channel now."))
        return answers.redirect(request, ROOM)

    @get("/{channel_id:int}", guards=[requires(Permission.CHANNELS_READ)])
    async def show(self, channel_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        return await _page(request, tenant, channel_id)

    @post("/{channel_id:int}", guards=[requires(Permission.CHANNELS_WRITE)])
    async def change(
        self,
        channel_id: PathId,
        request: AnyRequest,
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            terms = (await forms.parse(request, TermsForm)).terms()
            async with tenant.begin() as session:
                before = channel_form.told(service.terms_of(await queries.channel(session, channel_id)))
                after = channel_form.told(service.terms_of(await service.change_channel(session, channel_id, terms)))
                await audit.record(
                    session, staff.name, "channels.change", str(channel_id), address=staff.address, before=before,
                    after=after,
                )  # fmt: skip
        except (Invalid, AmountOutOfRange) as error:
            return await _page(request, tenant, channel_id, await forms.again(request, error), 422)
        answers.toast(request, gettext("Saved."))
        return answers.redirect(request, f"{ROOM}/{channel_id}")

    @post("/{channel_id:int}/key", guards=[requires(Permission.CHANNELS_WRITE)])
    async def replace_key(
        self,
        channel_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        sealer = await runtime.keyring.tenant(tenant.id)
        try:
            secret = (await forms.parse(request, KeyForm)).key_password
        except Invalid as error:
            return await _page(request, tenant, channel_id, await forms.again(request, error), 422)
        async with tenant.begin() as session:
            channel = await service.replace_key(session, sealer, channel_id, secret)
            detail = {"name": channel.name}
            await audit.record(session, staff.name, "channels.key", str(channel_id), detail, staff.address)
        answers.toast(request, gettext("The key is replaced."))
        return answers.redirect(request, f"{ROOM}/{channel_id}")

    @post("/{channel_id:int}/test", guards=[requires(Permission.CHANNELS_WRITE)], status_code=200)
    async def test(
        self,
        channel_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        tenant: NamedDependency[Tenant],
        staff: NamedDependency[Staff],
    ) -> Response[Any] | Template:
        """A payment of the least amount, to a wallet that stands in the name of who tests."""
        try:
            async with tenant.begin() as session:
                channel = await queries.channel(session, channel_id)
                payment = await service.open_payment(session, staff.id, channel_id, channel.min_cents, "topup")
                await audit.record(
                    session, staff.name, "channels.test", str(channel_id), {"name": channel.name}, staff.address
                )
        except ChannelGone as refusal:
            answers.toast(request, of_error(refusal), "error")
            return answers.redirect(request, ROOM)
        back = f"{runtime.settings.base_url(tenant.host)}/console/money/payments/{payment.no}"
        title = gettext("Test of %(shop)s", shop=tenant.name)
        pay_url = await service.pay_url(runtime, tenant, payment, channel, title, back)
        return page(request, "console/channel_test.html", channel=channel, payment=payment, pay_url=pay_url)

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
        return answers.redirect(request, ROOM)


async def _page(
    request: AnyRequest, tenant: Tenant, channel_id: int, form: Form | None = None, status: int = 200
) -> Template:
    """Raises `ChannelGone`."""
    async with tenant.begin() as session:
        channel = await queries.channel(session, channel_id)
        health = (await queries.health(session, clock.now() - DAY)).get(channel_id)
    return page(
        request,
        "console/channel.html",
        status=status,
        channel=channel,
        health=health,
        form=form or channel_form.filled(service.terms_of(channel)),
        devices=channel_form.devices(),
        percent=channel_form.percent,
    )
