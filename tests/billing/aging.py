"""Making the books of a station older than they are: entries of money cannot be changed, so their owner does it."""

from datetime import date, timedelta

import psycopg

from billing.statements import queries, service
from kameng.infra.runtime import Runtime
from tests.support.house import Shop

TRIGGER = "ALTER TABLE master.ledger_entries {} TRIGGER ledger_entries_append_only"
SHIFT = "UPDATE master.ledger_entries SET created_at = created_at - make_interval(days => %s) WHERE tenant_id = %s"


async def age(shop: Shop, days: int) -> date:
    """Has all that happened at the station so far have happened `days` days ago; that day, which is summed up anew."""
    return await age_station(shop.runtime, shop.tenant.id, days)


async def age_station(runtime: Runtime, tenant_id: int, days: int) -> date:
    """The same for any station."""
    async with await psycopg.AsyncConnection.connect(runtime.settings.admin_url) as connection:
        await connection.execute(TRIGGER.format("DISABLE"))
        await connection.execute(SHIFT, [days, tenant_id])
        await connection.execute(TRIGGER.format("ENABLE"))
    then = queries.today() - timedelta(days=days)
    async with runtime.database.master_session() as session:
        for day in {then, *(then - timedelta(days=more) for more in range(1, 31))}:
            await service.roll_up(session, day)
    return then
