"""How visitors become owners: not at all, after a look, or at once; and the ways in which they pay the master."""

from typing import Annotated, Any, Literal

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui import words
from admin_ui.console.channels import ChannelForm
from admin_ui.fields import Switch
from admin_ui.frame import AnyRequest, PathId, page
from admin_ui.vocabulary import codes
from billing.payments import queries as payments
from billing.payments import service as paying
from billing.wholesale import queries as wholesale
from billing.wholesale.errors import TierGone
from kameng.audit import service as audit
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import N_, gettext
from kameng.web.people import Staff
from tenants.applications import queries, service

ROOM = "/applications/settings"


class SettingsForm(Struct, frozen=True):
    """`tier_id`: what the new stations pay for goods."""

    mode: Literal["closed", "review", "automatic"]
    tier_id: Annotated[int, Meta(ge=1, le=2**31 - 1, extra={"message": N_("Choose one of the list.")})] | None = None


class ApplicationSettingsController(Controller):
    path = ROOM

    @get("/", guards=[requires(Permission.APPLICATIONS_READ)])
    async def show(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _page(request, runtime)

    @post("/", guards=[requires(Permission.APPLICATIONS_WRITE)])
    async def change(
        self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            sent = await forms.parse(request, SettingsForm)
            await _change(runtime, sent, staff)
        except (Invalid, TierGone) as error:
            error = Invalid({"tier_id": "Choose one of the list."}) if isinstance(error, TierGone) else error
            return await _page(request, runtime, await forms.again(request, error), status=422)
        runtime.directory.forget()
        answers.toast(request, gettext("Saved."))
        return answers.redirect(request, ROOM)

    @get("/channels/new", guards=[requires(Permission.APPLICATIONS_WRITE)])
    async def blank(self, request: AnyRequest) -> Template:
        return page(request, "master/channel_form.html", form=None)

    @post("/channels", guards=[requires(Permission.APPLICATIONS_WRITE)])
    async def add(
        self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        try:
            draft = (await forms.parse(request, ChannelForm)).draft()
        except Invalid as error:
            return page(request, "master/channel_form.html", status=422, form=await forms.again(request, error))
        sealer = await runtime.keyring.master()
        async with runtime.database.master_session() as session:
            channel = await paying.add_channel(session, sealer, draft)
            detail = {"name": draft.name, "merchant": draft.merchant_id}
            await audit.record(session, staff.name, "channels.add", str(channel.id), detail, staff.address)
        answers.toast(request, gettext("Applicants and owners can pay by this channel now."))
        return answers.redirect(request, ROOM)

    @post("/channels/{channel_id:int}/pause", guards=[requires(Permission.APPLICATIONS_WRITE)])
    async def pause(
        self,
        channel_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        paused = (await forms.parse(request, Switch)).paused
        async with runtime.database.master_session() as session:
            channel = await paying.pause_channel(session, channel_id, paused=paused)
            action = "channels.pause" if paused else "channels.resume"
            await audit.record(session, staff.name, action, str(channel_id), {"name": channel.name}, staff.address)
        answers.toast(request, gettext("The channel is paused.") if paused else gettext("The channel is open again."))
        return answers.redirect(request, ROOM)


async def _change(runtime: Runtime, sent: SettingsForm, by: Staff) -> None:
    """Raises `Invalid`, `TierGone`."""
    async with runtime.database.master_session() as session:
        before = await queries.settings(session)
        tier = (await wholesale.tier(session, sent.tier_id)).name if sent.tier_id else ""
        await service.change_settings(session, sent.mode, sent.tier_id)
        detail = {"from": before.mode, "to": sent.mode, "tier": tier}
        await audit.record(session, by.name, "applications.settings", sent.mode, detail, by.address)


async def _page(request: AnyRequest, runtime: Runtime, form: Form | None = None, status: int = 200) -> Template:
    async with runtime.database.master_session() as session:
        settings = await queries.settings(session)
        tiers = await wholesale.tiers(session)
        channels = await payments.all_channels(session)
    address = runtime.settings.base_url(runtime.settings.master_host)
    return page(
        request,
        "master/application_settings.html",
        status=status,
        form=form or Form(values={"mode": settings.mode, "tier_id": str(settings.tier_id or "")}),
        modes=[(mode, words.say("mode", mode)) for mode in codes.MODES],
        tiers=[("", gettext("Choose a tier")), *((tier.id, tier.name) for tier in tiers)],
        channels=channels,
        address=f"{address}/open",
    )
