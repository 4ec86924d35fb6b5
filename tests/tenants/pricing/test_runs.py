"""Runs through the service and the database: what changes at once, what waits, what is taken back."""

from datetime import timedelta
from decimal import Decimal

import pytest

from kameng.core import clock
from kameng.infra.runtime import Runtime
from tenants.notices import queries as notices
from tenants.pricing import queries, rule_book, runs, sets, settings
from tenants.pricing.errors import NothingToUndo, RuleThere, SetDecided
from tenants.pricing.rules import Terms
from tests.support.house import Shop, open_shop
from tests.support.prices import applied, priced
from tests.tenants.pricing import steps

D = Decimal
HOUR = timedelta(hours=1)


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    """Sells for 10.00 what it pays 8.00 for."""
    return await open_shop(runtime, keys=["K"])


async def test_a_rule_prices_what_it_is_for_and_says_why(shop: Shop) -> None:
    await steps.set_to(shop, cool_down_min=0)
    number = await steps.rule(shop, "cost_plus", by=D(30))
    now = clock.now() + HOUR

    ran = await steps.run(shop, now)

    assert await steps.price(shop) == D("10.40")
    (line,) = ran.applied
    assert (line.reason.code, line.reason.kind, line.reason.rule_id, line.reason.cost) == (
        "rule", "cost_plus", number, D(8),
    )  # fmt: skip
    async with shop.tenant.begin() as session:
        (entry, listing) = await queries.history(session, shop.product_id, now - timedelta(days=1))
    assert (entry.source, entry.old_price, entry.actor, entry.set_id) == ("rule", D(10), "boss", ran.set_id)
    assert entry.reason["wanted"] == "10.40"
    assert listing.source == "listing"


async def test_the_nearest_rule_counts(shop: Shop) -> None:
    async with shop.tenant.begin() as session:
        games = await steps.category(session, "games")
        steam = await steps.category(session, "steam", games)
        await steps.put_into(session, shop.product_id, steam)
    await steps.set_to(shop, cool_down_min=0, step_percent=D(50), drift_percent=D(50), turn_min=0)
    now = clock.now() + HOUR
    of_shop = await steps.rule(shop, "cost_plus", by=D(30))
    await steps.run(shop, now)
    assert await steps.price(shop) == D("10.40")

    await steps.rule(shop, "cost_plus", category_id=games, by=D(40))
    await steps.run(shop, now + HOUR)
    assert await steps.price(shop) == D("11.20")

    own = await steps.rule(shop, "cost_plus", product_id=shop.product_id, by=D(50))
    await steps.run(shop, now + 2 * HOUR)
    assert await steps.price(shop) == D("12.00")

    async with shop.tenant.begin() as session:
        await rule_book.remove(session, own)
        await rule_book.pause(session, of_shop, paused=True)
    await steps.run(shop, now + 3 * HOUR)
    assert await steps.price(shop) == D("11.20")


async def test_one_thing_has_one_rule(shop: Shop) -> None:
    await steps.rule(shop, "cost_plus", by=D(30))
    with pytest.raises(RuleThere):
        await steps.rule(shop, "keep_margin", margin=D(10))


async def test_a_pinned_product_is_left_alone_and_keeps_its_rule(shop: Shop) -> None:
    await steps.rule(shop, "cost_plus", product_id=shop.product_id, by=D(50))
    async with shop.tenant.begin() as session:
        await rule_book.pin(session, shop.product_id, pinned=True)
        await rule_book.pin(session, shop.product_id, pinned=True)
    await steps.run(shop, clock.now() + HOUR)
    assert await steps.price(shop) == D(10)

    async with shop.tenant.begin() as session:
        await rule_book.pin(session, shop.product_id, pinned=False)
    await steps.run(shop, clock.now() + 2 * HOUR)
    assert await steps.price(shop) == D("10.50")


async def test_a_price_below_its_floor_is_lifted_at_once_and_the_sale_is_told_the_floor(shop: Shop) -> None:
    await steps.rule(shop, "cost_plus", by=D(10), least_margin=D(20))
    await applied(shop, await priced(shop, "20.00"), allows_loss=True)

    ran = await steps.run(shop, clock.now())

    assert await steps.price(shop) == D(25)
    assert await steps.column(shop, "floor_price") == D(25)
    assert (ran.applied[0].reason.code, ran.applied[0].reason.bound) == ("floor", "margin")


