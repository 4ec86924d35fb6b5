"""What stands around a long list on its page: the views that somebody keeps of it, and what exports are to hold."""

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.lists.source import Query, Source
from kameng.identity.permissions import Permission
from kameng.web import paging
from kameng.web.people import Staff
from tenants.lists import views


class Kept(Struct, frozen=True):
    """A view as a chip. `by` is who shares it, if that is somebody else."""

    id: int
    name: str
    href: str
    is_current: bool
    may_delete: bool
    by: str


class Bar(Struct, frozen=True):
    """`path` and `query` are the list's address as it is now."""

    path: str
    query: Query
    views: Sequence[Kept]

    @property
    def current(self) -> Kept | None:
        return next((one for one in self.views if one.is_current), None)


async def of(session: AsyncSession, source: Source, staff: Staff, asked: Query) -> Bar:
    """The bar of a list that shows what `asked` says."""
    query = source.kept(asked)
    any_shared = staff.may(Permission.TEAM_WRITE)
    found = [
        Kept(
            one.id,
            one.name,
            paging.address(source.path, one.query),
            dict(one.query) == query,
            one.is_mine or any_shared,
            "" if one.is_mine else one.made_by,
        )
        for one in await views.shown(session, source.key, staff.id)
    ]
    return Bar(source.path, query, found)
