"""A list as exports and views know it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.lists.cells import Column
from kameng.identity.permissions import Permission
from kameng.web.people import Staff

Query = Mapping[str, str]
Kind = Literal["csv", "xlsx"]


class Asked(Struct, frozen=True):
    """What a list's address asks for, by whom."""

    query: Query
    staff_id: Any

    def get(self, name: str) -> str:
        return self.query.get(name, "")


Count = Callable[[AsyncSession, Asked, int], Awaitable[int]]
Read = Callable[[AsyncSession, Asked, str, int], Awaitable[tuple[list[list[Any]], str]]]


class Source(Struct, frozen=True, kw_only=True):
    """`count` counts what fits up to a number. `read` gives rows from a place on (empty: the top), at most so many, and
    the place after them, empty when there are no more. A row has a cell for each column. `filters` are the names that
    an address of the list may carry."""

    key: str
    path: str
    title: str
    permission: Permission
    filters: Sequence[str]
    columns: Sequence[Column]
    count: Count
    read: Read
    opt: dict[str, Any] = {}

    def kept(self, query: Query) -> dict[str, str]:
        """Those parts of an address that say what is shown."""
        return {name: query[name] for name in self.filters if query.get(name)}

    def columns_for(self, *, sees_money: bool) -> list[int]:
        """Which columns somebody gets."""
        return [number for number, one in enumerate(self.columns) if sees_money or not one.is_money]


def sees_money(staff: Staff) -> bool:
    """Whether costs and profits are his to see."""
    return staff.may(Permission.LEDGER_READ)
