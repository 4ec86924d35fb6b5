"""The bell of every page, and the list that it opens."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Stream, Template
from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.frame import AnyRequest, Chip, PathId, page
from admin_ui.notices import words
from admin_ui.notices.words import Told
from kameng.audit import service as audit
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web import answers, context, forms, paging
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.paging import Wanted
from kameng.web.people import Staff
from tenants.notices import queries, service
from tenants.notices.kinds import concerning, of_place
from tenants.notices.places import Place
from tenants.notices.queries import Notice
from tenants.orders import queries as orders
from tenants.storefront import stream
from tenants.storefront.stream import Seen

MOST_COUNTED = 100
NOTHING = "0"


class ReadForm(Struct, frozen=True):
    """Where the button stood."""

    back: Literal["list", "overview"] = "overview"


class ReadAllForm(Struct, frozen=True):
    """`upto` is the newest notice that was on the page: what came after it was not seen."""

    upto: Annotated[int, Meta(ge=1, le=2**53)]


class Unread(Struct, frozen=True):
    """What the bell shows: `mark` stands for all of it."""

    count: int
    mark: str


def place_of(request: AnyRequest, runtime: Runtime) -> Place:
    """Whose console this is."""
    return Place(runtime=runtime, tenant=context.of(request.scope).tenant)


def controller(base: str) -> type[Controller]:
    """`base` is what the addresses of the place's console begin with."""
    path_ = f"{base}/notices"

    class NoticeController(Controller):
        path = path_
        guards = [requires(Permission.NOTICES_READ)]  # noqa: RUF012 - Litestar reads it from the class

        @get("/")
        async def listed(
            self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Template:
            return await _list(request, place_of(request, runtime), staff)

        @get("/bell", opt={"quiet": True})
        async def bell(
            self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Template:
            seen = await _unread(place_of(request, runtime), staff)
            return answers.render("notices/bell.html", url=path_, seen=seen, most=MOST_COUNTED)

        @get("/live", opt={"quiet": True})
        async def live(
            self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Stream:
            """Whoever does not say what his page shows has no page to follow with: he is told once."""
            place, shown = place_of(request, runtime), request.query_params.get("shown", "")

            async def look() -> Seen:
                return Seen((await _unread(place, staff)).mark, final=not shown)

            return stream.events(stream.follow(runtime.hub, place.topic, shown, look))

        @post("/{notice_id:int}/read")
        async def read(
            self,
            notice_id: PathId,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            back = (await forms.parse(request, ReadForm)).back
            place = place_of(request, runtime)
            async with place.begin() as session:
                await service.read(session, notice_id)
                await audit.record(session, staff.name, "notices.read", str(notice_id), address=staff.address)
            await place.changed()
            return answers.redirect(request, path_ if back == "list" else base or "/")

        @post("/read-all")
        async def read_all(
            self, request: AnyRequest, runtime: NamedDependency[Runtime], staff: NamedDependency[Staff]
        ) -> Response[Any]:
            upto = (await forms.parse(request, ReadAllForm)).upto
            place = place_of(request, runtime)
            async with place.begin() as session:
                kinds = await wanted_kinds(session, place, staff)
                lines = await service.read_all(session, kinds, upto)
                await audit.record(session, staff.name, "notices.read_all", "", {"lines": lines}, staff.address)
            await place.changed()
            answers.toast(request, gettext("All notices are marked as read."))
            return answers.redirect(request, path_)

    return NoticeController


async def wanted_kinds(session: AsyncSession, place: Place, staff: Staff) -> list[str]:
    """The kinds of notices that concern this person and that he has not muted."""
    muted = await queries.muted(session, staff.id)
    kinds = concerning(of_place(place.tenant_id).values(), staff.permissions)
    return [kind.code for kind in kinds if kind.code not in muted]


def say(place: Place, notices: Sequence[Notice], waiting: set[str]) -> list[Told]:
    """Notices in words, without those of orders that wait no longer."""
    if place.tenant is not None:
        return words.told(notices, waiting)
    return [told for notice in notices if (told := words.say_at_master(notice))]


async def _unread(place: Place, staff: Staff) -> Unread:
    async with place.begin() as session:
        kinds = await wanted_kinds(session, place, staff)
        found = await queries.unread(session, MOST_COUNTED, kinds)
        told = say(place, found, await _waiting(session, place, found))
    newest = told[0].notice.id if told else 0
    return Unread(len(told), f"{len(told)}-{newest}" if told else NOTHING)


async def _waiting(session: AsyncSession, place: Place, notices: Sequence[Notice]) -> set[str]:
    return await orders.waiting(session, words.orders_of(notices)) if place.tenant else set()


async def _list(request: AnyRequest, place: Place, staff: Staff) -> Template:
    """In a drawer it is what is new, else all, page by page."""
    asked = paging.wanted(request)
    shown = asked.get("show")
    is_read = {"unread": False, "read": True}.get(shown)
    async with place.begin() as session:
        kinds = await wanted_kinds(session, place, staff)
        values = {"kinds": kinds, "is_read": is_read}
        found = await paging.of_sql(session, queries.LINES, values, asked)
        notices = found.map(lambda row: Notice(**row._mapping))
        unread = [one for one in notices.items if one.read_at is None]
        waiting = await _waiting(session, place, notices.items)
    told = say(place, [one for one in notices.items if one.read_at is None], waiting)
    told += say(place, [one for one in notices.items if one.read_at is not None], _subjects(notices.items))
    told.sort(key=lambda one: -one.notice.id)
    return page(
        request,
        "notices/list.html",
        found=found,
        told=told,
        titles={kind.code: gettext(kind.title) for kind in of_place(place.tenant_id).values()},
        upto=max((one.id for one in unread), default=0),
        filters=_chips(asked, shown),
        shown=shown,
    )


def _subjects(notices: Sequence[Notice]) -> set[str]:
    """Of orders whose notices were read all are shown."""
    return set(words.orders_of(notices))


def _chips(asked: Wanted, shown: str) -> list[Chip]:
    kept = paging.Page[None](items=[], total=0, page=1, size=1, path=asked.path, query=asked.query)
    named = {"": gettext("All"), "unread": gettext("Unread"), "read": gettext("Read")}
    return [Chip(word, kept.url_with(show=code), code == shown) for code, word in named.items()]
