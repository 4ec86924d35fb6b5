"""Feeds against a real server: what is read, what is not believed, what happens when nothing comes."""

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal

import pytest
from msgspec import structs
from sqlalchemy import text

from kameng.core import clock
from kameng.infra.http import Outbound
from kameng.infra.runtime import Runtime
from tenants.notices import queries as notices
from tenants.pricing import feed_queries, feeds, matching, queries, tasks
from tenants.pricing.capture import Trouble
from tenants.pricing.feed_queries import Feed
from tenants.pricing.feeds import FeedDraft
from tenants.pricing.readers import Options
from tests.support.house import Shop, open_shop, work_off
from tests.support.rival import Rival, running_rival
from tests.tenants.pricing import steps

D = Decimal


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    return await open_shop(runtime, keys=["K"])


@pytest.fixture
async def rival() -> AsyncIterator[Rival]:
    async with running_rival((1, "Steam 50", "45.50"), (2, "Steam 100", "91.00")) as running:
        yield running


async def added(shop: Shop, kind: str, url: str, options: Options = Options()) -> Feed:  # noqa: B008 - it is frozen
    """A feed, and what it has answered at once."""
    async with shop.tenant.begin() as session:
        draft = FeedDraft(name="Rival", kind=kind, url=url, options=options)  # type: ignore[arg-type]  # one of the kinds
        feed_id = await feeds.add(session, draft)
    await work_off(shop.runtime)
    return await seen(shop, feed_id)


async def seen(shop: Shop, feed_id: int) -> Feed:
    async with shop.tenant.begin() as session:
        return await feed_queries.feed(session, feed_id)


async def listed(shop: Shop, feed: Feed) -> dict[str, Decimal]:
    async with shop.tenant.begin() as session:
        return {key: one.asked for key, one in (await feed_queries.listed(session, feed.id)).items()}


async def asked_again(shop: Shop, feed_id: int) -> None:
    async with shop.tenant.begin() as session:
        await feeds.ask_now(session, feed_id)
    await work_off(shop.runtime)


async def test_a_shop_of_acg_faka_is_read_by_its_public_list(shop: Shop, rival: Rival) -> None:
    feed = await added(shop, "acg", f"{rival.url}/item?mid=3")

    assert rival.asked == ["/user/api/index/commodity?categoryId=0"]
    assert await listed(shop, feed) == {"1": D("45.50"), "2": D("91.00")}
    assert (feed.articles, feed.failures, feed.error) == (2, 0, "")


async def test_what_members_pay_there_can_be_followed_instead(shop: Shop, rival: Rival) -> None:
    feed = await added(shop, "acg", rival.url, Options(member=True))
    assert await listed(shop, feed) == {"1": D("40.95"), "2": D("81.90")}


async def test_a_table_and_json_are_read_by_their_columns_and_ways(shop: Shop, rival: Rival) -> None:
    table = await added(shop, "csv", f"{rival.url}/list.csv", Options(article="编号", name="名称", price="价格"))
    tree = await added(
        shop,
        "json",
        f"{rival.url}/list.json",
        Options(items="data.items", article="sku.no", name="title", price="fen", in_cents=True),
    )

    assert await listed(shop, table) == await listed(shop, tree) == {"1": D("45.50"), "2": D("91.00")}


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (500, b"down", "It answered with status %(status)s."),
        (302, b"", "It answered with status %(status)s."),
        (200, b"<html>please wait</html>", "This is not the list of an acg-faka shop."),
        (200, b'{"code": 0, "msg": "no"}', "The shop answered with an error instead of its list."),
        (200, b'{"code": 200, "data": [{"id": 1}, 7, null]}', "The answer lists nothing with a price."),
        (200, b"x" * (5 << 20), "Its answer is too large, or packed."),
    ],
)
async def test_a_feed_that_fails_is_asked_less_often_and_says_why(
    shop: Shop, rival: Rival, status: int, body: bytes, why: str
) -> None:
    rival.fails = (status, body)
    feed = await added(shop, "acg", rival.url)
    for _ in range(2):
        await asked_again(shop, feed.id)

    now, after = clock.now(), await seen(shop, feed.id)
    assert why in after.error
    assert (after.failures, after.health(now), after.answered_at) == (3, "failing", None)
    assert after.due_at is not None
    assert after.due_at > now + timedelta(minutes=100)  # 30, 60, 120
    async with shop.tenant.begin() as session:
        assert [one.kind for one in await notices.unread(session)] == ["pricing_feed_failed"]

    rival.fails = None
    await asked_again(shop, feed.id)
    assert (await seen(shop, feed.id)).health(clock.now()) == "healthy"


