"""The owner makes coupons, watches them and stops them."""

import pytest
from sqlalchemy import text

from kameng.identity.permissions import Role
from tests.admin_ui.conftest import SignIn, audited
from tests.support.house import Shop
from tests.support.staff_client import StaffClient, error_at, text_of
from tests.tenants.marketing.coupons.making import buy_with, counts, coupon

FORM = {"how": "one", "code": "spring-5", "kind": "fixed", "amount": "1.50", "scope": "all", "most": "3"}


async def count(shop: Shop) -> int:
    async with shop.tenant.begin() as session:
        return int((await session.execute(text("SELECT count(*) FROM coupons"))).scalar_one())


async def test_a_coupon_that_the_owner_makes_counts_in_the_shop(shop: Shop, owner: StaffClient) -> None:
    await owner.get("/console/coupons/new")

    page = await owner.follow(await owner.post("/console/coupons", **FORM))

    assert "SPRING-5" in page.text
    assert "¥1.50 off" in text_of(page)
    assert "/coupon/SPRING-5" in page.text
    placed = await buy_with(shop, await shop.buyer(wallet_cents=1_000), "spring-5")
    assert placed.total_cents == 850
    listed = text_of(await owner.get("/console/coupons"))
    assert "1.50" in listed
    assert "8.50" in listed
    detail = await owner.get(page.url.path)
    assert placed.no in detail.text
    assert len(await audited(shop.runtime, "coupons.add", page.url.path.rpartition("/")[2], shop.tenant)) == 1


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("percent", {"kind": "percent", "percent": "101"}),
        ("percent", {"kind": "percent", "percent": "-5"}),
        ("percent", {"kind": "percent", "percent": ""}),
        ("amount", {"amount": "-1"}),
        ("amount", {"amount": ""}),
        ("least", {"kind": "threshold", "least": "1.00"}),
        ("cap", {"kind": "percent", "percent": "5", "cap": "0"}),
        ("code", {"code": "no spaces here"}),
        ("code", {"code": ""}),
        ("products", {"scope": "products"}),
        ("most", {"most": "0"}),
        ("most_per_buyer", {"most_per_buyer": "4"}),
        ("ends_at", {"starts_at": "2026-12-31T18:00", "ends_at": "2026-12-31T17:00"}),
        ("starts_at", {"starts_at": "tomorrow"}),
        ("count", {"how": "many", "count": "1001"}),
    ],
)
async def test_a_wrong_coupon_is_refused_at_its_field(
    shop: Shop, owner: StaffClient, field: str, changes: dict[str, str]
) -> None:
    await owner.get("/console/coupons/new")

    answer = await owner.post("/console/coupons", **FORM | changes)

    assert answer.status_code == 422
    assert error_at(answer, field)
    assert await count(shop) == 0


async def test_a_code_is_one_coupons(shop: Shop, owner: StaffClient) -> None:
    await coupon(shop, "SPRING-5")
    await owner.get("/console/coupons/new")

    answer = await owner.post("/console/coupons", **FORM)

    assert answer.status_code == 422
    assert "already" in error_at(answer, "code")


async def test_many_codes_are_made_saved_and_stopped_together(shop: Shop, owner: StaffClient) -> None:
    await owner.get("/console/coupons/new")
    made = await owner.post("/console/coupons", **FORM | {"how": "many", "count": "25", "prefix": "vip", "most": "1"})
    page = await owner.follow(made)
    batch = page.url.params["batch"]

    file = await owner.get(f"/console/coupons/file?batch={batch}")
    codes = [line.partition(",")[0] for line in file.text.splitlines()[1:]]
    await owner.post("/console/coupons/stop-batch", batch=batch, confirmed="yes")

    assert len(set(codes)) == 25
    assert all(code.startswith("VIP") for code in codes)
    assert text_of(await owner.get(f"/console/coupons?batch={batch}&state=stopped")).count("VIP") >= 20
    assert await audited(shop.runtime, "coupons.stop_many", batch, shop.tenant)


async def test_a_stopped_coupon_can_count_again_and_its_limits_can_change(shop: Shop, owner: StaffClient) -> None:
    made = await coupon(shop, most=2)
    buyer = await shop.buyer(wallet_cents=5_000)
    for _ in range(2):
        await buy_with(shop, buyer, made.code)
    at = f"/console/coupons/{made.id}"
    await owner.get(at)

    fewer = await owner.post(at, most="1")
    more = await owner.post(at, most="3", note="到月底")
    await owner.post(f"{at}/stop", confirmed="yes")
    stopped = text_of(await owner.get(at))
    await owner.post(f"{at}/resume")
    await buy_with(shop, buyer, made.code)

    assert "more often than that" in error_at(fewer, "most")
    assert more.status_code == 303
    assert "Stopped" in stopped
    assert (await counts(shop, made))[:2] == (3, 3)


async def test_the_list_is_searched_and_filtered(shop: Shop, owner: StaffClient) -> None:
    for code, note in (("SUMMER", "暑假"), ("WINTER", "寒假")):
        await coupon(shop, code, note=note)

    found = text_of(await owner.get("/console/coupons?q=暑"))
    nothing = text_of(await owner.get("/console/coupons?state=over"))

    assert "SUMMER" in found
    assert "WINTER" not in found
    assert "No coupon fits" in nothing


async def test_whoever_may_only_look_cannot_make_one(shop: Shop, sign_in: SignIn) -> None:
    made = await coupon(shop)
    finance = await sign_in(shop.tenant, Role.FINANCE)

    listed = await finance.get("/console/coupons")
    answer = await finance.post(f"/console/coupons/{made.id}/stop", confirmed="yes")

    assert {listed.status_code, answer.status_code} <= {200, 403}
    assert answer.status_code == 403