async def test_coupons_raise_the_list_price_and_not_what_must_be_paid(shop: Shop) -> None:
    await steps.set_to(shop, coupon_percent=D(20))
    await steps.rule(shop, "cost_plus", by=D(0), least=D("8.50"))
    await applied(shop, await priced(shop, "9.00"))

    await steps.run(shop, clock.now())

    assert await steps.price(shop) == D("11.25")
    assert await steps.column(shop, "floor_price") == D(9)


async def test_the_masters_minimum_is_a_floor(shop: Shop) -> None:
    await steps.rule(shop, "cost_plus", by=D(1))
    await applied(shop, await priced(shop, "8.00", floor="11.50"))

    ran = await steps.run(shop, clock.now())

    assert await steps.price(shop) == D("11.50")
    assert ran.applied[0].reason.bound == "minimum"


async def test_a_floor_ends_with_its_rule(shop: Shop) -> None:
    number = await steps.rule(shop, "cost_plus", by=D(30))
    await steps.run(shop, clock.now() + HOUR)
    assert await steps.column(shop, "floor_price") == D(8)

    async with shop.tenant.begin() as session:
        await rule_book.remove(session, number)

    assert await steps.column(shop, "floor_price") is None


async def test_run_again_nothing_changes(shop: Shop) -> None:
    await steps.rule(shop, "cost_plus", by=D(60))
    now = clock.now() + 2 * HOUR
    await steps.run(shop, now)
    assert await steps.price(shop) == D("10.50")  # a step of 5 %

    ran = await steps.run(shop, now)

    assert ran.applied == ()
    assert await steps.price(shop) == D("10.50")
    await steps.run(shop, now + 2 * HOUR)
    assert await steps.price(shop) == D("11.02")


async def test_what_is_not_automatic_waits_as_one_draft(shop: Shop) -> None:
    await steps.rule(shop, "cost_plus", by=D(30), is_automatic=False)
    now = clock.now() + 2 * HOUR

    first, second = await steps.run(shop, now), await steps.run(shop, now)
    assert first.draft == second.draft is not None
    assert await steps.price(shop) == D(10)

    async with shop.tenant.begin() as session:
        (line,) = await runs.approve(session, first.draft or 0, "owner", now)
    assert await steps.price(shop) == line.new == D("10.40")
    async with shop.tenant.begin() as session:
        with pytest.raises(SetDecided):
            await runs.approve(session, first.draft or 0, "owner", now)


async def test_a_price_set_by_hand_in_between_is_not_overwritten_by_an_approval(shop: Shop) -> None:
    await steps.rule(shop, "cost_plus", by=D(30), is_automatic=False)
    now = clock.now() + 2 * HOUR
    ran = await steps.run(shop, now)
    await steps.set_price(shop, "15.00")

    async with shop.tenant.begin() as session:
        assert await runs.approve(session, ran.draft or 0, "owner", now) == []

    assert await steps.price(shop) == D(15)
    assert ("hand", D(15)) in await steps.sources(shop, now - timedelta(days=1))


async def test_an_approval_does_not_go_below_a_floor_that_has_risen(shop: Shop) -> None:
    await steps.rule(shop, "cost_plus", by=D(20), is_automatic=False)
    await steps.set_to(shop, least_percent=D(0))
    now = clock.now() + 2 * HOUR
    ran = await steps.run(shop, now)
    assert ran.draft
    await applied(shop, await priced(shop, "9.80"))

    async with shop.tenant.begin() as session:
        (line,) = await runs.approve(session, ran.draft, "owner", now)

    assert (line.new, line.reason.code) == (D("9.80"), "floor")


async def test_too_many_moves_are_held_and_the_owner_is_told_once(shop: Shop) -> None:
    products = await steps.more_products(shop, 9)
    await steps.rule(shop, "cost_plus", by=D(30))
    now = clock.now() + 2 * HOUR

    ran = await steps.run(shop, now)
    again = await steps.run(shop, now)

    assert (ran.applied, again.applied, again.held) == ((), (), ran.held)
    assert await steps.price(shop, products[0]) == D(10)
    async with shop.tenant.begin() as session:
        told = [one for one in await notices.unread(session) if one.kind == "pricing_held"]
        (waiting,) = await sets.waiting(session)
    assert [one.detail for one in told] == [{"moves": 10, "of": 10}]
    assert (waiting.state, waiting.line_count, waiting.of_count) == ("held", 10, 10)


