"""The room "Repricing": rules, drafts, feeds and prices through the front door."""

import re
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from sqlalchemy import text

from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tests.admin_ui.conftest import SignIn, audited
from tests.support.house import Shop, work_off
from tests.support.prices import applied, priced
from tests.support.rival import Rival, running_rival
from tests.support.staff_client import StaffClient, error_at, text_of
from tests.tenants.pricing import steps

D = Decimal
RULES, FEEDS, PRODUCTS = "/console/pricing/rules", "/console/pricing/feeds", "/console/pricing/products"
COST_PLUS = {"scope": "shop", "kind": "cost_plus", "plus": "30", "plus_unit": "percent", "past_list": "yes"}


@pytest.fixture
async def rival() -> AsyncIterator[Rival]:
    async with running_rival((1, "月卡 自动发货", "9.60"), (2, "Steam 100", "91.00")) as running:
        yield running


@pytest.fixture
async def quick(shop: Shop) -> Shop:
    """Prices here need not rest before they move."""
    await steps.set_to(shop, cool_down_min=0)
    return shop


async def number(shop: Shop, table: str) -> int:
    async with shop.tenant.begin() as session:
        return int((await session.execute(text(f"SELECT max(id) FROM {table}"))).scalar_one())  # noqa: S608 - a name


async def test_a_first_visit_says_what_this_is_for(owner: StaffClient) -> None:
    seen = text_of(await owner.get("/console/pricing"))
    assert "No rules yet" in seen
    assert "Add a rule" in seen
    for path in ("/products", "/feeds", "/sets", "/settings", "/rules/new", "/feeds/new"):
        assert (await owner.get(f"/console/pricing{path}")).status_code == 200


async def test_a_rule_is_added_tried_and_approved(quick: Shop, owner: StaffClient, runtime: Runtime) -> None:
    await owner.get(f"{RULES}/new")
    listed = await owner.follow(await owner.post(RULES, **COST_PLUS))
    assert "Cost plus 30%." in text_of(listed)
    assert "after approval" in text_of(listed)

    draft = await owner.follow(await owner.post("/console/pricing/run"))
    assert "To be decided" in text_of(draft)
    assert "By its cost of ¥8.00." in text_of(draft)
    assert "being worked out" in text_of(draft)
    await work_off(runtime)
    set_id = await number(quick, "price_sets")
    assert "in 30 days" in text_of(await owner.get(f"/console/pricing/sets/{set_id}"))

    done = await owner.follow(await owner.post(f"/console/pricing/sets/{set_id}/approve"))
    assert "Applied" in text_of(done)
    assert await steps.price(quick) == D("10.40")
    again = await owner.follow(await owner.post(f"/console/pricing/sets/{set_id}/approve"))
    assert "decided about this change in the meantime" in again.text
    for action in ("pricing.run", "pricing.approve"):
        assert len(await audited(runtime, action, str(set_id) if action.endswith("approve") else "", quick.tenant)) == 1


async def test_a_simulation_counts_what_orders_would_have_brought(
    quick: Shop, owner: StaffClient, runtime: Runtime
) -> None:
    buyer = await quick.buyer(wallet_cents=5_000)
    await quick.buy(buyer, 2)
    await steps.rule(quick, "cost_plus", by=D(30), is_automatic=False)
    await owner.get("/console/pricing")
    await owner.post("/console/pricing/run")
    await work_off(runtime)

    seen = text_of(await owner.get(f"/console/pricing/sets/{await number(quick, 'price_sets')}"))

    assert "Revenue ¥20.80 ¥20.00 as it was" in seen
    assert "Margin ¥4.80 ¥4.00 as it was" in seen


