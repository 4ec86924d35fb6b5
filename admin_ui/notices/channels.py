"""Channels of notices: added, tried, changed, paused, removed. The team's, and each person's own."""

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct

from admin_ui import words
from admin_ui.fields import Confirmed, Switch, check_web_address
from admin_ui.frame import AnyRequest, PathId, page
from admin_ui.notices import sending
from admin_ui.notices.bell import place_of
from kameng.audit import service as audit
from kameng.core.errors import Invalid, NotFound
from kameng.identity.permissions import Permission
from kameng.infra import http, ratelimit
from kameng.infra.messenger import Answer, Outcome
from kameng.infra.ratelimit import Limit
from kameng.infra.runtime import Runtime
from kameng.infra.settings import Settings
from kameng.web import answers, context, forms, i18n
from kameng.web.forms import Form, Secret
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from tenants.notices import channels, delivery
from tenants.notices.channels import Channel, Draft
from tenants.notices.errors import TooManyChannels
from tenants.notices.kinds import Way
from tenants.notices.places import Place
from tenants.notices.rules import MOST_AN_HOUR, Digest, Rules

EMAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
CHAT = re.compile(r"-?[0-9]{1,20}|@[A-Za-z][A-Za-z0-9_]{3,31}")
TOKEN = re.compile(r"[0-9]{3,20}:[A-Za-z0-9_-]{20,100}")
TESTS = Limit(name="notice-tests", attempts=10, per_s=60, fails_open=False)
Hour = Annotated[int, Meta(ge=0, le=23)]


class ChannelForm(Struct, frozen=True, kw_only=True):
    """A channel as people write it. `token_password` is a bot's, which no page draws back."""

    name: Annotated[str, Meta(min_length=1, max_length=40)]
    kind: Way = Way.EMAIL
    email: Annotated[str, Meta(max_length=200)] = ""
    chat: Annotated[str, Meta(max_length=40)] = ""
    token_password: Secret = ""
    url: Annotated[str, Meta(max_length=500)] = ""
    quiet_from: Hour = 0
    quiet_to: Hour = 0
    digest: Literal["off", "hour", "day"] = "off"
    most_an_hour: Annotated[int, Meta(ge=1, le=200)] = MOST_AN_HOUR
    renew: bool = False

    async def draft(self, settings: Settings, kind: Way, *, is_new: bool) -> Draft:
        """Raises `Invalid`."""
        to, shown = await self._target(settings, kind, is_new=is_new)
        digest: Digest = self.digest
        rules = Rules(quiet_from=self.quiet_from, quiet_to=self.quiet_to, digest=digest, most_an_hour=self.most_an_hour)
        secret = self.token_password if kind is Way.TELEGRAM else ""
        return Draft(kind=kind, name=self.name, to=to, shown=shown, secret=secret, rules=rules)

    async def _target(self, settings: Settings, kind: Way, *, is_new: bool) -> tuple[str, str]:
        """Where it leads, and what pages may say of that."""
        if kind is Way.EMAIL:
            if not settings.smtp_url:
                raise Invalid({"kind": "No mail server is set up here. Choose another way, or ask the master station."})
            if not EMAIL.fullmatch(self.email):
                raise Invalid({"email": "Write an e-mail address, such as name@example.com."})
            return self.email, self.email
        if kind is Way.TELEGRAM:
            if not CHAT.fullmatch(self.chat):
                raise Invalid({"chat": "Write the number of a chat, or the @name of a channel or group."})
            if (is_new or self.token_password) and not TOKEN.fullmatch(self.token_password):
                raise Invalid({"token_password": "This is no bot's token: digits, a colon, and at least 20 signs."})
            return self.chat, self.chat
        await _check_url(settings, self.url)
        return self.url, str(urlsplit(self.url).hostname)


async def _check_url(settings: Settings, url: str) -> None:
    """That a webhook leads to the open Internet. Raises `Invalid`."""
    check_web_address(url, "url")
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise Invalid({"url": "Leave the name and the password out of the address: messages are signed instead."})
    if settings.allow_private_stations:
        return
    if parts.scheme != "https":
        raise Invalid({"url": "Write an address that begins with https://: others could read along."})
    if await http.leads_inside(str(parts.hostname)):
        raise Invalid({"url": "This address leads into a private network. Write one that can be reached from outside."})


