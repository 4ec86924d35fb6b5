"""Thirty days of competitors, generated: prices that wander, outliers, gaps, one who lies, and a day on which all
fall. Prices follow, floors hold, nothing plays ping-pong, and the stop stops."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from msgspec import Struct

from kameng.core import clock
from kameng.infra.runtime import Runtime
from tenants.notices import queries as notices
from tenants.pricing import runs, sets
from tests.support.house import Shop, open_shop
from tests.tenants.pricing import steps

D = Decimal
DAYS, EVERY = 30, timedelta(hours=3)
PRODUCTS = 8
FLOOR = D("8.80")  # 8.00 wholesale, and a margin of a tenth of what is paid, rounded
CRASH_DAY = 20


class Rival(Struct):
    """One competitor: prices by article, wandering by up to two per cent at a time around those of `centre`."""

    feed_id: int
    prices: list[float]
    chance: random.Random
    centre: float

    def walk(self) -> None:
        for at, price in enumerate(self.prices):
            pull = (self.centre - price) * 0.02
            self.prices[at] = price + pull + price * self.chance.uniform(-0.012, 0.012)

    def list(self, *, crash: bool = False) -> dict[str, str]:
        """What is answered: now and then one article is a cent, or ten times its price, or missing."""
        found = {}
        for at, price in enumerate(self.prices):
            luck = self.chance.random()
            if luck < 0.02:
                continue
            wrong = 0.01 if luck < 0.05 else price * 10 if luck < 0.07 else price * 0.7 if crash else price
            found[f"a{at}"] = f"{wrong:.2f}"
        return found


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    return await open_shop(runtime, keys=["K"], price="12.00")


async def test_thirty_days_of_competitors(shop: Shop) -> None:
    products = [shop.product_id, *await steps.more_products(shop, PRODUCTS - 1, "12.00")]
    await steps.rule(
        shop, "follow", mode="undercut", by=D("0.05"), by_percent=False, least_margin=D(9), pick="lowest"
    )  # fmt: skip
    chance = random.Random(261122)  # noqa: S311 - a test that is the same each time
    began = now = clock.now() + timedelta(hours=2)
    rivals = [
        Rival(await steps.feed(shop, name, every_minutes=180), [12.0] * PRODUCTS, chance, centre)
        for name, centre in (("high", 13.0), ("low", 11.5))
    ]
    liar = await steps.feed(shop, "liar", every_minutes=180)
    for rival in rivals:
        await steps.captured(shop, rival.feed_id, {f"a{at}": "12.00" for at in range(PRODUCTS)}, now)
        for at, product in enumerate(products):
            await steps.matched(shop, rival.feed_id, f"a{at}", product)
    await steps.captured(shop, liar, {f"a{at}": "0.01" for at in range(PRODUCTS)}, now)
    for at, product in enumerate(products):
        await steps.matched(shop, liar, f"a{at}", product)

    paths: dict[int, list[Decimal]] = {product: [] for product in products}
    gaps: list[Decimal] = []
    lowest = D(999)
    while now - began < timedelta(days=DAYS):
        now += EVERY
        day = (now - began).days
        await steps.captured(shop, liar, {f"a{at}": "0.01" for at in range(PRODUCTS)}, now)
        for rival in rivals:
            rival.walk()
            answers = chance.random() > 0.05 and not 9 <= day < 10  # a day without any answer, and single gaps
            if answers:
                await steps.captured(shop, rival.feed_id, rival.list(), now)
        ran = await steps.run(shop, now)
        for line in ran.applied:
            assert line.reason.market is None or line.reason.market > D(5), "followed a lie"
        if ran.held is not None:  # rivals move all at once now and then: the owner looks, and says yes
            async with shop.tenant.begin() as session:
                await runs.approve(session, ran.held, "owner", now)
        for at, product in enumerate(products):
            price = await steps.price(shop, product)
            paths[product].append(price)
            lowest = min(lowest, price)
            if day >= 3 and not 9 <= day < 12:
                aim = max(min(D(str(rival.prices[at])) for rival in rivals) - D("0.05"), FLOOR)
                gaps.append(abs(price - aim) / aim)

    assert lowest >= FLOOR - D("0.01")
    assert sum(gaps) / len(gaps) < D("0.03")  # prices follow: three per cent off on average
    assert sorted(gaps)[len(gaps) * 95 // 100] < D("0.08")
    for product in products:
        assert steps.turns(paths[product]) <= DAYS * 2  # once in twelve hours at the very most
        assert steps.turns(paths[product]) <= 40
    await _keeps_to_its_limits(shop, products, began)


async def _keeps_to_its_limits(shop: Shop, products: Sequence[int], since: datetime) -> None:
    for product in products:
        async with shop.tenant.begin() as session:
            entries = [
                one for one in reversed(await steps.history(session, product, since)) if one.source == "rule"
            ]  # fmt: skip
        assert entries, "it was never moved"
        for entry in entries:
            assert entry.old_price is not None
            if entry.reason["code"] != "floor":
                assert abs(entry.new_price - entry.old_price) <= entry.old_price * D("0.05")
        for at, entry in enumerate(entries):
            day_ago = next(one.old_price for one in entries if one.at > entry.at - timedelta(days=1))
            assert day_ago is not None
            assert abs(entry.new_price - day_ago) <= day_ago * D("0.15") + D("0.01"), f"change {at}"


async def test_when_everything_falls_at_once_the_stop_stops(shop: Shop) -> None:
    """All rivals fall by a third over night, which no single price could be blamed for."""
    products = [shop.product_id, *await steps.more_products(shop, PRODUCTS - 1, "12.00")]
    await steps.rule(shop, "follow", mode="match", least_margin=D(9))
    feed_id = await steps.feed(shop, every_minutes=180)
    now = clock.now() + timedelta(hours=2)
    steady = {f"a{at}": "12.00" for at in range(PRODUCTS)}
    await steps.captured(shop, feed_id, steady, now)
    for at, product in enumerate(products):
        await steps.matched(shop, feed_id, f"a{at}", product)
    for _ in range(10):
        now += EVERY
        await steps.captured(shop, feed_id, steady, now)
        assert not (await steps.run(shop, now)).applied

    held = set()
    for _ in range(3 * 8):
        now += EVERY
        await steps.captured(shop, feed_id, dict.fromkeys(steady, "8.40"), now)
        ran = await steps.run(shop, now)
        assert ran.applied == ()
        held.add(ran.held)

    (number,) = held
    assert number is not None
    assert {await steps.price(shop, product) for product in products} == {D(12)}
    async with shop.tenant.begin() as session:
        assert [one.kind for one in await notices.unread(session)].count("pricing_held") == 1
        waiting = await sets.one(session, number)
        assert waiting.head.line_count == PRODUCTS
        await runs.approve(session, number, "owner", now)
    after = {await steps.price(shop, product) for product in products}
    assert after == {D("11.40")}  # one step: an approval is of what was shown
    for _ in range(40):
        now += EVERY
        await steps.captured(shop, feed_id, dict.fromkeys(steady, "8.40"), now)
        ran = await steps.run(shop, now)
        if ran.held is not None:
            async with shop.tenant.begin() as session:
                await runs.approve(session, ran.held, "owner", now)
    assert {await steps.price(shop, product) for product in products} == {D("8.80")}  # its floor, not theirs
