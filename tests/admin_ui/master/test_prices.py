"""Prices at the master: written, looked at, applied, announced, taken back."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from admin_ui.notices import words as told
from billing.wholesale import tasks as wholesale_tasks
from kameng.core import clock, ids
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tenants.margins import service as margins
from tenants.notices import queries as notices
from tenants.tiering import service as tiering
from tests.admin_ui.conftest import SignIn, audited
from tests.admin_ui.master.steps import WHY, applied
from tests.support.house import Shop, work_off
from tests.support.prices import quoted, tier_of
from tests.support.staff_client import StaffClient, error_at, text_of


async def drafted(operator: StaffClient, shop: Shop, price: str, **more: str) -> str:
    """The path of a change that the form at the good has led to."""
    await operator.get(f"/goods/{shop.good_id}")
    form = {f"price_{await tier_of(shop)}": price, **WHY, **more}
    answer = await operator.post(f"/goods/{shop.good_id}/prices", **form)
    assert answer.status_code == 303, text_of(answer)
    page = await operator.follow(answer)
    return page.url.path


async def told_owner(shop: Shop) -> list[str]:
    """What the owner is told, in words."""
    async with shop.tenant.begin() as session:
        unread = await notices.unread(session)
    return [one.text for one in told.told(unread, set())]


async def test_a_price_is_looked_at_before_it_holds(runtime: Runtime, shop: Shop, operator: StaffClient) -> None:
    path = await drafted(operator, shop, "8.1250")
    page = text_of(await operator.get(path))
    assert "No station's margin turns negative." in page
    assert "¥8.00" in page
    assert "¥8.125" in page
    assert await quoted(shop) == Decimal("8.0000")

    assert "hold from the next sale on" in await applied(operator, path)

    assert await quoted(shop) == Decimal("8.1250")
    number = path.rpartition("/")[2]
    assert len(await audited(runtime, "prices.draft", number)) == 1
    assert len(await audited(runtime, "prices.apply", number)) == 1
    assert "a better offer" in text_of(await operator.get(f"/goods/{shop.good_id}/prices"))
    assert "a better offer" in text_of(await operator.get(f"/tiers/{await tier_of(shop)}/history"))


async def test_the_stations_whose_margin_turns_negative_are_named(shop: Shop, operator: StaffClient) -> None:
    path = await drafted(operator, shop, "10.50")

    page = text_of(await operator.get(path))
    assert "Stations at which the margin turns negative: 1." in page
    assert shop.tenant.name in page
    assert "-0.50" in page
    file = await operator.get(f"{path}/preview/csv")
    assert file.content.startswith(b"\xef\xbb\xbf")
    assert "10.5000" in file.text


async def test_a_comparison_with_many_stations_is_done_in_the_background(
    shop: Shop, operator: StaffClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(margins, "AT_ONCE", 0)
    path = await drafted(operator, shop, "10.50")
    assert "0 of 1 stations are compared." in text_of(await operator.get(path))

    await work_off(shop.runtime)

    assert "Stations at which the margin turns negative: 1." in text_of(await operator.get(path))


async def test_a_price_below_cost_is_refused_at_its_field_until_the_loss_is_confirmed(
    shop: Shop, operator: StaffClient
) -> None:
    field = f"price_{await tier_of(shop)}"
    await operator.get(f"/goods/{shop.good_id}")

    answer = await operator.post(f"/goods/{shop.good_id}/prices", **{field: "4.99"}, **WHY)

    assert answer.status_code == 422
    assert "Below the best cost of ¥5.00: each sale would lose ¥0.01." in error_at(answer, field)
    assert 'name="loss"' in answer.text
    assert 'value="4.99"' in answer.text
    await applied(operator, await drafted(operator, shop, "4.99", loss="yes"))
    assert await quoted(shop) == Decimal("4.99")


async def test_an_empty_price_offers_the_good_no_more(shop: Shop, operator: StaffClient) -> None:
    path = await drafted(operator, shop, "")
    assert "Not offered any more" in text_of(await operator.get(path))

    await applied(operator, path)

    assert await quoted(shop) is None


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("price", "1.23456", "at most four decimals"),
        ("price", "cost+x", "Write a price such as 8.00, or a rule"),
        ("price", "default", "The tier has no rule of its own."),
        ("price", "-1", "Write a price"),
        ("floor", "abc", "Write a price"),
        ("reason", "", "Fill this in."),
    ],
)
async def test_what_is_wrong_is_told_at_its_field_and_no_price_changes(
    shop: Shop, operator: StaffClient, field: str, value: str, said: str
) -> None:
    price = f"price_{await tier_of(shop)}"
    await operator.get(f"/goods/{shop.good_id}")
    form = {price: "8.50", **WHY, price if field == "price" else field: value}

    answer = await operator.post(f"/goods/{shop.good_id}/prices", **form)

    assert answer.status_code == 422
    assert said in error_at(answer, price if field == "price" else field)
    assert await quoted(shop) == Decimal("8.0000")


async def test_prices_that_hold_already_are_no_change(shop: Shop, operator: StaffClient) -> None:
    await operator.get(f"/goods/{shop.good_id}")

    answer = await operator.post(f"/goods/{shop.good_id}/prices", **{f"price_{await tier_of(shop)}": "8"}, **WHY)

    assert answer.status_code == 422
    assert "Nothing would change" in text_of(answer)


async def test_a_rule_shows_the_price_that_it_makes(shop: Shop, operator: StaffClient) -> None:
    path = await drafted(operator, shop, "Cost + 10% up 0.1")

    assert "¥5.50 · cost+10% up 0.1" in text_of(await operator.get(path))
    await applied(operator, path)

    assert await quoted(shop) == Decimal("5.5")
    assert 'value="cost+10% up 0.1"' in (await operator.get(f"/goods/{shop.good_id}")).text


async def test_an_announced_change_is_seen_by_the_owner_and_can_be_cancelled(
    shop: Shop, operator: StaffClient, owner: StaffClient
) -> None:
    path = await drafted(operator, shop, "cost+70%")
    soon = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    past = await operator.post(f"{path}/schedule", apply_at="2020-01-01T00:00")
    assert "Choose a time to come." in error_at(past, "apply_at")

    page = await operator.follow(await operator.post(f"{path}/schedule", apply_at=soon))
    assert "Announced" in text_of(page)
    seen = text_of(await owner.get("/console/prices"))
    assert "Announced" in seen
    assert "8.50" in seen
    assert "cost" not in seen.lower().replace("below cost", "")
    await wholesale_tasks.apply_due(shop.runtime)
    assert await quoted(shop) == Decimal("8.0000")

    page = await operator.follow(await operator.post(f"{path}/cancel"))
    assert "No price has changed." in page.text
    assert "Announced" not in text_of(await owner.get("/console/prices")).partition("last 30 days")[2]


async def test_a_change_is_taken_back(shop: Shop, operator: StaffClient) -> None:
    path = await drafted(operator, shop, "8.50")
    await applied(operator, path)

    back = await operator.follow(await operator.post(f"{path}/revert", reason="it was a slip"))
    await applied(operator, back.url.path)

    assert await quoted(shop) == Decimal("8.0000")
    assert "it was a slip" in text_of(await operator.get("/price-changes?q=slip"))


async def test_a_change_that_was_decided_on_is_not_decided_again(shop: Shop, operator: StaffClient) -> None:
    path = await drafted(operator, shop, "8.50")
    await applied(operator, path)

    assert "decided on already" in await applied(operator, path)
    assert (await operator.post(f"{path}/cancel")).status_code == 409


async def test_a_floor_above_the_retail_price_stops_the_sale_and_the_owner_is_told(
    shop: Shop, operator: StaffClient, owner: StaffClient
) -> None:
    path = await drafted(operator, shop, "8", floor="12.00")
    assert "Below the minimum" in text_of(await operator.get(path))
    await applied(operator, path)
    await work_off(shop.runtime)

    assert any("the master's minimum is ¥12.00 now" in line for line in await told_owner(shop))
    product = f"/console/products/{shop.product_id}"
    assert "the master allows nobody to sell it below ¥12.00" in text_of(await owner.get(product))
    assert "Below the minimum" in text_of(await owner.get("/console/products"))
    form = {"good_id": str(shop.good_id), "name": "Pass", "min_quantity": "1", "max_quantity": "5", "shown": "yes"}
    answer = await owner.post(product, **form, price="11.99")
    assert "The master allows nobody to sell it below ¥12.00." in error_at(answer, "price")
    await owner.follow(await owner.post(product, **form, price="12.00"))
    assert (await shop.buy(await shop.buyer(wallet_cents=5_000))).total_cents == 1_200


async def test_an_owner_sees_neither_other_tiers_nor_rules(
    runtime: Runtime, shop: Shop, operator: StaffClient, owner: StaffClient, sign_in: SignIn
) -> None:
    await operator.get("/tiers/new")
    page = await operator.follow(await operator.post("/tiers", name=f"Gold {ids.code(6)}", rank="0"))
    gold = page.url.path.rpartition("/")[2]
    await operator.get(f"/goods/{shop.good_id}")
    form = {f"price_{gold}": "7.77", f"price_{await tier_of(shop)}": "cost+3.33", **WHY}
    page = await operator.follow(await operator.post(f"/goods/{shop.good_id}/prices", **form))
    await applied(operator, page.url.path)

    seen = (await owner.get("/console/prices")).text

    assert "8.33" in seen
    for secret in ("7.77", "cost+", "3.33", "5.00", "a better offer"):
        assert secret not in seen.replace("8.33", ""), secret
    service = await sign_in(shop.tenant, Role.SERVICE)
    assert (await service.get("/console/prices")).status_code == 403


async def test_a_tier_is_added_and_changed(runtime: Runtime, operator: StaffClient) -> None:
    name = f"Gold {ids.code(6)}"
    await operator.get("/tiers/new")

    page = await operator.follow(await operator.post("/tiers", name=name, rank="3", turnover="1000"))
    assert "from a turnover of ¥1,000.00 in a month" in text_of(page)
    assert "of this name already" in error_at(await operator.post("/tiers", name=name), "name")
    assert "Write a number" in error_at(await operator.post("/tiers", name="x", turnover="much"), "turnover")

    page = await operator.follow(await operator.post(page.url.path, name=f"{name} plus", rank="2"))
    assert f"{name} plus" in text_of(page)
    assert f"{name} plus" in text_of(await operator.get("/tiers"))
    assert len(await audited(runtime, "tiers.change", page.url.path.rpartition("/")[2])) == 1


async def test_a_default_rule_is_looked_at_like_any_price(shop: Shop, operator: StaffClient) -> None:
    tier = await tier_of(shop)
    await applied(operator, await drafted(operator, shop, ""))
    await operator.get(f"/tiers/{tier}")
    wrong = await operator.post(f"/tiers/{tier}/rule", rule="8.00", **WHY)
    assert "or a rule such as" in error_at(wrong, "rule")

    page = await operator.follow(await operator.post(f"/tiers/{tier}/rule", rule="cost+20%", **WHY))
    assert await quoted(shop) is None
    await applied(operator, page.url.path)

    assert await quoted(shop) == Decimal("6.00")
    assert "default" in text_of(await operator.get(f"/tiers/{tier}?state=priced"))


class TestTurnover:
    """A station that has bought enough in the last full month moves up, once."""

    async def better(self, shop: Shop, operator: StaffClient, turnover: str) -> int:
        """A better tier that this turnover leads to, and the only one that any does."""
        async with shop.runtime.database.master_session() as session:
            await session.execute(text("UPDATE tiers SET upgrade_cents = NULL"))
            await session.execute(text("UPDATE tiers SET rank = 900 WHERE id = :id"), {"id": await tier_of(shop)})
        await operator.get("/tiers/new")
        page = await operator.follow(
            await operator.post("/tiers", name=f"Gold {ids.code(6)}", rank="899", turnover=turnover)
        )
        return int(page.url.path.rpartition("/")[2])

    async def next_month(self) -> datetime:
        """A moment of the month after this one, on every station's clocks."""
        return (clock.now().replace(day=28) + timedelta(days=12)).replace(day=3)

    async def switched(self, operator: StaffClient, *, on: bool) -> None:
        await operator.get("/tier-moves")
        await operator.follow(await operator.post("/tier-moves", **({"on": "yes"} if on else {})))

    async def test_it_moves_up_once_and_its_owner_is_told(self, shop: Shop, operator: StaffClient) -> None:
        own, better = await tier_of(shop), await self.better(shop, operator, "8.00")
        await shop.buy(await shop.buyer(wallet_cents=5_000))
        later = await self.next_month()
        await self.switched(operator, on=False)
        await tiering.judge(shop.runtime, later)
        assert await tier_of(shop) == own

        await self.switched(operator, on=True)
        await tiering.judge(shop.runtime, later)
        await tiering.judge(shop.runtime, later)
        await work_off(shop.runtime)
        await self.switched(operator, on=False)

        assert await tier_of(shop) == better
        assert any("You bought for ¥8.00 last month" in line for line in await told_owner(shop))
        assert await audited(shop.runtime, "stations.upgrade", str(shop.tenant.id)) == ["system"]
        assert shop.tenant.name in text_of(await operator.get("/tier-moves"))

    async def test_too_little_does_not(self, runtime: Runtime, shop: Shop, operator: StaffClient) -> None:
        own = await tier_of(shop)
        await self.better(shop, operator, "8.01")
        await shop.buy(await shop.buyer(wallet_cents=5_000))

        await self.switched(operator, on=True)
        await tiering.judge(runtime, await self.next_month())
        await self.switched(operator, on=False)

        assert await tier_of(shop) == own

    async def test_a_station_that_is_to_keep_its_tier_does(
        self, runtime: Runtime, shop: Shop, operator: StaffClient
    ) -> None:
        own = await tier_of(shop)
        await self.better(shop, operator, "8.00")
        await shop.buy(await shop.buyer(wallet_cents=5_000))
        await operator.get(f"/tenants/{shop.tenant.id}/prices")
        page = await operator.follow(await operator.post(f"/tier-moves/stations/{shop.tenant.id}"))
        assert "Moves up by its turnover No" in text_of(page)

        await self.switched(operator, on=True)
        await tiering.judge(runtime, await self.next_month())
        await self.switched(operator, on=False)

        assert await tier_of(shop) == own
