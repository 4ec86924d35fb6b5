"""Keeping the sums by day."""

import time

from billing.statements import service
from kameng.infra.runtime import Runtime
from kameng.infra.tasks import periodic

TURN_S = 20.0


@periodic(seconds=300)
async def roll_up_ledger(runtime: Runtime) -> None:
    """Each day once it is over; a transaction for each, so a long absence is caught up in pieces."""
    ends = time.monotonic() + TURN_S
    while time.monotonic() < ends:
        async with runtime.database.master_session() as session:
            if await service.roll_up_next(session) is None:
                return