async def test_private_addresses_are_not_asked(shop: Shop, rival: Rival) -> None:
    feed = await added(shop, "acg", rival.url)
    before = len(rival.asked)
    outside = Outbound(allow_private=False)
    try:
        answer = await tasks.ask(structs.replace(shop.runtime, outbound=outside), feed)
    finally:
        await outside.aclose()

    assert isinstance(answer, Trouble)
    assert answer.message == "Its address leads into a private network, which is not asked."
    assert len(rival.asked) == before


async def test_a_paused_feed_is_neither_asked_nor_followed(shop: Shop, rival: Rival) -> None:
    feed = await added(shop, "acg", rival.url)
    await steps.matched(shop, feed.id, "1")
    async with shop.tenant.begin() as session:
        await feeds.pause(session, feed.id, paused=True)
    before = len(rival.asked)
    await work_off(shop.runtime)

    assert len(rival.asked) == before
    async with shop.tenant.begin() as session:
        assert not await queries.asked(session, [shop.product_id])


async def test_a_capture_moves_what_follows_it(shop: Shop, rival: Rival) -> None:
    rival.listed = [(1, "Pass", "9.80")]
    await steps.set_to(shop, cool_down_min=0)
    await steps.rule(shop, "follow", mode="undercut", by=D("0.10"), by_percent=False)
    feed = await added(shop, "acg", rival.url)
    await steps.matched(shop, feed.id, "1")

    await asked_again(shop, feed.id)

    assert await steps.price(shop) == D("9.70")
    async with shop.tenant.begin() as session:
        acted = await session.execute(text("SELECT actor FROM audit_log WHERE action = 'pricing.run'"))
        assert acted.scalars().all() == ["system"]


async def test_only_the_last_chain_of_captures_goes_on(shop: Shop, rival: Rival) -> None:
    feed = await added(shop, "acg", rival.url)
    for _ in range(3):
        async with shop.tenant.begin() as session:
            await feeds.ask_now(session, feed.id)
    before = len(rival.asked)
    await work_off(shop.runtime)
    assert len(rival.asked) == before + 1


async def test_a_cent_and_a_leap_are_not_believed_and_the_reason_is_kept(shop: Shop) -> None:
    feed_id, now = await steps.feed(shop), clock.now()
    await steps.captured(shop, feed_id, {"a": "9.90"}, now)
    await steps.matched(shop, feed_id, "a")
    for hour in range(1, 6):
        await steps.captured(shop, feed_id, {"a": "9.90"}, now + timedelta(hours=hour))

    await steps.captured(shop, feed_id, {"a": "0.01"}, now + timedelta(hours=6))
    assert await steps.verdict(shop, feed_id, "a") == "absurd"
    await steps.captured(shop, feed_id, {"a": "5.00"}, now + timedelta(hours=7))
    assert await steps.verdict(shop, feed_id, "a") == "jump"
    async with shop.tenant.begin() as session:
        (asked,) = (await queries.asked(session, [shop.product_id]))[shop.product_id]
    assert (asked.price, asked.believed_at) == (D("9.90"), now + timedelta(hours=5))

    await steps.captured(shop, feed_id, {"a": "9.50"}, now + timedelta(hours=8))
    assert await steps.verdict(shop, feed_id, "a") == "ok"


