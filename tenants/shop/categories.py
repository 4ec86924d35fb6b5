"""Categories: a tree of at most four levels, read whole, since a shop has few. Tenant session."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.web.i18n import N_
from tenants.shop.errors import CategoryFull, CategoryGone, TooDeep, TooManyCategories, WithinItself
from tenants.shop.models import Category

MOST_LEVELS, MOST = 4, 500
# Names of the kit's icons that may stand before a category.
ICONS = {
    "": N_("No icon"),
    "gift": N_("Gift"),
    "credit-card": N_("Card"),
    "device-mobile": N_("Phone"),
    "device-desktop": N_("Computer"),
    "headset": N_("Headset"),
    "key": N_("Key"),
    "receipt": N_("Bill"),
    "shopping-bag": N_("Bag"),
    "ticket": N_("Admission ticket"),
    "wallet": N_("Purse"),
    "world": N_("World"),
    "bolt": N_("Lightning"),
}

ALL = text("SELECT id, parent_id, name, icon, state, position FROM categories ORDER BY position, id")
COUNTS = text(
    """
    SELECT category_id, count(*) AS products FROM products
    WHERE variant_of IS NULL AND archived_at IS NULL AND category_id IS NOT NULL GROUP BY category_id
    """
)
# Orders nothing by itself: it keeps two changes of the tree apart, so that no circle and no fifth level can come about.
IN_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended('categories', current_tenant()))")
PLACE = text(
    """
    UPDATE categories c SET position = o.place
    FROM unnest(CAST(:ids AS bigint[])) WITH ORDINALITY AS o (id, place) WHERE c.id = o.id AND c.position <> o.place
    """
)
MOVE_PRODUCTS = text("UPDATE products SET category_id = :to, changed_at = now() WHERE category_id = :id")
HOLDS = text(
    """
    SELECT EXISTS (SELECT 1 FROM products WHERE category_id = :id)
        OR EXISTS (SELECT 1 FROM categories WHERE parent_id = :id)
    """
)


class CategoryDraft(Struct, frozen=True, kw_only=True):
    """What the owner fills in. Without a parent it stands on the top."""

    name: Annotated[str, Meta(min_length=1, max_length=30)]
    parent_id: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None
    icon: Annotated[str, Meta(max_length=30)] = ""
    state: Literal["shown", "hidden"] = "shown"


class Node(Struct, frozen=True, kw_only=True):
    """A category in its place. `level` counts from 1; `hidden` also where one above it is hidden."""

    id: int
    parent_id: int | None
    name: str
    icon: str
    state: str
    level: int
    hidden: bool
    path: tuple[int, ...]  # from the top to this one


class Tree(Struct, frozen=True):
    """All categories, each followed by what stands in it."""

    nodes: list[Node]

    def node(self, category_id: int) -> Node:
        """Raises `CategoryGone`."""
        found = next((node for node in self.nodes if node.id == category_id), None)
        if found is None:
            raise CategoryGone(field="category_id")
        return found

    def has(self, category_id: int | None) -> bool:
        return any(node.id == category_id for node in self.nodes)

    def children(self, category_id: int | None) -> list[Node]:
        return [node for node in self.nodes if node.parent_id == category_id]

    def within(self, category_id: int) -> list[int]:
        """It and all below it."""
        return [node.id for node in self.nodes if category_id in node.path]

    def above(self, category_id: int) -> list[Node]:
        """From the top down to it. Raises `CategoryGone`."""
        return [self.node(one) for one in self.node(category_id).path]

    def title(self, category_id: int | None) -> str:
        """`Games / Steam`; nothing where there is no such category."""
        if category_id is None or not self.has(category_id):
            return ""
        return " / ".join(node.name for node in self.above(category_id))

    @property
    def hidden(self) -> list[int]:
        return [node.id for node in self.nodes if node.hidden]

    def depth_below(self, category_id: int) -> int:
        """How many levels it takes, itself among them."""
        at = self.node(category_id).level
        return max(node.level for node in self.nodes if category_id in node.path) - at + 1


async def tree(session: AsyncSession) -> Tree:
    rows = [Category(**row) for row in (await session.execute(ALL)).mappings()]
    children: dict[int | None, list[Category]] = {}
    for row in rows:
        children.setdefault(row.parent_id, []).append(row)
    return Tree(list(_walk(children, None, (), hidden=False)))


def _walk(
    children: dict[int | None, list[Category]], parent_id: int | None, above: tuple[int, ...], *, hidden: bool
) -> Iterator[Node]:
    for row in children.get(parent_id, []):
        path = (*above, row.id)
        is_hidden = hidden or row.state == "hidden"
        yield Node(
            id=row.id, parent_id=row.parent_id, name=row.name, icon=row.icon, state=row.state, level=len(path),
            hidden=is_hidden, path=path,
        )  # fmt: skip
        yield from _walk(children, row.id, path, hidden=is_hidden)


async def counts(session: AsyncSession) -> dict[int, int]:
    """Products that stand in each category itself; those in the bin do not count."""
    return {row.category_id: row.products for row in await session.execute(COUNTS)}


async def add(session: AsyncSession, draft: CategoryDraft) -> Category:
    """Behind its neighbours. Raises `CategoryGone`, `TooDeep`, `TooManyCategories`."""
    await session.execute(IN_TURN)
    whole = await tree(session)
    if len(whole.nodes) >= MOST:
        raise TooManyCategories(field="name", most=MOST)
    if draft.parent_id is not None and _parent(whole, draft.parent_id).level >= MOST_LEVELS:
        raise TooDeep(field="parent_id", most=MOST_LEVELS)
    neighbours = whole.children(draft.parent_id)
    category = Category(
        name=draft.name, parent_id=draft.parent_id, icon=_icon(draft), state=draft.state, position=len(neighbours) + 1
    )
    session.add(category)
    await session.flush()
    return category


async def change(session: AsyncSession, category_id: int, draft: CategoryDraft) -> Category:
    """Renames, hides, or takes it elsewhere with all that stands in it. Raises `CategoryGone`, `TooDeep`,
    `WithinItself`."""
    await session.execute(IN_TURN)
    whole = await tree(session)
    category = await _category(session, category_id)
    if draft.parent_id is not None:
        parent = _parent(whole, draft.parent_id)
        if category_id in parent.path:
            raise WithinItself(field="parent_id")
        if parent.level + whole.depth_below(category_id) > MOST_LEVELS:
            raise TooDeep(field="parent_id", most=MOST_LEVELS)
    if draft.parent_id != category.parent_id:
        category.position = len(whole.children(draft.parent_id)) + 1
    category.name, category.parent_id, category.icon, category.state = (
        draft.name, draft.parent_id, _icon(draft), draft.state,
    )  # fmt: skip
    await session.flush()
    return category


async def move(session: AsyncSession, category_id: int, *, up: bool) -> Category:
    """One place up or down among its neighbours. Raises `CategoryGone`."""
    await session.execute(IN_TURN)
    whole = await tree(session)
    ordered = [node.id for node in whole.children(whole.node(category_id).parent_id)]
    at = ordered.index(category_id)
    other = at - 1 if up else at + 1
    if 0 <= other < len(ordered):
        ordered[at], ordered[other] = ordered[other], ordered[at]
    await session.execute(PLACE, {"ids": ordered})
    return await _category(session, category_id)


async def delete(session: AsyncSession, category_id: int, *, to: int | None = None, move_first: bool = False) -> str:
    """Deletes an empty one, or one whose products and categories go to `to` first (None: the top). Returns its name.

    Raises `CategoryGone`, `CategoryFull`, `TooDeep`, `WithinItself`.
    """
    await session.execute(IN_TURN)
    whole = await tree(session)
    category = await _category(session, category_id)
    name = category.name
    if move_first:
        await _empty(session, whole, category_id, to)
    elif (await session.execute(HOLDS, {"id": category_id})).scalar_one():
        raise CategoryFull(field="to")
    await session.delete(category)
    await session.flush()
    return name


async def _empty(session: AsyncSession, whole: Tree, category_id: int, to: int | None) -> None:
    level = 0
    if to is not None:
        target = whole.node(to)
        if category_id in target.path:
            raise WithinItself(field="to")
        level = target.level
    await session.execute(MOVE_PRODUCTS, {"id": category_id, "to": to})
    behind = len(whole.children(to))
    for place, child in enumerate(whole.children(category_id), behind + 1):
        if level + whole.depth_below(child.id) > MOST_LEVELS:
            raise TooDeep(field="to", most=MOST_LEVELS)
        moved = await _category(session, child.id)
        moved.parent_id, moved.position = to, place
    await session.flush()


async def _category(session: AsyncSession, category_id: int) -> Category:
    found = await session.get(Category, category_id)
    if found is None:
        raise CategoryGone
    return found


def _parent(whole: Tree, parent_id: int) -> Node:
    try:
        return whole.node(parent_id)
    except CategoryGone:
        raise CategoryGone(field="parent_id") from None


def _icon(draft: CategoryDraft) -> str:
    return draft.icon if draft.icon in ICONS else ""


def options(whole: Tree, top: str, without: Sequence[int] = ()) -> list[tuple[str, str]]:
    """For a field to choose from: each with its place, `top` for none."""
    left_out = set(without)
    return [("", top), *((str(node.id), whole.title(node.id)) for node in whole.nodes if node.id not in left_out)]
