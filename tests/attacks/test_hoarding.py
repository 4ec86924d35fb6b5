"""Whoever keeps things from others without paying for them: cards of unpaid orders, suppliers, workers' time."""

import io
import zipfile
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

import openpyxl
import pytest
from sqlalchemy import text

from kameng.cards import reading
from kameng.core import ids
from kameng.core.errors import Invalid, TooManyRequests
from kameng.infra import ratelimit
from kameng.infra.ratelimit import Limit
from kameng.infra.runtime import Runtime
from supplier_gateway.port import Outcome
from supplier_gateway.routing.choice import Candidate, Rules, Wanted
from supplier_gateway.routing.router import Router
from tenants.orders import service as orders
from tenants.orders.errors import KeysKnown
from tenants.orders.sweeping import free_held
from tenants.storefront.checkout import COUPON_TRIES
from tenants.storefront.entry import UNPAID_ORDERS
from tests.attacks.test_ledger_functions import in_pool
from tests.support.browser_client import OpenBrowser, browser
from tests.support.house import Shop, open_shop
from tests.support.staff_client import text_of
from tests.tenants.marketing.coupons.making import coupon
from tests.tenants.orders import stall
from tests.tenants.storefront.steps import buy

__all__ = ["browser"]

HELD = "SELECT count(*) FROM begin_sale(CAST(:order AS uuid), :good, 2, 'nobody', 'hold')"
FAR = "INSERT INTO order_deadlines (order_ref, state, due_at, look_at) VALUES (:order, 'unpaid', :far, :far)"
NOON = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
SHEET = """<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">
<dimension ref="A1:XFD1048576"/><sheetData>{}</sheetData></worksheet>"""
CELL = '<row r="{row}"><c r="{column}{row}" t="inlineStr"><is><t>{value}</t></is></c></row>'


async def test_many_guests_of_one_address_cannot_keep_all_cards_from_others(
    runtime: Runtime, browser: OpenBrowser
) -> None:
    """A guest costs nothing, so what one buyer may leave unpaid is no limit by itself."""
    shop = await open_shop(runtime, keys=[f"K{number}" for number in range(60)])
    channel = await stall.channel(shop)
    async with shop.tenant.begin() as session:
        await session.execute(text("UPDATE products SET max_quantity = 1"))
    refusals = 0

    for _ in range(UNPAID_ORDERS.attempts + 5):
        refusals += (await buy(browser(shop.tenant), shop, pay_method=channel)).status_code == 429

    assert refusals == 5
    assert await in_pool(shop) == 60 - UNPAID_ORDERS.attempts


async def test_baskets_of_many_guests_are_counted_as_orders_are(runtime: Runtime, browser: OpenBrowser) -> None:
    """A basket holds cards of up to thirty products; only single orders were counted for an address."""
    shop = await open_shop(runtime, keys=[f"K{number}" for number in range(60)])
    channel, refusals = await stall.channel(shop), 0

    for _ in range(UNPAID_ORDERS.attempts + 3):
        guest = browser(shop.tenant)
        await guest.post("/cart", {"product_id": str(shop.product_id), "quantity": "1"})
        form = await guest.form("/cart")
        refusals += (await guest.post("/cart/checkout", form | {"pay_method": channel})).status_code == 429

    assert refusals == 3
    assert await in_pool(shop) == 60 - UNPAID_ORDERS.attempts


async def test_coupon_codes_are_not_guessed_at_the_cart(runtime: Runtime, browser: OpenBrowser) -> None:
    shop = await open_shop(runtime, keys=["K"])
    await coupon(shop, "GOOD-ONE")
    guest = browser(shop.tenant)
    await guest.post("/cart", {"product_id": str(shop.product_id), "quantity": "1"})
    form = await guest.form("/cart")
    assert "¥9.00" in text_of(await guest.post("/cart/lines", form | {"coupon": "GOOD-ONE"}))

    for number in range(COUPON_TRIES.attempts):
        await guest.post("/cart/lines", form | {"coupon": f"BAD-{number}"})
    told = text_of(await guest.post("/cart/lines", form | {"coupon": "GOOD-ONE"}))
    guest.client.cookies.set("kameng_coupon", "GOOD-ONE")
    shown = text_of(await guest.get("/cart"))

    for page in (told, shown):
        assert "¥9.00" not in page
        assert "¥10.00" in page


async def test_a_subscriber_of_ipv6_has_many_addresses_and_is_counted_once(runtime: Runtime) -> None:
    limit = Limit(name=f"test-{ids.code(8)}", attempts=2, per_s=3600, fails_open=False)
    for address in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::7"):
        await ratelimit.take(runtime.redis, (limit, f"1\n{address}"))

    with pytest.raises(TooManyRequests):
        await ratelimit.take(runtime.redis, (limit, "1\n2001:db8:1:2:a:b:c:d"))

    for other in ("2\n2001:db8:1:2::1", "1\n2001:db8:1:3::1", "1\n::ffff:192.0.2.1", "1\n::ffff:192.0.2.2"):
        for _ in range(2):
            await ratelimit.take(runtime.redis, (limit, other))