async def test_an_automatic_rule_changes_prices_and_one_click_takes_it_back(
    quick: Shop, owner: StaffClient, runtime: Runtime
) -> None:
    await owner.get(f"{RULES}/new")
    await owner.post(RULES, **COST_PLUS, is_automatic="yes")
    done = await owner.follow(await owner.post("/console/pricing/run"))
    assert "Roll this change back" in text_of(done)
    assert await steps.price(quick) == D("10.40")
    set_id = await number(quick, "price_sets")

    back = await owner.follow(await owner.post(f"/console/pricing/sets/{set_id}/rollback", confirmed="yes"))

    assert await steps.price(quick) == D(10)
    assert "Automatic rules only prepare drafts now." in text_of(back)
    assert await audited(runtime, "pricing.roll_back", str(set_id), quick.tenant)
    on = await owner.follow(await owner.post("/console/pricing/automatic", on="yes"))
    assert "only prepare drafts now" not in text_of(on)
    nothing = await owner.follow(await owner.post("/console/pricing/rollback", since="week"))
    assert nothing.status_code == 200


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"plus": "a lot"}, "plus"),
        ({"kind": "nonsense"}, "kind"),
        ({"scope": "c999"}, "scope"),
        ({"least_margin": "91"}, "least_margin"),
        ({"kind": "keep_margin", "margin": "5", "least_margin": "10"}, "margin"),
        ({"kind": "follow", "mode": "undercut", "off": "95", "off_unit": "percent"}, "off"),
    ],
)
async def test_a_wrong_rule_is_told_at_the_field_and_kept(
    quick: Shop, owner: StaffClient, wrong: dict[str, str], field: str
) -> None:
    await owner.get(f"{RULES}/new")
    answer = await owner.post(RULES, **(COST_PLUS | {"least": "7.77"} | wrong))

    assert answer.status_code == 422
    assert error_at(answer, field)
    assert 'value="7.77"' in answer.text
    async with quick.tenant.begin() as session:
        assert (await session.execute(text("SELECT count(*) FROM price_rules"))).scalar_one() == 0


async def test_a_rule_is_changed_paused_and_deleted(quick: Shop, owner: StaffClient, runtime: Runtime) -> None:
    rule_id = await steps.rule(quick, "follow", mode="undercut", by=D("0.5"), by_percent=False)
    form = await owner.get(f"{RULES}/{rule_id}")
    assert 'value="0.5"' in form.text

    changed = await owner.follow(
        await owner.post(f"{RULES}/{rule_id}", **{**COST_PLUS, "kind": "keep_margin", "margin": "20"})
    )
    assert "Keeps a margin of 20%." in text_of(changed)
    paused = await owner.follow(await owner.post(f"{RULES}/{rule_id}/pause", paused="yes"))
    assert "Resume the rule" in text_of(paused)
    gone = await owner.follow(await owner.post(f"{RULES}/{rule_id}/remove", confirmed="yes"))
    assert "No rules yet" in text_of(gone)
    for action in ("pricing.rule_change", "pricing.rule_pause", "pricing.rule_remove"):
        assert await audited(runtime, action, str(rule_id), quick.tenant)


async def test_a_feed_is_added_matched_and_followed(
    quick: Shop, owner: StaffClient, runtime: Runtime, rival: Rival
) -> None:
    async with quick.tenant.begin() as session:
        name = (await session.execute(text("SELECT name FROM products"))).scalar_one()
    rival.listed = [(1, f"{name} 自动发货", "9.60"), (2, "Steam 100", "91.00")]
    await steps.rule(quick, "follow", mode="match")
    await owner.get(f"{FEEDS}/new")
    waiting = await owner.follow(await owner.post(FEEDS, name="Rival", kind="acg", url=rival.url, every_minutes="30"))
    assert "Nothing captured yet" in text_of(waiting)
    await work_off(runtime)
    feed_id = await number(quick, "price_feeds")

    page = await owner.get(f"{FEEDS}/{feed_id}")
    assert "suggested by name" in text_of(page)
    article = re.search(r"/articles/(\d+)/match", page.text[page.text.index("自动发货") :])
    assert article
    await owner.post(f"{FEEDS}/articles/{article[1]}/match", product_id=quick.product_id)
    await owner.post(f"{FEEDS}/{feed_id}/ask")
    await work_off(runtime)

    assert await steps.price(quick) == D("9.60")
    seen = text_of(await owner.get(f"{PRODUCTS}/{quick.product_id}"))
    assert "Rival asks ¥9.60." in seen
    assert "Followed Rival at ¥9.60" in seen


async def test_a_price_that_is_not_believed_is_shown_with_its_reason_and_can_be_believed(
    quick: Shop, owner: StaffClient, runtime: Runtime, rival: Rival
) -> None:
    await owner.get(f"{FEEDS}/new")
    await owner.post(FEEDS, name="Rival", kind="acg", url=rival.url, every_minutes="30")
    await work_off(runtime)
    feed_id = await number(quick, "price_feeds")
    article_id = await steps.matched(quick, feed_id, "2")
    await owner.post(f"{FEEDS}/{feed_id}/ask")
    await work_off(runtime)

    page = text_of(await owner.get(f"{FEEDS}/{feed_id}?state=rejected"))
    assert "Not believed: far from your price" in page
    believed = await owner.follow(await owner.post(f"{FEEDS}/articles/{article_id}/believe"))
    assert "Believed" in text_of(believed)
    assert await steps.verdict(quick, feed_id, "2") == "ok"