async def test_a_leap_is_believed_after_a_day_or_by_a_person(shop: Shop) -> None:
    feed_id, now = await steps.feed(shop), clock.now()
    await steps.captured(shop, feed_id, {"a": "9.90", "b": "9.90"}, now)
    for key in ("a", "b"):
        await steps.matched(shop, feed_id, key)
    for hour in range(1, 31):
        price = "9.90" if hour < 4 else "5.00"
        await steps.captured(shop, feed_id, {"a": price, "b": price}, now + timedelta(hours=hour))
        if hour == 5:
            async with shop.tenant.begin() as session:
                by_hand = (await feed_queries.listed(session, feed_id))["b"].id
                await feeds.believe(session, by_hand, now + timedelta(hours=hour))
            assert await steps.verdict(shop, feed_id, "b") == "ok"
        if hour == 20:
            assert await steps.verdict(shop, feed_id, "a") == "jump"
            assert await steps.verdict(shop, feed_id, "b") == "ok"
    assert await steps.verdict(shop, feed_id, "a") == "ok"


async def test_what_contradicts_two_others_is_never_believed(shop: Shop) -> None:
    now = clock.now()
    numbers = [await steps.feed(shop, name) for name in ("one", "two", "odd")]
    for hour in range(60):
        for number in numbers:
            price = "3.00" if number == numbers[2] else "10.00"
            await steps.captured(shop, number, {"a": price}, now + timedelta(hours=hour))
            if not hour:
                await steps.matched(shop, number, "a")
    assert await steps.verdict(shop, numbers[2], "a") == "odd"


async def test_the_first_price_far_from_ones_own_is_not_believed(shop: Shop) -> None:
    feed_id, now = await steps.feed(shop), clock.now()
    await steps.captured(shop, feed_id, {"a": "99.00"}, now)
    await steps.matched(shop, feed_id, "a")
    await steps.captured(shop, feed_id, {"a": "99.00"}, now + timedelta(hours=1))
    assert await steps.verdict(shop, feed_id, "a") == "far"


async def test_stale_prices_are_not_followed(shop: Shop) -> None:
    await steps.set_to(shop, cool_down_min=0)
    await steps.rule(shop, "follow", mode="match")
    feed_id, now = await steps.feed(shop), clock.now()
    await steps.captured(shop, feed_id, {"a": "9.60"}, now)
    await steps.matched(shop, feed_id, "a")
    await steps.captured(shop, feed_id, {"a": "9.60"}, now)

    await steps.run(shop, now + timedelta(hours=4))
    assert await steps.price(shop) == D(10)
    await steps.run(shop, now + timedelta(hours=2))
    assert await steps.price(shop) == D("9.60")


async def test_a_price_that_stays_is_one_row_of_history(shop: Shop) -> None:
    feed_id, now = await steps.feed(shop), clock.now() - timedelta(days=2)
    await steps.captured(shop, feed_id, {"a": "9.90"}, now)
    await steps.matched(shop, feed_id, "a")
    for hour in range(20):
        await steps.captured(shop, feed_id, {"a": "9.90" if hour < 15 else "9.80"}, now + timedelta(hours=hour))

    async with shop.tenant.begin() as session:
        kept = await queries.competitors(session, shop.product_id, now - timedelta(days=1))
    assert [(one.price, one.last_at - one.first_at) for one in kept] == [
        (D("9.90"), timedelta(hours=14)),
        (D("9.80"), timedelta(hours=4)),
    ]


def test_matches_are_suggested_by_name_and_never_against_the_figures() -> None:
    products = [(1, "Steam 钱包充值卡 50 元"), (2, "Steam 钱包充值卡 100 元"), (3, "王者荣耀 点券 600")]
    assert matching.suggest("【自动发货】Steam充值卡100元 国区", products) == 2
    assert matching.suggest("王者荣耀点券600", products) == 3
    assert matching.suggest("腾讯视频会员月卡", products) is None
