"""Reading applications. Master session."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.applications.errors import ApplicationGone

FIELDS = """a.id, a.code, a.slug, a.name, a.email, a.owner_login, a.owner_name, a.plan_id, p.name AS plan, a.fee_cents,
            a.paid_cents, a.refunded_cents, a.state, a.reason, a.approved_by, a.tenant_id, a.address, a.created_at,
            a.state_since"""
ONE = f"SELECT {FIELDS} FROM applications a JOIN plans p ON p.id = a.plan_id"  # noqa: S608 - the constant above
BY_ID = text(f"{ONE} WHERE a.id = :id")
BY_CODE = text(f"{ONE} WHERE a.code = :code")
LOCKED = text(f"{ONE} WHERE a.id = :id FOR UPDATE OF a")
# For `kameng.web.paging.of_sql`.
LINES = f"""
    SELECT {FIELDS} FROM applications a JOIN plans p ON p.id = a.plan_id
    WHERE (:words = '' OR a.name ILIKE :pattern OR a.slug ILIKE :pattern OR a.email ILIKE :pattern
           OR a.owner_login ILIKE :pattern)
        AND (:state = '' OR a.state = :state)
    ORDER BY a.id DESC
"""  # noqa: S608 - the constant above
COUNTS = text("SELECT state, count(*) FROM applications GROUP BY state")
SETTINGS = text("SELECT mode, tier_id FROM application_settings")
PASSWORD = text("SELECT password_hash FROM applications WHERE id = :id")
TAKEN = text(
    """
    SELECT EXISTS (SELECT 1 FROM tenants WHERE slug = :slug)
        OR EXISTS (SELECT 1 FROM hosts WHERE host = :host)
        OR EXISTS (SELECT 1 FROM applications WHERE slug = :slug AND state IN ('review', 'opening'))
    """
)
PAID = text("SELECT coalesce(sum(amount_cents), 0) FROM payments WHERE subject = :id AND state = 'paid'")
PAYMENTS = text(
    """
    SELECT y.no, y.amount_cents, y.state, y.created_at, y.paid_at, c.name AS channel, c.state AS channel_state
    FROM payments y JOIN payment_channels c ON c.id = y.channel_id WHERE y.subject = :id ORDER BY y.id
    """
)
# The station that an application has brought about, where the process died before it could write that down: nobody
# works there yet, it has the applicant's own address for help, and it is none that an operator has opened, which may
# wait for somebody he has invited.
OURS = text(
    """
    SELECT t.id FROM tenants t WHERE t.slug = :slug AND t.contact = :email AND t.created_at >= :since
        AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.tenant_id = t.id)
        AND NOT EXISTS (SELECT 1 FROM invitations i WHERE i.tenant_id = t.id)
        AND NOT EXISTS (SELECT 1 FROM audit_log a WHERE a.subject = CAST(t.id AS text) AND a.action = 'stations.open'
                        AND a.tenant_id IS NULL)
    """
)


class Settings(Struct, frozen=True):
    """`mode`: closed, review or automatic. `tier_id`: what the new stations pay for goods."""

    mode: str
    tier_id: int | None

    @property
    def is_open(self) -> bool:
        return self.mode != "closed"


class Application(Struct, frozen=True):
    """One application. `code` is the secret of its page; `reason` a code where it is blocked, words where declined."""

    id: UUID
    code: str
    slug: str
    name: str
    email: str
    owner_login: str
    owner_name: str
    plan_id: int
    plan: str
    fee_cents: int
    paid_cents: int
    refunded_cents: int
    state: str
    reason: str
    approved_by: str
    tenant_id: int | None
    address: str
    created_at: datetime
    state_since: datetime

    @property
    def to_refund_cents(self) -> int:
        """What was paid and has bought nothing: all of a declined one, what is beyond the fee of another."""
        earned = 0 if self.state in ("declined", "expired") else self.fee_cents
        return max(0, self.paid_cents - earned - self.refunded_cents)

    @property
    def is_final(self) -> bool:
        """Whether its page changes by itself no more."""
        return self.state in ("open", "declined")


class Payment(Struct, frozen=True):
    """A way that the fee can come, or has come."""

    no: str
    amount_cents: int
    state: str
    created_at: datetime
    paid_at: datetime | None
    channel: str
    channel_state: str


async def settings(session: AsyncSession) -> Settings:
    return Settings(*(await session.execute(SETTINGS)).one())


async def application(session: AsyncSession, application_id: UUID, *, lock: bool = False) -> Application:
    """Raises `ApplicationGone`."""
    row = (await session.execute(LOCKED if lock else BY_ID, {"id": application_id})).one_or_none()
    if row is None:
        raise ApplicationGone
    return Application(*row)


async def by_code(session: AsyncSession, code: str) -> Application:
    """Raises `ApplicationGone`."""
    row = (await session.execute(BY_CODE, {"code": code})).one_or_none()
    if row is None:
        raise ApplicationGone
    return Application(*row)


async def counts(session: AsyncSession) -> dict[str, int]:
    """Applications by state."""
    return {row[0]: row[1] for row in await session.execute(COUNTS)}


async def is_taken(session: AsyncSession, slug: str, host: str) -> bool:
    """Whether a station has this short name or host, or an application that has been paid for."""
    return bool((await session.execute(TAKEN, {"slug": slug, "host": host})).scalar_one())


async def paid_cents(session: AsyncSession, application_id: UUID) -> int:
    """What gateways have confirmed."""
    return int((await session.execute(PAID, {"id": str(application_id)})).scalar_one())


async def payments(session: AsyncSession, application_id: UUID) -> Sequence[Payment]:
    return [Payment(*row) for row in await session.execute(PAYMENTS, {"id": str(application_id)})]


async def password_hash(session: AsyncSession, application_id: UUID) -> str:
    return str((await session.execute(PASSWORD, {"id": application_id})).scalar_one())


async def station_of(session: AsyncSession, application: Application) -> int | None:
    """The station that was made for it and not written down, if there is one."""
    values = {"slug": application.slug, "email": application.email, "since": application.created_at}
    found: int | None = (await session.execute(OURS, values)).scalar_one_or_none()
    return found
