"""The master's payment channels: how they are offered, and whether stations may lend them."""

from datetime import timedelta
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Struct

from admin_ui import channel_form
from admin_ui.channel_form import KeyForm, TermsForm
from admin_ui.frame import AnyRequest, PathId, page
from billing.payments import queries, service
from billing.payments.errors import AmountOutOfRange
from kameng.audit import service as audit
from kameng.core import clock
from kameng.core.errors import Invalid
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff

ROOM = "/channels"
DAY = timedelta(days=1)


class LendForm(Struct, frozen=True):
    """Whether stations may offer it."""

    lent: bool = False


class MasterChannelController(Controller):
    path = ROOM

    @get("/", guards=[requires(Permission.PAYOUTS_READ)])
    async def listed(self, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        async with runtime.database.master_session() as session:
            channels = await queries.all_channels(session)
            lent = await queries.lent_ids(session)
            health = await queries.health(session, clock.now() - DAY)
        return page(
            request, "master/channels.html", channels=channels, lent=lent, health=health, percent=channel_form.percent
        )

    @get("/{channel_id:int}", guards=[requires(Permission.PAYOUTS_READ)])
    async def show(self, channel_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
        return await _page(request, runtime, channel_id)

    @post("/{channel_id:int}", guards=[requires(Permission.PAYOUTS_WRITE)])
    async def change(
        self,
        channel_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        try:
            terms = (await forms.parse(request, TermsForm)).terms()
            async with runtime.database.master_session() as session:
                before = channel_form.told(service.terms_of(await queries.channel(session, channel_id)))
                after = channel_form.told(service.terms_of(await service.change_channel(session, channel_id, terms)))
                await audit.record(
                    session, staff.name, "channels.change", str(channel_id), address=staff.address, before=before,
                    after=after,
                )  # fmt: skip
        except (Invalid, AmountOutOfRange) as error:
            return await _page(request, runtime, channel_id, await forms.again(request, error), 422)
        answers.toast(request, gettext("Saved."))
        return answers.redirect(request, f"{ROOM}/{channel_id}")

    @post("/{channel_id:int}/key", guards=[requires(Permission.PAYOUTS_WRITE)])
    async def replace_key(
        self,
        channel_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        sealer = await runtime.keyring.master()
        try:
            secret = (await forms.parse(request, KeyForm)).key_password
        except Invalid as error:
            return await _page(request, runtime, channel_id, await forms.again(request, error), 422)
        async with runtime.database.master_session() as session:
            channel = await service.replace_key(session, sealer, channel_id, secret)
            await audit.record(
                session, staff.name, "channels.key", str(channel_id), {"name": channel.name}, staff.address
            )
        answers.toast(request, gettext("The key is replaced."))
        return answers.redirect(request, f"{ROOM}/{channel_id}")

    @post("/{channel_id:int}/lending", guards=[requires(Permission.PAYOUTS_WRITE)])
    async def lend(
        self,
        channel_id: PathId,
        request: AnyRequest,
        runtime: NamedDependency[Runtime],
        staff: NamedDependency[Staff],
    ) -> Response[Any]:
        lent = (await forms.parse(request, LendForm)).lent
        async with runtime.database.master_session() as session:
            name = (await queries.channel(session, channel_id)).name
            await service.lend_channel(session, channel_id, lent=lent)
            action = "channels.lend" if lent else "channels.unlend"
            await audit.record(session, staff.name, action, str(channel_id), {"name": name}, staff.address)
        answers.toast(request, gettext("Saved."))
        return answers.redirect(request, f"{ROOM}/{channel_id}")


async def _page(
    request: AnyRequest, runtime: Runtime, channel_id: int, form: Form | None = None, status: int = 200
) -> Template:
    """Raises `ChannelGone`."""
    async with runtime.database.master_session() as session:
        channel = await queries.channel(session, channel_id)
        lent = channel_id in await queries.lent_ids(session)
    return page(
        request,
        "master/channel.html",
        status=status,
        channel=channel,
        lent=lent,
        form=form or channel_form.filled(service.terms_of(channel)),
        devices=channel_form.devices(),
    )