async def test_while_something_is_held_nothing_else_moves_but_what_is_below_its_floor(shop: Shop) -> None:
    products = await steps.more_products(shop, 9)
    await steps.rule(shop, "cost_plus", by=D(30))
    now = clock.now() + 2 * HOUR
    await steps.run(shop, now)

    async with shop.tenant.begin() as session:
        few = await runs.run(session, now, "hand", products=products[:1])
    assert few.applied == ()
    await applied(shop, await priced(shop, "12.00"), allows_loss=True)
    lifted = await steps.run(shop, now)

    assert len(lifted.applied) == 10
    assert await steps.price(shop, products[3]) == D(12)


async def test_a_discarded_set_changes_nothing(shop: Shop) -> None:
    await steps.rule(shop, "cost_plus", by=D(30), is_automatic=False)
    now = clock.now() + 2 * HOUR
    ran = await steps.run(shop, now)

    async with shop.tenant.begin() as session:
        await runs.discard(session, ran.draft or 0, "owner", now)

    assert await steps.price(shop) == D(10)
    async with shop.tenant.begin() as session:
        assert (await sets.one(session, ran.draft or 0)).head.state == "discarded"


async def test_a_set_is_rolled_back_and_rules_only_make_drafts_from_then_on(shop: Shop) -> None:
    (other,) = await steps.more_products(shop, 1)
    await steps.set_to(shop, cool_down_min=0)
    await steps.rule(shop, "cost_plus", by=D(30))
    now = clock.now()
    ran = await steps.run(shop, now)
    await steps.set_price(shop, "13.00", other)  # a person has thought about this one since

    async with shop.tenant.begin() as session:
        lines = await runs.roll_back(session, "owner", now + HOUR, set_id=ran.set_id)

    assert [line.product_id for line in lines] == [shop.product_id]
    assert (await steps.price(shop), await steps.price(shop, other)) == (D(10), D(13))
    later = await steps.run(shop, now + 5 * HOUR)
    assert (later.applied, later.draft is not None) == ((), True)
    async with shop.tenant.begin() as session:
        assert not (await settings.read(session)).is_automatic
        with pytest.raises(NothingToUndo):
            await runs.roll_back(session, "owner", now + HOUR, set_id=ran.set_id)


async def test_everything_since_a_moment_is_rolled_back(shop: Shop) -> None:
    await steps.set_to(shop, cool_down_min=10)
    await steps.rule(shop, "cost_plus", by=D(60))
    now = clock.now() + HOUR
    await steps.run(shop, now)
    since = now + timedelta(minutes=20)
    for minutes in (30, 50):
        await steps.run(shop, now + timedelta(minutes=minutes))
    assert await steps.price(shop) > D(11)

    async with shop.tenant.begin() as session:
        await runs.roll_back(session, "owner", now + 2 * HOUR, since=since)

    assert await steps.price(shop) == D("10.50")


async def test_a_roll_back_does_not_go_below_the_floor(shop: Shop) -> None:
    await steps.rule(shop, "cost_plus", by=D(30))
    now = clock.now() + 2 * HOUR
    ran = await steps.run(shop, now)
    await applied(shop, await priced(shop, "10.20"), allows_loss=True)

    async with shop.tenant.begin() as session:
        await runs.roll_back(session, "owner", now + HOUR, set_id=ran.set_id)

    assert await steps.price(shop) == D("10.20")


async def test_a_price_turns_round_once_in_its_time(shop: Shop) -> None:
    await steps.set_to(shop, cool_down_min=0, turn_min=600, step_percent=D(50), drift_percent=D(50))
    number = await steps.rule(shop, "cost_plus", by=D(30))
    now = clock.now() + HOUR
    prices = []
    for hour in range(1, 30):
        async with shop.tenant.begin() as session:
            draft = rule_book.RuleDraft(kind="cost_plus", terms=Terms(by=D(30 if hour % 2 else 60)), is_automatic=True)
            await rule_book.change(session, number, draft)
        await steps.run(shop, now + hour * HOUR)
        prices.append(await steps.price(shop))
    assert 1 <= steps.turns(prices) <= 3
