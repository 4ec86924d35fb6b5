"""Opening a station is one act: whole, or nothing."""

import pytest
from sqlalchemy import text

from kameng.infra.runtime import Runtime
from tenants.registry.errors import SlugTaken
from tests.support.house import open_shop, open_station


async def test_a_station_that_cannot_be_opened_leaves_nothing_behind(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    async with runtime.database.master_session() as session:
        tier_id = (await session.execute(text("SELECT min(id) FROM tiers"))).scalar_one()
        before = (await session.execute(text("SELECT count(*) FROM pg_namespace"))).scalar_one()

    with pytest.raises(SlugTaken):
        await open_station(runtime, tier_id=tier_id, slug=shop.tenant.slug)

    async with runtime.database.master_session() as session:
        after = (await session.execute(text("SELECT count(*) FROM pg_namespace"))).scalar_one()
    assert after == before
