"""Reading imports."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.cards.errors import ImportGone

COLUMNS = (
    "id, item_id, batch_id, file_name, state, total, added, in_file, in_pool, known, bad, by_name, created_at,"
    " started_at, finished_at"
)
ONE = text(f"SELECT {COLUMNS} FROM card_imports WHERE id = :id AND item_id = :item_id")  # noqa: S608 - our own names
RECENT = text(f"SELECT {COLUMNS} FROM card_imports WHERE item_id = :item_id ORDER BY id DESC LIMIT :limit")  # noqa: S608


class Import(Struct, frozen=True):
    """An import and how far it is; see 0008_stock.sql."""

    id: int
    item_id: int
    batch_id: int
    file_name: str
    state: str
    total: int
    added: int
    in_file: int
    in_pool: int
    known: int
    bad: int
    by_name: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def is_running(self) -> bool:
        return self.state in ("waiting", "running")

    @property
    def duplicates(self) -> int:
        return self.in_file + self.in_pool + self.known

    @property
    def done(self) -> int:
        """Lines that have been looked at."""
        return self.added + self.duplicates + self.bad


async def find(session: AsyncSession, item_id: int, import_id: int) -> Import:
    """Raises `ImportGone`, also for an import of another item."""
    row = (await session.execute(ONE, {"id": import_id, "item_id": item_id})).one_or_none()
    if row is None:
        raise ImportGone
    return Import(*row)


async def recent(session: AsyncSession, item_id: int, limit: int = 20) -> Sequence[Import]:
    """The latest imports of an item, newest first."""
    return [Import(*row) for row in await session.execute(RECENT, {"item_id": item_id, "limit": limit})]
