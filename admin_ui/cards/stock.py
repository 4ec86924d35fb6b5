"""The cards of one item: listed, looked for, looked at, set aside and taken back, moved, thrown away."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.cards import desk as desks
from admin_ui.cards.desk import Desk, Number, PathCard, Selection
from admin_ui.fields import Confirmed
from admin_ui.frame import AnyRequest, Chip, PathId, page
from admin_ui.words import badge
from kameng.audit import service as audit
from kameng.cards import acts, reveals, shelves
from kameng.cards.errors import NothingChosen
from kameng.cards.formats import masked
from kameng.cards.imports import Place
from kameng.cards.service import PLACE
from kameng.cards.shelves import Chosen, Counts, State
from kameng.infra.runtime import Runtime
from kameng.web import answers, forms, paging
from kameng.web.guards import requires
from kameng.web.i18n import gettext, ngettext
from kameng.web.paging import Wanted
from kameng.web.people import Staff

STATES: tuple[State, ...] = ("pool", "held", "frozen", "recycled")


class Target(Struct, frozen=True):
    """Where cards are moved to; nothing while nobody has chosen."""

    to_item: Number | None = None


def controller(desk: Desk) -> type[Controller]:
    """The cards of an item."""

    class CardController(Controller):
        path = desk.path
        opt = desk.opt

        @get("/", guards=[requires(desk.read)])
        async def listed(self, item_id: PathId, request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
            return await _list(request, runtime, desk, item_id)

        @get("/cards/{card_id:uuid}", guards=[requires(desk.read)])
        async def show(
            self, item_id: PathId, card_id: PathCard, request: AnyRequest, runtime: NamedDependency[Runtime]
        ) -> Template:
            return await _card(request, await desks.place(request, runtime), desk, item_id, card_id)

        @post("/cards/{card_id:uuid}/reveal", guards=[requires(desk.write)], status_code=200)
        async def reveal(
            self,
            item_id: PathId,
            card_id: PathCard,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Template:
            """The page that answers is the only one that shows the secret; that it did is written down first."""
            await forms.parse(request, Confirmed)
            place = await desks.place(request, runtime)
            async with place.begin() as session:
                await desk.item(session, item_id)
                card = await shelves.one(session, item_id, card_id)
                await reveals.log(
                    session, "staff", "shown", staff.name, staff.address, card_id=card_id, order_ref=card.order_ref
                )
                detail = {"card": str(card_id), "state": card.state}
                await audit.record(session, staff.name, "cards.reveal", str(item_id), detail, staff.address)
            return await _card(request, place, desk, item_id, card_id, is_clear=True)

        @post("/freeze", guards=[requires(desk.write)])
        async def freeze(
            self,
            item_id: PathId,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            chosen, place = await _chosen(request, runtime, item_id)
            async with place.begin() as session:
                await desk.item(session, item_id)
                asked = await _asked(session, place, chosen)
                done = await acts.set_aside(session, place.sealer, chosen, "frozen", staff.name)
                detail = _told(chosen, done)
                await audit.record(session, staff.name, "cards.freeze", str(item_id), detail, staff.address)
            text = ngettext("%(num)s card is frozen.", "%(num)s cards are frozen.", done)
            return _back(request, desk, chosen, asked, done, text)

        @post("/recycle", guards=[requires(desk.write)])
        async def recycle(
            self,
            item_id: PathId,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            chosen, place = await _chosen(request, runtime, item_id)
            async with place.begin() as session:
                await desk.item(session, item_id)
                asked = await _asked(session, place, chosen)
                done = await acts.set_aside(session, place.sealer, chosen, "recycled", staff.name)
                detail = _told(chosen, done)
                await audit.record(session, staff.name, "cards.recycle", str(item_id), detail, staff.address)
            text = ngettext("%(num)s card is in the recycle bin.", "%(num)s cards are in the recycle bin.", done)
            return _back(request, desk, chosen, asked, done, text)

        @post("/restore", guards=[requires(desk.write)])
        async def restore(
            self,
            item_id: PathId,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            """Out of the bin, and thawed."""
            chosen, place = await _chosen(request, runtime, item_id, "frozen", "recycled")
            async with place.begin() as session:
                await desk.item(session, item_id)
                asked = await _asked(session, place, chosen)
                done = await acts.take_back(session, place.sealer, chosen)
                detail = _told(chosen, done)
                await audit.record(session, staff.name, "cards.restore", str(item_id), detail, staff.address)
            text = ngettext("%(num)s card is for sale again.", "%(num)s cards are for sale again.", done)
            return _back(request, desk, chosen, asked, done, text)

        @post("/move", guards=[requires(desk.write)])
        async def move(
            self,
            item_id: PathId,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            to_item = (await forms.parse(request, Target)).to_item
            chosen, place = await _chosen(request, runtime, item_id)
            async with place.begin() as session:
                await desk.item(session, item_id)
                if to_item is None:
                    answers.toast(request, gettext("Choose where the cards are to go."), "error")
                    return answers.redirect(request, desk.at(item_id))
                target = await desk.item(session, to_item)
                asked = await _asked(session, place, chosen)
                done = await acts.move(session, place.sealer, chosen, to_item)
                detail = {**_told(chosen, done), "to": target.name}
                await audit.record(session, staff.name, "cards.move", str(item_id), detail, staff.address)
            text = ngettext(
                "%(num)s card is moved to %(to)s.", "%(num)s cards are moved to %(to)s.", done, to=target.name
            )
            return _back(request, desk, chosen, asked, done, text)

        @post("/empty", guards=[requires(desk.write)])
        async def empty(
            self,
            item_id: PathId,
            request: AnyRequest,
            runtime: NamedDependency[Runtime],
            staff: NamedDependency[Staff],
        ) -> Response[Any]:
            """Deletes what lies in the recycle bin, once the item's name was typed."""
            typed = (await forms.parse(request, Emptying)).name
            place = await desks.place(request, runtime)
            chosen = Chosen(item_id=item_id, state="recycled")
            async with place.begin() as session:
                item = await desk.item(session, item_id)
                if typed != item.name:
                    answers.toast(request, gettext("That is not the name. Nothing was deleted."), "error")
                    return answers.redirect(request, f"{desk.at(item_id)}?state=recycled")
                done = await acts.empty(session, place.sealer, chosen)
                detail = _told(chosen, done)
                await audit.record(session, staff.name, "cards.empty", str(item_id), detail, staff.address)
            text = ngettext("%(num)s card is deleted for ever.", "%(num)s cards are deleted for ever.", done)
            return _back(request, desk, chosen, done, done, text)

    return CardController


