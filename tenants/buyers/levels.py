"""How buyers are ranked. Tenant session."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.buyers.errors import BuyerGone, LevelGone, LevelInUse, LevelNameTaken, LevelRankTaken, TooManyLevels

MOST = 20

ALL = text(
    """
    SELECT l.id, l.name, l.rank,
           (SELECT count(*) FROM buyers b WHERE b.level_id = l.id) AS buyers,
           (SELECT count(*) FROM products p
            WHERE p.min_level = l.rank AND p.variant_of IS NULL AND p.archived_at IS NULL) AS products
    FROM buyer_levels l ORDER BY l.rank
    """
)
NAMES = text("SELECT id, name, rank, 0 AS buyers, 0 AS products FROM buyer_levels ORDER BY rank")
ADD = text("INSERT INTO buyer_levels (name, rank) VALUES (:name, :rank) RETURNING id")
CHANGE = text("UPDATE buyer_levels SET name = :name, rank = :rank WHERE id = :id")
# Products that are kept for the level stay with it when its rank changes.
FOLLOW = text("UPDATE products SET min_level = :rank WHERE min_level = :before AND :before > 0")
DELETE = text("DELETE FROM buyer_levels WHERE id = :id")
LOCK = text("SELECT id FROM buyers WHERE id = :buyer FOR UPDATE")
SET = text("UPDATE buyers SET level_id = :level WHERE id = :buyer")
OF_BUYER = text(
    "SELECT l.id, l.name, l.rank, 0 AS buyers, 0 AS products FROM buyers b JOIN buyer_levels l ON l.id = b.level_id"
    " WHERE b.id = :buyer"
)


class LevelDraft(Struct, frozen=True, kw_only=True):
    """What the owner fills in. A buyer without a level has rank 0, so a level has more."""

    name: Annotated[str, Meta(min_length=1, max_length=30)]
    rank: Annotated[int, Meta(ge=1, le=1000)]


class Level(Struct, frozen=True):
    """A level, how many buyers have it, and how many products are kept for it and above."""

    id: int
    name: str
    rank: int
    buyers: int
    products: int


async def levels(session: AsyncSession) -> Sequence[Level]:
    """The lowest first, with what depends on them."""
    return [Level(*row) for row in await session.execute(ALL)]


async def names(session: AsyncSession) -> Sequence[Level]:
    """The same without counting."""
    return [Level(*row) for row in await session.execute(NAMES)]


async def level(session: AsyncSession, level_id: int) -> Level:
    """Raises `LevelGone`."""
    found = next((one for one in await levels(session) if one.id == level_id), None)
    if found is None:
        raise LevelGone(field="level_id")
    return found


async def of_buyer(session: AsyncSession, buyer_id: UUID) -> Level | None:
    row = (await session.execute(OF_BUYER, {"buyer": buyer_id})).one_or_none()
    return Level(*row) if row else None


async def add(session: AsyncSession, draft: LevelDraft) -> int:
    """Raises `LevelNameTaken`, `LevelRankTaken`, `TooManyLevels`."""
    if len(await names(session)) >= MOST:
        raise TooManyLevels(field="name", most=MOST)
    try:
        async with session.begin_nested():
            return int((await session.execute(ADD, {"name": draft.name, "rank": draft.rank})).scalar_one())
    except IntegrityError as error:
        raise _taken(error) from None


async def change(session: AsyncSession, level_id: int, draft: LevelDraft) -> Level:
    """Returns it as it was. Raises `LevelGone`, `LevelNameTaken`, `LevelRankTaken`."""
    before = await level(session, level_id)
    try:
        async with session.begin_nested():
            await session.execute(CHANGE, {"id": level_id, "name": draft.name, "rank": draft.rank})
    except IntegrityError as error:
        raise _taken(error) from None
    if draft.rank != before.rank:
        await session.execute(FOLLOW, {"rank": draft.rank, "before": before.rank})
    return before


async def delete(session: AsyncSession, level_id: int) -> Level:
    """One that no buyer has and no product is kept for. Raises `LevelGone`, `LevelInUse`."""
    found = await level(session, level_id)
    if found.buyers or found.products:
        raise LevelInUse
    try:
        async with session.begin_nested():
            await session.execute(DELETE, {"id": level_id})
    except IntegrityError:  # a buyer was given it a moment ago
        raise LevelInUse from None
    return found


async def give(session: AsyncSession, buyer_id: UUID, level_id: int | None) -> tuple[Level | None, Level | None]:
    """Sets a buyer's level, or takes it; what it was and what it is. Raises `BuyerGone`, `LevelGone`."""
    if (await session.execute(LOCK, {"buyer": buyer_id})).one_or_none() is None:
        raise BuyerGone
    before = await of_buyer(session, buyer_id)
    after = await level(session, level_id) if level_id is not None else None
    await session.execute(SET, {"buyer": buyer_id, "level": level_id})
    return before, after


def _taken(error: IntegrityError) -> LevelNameTaken | LevelRankTaken:
    taken_rank = "rank" in str(error.orig).partition("DETAIL")[0]
    return LevelRankTaken(field="rank") if taken_rank else LevelNameTaken(field="name")