async def test_cards_of_the_master_are_not_held_for_longer_than_any_order_may_take(runtime: Runtime) -> None:
    """A station writes its deadlines itself; the stock that it holds is everybody's."""
    shop, order = await open_shop(runtime, keys=["K1", "K2", "K3"]), ids.uuid7()
    async with shop.tenant.begin() as session:
        await session.execute(text(HELD), {"order": order, "good": shop.good_id})
        await session.execute(text(FAR), {"order": order, "far": NOON + timedelta(days=36_500)})
    assert await in_pool(shop) == 1
    async with runtime.database.master_session() as session:
        await session.execute(
            text("UPDATE card_held SET held_at = held_at - interval '2 hours 50 minutes' WHERE order_ref = :order"),
            {"order": order},
        )
    await free_held(runtime)
    assert await in_pool(shop) == 1

    async with runtime.database.master_session() as session:
        await session.execute(
            text("UPDATE card_held SET held_at = held_at - interval '11 minutes' WHERE order_ref = :order"),
            {"order": order},
        )
    await free_held(runtime)

    assert await in_pool(shop) == 3


@pytest.mark.parametrize(("fault", "still_asked"), [("input", True), ("unreachable", False)])
def test_buyers_who_write_wrong_numbers_take_a_supplier_from_nobody(fault: str, still_asked: bool) -> None:
    router, rules = Router(Random(1)), Rules(explore_percent=0)  # noqa: S311 - no secret
    offer = Candidate(1, 1, "S", "x", Decimal("6.00"))
    for order in range(50):
        router.sent(order, 1, 1, NOON.timestamp() + order)
        router.answered(order, 1, 1, NOON.timestamp() + order + 0.2, Outcome.FAILED, fault, 0.2)

    decision = router.decide([offer], Wanted(quantity=1), rules, NOON + timedelta(seconds=51))

    assert (decision.chosen is not None) == still_asked


def test_a_probe_that_met_a_wrong_number_is_followed_by_another() -> None:
    router, rules = Router(Random(1)), Rules(explore_percent=0)  # noqa: S311 - no secret
    offer, now = Candidate(1, 1, "S", "x", Decimal("6.00")), NOON.timestamp()
    for order in range(5):
        router.sent(order, 1, 1, now)
        router.answered(order, 1, 1, now, Outcome.FAILED, "unreachable", 0.1)
    router.sent("probe", 1, 1, now + 6)
    router.answered("probe", 1, 1, now + 6.2, Outcome.FAILED, "input", 0.2)

    assert router.decide([offer], Wanted(quantity=1), rules, NOON + timedelta(seconds=7)).chosen is None
    assert router.decide([offer], Wanted(quantity=1), rules, NOON + timedelta(seconds=12)).chosen == offer


def workbook(*cells: tuple[int, str, str]) -> bytes:
    """A workbook of these cells (row, column, value) that says it is as large as sheets can be."""
    plain, packed = io.BytesIO(), io.BytesIO()
    openpyxl.Workbook().save(plain)
    rows = "".join(CELL.format(row=row, column=column, value=value) for row, column, value in cells)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            is_sheet = name == "xl/worksheets/sheet1.xml"
            target.writestr(name, SHEET.format(rows) if is_sheet else source.read(name))
    return packed.getvalue()


def test_a_sheet_that_says_it_is_enormous_is_read_for_what_it_holds() -> None:
    """Four kilobytes that took a process three quarters of an hour: a million rows of 16,384 cells."""
    found = reading.lines("x.xlsx", workbook((1, "A", "K1"), (150_000, "A", "K2")))

    assert found == [(1, "K1"), (150_000, "K2")]
    with pytest.raises(Invalid, match="attention"):
        reading.lines("x.xlsx", workbook((1, "A", "K1"), (1_048_576, "A", "K2")))
    far_right = [(row, "XFD", "K") for row in range(2, 50_000)]
    assert reading.lines("x.xlsx", workbook((1, "A", "K1"), *far_right)) == [(1, "K1")]


async def test_a_key_that_was_sold_or_is_for_sale_is_not_handed_over_by_hand(runtime: Runtime) -> None:
    shop = await by_hand_shop(runtime)
    buyer = await shop.buyer(wallet_cents=50_000)
    first, second = [await shop.buy(buyer), await shop.buy(buyer)]
    await stall.add_own(shop, shop.product_id, ["IN-STOCK"])
    sealer = await runtime.keyring.tenant(shop.tenant.id)
    async with shop.tenant.begin() as session:
        await orders.deliver_by_hand(session, sealer, first.no, ["GIVEN"], "owner")

    for key in ("GIVEN", "IN-STOCK"):
        with pytest.raises(KeysKnown):
            async with shop.tenant.begin() as session:
                await orders.deliver_by_hand(session, sealer, second.no, [key], "owner")

    assert await shop.keys(second.id) == []
    assert await shop.state(second.no) == "waiting"


async def by_hand_shop(runtime: Runtime) -> Shop:
    shop = await stall.own_shop(runtime, [])
    await stall.change(shop, fulfilment="by_hand")
    return shop
