"""PostgreSQL keeps every table of one tenant from every other, whatever the code asks. See `tables.py`."""

from collections.abc import Callable

from tests.isolation.tables import try_another_schema, try_shared_rows
from tests.isolation.victim import Victim
from tests.support.house import Shop

RecordProperty = Callable[[str, object], None]


async def test_every_act_on_every_table_of_another_tenant_is_refused(
    a: Shop, victim: Victim, record_property: RecordProperty
) -> None:
    count = await try_another_schema(a.tenant, victim)

    record_property("isolation", f"tables of B: {count.tried} statements as A, {len(count.let_through)} let through")
    assert count.let_through == []
    assert count.tried >= 6 * 12


async def test_the_masters_tables_show_and_give_nothing_of_another_tenant(
    a: Shop, victim: Victim, record_property: RecordProperty
) -> None:
    count = await try_shared_rows(a.tenant, victim)

    told = f"tables of the master: {count.tried} statements as A, {len(count.let_through)} let through"
    record_property("isolation", told)
    assert count.let_through == []
    assert count.tried > 40