class Emptying(Struct, frozen=True):
    """The name of the item, typed."""

    name: Annotated[str, Meta(max_length=200)] = ""


async def _chosen(request: AnyRequest, runtime: Runtime, item_id: int, *states: State) -> tuple[Chosen, Place]:
    """What the form means. Raises `NothingChosen`, `Invalid`."""
    sent = await forms.parse(request, Selection)
    allowed = states or ("pool", "frozen", "recycled")
    if sent.state not in allowed or not (sent.everything or sent.id):
        raise NothingChosen
    return sent.chosen(item_id), await desks.place(request, runtime)


async def _asked(session: AsyncSession, place: Place, chosen: Chosen) -> int:
    if chosen.ids is not None:
        return len(set(chosen.ids))
    return await shelves.count(session, place.sealer, chosen)


def _told(chosen: Chosen, done: int) -> dict[str, object]:
    """For the log. What was searched for may be a secret, so it is not in it."""
    batch = {"batch": chosen.batch_id} if chosen.batch_id is not None else {}
    return {"cards": done, "state": chosen.state, **batch}


def _back(request: AnyRequest, desk: Desk, chosen: Chosen, asked: int, done: int, text: str) -> Response[Any]:
    if done < asked:
        left = ngettext(
            "%(num)s was sold or moved meanwhile, or is there already.",
            "%(num)s were sold or moved meanwhile, or are there already.",
            asked - done,
        )
        text = f"{text} {left}"
    answers.toast(request, text, "ok" if done else "warn")
    batch = {"batch": str(chosen.batch_id)} if chosen.batch_id is not None else {}
    return answers.redirect(request, paging.address(desk.at(chosen.item_id), {"state": _plain(chosen.state), **batch}))


