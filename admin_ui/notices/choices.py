"""Who is told what, on which way: kinds of notices against the bell and the channels."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.frame import AnyRequest, page
from admin_ui.notices.bell import place_of
from kameng.audit import service as audit
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms
from kameng.web.guards import requires
from kameng.web.i18n import N_, gettext
from kameng.web.people import Staff
from tenants.notices import channels, queries, service
from tenants.notices.channels import Channel
from tenants.notices.kinds import Kind, Severity, concerning, of_place
from tenants.notices.places import Place

BELL = "bell"
SEVERITIES = {
    Severity.URGENT: ("bad", N_("Urgent")),
    Severity.WARNING: ("wait", N_("Warning")),
    Severity.INFO: ("info", N_("Information")),
}


def controller(base: str, team: Permission) -> type[Controller]:
    """`team` is what it takes to change what the team's channels carry."""
    room = f"{base}/notices/settings"

    class ChoiceController(Controller):
        path = room

        @get("/", guards=[requires(Permission.NOTICES_READ)])
        async def show(
            self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Template:
            place = place_of(request, runtime)
            async with place.begin() as session:
                seen = await channels.seen_by(session, staff.id, with_teams=staff.may(team))
                muted = await queries.muted(session, staff.id)
            return page(
                request,
                "notices/settings.html",
                channels=seen,
                columns=[[one.name, "tick-cell"] for one in seen],
                kinds=_kinds(place, staff),
                muted=muted,
                severities=SEVERITIES,
                leads_team=staff.may(team),
            )

        @post("/mine", guards=[requires(Permission.NOTICES_READ)])
        async def choose(
            self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Response[Any]:
            """One's own bell and channels."""
            place, ticked = place_of(request, runtime), _ticked(await forms.pairs(request))
            kinds = _kinds(place, staff)
            async with place.begin() as session:
                seen = await channels.seen_by(session, staff.id, with_teams=False)
                kept = await queries.muted(session, staff.id) - {kind.code for kind in kinds}
                muted = kept | {kind.code for kind in kinds if kind.code not in ticked.get(BELL, ())}
                await service.mute(session, staff.id, sorted(muted))
                await _choose(session, seen, kinds, ticked)
                await audit.record(session, staff.name, "notices.choose", staff.name, address=staff.address)
            await place.changed()
            answers.toast(request, gettext("Saved. It holds from the next notice."))
            return answers.redirect(request, room)

        @post("/team", guards=[requires(team)])
        async def choose_for_team(
            self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Response[Any]:
            place, ticked = place_of(request, runtime), _ticked(await forms.pairs(request))
            async with place.begin() as session:
                seen = await channels.seen_by(session, staff.id, with_teams=True)
                teams = [one for one in seen if one.staff_id is None]
                await _choose(session, teams, _kinds(place, staff), ticked)
                await audit.record(session, staff.name, "notices.choose_team", "", address=staff.address)
            answers.toast(request, gettext("Saved. It holds from the next notice."))
            return answers.redirect(request, room)

    return ChoiceController


def _kinds(place: Place, staff: Staff) -> list[Kind]:
    return concerning(of_place(place.tenant_id).values(), staff.permissions)


def _ticked(sent: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """The boxes that were ticked: kinds by column."""
    found: dict[str, set[str]] = {}
    for name, value in sent:
        found.setdefault(name, set()).add(value)
    return found


async def _choose(
    session: AsyncSession, seen: Sequence[Channel], kinds: Sequence[Kind], ticked: Mapping[str, set[str]]
) -> None:
    """Only columns that were on the page, which each says of itself: a channel that is newer keeps its own."""
    shown = ticked.get("column", set())
    for one in seen:
        if str(one.id) in shown:
            wanted = ticked.get(f"way{one.id}", set())
            await channels.choose(session, one, {kind.code: kind.code in wanted for kind in kinds})
