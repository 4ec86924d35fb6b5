"""Long lists in leaves: the next one begins after the last row that was seen, so that the thousandth costs what the
first does, and nothing is counted beyond `MOST`."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from litestar import Request
from msgspec import Struct

from kameng.web import paging
from kameng.web.paging import Wanted

T = TypeVar("T")
U = TypeVar("U")

MOST = 10_000  # rows are counted no further
LONGEST_KEY = 80


class Place(Struct, frozen=True):
    """Where a leaf begins: after the row with this key, or (`backwards`) it ends before it. Without a key, on top."""

    key: str = ""
    backwards: bool = False


class Leaf(Struct, Generic[T], frozen=True, kw_only=True):
    """Some items of a list. `total` is counted up to `MOST` + 1; `first` and `last` are the keys of its ends, empty
    where nothing lies beyond them."""

    items: list[T]
    total: int
    path: str
    query: Mapping[str, str]
    first: str = ""
    last: str = ""

    @property
    def is_capped(self) -> bool:
        return self.total > MOST

    @property
    def newer(self) -> str:
        """The address of the leaf above, or nothing."""
        return paging.address(self.path, {**self.query, "before": self.first}) if self.first else ""

    @property
    def older(self) -> str:
        return paging.address(self.path, {**self.query, "after": self.last}) if self.last else ""

    @property
    def top(self) -> str:
        return paging.address(self.path, self.query)

    def url_with(self, **changes: str) -> str:
        """The top of the list with other filters; an empty value takes a filter away."""
        return paging.address(self.path, {**self.query, **changes})


def wanted(request: Request[Any, Any, Any]) -> tuple[Wanted, Place]:
    """What a list's address asks for, and which leaf of it. Nonsense counts as absent."""
    asked = paging.wanted(request)
    query = dict(asked.query)
    after, before = query.pop("after", "")[:LONGEST_KEY], query.pop("before", "")[:LONGEST_KEY]
    place = Place(after) if after else Place(before, backwards=bool(before))
    return Wanted(size=asked.size, search=asked.search, path=asked.path, query=query), place


def leaf(rows: list[T], total: int, asked: Wanted, place: Place, key: Callable[[T], str]) -> Leaf[T]:
    """Rows in the order in which they were read from `place` on, one more than a leaf holds where there are more."""
    has_more = len(rows) > asked.size
    items = rows[: asked.size]
    if place.backwards:
        items = items[::-1]
    above = has_more if place.backwards else bool(place.key)
    below = True if place.backwards else has_more
    return Leaf(
        items=items,
        total=total,
        path=asked.path,
        query=asked.query,
        first=key(items[0]) if items and above else "",
        last=key(items[-1]) if items and below else "",
    )
