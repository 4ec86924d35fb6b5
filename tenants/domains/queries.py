"""Reading hosts and claims. The session of the master, or of the station itself, which sees its own rows only."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.infra.dns import readable_name
from tenants.domains.errors import DomainGone

TRIED_FOR = timedelta(days=7)

HOST_COLUMNS = "SELECT host, tenant_id, is_primary, proof, added_at, checked_at, error, seen FROM hosts"
HOSTS = text(f"{HOST_COLUMNS} WHERE tenant_id = :tenant_id ORDER BY is_primary DESC, added_at, host")
LOCKED = text(f"{HOST_COLUMNS} WHERE tenant_id = :tenant_id ORDER BY host FOR UPDATE")
CLAIM_COLUMNS = (
    "SELECT id, tenant_id, host, token, state, proof, error, seen, attempts, created_at, checked_at, next_check_at"
    " FROM host_claims"
)
CLAIMS = text(f"{CLAIM_COLUMNS} WHERE tenant_id = :tenant_id ORDER BY id DESC")
CLAIM = text(f"{CLAIM_COLUMNS} WHERE tenant_id = :tenant_id AND id = :id")
IS_SERVED = text("SELECT host_is_served(:host)")
# For the folder that Caddy reads: closed stations are not served.
SERVED = text("SELECT h.host FROM hosts h JOIN tenants t ON t.id = h.tenant_id WHERE t.state <> 'closed'")


class Host(Struct, frozen=True):
    """A host that is served. `error` is a code: why it does not lead here, by the last check; `seen` what was found."""

    host: str
    tenant_id: int
    is_primary: bool
    proof: str
    added_at: datetime
    checked_at: datetime | None
    error: str
    seen: str

    @property
    def readable(self) -> str:
        return readable_name(self.host)


class Claim(Struct, frozen=True):
    """A domain that is not served yet. `error` is a code: why not, by the last check; `seen` what was found instead."""

    id: int
    tenant_id: int
    host: str
    token: str
    state: str
    proof: str
    error: str
    seen: str
    attempts: int
    created_at: datetime
    checked_at: datetime | None
    next_check_at: datetime

    @property
    def readable(self) -> str:
        return readable_name(self.host)

    @property
    def is_live(self) -> bool:
        return self.state == "pending"

    @property
    def ends_at(self) -> datetime:
        return self.created_at + TRIED_FOR

    @property
    def txt_name(self) -> str:
        return f"_kameng.{self.host}"

    @property
    def txt_value(self) -> str:
        return f"kameng-verification={self.token}"

    @property
    def file_url(self) -> str:
        return f"http://{self.host}/.well-known/kameng-verification"


async def hosts(session: AsyncSession, tenant_id: int) -> Sequence[Host]:
    """A station's hosts, the primary one first."""
    return [Host(**row) for row in (await session.execute(HOSTS, {"tenant_id": tenant_id})).mappings()]


async def locked_hosts(session: AsyncSession, tenant_id: int) -> Sequence[Host]:
    """The same, held until the end of the transaction."""
    return [Host(**row) for row in (await session.execute(LOCKED, {"tenant_id": tenant_id})).mappings()]


async def claims(session: AsyncSession, tenant_id: int) -> Sequence[Claim]:
    """A station's claims, the newest first."""
    return [Claim(**row) for row in (await session.execute(CLAIMS, {"tenant_id": tenant_id})).mappings()]


async def claim(session: AsyncSession, tenant_id: int, claim_id: int) -> Claim:
    """Raises `DomainGone`, for another station's claim too."""
    row = (await session.execute(CLAIM, {"tenant_id": tenant_id, "id": claim_id})).mappings().one_or_none()
    if row is None:
        raise DomainGone
    return Claim(**row)


async def is_served(session: AsyncSession, host: str) -> bool:
    """Whether any station is served at this host."""
    return bool((await session.execute(IS_SERVED, {"host": host})).scalar_one())


async def served(session: AsyncSession) -> set[str]:
    """Every host that a station is served at. Master session."""
    return set((await session.execute(SERVED)).scalars())