def controller(base: str, team: Permission, *, is_own: bool) -> type[Controller]:
    """The channels of the team, which `team` may change, or (`is_own`) those of whoever is signed in."""
    room, path_ = f"{base}/notices/settings", f"{base}/notices/{'mine' if is_own else 'channels'}"

    class ChannelController(Controller):
        path = path_
        guards = [requires(Permission.NOTICES_READ if is_own else team)]  # noqa: RUF012 - Litestar reads it from the class

        @get("/new")
        async def blank(self, request: AnyRequest, staff: NamedDependency[Staff]) -> Template:
            _owner(staff, is_own)
            return _form(request, path_, Form(_filled(None)))

        @post("/")
        async def add(
            self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Response[Any] | Template:
            owner, place = _owner(staff, is_own), place_of(request, runtime)
            try:
                sent = await forms.parse(request, ChannelForm)
                draft = await sent.draft(runtime.settings, sent.kind, is_new=True)
                sealer = await place.sealer()
                async with place.begin() as session:
                    way_id, secret = await channels.add(session, sealer, draft, owner)
                    detail = {"name": draft.name, "kind": str(draft.kind), "to": draft.shown}
                    await audit.record(session, staff.name, "notices.channel_add", str(way_id), detail, staff.address)
            except (Invalid, TooManyChannels) as error:
                return _form(request, path_, await forms.again(request, error), status=422)
            return _kept(request, room, way_id, draft, secret if draft.kind is Way.WEBHOOK else "")

        @get("/{way_id:int}")
        async def show(
            self, way_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Template:
            place = place_of(request, runtime)
            sealer = await place.sealer()
            async with place.begin() as session:
                found = await channels.channel(session, way_id, _owner(staff, is_own))
                target = await channels.target(session, sealer, way_id)
            return _form(request, path_, Form(_filled(found, target.to)), found)

        @post("/{way_id:int}")
        async def change(
            self, way_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Response[Any] | Template:
            owner, place = _owner(staff, is_own), place_of(request, runtime)
            async with place.begin() as session:
                found = await channels.channel(session, way_id, owner)
            try:
                sent = await forms.parse(request, ChannelForm)
                draft = await sent.draft(runtime.settings, found.kind, is_new=False)
                sealer = await place.sealer()
                async with place.begin() as session:
                    before, secret = await channels.change(session, sealer, way_id, owner, draft, renew=sent.renew)
                    await audit.record(
                        session, staff.name, "notices.channel_change", str(way_id), None, staff.address,
                        before={"name": before.name, "to": before.shown}, after={"name": draft.name, "to": draft.shown},
                    )  # fmt: skip
            except Invalid as error:
                return _form(request, path_, await forms.again(request, error), found, status=422)
            return _kept(request, room, way_id, draft, secret)

        @post("/{way_id:int}/test")
        async def test(
            self, way_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Response[Any]:
            place = place_of(request, runtime)
            await ratelimit.take(runtime.redis, (TESTS, place.topic))
            sealer = await place.sealer()
            async with place.begin() as session:
                found = await channels.channel(session, way_id, _owner(staff, is_own))
                target = await channels.target(session, sealer, way_id)
            answer = await _in_own_words(request, place, found, target)
            async with place.begin() as session:
                await delivery.note_test(session, way_id, answer)
                detail = {"name": found.name, "state": str(answer.outcome)}
                await audit.record(session, staff.name, "notices.channel_test", str(way_id), detail, staff.address)
            is_sent = answer.outcome is Outcome.SENT
            answers.toast(request, _told(answer), "ok" if is_sent else "error")
            return answers.redirect(request, room)

        @post("/{way_id:int}/pause")
        async def pause(
            self, way_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Response[Any]:
            paused = (await forms.parse(request, Switch)).paused
            async with place_of(request, runtime).begin() as session:
                found = await channels.pause(session, way_id, _owner(staff, is_own), paused=paused)
                await delivery.wake(session, way_id)
                action = "notices.channel_pause" if paused else "notices.channel_resume"
                await audit.record(session, staff.name, action, str(way_id), {"name": found.name}, staff.address)
            answers.toast(
                request, gettext("The channel is paused.") if paused else gettext("The channel is open again.")
            )
            return answers.redirect(request, room)

        @post("/{way_id:int}/remove")
        async def remove(
            self, way_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Response[Any]:
            await forms.parse(request, Confirmed)
            async with place_of(request, runtime).begin() as session:
                found = await channels.remove(session, way_id, _owner(staff, is_own))
                detail = {"name": found.name, "to": found.shown}
                await audit.record(session, staff.name, "notices.channel_remove", str(way_id), detail, staff.address)
            answers.toast(request, gettext("The channel is removed. What was sent on it stays in the list."))
            return answers.redirect(request, room)

    return ChannelController


def _owner(staff: Staff, is_own: bool) -> UUID | None:
    """Whose the channels are. A visitor has none of his own here. Raises `NotFound`."""
    if not is_own:
        return None
    if staff.visit:
        raise NotFound
    return staff.id


async def _in_own_words(request: AnyRequest, place: Place, found: Channel, target: channels.Target) -> Answer:
    """Sends the test in the language of the place, then goes on in the reader's."""
    try:
        return await sending.try_out(place, found, target)
    finally:
        i18n.use(context.of(request.scope).locale, place.site.time_zone)


def _told(answer: Answer) -> str:
    if answer.outcome is Outcome.SENT:
        return gettext("The test was taken. Look whether it has arrived.")
    why = words.say("notice_answer", answer.code)
    if answer.said:
        return gettext("The test did not arrive: %(why)s. The other side said: %(said)s", why=why, said=answer.said)
    return gettext("The test did not arrive: %(why)s.", why=why)


def _kept(request: AnyRequest, room: str, way_id: int, draft: Draft, secret: str) -> Response[Any] | Template:
    """A signing key is shown once, at once."""
    if secret:
        return page(request, "notices/secret.html", secret=secret, name=draft.name, way_id=way_id)
    answers.toast(request, gettext("The channel is saved. Send a test to see whether it works."))
    return answers.redirect(request, room)


def _form(request: AnyRequest, action: str, form: Form, found: Channel | None = None, status: int = 200) -> Template:
    return page(
        request,
        "notices/channel_form.html",
        status=status,
        form=form,
        action=action,
        channel=found,
        ways=[[str(way), words.say("notice_way", way)] for way in Way],
        hours=[[str(hour), f"{hour:02}:00"] for hour in range(24)],
    )


def _filled(found: Channel | None, to: str = "") -> dict[str, str]:
    rules = found.rules if found else Rules()
    values = {
        "quiet_from": str(rules.quiet_from),
        "quiet_to": str(rules.quiet_to),
        "digest": rules.digest,
        "most_an_hour": str(rules.most_an_hour),
    }
    if found is None:
        return values
    place = {Way.EMAIL: "email", Way.TELEGRAM: "chat", Way.WEBHOOK: "url"}[found.kind]
    return {**values, "name": found.name, "kind": str(found.kind), place: to}
