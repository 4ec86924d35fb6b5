"""The showroom's repricing: rules, competitors and a month of what they asked."""

import random
from datetime import timedelta
from decimal import Decimal

from kameng.core import clock
from tests.support.house import work_off
from tests.support.showroom import shelf, trade
from tests.support.showroom.room import Room
from tests.tenants.pricing import steps

D = Decimal
LISTED = {  # name and price by article
    "a1": ("Steam 充值卡 50 元【自动发货】", 49.5),
    "a2": ("王者荣耀60点券 秒到", 5.95),
    "a3": ("QQ会员月卡", 9.6),
    "a4": ("原神 空月祝福 官方直充 国服 全渠道 自动发货 支持多买优惠", 29.5),
}


async def fill(room: Room) -> None:
    shop = await room.at(trade.GOODS[0])
    own = await room.product(shelf.FEW)
    places = {name: int(number) for name, number in (await room.places()).items()}
    await steps.set_to(shop, cool_down_min=0, turn_min=0)
    low = await steps.feed(shop, "隔壁老王卡盟", every_minutes=180)
    high = await steps.feed(shop, "某大型发卡平台（全国连锁，价格偏高）", every_minutes=180)
    await steps.rule(shop, "follow", mode="undercut", by=D("0.05"), by_percent=False, least_margin=D(1), pick="lowest")
    await steps.rule(shop, "keep_margin", category_id=places["会员"], margin=D(8), is_automatic=False)
    await steps.rule(shop, "cost_plus", product_id=own, by=D(30), cost=D("12.35"), ending=D("0.9"), is_automatic=False)
    await steps.rule(shop, "leave", category_id=places["话费"])
    chance = random.Random(3)  # noqa: S311 - the same each time
    prices = {key: price for key, (_, price) in LISTED.items()}
    began = clock.now() - timedelta(days=30)
    for step in range(120):
        now = began + timedelta(hours=6 * step)
        prices = {key: price * chance.uniform(0.992, 1.008) for key, price in prices.items()}
        for feed, more in ((low, 1.0), (high, 1.06)):
            asked = {key: "0.01" if chance.random() < 0.01 else f"{price * more:.2f}" for key, price in prices.items()}
            await steps.captured(shop, feed, asked, now)
        if not step:
            for feed in (low, high):
                for key, name in zip(LISTED, trade.GOODS[:3], strict=False):
                    await steps.matched(shop, feed, key, await room.product(name))
        if step % 4 == 3:
            await steps.run(shop, now, by="星辰点卡站长")
    for key, (name, _) in LISTED.items():
        await room.rows("UPDATE price_articles SET name = :name WHERE article = :key", name=name, key=key)
    await room.rows("UPDATE price_feeds SET state = 'active', kind = 'acg' WHERE id = :id", id=low)
    await room.page("/pricing")
    await room.send("/pricing/run")
    await work_off(room.runtime)
