"""Who may give money back on the desk without the right to refunds, up to how much of an order, and until when."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.desk.errors import NoMoneyRight

FIELDS = "staff_id, staff_name, limit_cents, ends_at, delegations, given_by, given_at"
GIVE = text(
    """
    INSERT INTO desk_limits (staff_id, staff_name, limit_cents, ends_at, delegations, given_by)
    VALUES (:staff_id, :name, :cents, :ends_at, :delegations, :by)
    ON CONFLICT (staff_id) DO UPDATE SET staff_name = excluded.staff_name, limit_cents = excluded.limit_cents,
        ends_at = excluded.ends_at, delegations = desk_limits.delegations || excluded.delegations,
        given_by = excluded.given_by, given_at = now()
    """
)
TAKE = text(f"DELETE FROM desk_limits WHERE staff_id = :staff_id RETURNING {FIELDS}")  # noqa: S608 - the constant above
CURRENT = text(
    f"SELECT {FIELDS} FROM desk_limits WHERE ends_at > now() ORDER BY ends_at, staff_name"  # noqa: S608 - as above
)
OF = text(
    f"SELECT {FIELDS} FROM desk_limits WHERE staff_id = :staff_id AND ends_at > now()"  # noqa: S608 - as above
)


class Limit(Struct, frozen=True):
    """`limit_cents` for each order; `delegations` are permissions that were lent with it."""

    staff_id: UUID
    staff_name: str
    limit_cents: int
    ends_at: datetime
    delegations: Sequence[UUID]
    given_by: str
    given_at: datetime


async def give(
    session: AsyncSession,
    staff_id: UUID,
    name: str,
    cents: int,
    ends_at: datetime,
    delegations: Sequence[UUID],
    by: str,
) -> None:
    """Instead of what the person had before."""
    values = {"staff_id": staff_id, "name": name, "cents": cents, "ends_at": ends_at,
              "delegations": list(delegations), "by": by}  # fmt: skip
    await session.execute(GIVE, values)


async def take(session: AsyncSession, staff_id: UUID) -> Limit | None:
    """What the person had, or None."""
    row = (await session.execute(TAKE, {"staff_id": staff_id})).mappings().one_or_none()
    return Limit(**row) if row else None


async def current(session: AsyncSession) -> Sequence[Limit]:
    return [Limit(**row) for row in (await session.execute(CURRENT)).mappings()]


async def of(session: AsyncSession, staff_id: UUID) -> Limit | None:
    row = (await session.execute(OF, {"staff_id": staff_id})).mappings().one_or_none()
    return Limit(**row) if row else None


async def most_cents(session: AsyncSession, staff_id: UUID, *, may_refund: bool) -> int | None:
    """What the person may give back of one order; None: any amount. Raises `NoMoneyRight`."""
    if may_refund:
        return None
    limit = await of(session, staff_id)
    if limit is None or not limit.limit_cents:
        raise NoMoneyRight
    return limit.limit_cents
