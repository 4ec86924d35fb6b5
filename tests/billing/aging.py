"""Making the books of a station older than they are: entries of money cannot be changed, so their owner does it."""

from datetime import date, timedelta

import psycopg

from billing.statements import queries, service
from tests.support.house import Shop

TRIGGER = "ALTER TABLE master.ledger_entries {} TRIGGER ledger_entries_append_only"
SHIFT = "UPDATE master.ledger_entries SET created_at = created_at - make_interval(days => %s) WHERE tenant_id = %s"


async def age(shop: Shop, days: int) -> date:
    """Has all that happened at the station so far have happened `days` days ago; that day, which is summed up anew."""
    url = shop.runtime.settings.admin_url
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute(TRIGGER.format("DISABLE"))
        await connection.execute(SHIFT, [days, shop.tenant.id])
        await connection.execute(TRIGGER.format("ENABLE"))
    then = queries.today() - timedelta(days=days)
    async with shop.runtime.database.master_session() as session:
        for day in {then, *(then - timedelta(days=more) for more in range(1, 31))}:
            await service.roll_up(session, day)
    return then