def _plain(state: str) -> str:
    return "" if state == "pool" else state


async def _list(request: AnyRequest, runtime: Runtime, desk: Desk, item_id: int) -> Template:
    asked = paging.wanted(request)
    place = await desks.place(request, runtime)
    batch_id = _number(asked.get("batch"))
    state = _state(asked, has_batch=batch_id is not None)
    chosen = Chosen(item_id=item_id, state=state, batch_id=batch_id, words=asked.search)
    async with place.begin() as session:
        head = await desks.header(session, desk, item_id)
        if asked.search and not asked.get("state") and batch_id is None:
            cards = list(await shelves.searched(session, place.sealer, item_id, asked.search))
            total, is_everywhere = len(cards), True
        else:
            found = await shelves.listed(
                session, place.sealer, chosen, _uuid(asked.get("after")), limit=shelves.SIZE + 1
            )
            cards, is_everywhere = list(found), False
            if asked.search or batch_id is not None:
                total = 0 if state == "sold" else await shelves.count(session, place.sealer, chosen)
            else:
                total = int(getattr(head.counts, state))  # counted already
        others = await desk.others(session, item_id)
    more = cards[shelves.SIZE - 1].id if len(cards) > shelves.SIZE else None
    return page(
        request,
        "cards/cards.html",
        head=head,
        cards=desks.shown(place.sealer, cards[: shelves.SIZE], masked),
        state=state,
        total=total,
        is_everywhere=is_everywhere,
        can_act=state in ("pool", "frozen", "recycled") and not is_everywhere,
        batch_id=batch_id,
        asked=asked,
        filters=_chips(asked, head.counts, state, has_batch=batch_id is not None, is_everywhere=is_everywhere),
        next=paging.address(asked.path, {**asked.query, "after": str(more)}) if more else "",
        first=paging.address(asked.path, {**asked.query, "after": ""}) if asked.get("after") else "",
        others=others,
    )


def _chips(asked: Wanted, counts: Counts, state: str, *, has_batch: bool, is_everywhere: bool) -> list[Chip]:
    """Where cards are; the counts are the item's, so beside a batch they would be wrong."""
    counted: Mapping[str, int] = {name: getattr(counts, name) for name in STATES}
    shown: tuple[State, ...] = (*STATES, "sold") if has_batch else STATES
    return [
        Chip(
            badge("card", name).word,
            paging.address(asked.path, {**asked.query, "state": name, "after": ""}),
            name == state and not is_everywhere,
            None if has_batch or name == "sold" else counted[name],
        )
        for name in shown
    ]


def _state(asked: Wanted, *, has_batch: bool) -> State:
    wanted = asked.get("state")
    for state in shelves.TABLES:
        if state == wanted and (state != "sold" or has_batch):
            return state
    return "pool"


async def _card(
    request: AnyRequest, place: Place, desk: Desk, item_id: int, card_id: UUID, *, is_clear: bool = False
) -> Template:
    async with place.begin() as session:
        head = await desks.header(session, desk, item_id)
        card = await shelves.one(session, item_id, card_id)
        seen = await reveals.of_card(session, card_id, card.order_ref)
    secret = place.sealer.open(PLACE, card.id, card.secret)
    return page(
        request,
        "cards/card.html",
        head=head,
        card=card,
        ends=masked(secret),
        secret=secret if is_clear else "",
        seen=seen,
    )


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
