"""What leaves the page, in words: composed in the language of the place, carried to one channel, noted."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from admin_ui.notices import words
from kameng.core import clock, ids
from kameng.identity import standing
from kameng.infra import messenger
from kameng.infra.mail import Mail
from kameng.infra.messenger import Answer
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import Later, follows
from kameng.infra.tenancy import Tenant
from kameng.web import i18n
from kameng.web.i18n import gettext, ngettext
from tenants.notices import channels, delivery, queries, service
from tenants.notices.channels import Channel, Target
from tenants.notices.delivery import LEASE, ChannelDue
from tenants.notices.kinds import Kind, Severity, Way, of_place
from tenants.notices.places import Place
from tenants.notices.queries import Notice
from tenants.notices.service import NoticeTold
from tenants.orders import queries as orders

OF_ORDERS = "order_waits"


class Item(Struct, frozen=True):
    """A notice as it goes out."""

    id: int
    kind: str
    severity: str
    title: str
    text: str
    url: str
    at: str
    subject: str


class Content(Struct, frozen=True):
    """The body of a webhook. `type` is `notices`, or `test` for the button that tries a channel."""

    type: str
    id: str
    timestamp: str
    place: str
    notices: Sequence[Item]


@follows(NoticeTold, queue="notices")
async def spread(event: NoticeTold, tenant: Tenant | None, runtime: Runtime) -> None:
    """A delivery for each channel that carries the notice. One that was read meanwhile needs none."""
    place = Place(runtime=runtime, tenant=tenant)
    async with place.begin() as session:
        notice = await queries.notice(session, event.notice_id)
        active = await channels.active(session)
        if tenant is not None and notice is not None and notice.kind == OF_ORDERS:
            subjects = await queries.oldest_subjects(session, OF_ORDERS)
            waiting = await orders.waiting(session, subjects)
            over = [no for no in subjects if no not in waiting and no != notice.subject]
            await service.settle(session, OF_ORDERS, over)
        await service.forget_old(session)
    kind = of_place(place.tenant_id).get(notice.kind) if notice else None
    if active and notice is not None and kind is not None and notice.read_at is None:
        entitled = await _entitled(place, kind, active)
        async with place.begin() as session:
            await delivery.spread(session, notice, kind, entitled, ZoneInfo(place.site.time_zone))
    await place.changed()


@follows(ChannelDue, queue="notices")
async def send_due(event: ChannelDue, tenant: Tenant | None, runtime: Runtime) -> None:
    """Sends what is due on a channel, message after message. Where another worker is on the wire it comes again when
    that one must be done, or gone.
    """
    place = Place(runtime=runtime, tenant=tenant)
    sealer = await place.sealer()
    while True:
        async with place.begin() as session:
            claimed = await delivery.claim(session, event.channel_id)
            target = await channels.target(session, sealer, event.channel_id) if claimed else None
        if claimed is None or target is None:
            break
        answer = await carry(place, claimed.channel, target, claimed.id, items(place, claimed.notices))
        async with place.begin() as session:
            await delivery.finish(session, claimed, answer)
    async with place.begin() as session:
        if await delivery.is_on_the_wire(session, event.channel_id):
            raise Later((LEASE + timedelta(seconds=1)).total_seconds(), "another worker is sending")


async def try_out(place: Place, channel: Channel, target: Target) -> Answer:
    """A message that says only that it arrived."""
    i18n.use(place.site.locale, place.site.time_zone)
    text = gettext("This is a test: notices of %(place)s arrive here.", place=place.site.name)
    url = place.link(f"{base_of(place)}/notices/settings")
    item = Item(0, "test", Severity.INFO, gettext("Test"), text, url, clock.now().isoformat(), "")
    return await carry(place, channel, target, ids.uuid7(), [item], "test")


def items(place: Place, notices: Sequence[Notice]) -> list[Item]:
    """Notices in the language of the place."""
    i18n.use(place.site.locale, place.site.time_zone)
    kinds = of_place(place.tenant_id)
    return [_item(place, kinds[notice.kind], notice) for notice in notices if notice.kind in kinds]


async def carry(
    place: Place, channel: Channel, target: Target, message_id: UUID, told: Sequence[Item], type_: str = "notices"
) -> Answer:
    """One message over the wire. No transaction is open here."""
    settings = place.runtime.settings
    if channel.kind is Way.TELEGRAM:
        upstream = place.runtime.upstream  # the operator says where bots are reached
        return await messenger.telegram(
            upstream, settings.telegram_url, target.secret, target.to, _chat_text(place, told)
        )
    if channel.kind is Way.WEBHOOK:
        now = clock.now()
        content = Content(type_, str(message_id), now.isoformat(), place.site.slug, told)
        return await messenger.webhook(
            place.runtime.outbound, target.to, target.secret, str(message_id), int(now.timestamp()), content
        )
    letter = Mail(
        sender_name=_one_line(place.site.name),
        host=place.host,
        to=target.to,
        subject=_one_line(f"{_heading(told)} · {place.site.name}"),
        text=_letter_text(place, told),
    )
    return await messenger.letter(settings.smtp_url, letter)


def base_of(place: Place) -> str:
    """What addresses of the place's console begin with."""
    return "/console" if place.tenant else ""


async def _entitled(place: Place, kind: Kind, active: Sequence[Channel]) -> list[Channel]:
    """The team's channels, and those of people who still work here and whom the kind concerns."""
    found: list[Channel] = []
    for channel in active:
        if channel.staff_id is not None:
            stands = await standing.of(place.runtime.database, channel.staff_id, place.tenant_id)
            if stands is None or kind.concerns not in stands.permissions:
                continue
        found.append(channel)
    return found


def _item(place: Place, kind: Kind, notice: Notice) -> Item:
    told = words.say(notice) if place.tenant else words.say_at_master(notice)
    return Item(
        id=notice.id,
        kind=notice.kind,
        severity=kind.severity,
        title=gettext(kind.title),
        text=told.text if told else gettext(kind.title),
        url=place.link(told.href if told else f"{base_of(place)}/notices"),
        at=notice.created_at.isoformat(),
        subject=notice.subject,
    )


def _heading(told: Sequence[Item]) -> str:
    if len(told) == 1:
        return told[0].title
    return ngettext("%(num)s notice", "%(num)s notices", len(told))


def _chat_text(place: Place, told: Sequence[Item]) -> str:
    lines = [f"{_heading(told)} · {place.site.name}"]
    for item in told:
        lines += ["", item.text, item.url]
    return _cut("\n".join(lines), messenger.LONGEST_MESSAGE)


def _letter_text(place: Place, told: Sequence[Item]) -> str:
    parts = [f"{item.text}\n{item.url}\n" for item in told]
    choose = place.link(f"{base_of(place)}/notices/settings")
    parts.append(gettext("What is sent to you, and when, you choose here:\n%(link)s", link=choose))
    return "\n".join(parts) + "\n"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _one_line(text: str) -> str:
    """For a head of a letter: names are written by people."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
