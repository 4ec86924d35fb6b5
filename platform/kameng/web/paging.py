"""Lists in pages: what the person asked for, and one page of it with its count."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl, urlencode

from litestar import Request
from msgspec import Struct
from sqlalchemy import Row, Select, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

T = TypeVar("T")
U = TypeVar("U")

SIZE = 20
DEEPEST = 10_000  # pages beyond it are for search, not for leafing
LONGEST_SEARCH = 100
CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")


class Wanted(Struct, frozen=True, kw_only=True):
    """What a list's address asks for. `search` is trimmed text, `query` all parameters but `page`, for
    links.
    """

    page: int = 1
    size: int = SIZE
    search: str = ""
    path: str = ""
    query: dict[str, str] = {}

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.size

    def get(self, name: str) -> str:
        """A filter, or an empty text."""
        return self.query.get(name, "")


class Page(Struct, Generic[T], frozen=True, kw_only=True):
    """Some items of `total`. Pages count from 1; an empty list has one page."""

    items: list[T]
    total: int
    page: int
    size: int
    path: str
    query: dict[str, str]

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.size))

    def map(self, convert: Callable[[T], U]) -> "Page[U]":
        """The same page with other items: rows to entities, entities to what a template shows."""
        return Page(
            items=[convert(item) for item in self.items],
            total=self.total,
            page=self.page,
            size=self.size,
            path=self.path,
            query=self.query,
        )

    def url(self, page: int) -> str:
        """The address of another page of the same list."""
        return address(self.path, {**self.query, **({"page": str(page)} if page > 1 else {})})

    def url_with(self, **changes: str) -> str:
        """The first page with other filters; an empty value takes a filter away."""
        return address(self.path, {**self.query, **changes})


def wanted(request: Request[Any, Any, Any], *, size: int = SIZE, search: str = "q") -> Wanted:
    """Reads `?page=`, the search and the filters of a list's address. Nonsense counts as absent."""
    sent = request.scope["query_string"].decode("latin-1")
    query = {name: CONTROLS.sub(" ", value).strip() for name, value in parse_qsl(sent) if name != "lang"}
    asked = query.pop("page", "1")
    page = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 8 else 1
    if search in query:
        query[search] = query[search][:LONGEST_SEARCH]
    return Wanted(
        page=min(max(page, 1), DEEPEST),
        size=size,
        search=query.get(search, ""),
        path=request.scope["path"],
        query={name: value for name, value in query.items() if value},
    )


def like(search: str) -> str:
    """A pattern for `ILIKE` that finds `search` anywhere and takes its signs as they are."""
    escaped = re.sub(r"([\\%_])", r"\\\1", search)
    return f"%{escaped}%"


async def of_select(session: AsyncSession, statement: Select[*tuple[Any, ...]], asked: Wanted) -> Page[Row[Any]]:
    """One page of an ordered select. A page beyond the end is the last one."""
    counted = select(func.count()).select_from(statement.order_by(None).subquery())
    total = int((await session.execute(counted)).scalar_one())
    asked = _within(asked, total)
    rows = await session.execute(statement.limit(asked.size).offset(asked.offset))
    return _page(list(rows), total, asked)


async def of_sql(session: AsyncSession, sql: str, values: Mapping[str, Any], asked: Wanted) -> Page[Row[Any]]:
    """One page of an ordered SELECT written as text. A page beyond the end is the last one."""
    counted = text(f"SELECT count(*) FROM ({sql}) counted")  # noqa: S608 - `sql` is the caller's constant
    total = int((await session.execute(counted, values)).scalar_one())
    asked = _within(asked, total)
    limited = text(f"{sql} LIMIT :page_size OFFSET :page_offset")
    bound = {**values, "page_size": asked.size, "page_offset": asked.offset}
    rows = await session.execute(limited, bound)
    return _page(list(rows), total, asked)


def _within(asked: Wanted, total: int) -> Wanted:
    last = max(1, -(-total // asked.size))
    return (
        asked
        if asked.page <= last
        else Wanted(page=last, size=asked.size, search=asked.search, path=asked.path, query=asked.query)
    )


def _page(items: list[T], total: int, asked: Wanted) -> Page[T]:
    return Page(items=items, total=total, page=asked.page, size=asked.size, path=asked.path, query=asked.query)


def address(path: str, query: Mapping[str, str]) -> str:
    """`path` with those parameters of `query` that are not empty."""
    kept = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(kept)}" if kept else path
