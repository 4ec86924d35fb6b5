"""Whose cards a page is about. Each console has one desk; the pages are the same."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any
from uuid import UUID

from litestar.params import PathParameter
from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.frame import AnyRequest
from kameng.cards import shelves
from kameng.cards.imports import Place
from kameng.cards.service import PLACE
from kameng.cards.shelves import Chosen, Counts, Lying, State
from kameng.cards.tasks import place_of
from kameng.identity.permissions import Permission
from kameng.infra.crypto import Sealer
from kameng.infra.runtime import Runtime
from kameng.web import context

PathCard = Annotated[UUID, PathParameter()]
PathBig = Annotated[int, PathParameter(ge=1, le=2**53)]
Number = Annotated[int, Meta(ge=1, le=2**53)]


class Item(Struct, frozen=True):
    """What the cards are of: a good, or a product. `home` leads to it."""

    id: int
    name: str
    home: str
    warn_at: int | None = None


class Desk(Struct, frozen=True, kw_only=True):
    """`root` is where the pages are; `item` raises `NotFound`; `others` are the items that cards can be moved to."""

    root: str
    title: str
    read: Permission
    write: Permission
    export: Permission
    item: Callable[[AsyncSession, int], Awaitable[Item]]
    others: Callable[[AsyncSession, int], Awaitable[Sequence[tuple[int, str]]]]
    has_warning: bool
    opt: dict[str, Any] = {}

    @property
    def path(self) -> str:
        return self.root + "/{item_id:int}"

    def at(self, item_id: int) -> str:
        return f"{self.root}/{item_id}"


class Selection(Struct, frozen=True):
    """Cards that a form means: those that are ticked, or `everything` that fits the list."""

    state: State = "pool"
    batch: Number | None = None
    q: Annotated[str, Meta(max_length=100)] = ""
    everything: bool = False
    id: list[UUID] = []

    def chosen(self, item_id: int) -> Chosen:
        return Chosen(
            item_id=item_id,
            state=self.state,
            ids=None if self.everything else self.id,
            batch_id=self.batch,
            words=self.q,
        )


class Shown(Struct, frozen=True):
    """A card as a list shows it: of its secret only the ends."""

    card: Lying
    ends: str


async def place(request: AnyRequest, runtime: Runtime) -> Place:
    """Of the station whose console it is, or of the master."""
    return await place_of(runtime, context.of(request.scope).tenant)


def shown(sealer: Sealer, cards: Sequence[Lying], mask: Callable[[str], str]) -> list[Shown]:
    return [Shown(card, mask(sealer.open(PLACE, card.id, card.secret))) for card in cards]


class Header(Struct, frozen=True):
    """What stands above each page of an item's stock."""

    desk: Desk
    item: Item
    counts: Counts

    @property
    def at(self) -> str:
        return self.desk.at(self.item.id)


async def header(session: AsyncSession, desk: Desk, item_id: int) -> Header:
    """Raises `NotFound`."""
    item = await desk.item(session, item_id)
    return Header(desk, item, await shelves.counts(session, item_id))
