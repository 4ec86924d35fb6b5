"""Flags that should be gone by now: a flag in code that is past its date, or a roll-out that nobody has ended."""

from datetime import date

import structlog
from prometheus_client import Gauge
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import periodic
from tenants.toggles import queries
from tenants.toggles.flags import FLAGS, Flag
from tenants.toggles.queries import Started

log = structlog.get_logger()

PAST = Gauge("kameng_flags_past", "Flags and roll-outs that are past their date", multiprocess_mode="max")


@periodic(seconds=3600)
async def remind(runtime: Runtime) -> None:
    """Counts and logs them. The master's pages say the same."""
    async with runtime.database.master_session() as session:
        found = await past(session, clock.now().date())
    PAST.set(len(found))
    for key in found:
        log.warning("flag_past_its_date", flag=key)


async def past(session: AsyncSession, today: date) -> list[str]:
    """The keys of the flags that are past their date, or that have a roll-out past its. Master session."""
    rollouts = await queries.rollouts(session)
    return [key for key, flag in FLAGS.items() if is_past(flag, rollouts.get(key), today)]


def is_past(flag: Flag, rollout: Started | None, today: date) -> bool:
    """Whether the flag or its roll-out should be gone by `today`."""
    return any(day is not None and day < today for day in (flag.expires, rollout.remind_on if rollout else None))
