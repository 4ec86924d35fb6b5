"""Pictures that come with a message: decoded and drawn anew as those of shop pages are, and kept with the ticket."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core.errors import Invalid, TooManyRequests
from kameng.infra import ratelimit
from kameng.infra.ratelimit import Limit
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web.i18n import of_error
from kameng.web.uploads import Upload
from tenants.branding import pictures
from tenants.branding.drawing import Drawn
from tenants.branding.errors import BadPicture

MOST = 4
FIELDS = tuple(f"picture{number}" for number in range(1, MOST + 1))
DRAWING = Limit(name="ticket-pictures", attempts=24, per_s=600, fails_open=False)

PUT = text(
    "INSERT INTO ticket_pictures (ticket_id, name, body) VALUES (:ticket_id, :name, :body) ON CONFLICT DO NOTHING"
)


async def draw(runtime: Runtime, tenant: Tenant, who: str, files: Mapping[str, Upload]) -> Sequence[Drawn]:
    """The pictures of a form, drawn anew; holds no transaction. Raises `Invalid` at the fields of bad ones."""
    drawn: list[Drawn] = []
    errors: dict[str, str] = {}
    for field in FIELDS:
        if upload := files.get(field):
            try:
                await ratelimit.take(runtime.redis, (DRAWING, f"{tenant.id}\n{who}"))
                drawn.append(
                    await pictures.draw(upload.body, upload.filename, "page", is_too_large=upload.is_too_large)
                )
            except (BadPicture, TooManyRequests) as bad:
                errors[field] = of_error(bad)
    if errors:
        raise Invalid(errors)
    return drawn


async def keep(session: AsyncSession, ticket_id: UUID, drawn: Sequence[Drawn]) -> list[str]:
    """Keeps them with the ticket; their names."""
    for one in drawn:
        await session.execute(PUT, {"ticket_id": ticket_id, "name": one.name, "body": one.body})
    return list(dict.fromkeys(one.name for one in drawn))
