"""Where everything stands, for this program's own histories."""

from typing import Any

from msgspec import structs
from sqlalchemy.ext.asyncio import AsyncSession

from deploy.migrations.history import load, minimum_of
from tenants.registry import versions
from tenants.registry.versions import Program, Status


def program() -> Program:
    """The versions that this program ships with."""
    history = load("tenant")
    return Program(master=len(load("master")), newest=len(history), minimum=minimum_of(history))


async def status(session: AsyncSession) -> Status:
    """Master session."""
    return await versions.status(session, program())


def as_dict(found: Status) -> dict[str, Any]:
    """For `--json`."""
    return structs.asdict(found) | {"behind": found.behind, "below_minimum": found.below_minimum}