async def test_a_feed_that_fails_says_why_and_when_it_is_asked_again(
    quick: Shop, owner: StaffClient, runtime: Runtime, rival: Rival
) -> None:
    rival.fails = (503, b"")
    await owner.get(f"{FEEDS}/new")
    await owner.post(FEEDS, name="Rival", kind="acg", url=rival.url, every_minutes="30")
    await work_off(runtime)
    feed_id = await number(quick, "price_feeds")

    assert "It answered with status 503." in text_of(await owner.get(FEEDS))
    assert "It answered with status 503. It is asked again at" in text_of(await owner.get(f"{FEEDS}/{feed_id}"))
    gone = await owner.follow(await owner.post(f"{FEEDS}/{feed_id}/remove", confirmed="yes"))
    assert "No feeds yet" in text_of(gone)


@pytest.mark.parametrize("url", ["rival.example", "ftp://rival.example", "http://", "http://x y"])
async def test_an_address_that_is_none_is_told_at_the_field(owner: StaffClient, url: str) -> None:
    await owner.get(f"{FEEDS}/new")
    answer = await owner.post(FEEDS, name="Rival", kind="acg", url=url, every_minutes="30")
    assert answer.status_code == 422
    assert error_at(answer, "url")


async def test_a_products_price_is_left_alone_and_its_history_is_shown(
    quick: Shop, owner: StaffClient, runtime: Runtime
) -> None:
    await steps.rule(quick, "cost_plus", by=D(30))
    await steps.set_price(quick, "10.10")
    page = await owner.get(f"{PRODUCTS}/{quick.product_id}")
    assert "By hand" in text_of(page)
    assert "Will become ¥10.40." in text_of(page)
    assert "data-chart=" in page.text

    pinned = await owner.follow(await owner.post(f"{PRODUCTS}/{quick.product_id}/pin", pinned="yes"))
    assert "Left alone" in text_of(pinned)
    await owner.post("/console/pricing/run")
    assert await steps.price(quick) == D("10.10")
    assert "Left alone" in text_of(await owner.get(PRODUCTS))
    assert await audited(runtime, "pricing.pin", str(quick.product_id), quick.tenant)


async def test_a_stop_is_shown_where_the_owner_looks_first(quick: Shop, owner: StaffClient) -> None:
    await steps.more_products(quick, 9)
    await steps.rule(quick, "cost_plus", by=D(30))
    await owner.get("/console/pricing")
    held = await owner.follow(await owner.post("/console/pricing/run"))

    assert "This run was stopped: 10 of 10 prices would have moved at once." in text_of(held)
    assert "Repricing has stopped: 10 of 10 prices would move at once." in text_of(await owner.get("/console"))
    assert "Repricing has stopped" in text_of(await owner.get("/console/pricing"))


async def test_settings_are_kept_and_checked(quick: Shop, owner: StaffClient, runtime: Runtime) -> None:
    values = {
        "step_percent": "4", "drift_percent": "12", "least_percent": "0.5", "cool_down_min": "30", "turn_min": "600",
        "stop_percent": "25", "stop_from": "3", "every_min": "20", "commission_percent": "5", "coupon_percent": "10",
    }  # fmt: skip
    await owner.get("/console/pricing/settings")
    answer = await owner.post("/console/pricing/settings", **(values | {"drift_percent": "2"}))
    assert error_at(answer, "drift_percent")

    kept = await owner.follow(await owner.post("/console/pricing/settings", **values))

    assert 'name="drift_percent" aria-describedby' not in kept.text
    assert 'value="12"' in kept.text
    assert await audited(runtime, "pricing.settings", "", quick.tenant)


async def test_finance_may_look_and_not_touch(quick: Shop, sign_in: SignIn) -> None:
    await steps.rule(quick, "cost_plus", by=D(30))
    finance = await sign_in(quick.tenant, Role.FINANCE)
    page = await finance.get("/console/pricing")
    assert page.status_code == 200
    assert "Run the rules now" not in page.text
    assert (await finance.post("/console/pricing/run")).status_code == 403


async def test_a_floor_that_rose_is_told_when_a_person_has_to_approve(quick: Shop, owner: StaffClient) -> None:
    await steps.rule(quick, "cost_plus", by=D(30), is_automatic=False)
    await applied(quick, await priced(quick, "12.00"), allows_loss=True)
    await owner.get("/console/pricing")
    draft = await owner.follow(await owner.post("/console/pricing/run"))

    assert "Raised to its floor of ¥12.00: what it costs you, with fees." in text_of(draft)
    assert "1 products cost more than they sell for." in text_of(await owner.get("/console"))
