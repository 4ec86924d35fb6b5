"""Stock that is asked for on a schedule, and stock that is asked for while a buyer looks."""

import asyncio
import time
from collections.abc import Iterator

import pytest
from msgspec import structs
from sqlalchemy import text

from kameng.infra import outbox
from kameng.infra.runtime import Runtime
from supplier_gateway.offers import live, rhythm, service
from supplier_gateway.offers.tasks import refresh_stock
from tests.support.browser_client import OpenBrowser, browser
from tests.support.house import Shop, open_shop
from tests.support.sandbox import SUPPLIER_SECRET, Supplier, running_supplier
from tests.tenants.storefront.steps import member, newest_buyer, order_form

__all__ = ["browser"]  # somebody who looks


@pytest.fixture
def sandbox() -> Iterator[Supplier]:
    with running_supplier() as started:
        yield started


@pytest.fixture
async def shop(runtime: Runtime, sandbox: Supplier) -> Shop:
    return await open_shop(
        runtime, price="60.00", wholesale_price="55.00", supplier_url=sandbox.url, supplier_sku="steam-50",
        supplier_secret=SUPPLIER_SECRET, supplier_cost="50.00",
    )  # fmt: skip


async def set_offer(shop: Shop, **values: object) -> int:
    """Sets columns of the shop's offer; its number."""
    async with shop.runtime.database.master_session() as session:
        sets = ", ".join(f"{name} = :{name}" for name in values)
        statement = f"UPDATE offers SET {sets} WHERE good_id = :good RETURNING id"  # noqa: S608 - our own columns
        return int((await session.execute(text(statement), {**values, "good": shop.good_id})).scalar_one())


async def told(shop: Shop) -> tuple[int | None, float]:
    """The figure that is known, and in how many seconds it is asked for next."""
    async with shop.runtime.database.master_session() as session:
        asked = text("SELECT stock, extract(epoch FROM ask_at - now()) AS wait FROM offers WHERE good_id = :good")
        row = (await session.execute(asked, {"good": shop.good_id})).one()
    return row.stock, float(row.wait)


def stock(sandbox: Supplier, units: int) -> None:
    sandbox.goods({"sku": "steam-50", "name": "Steam 50", "cost": "47.20", "stock": units})


def test_what_sells_fast_is_asked_for_more_often() -> None:
    assert rhythm.next_ask_s(500, 0, None) == rhythm.COLD_S
    assert rhythm.next_ask_s(500, 60, None) == 600
    assert rhythm.next_ask_s(500, 10_000, None) == rhythm.HOT_S
    assert rhythm.next_ask_s(10, 1, 20) == rhythm.HOT_S
    assert rhythm.next_ask_s(0, 0, None) == rhythm.MAY_COME_S


async def test_a_figure_is_told_and_then_asked_for_an_hour_later(shop: Shop, sandbox: Supplier) -> None:
    stock(sandbox, 77)

    await refresh_stock(shop.runtime)

    units, wait_s = await told(shop)
    assert units == 77
    assert 3500 < wait_s <= 3600


async def test_an_offer_that_is_not_due_is_not_asked(shop: Shop, sandbox: Supplier) -> None:
    await refresh_stock(shop.runtime)
    stock(sandbox, 3)

    await refresh_stock(shop.runtime)

    assert (await told(shop))[0] == 500


async def test_no_supplier_is_asked_more_than_it_allows(shop: Shop, sandbox: Supplier) -> None:
    async with shop.runtime.database.master_session() as session:
        await session.execute(
            text(
                "INSERT INTO offers (good_id, supplier_id, sku, cost) SELECT good_id, supplier_id, sku || n, cost"
                " FROM offers, generate_series(1, 30) n WHERE good_id = :good"
            ),
            {"good": shop.good_id},
        )
        await session.execute(
            text(
                "UPDATE suppliers SET calls_a_minute = 12"
                " WHERE id IN (SELECT supplier_id FROM offers WHERE good_id = :g)"
            ),
            {"g": shop.good_id},
        )

    await refresh_stock(shop.runtime)

    async with shop.runtime.database.master_session() as session:
        due = text("SELECT count(*) FROM offers WHERE good_id = :good AND ask_at > now()")
        assert (await session.execute(due, {"good": shop.good_id})).scalar_one() == 2


async def test_a_live_offer_is_asked_once_for_all_who_look(shop: Shop, sandbox: Supplier, browser: OpenBrowser) -> None:
    await set_offer(shop, mode="live")
    live.forget(shop.runtime)
    stock(sandbox, 4)
    buyer = await member(shop, browser, wallet_cents=6_000)

    pages = await asyncio.gather(*(buyer.get(f"/p/{shop.product_id}") for _ in range(5)))

    assert all("4 left" in page.text for page in pages)


async def test_a_slow_supplier_never_holds_the_page_up(shop: Shop, sandbox: Supplier, browser: OpenBrowser) -> None:
    buyer = await member(shop, browser, wallet_cents=6_000)
    await set_offer(shop, mode="live", stock=9)
    async with shop.runtime.database.master_session() as session:
        await session.execute(
            text("UPDATE offers SET checked_at = now() - interval '1 hour' WHERE good_id = :g"), {"g": shop.good_id}
        )
    live.forget(shop.runtime)
    patient = structs.replace(shop.runtime, settings=structs.replace(shop.runtime.settings, supplier_timeout_s=6.0))
    sandbox.stage({"kind": "timeout_before", "on": "read", "delay_ms": 6_000})

    began = time.monotonic()
    await live.look(patient, [shop.good_id], live.PAGE_S)
    took_s = time.monotonic() - began
    page = await buyer.get(f"/p/{shop.product_id}")

    assert took_s < 5
    assert "about 9 left" in page.text


async def test_the_last_unit_that_is_gone_at_the_supplier_is_not_sold(
    shop: Shop, sandbox: Supplier, browser: OpenBrowser
) -> None:
    await refresh_stock(shop.runtime)
    await set_offer(shop, mode="live")
    live.forget(shop.runtime)
    buyer = await member(shop, browser, wallet_cents=6_000)
    form = await order_form(buyer, shop)
    stock(sandbox, 0)
    await shop.runtime.redis.delete(f"{live.KEY}:{await set_offer(shop, mode='live')}")  # the page's look is over

    answer = await buyer.post("/orders", form)

    assert answer.status_code == 422
    assert "sold out" in answer.text.lower()
    assert await shop.wallet_cents(await newest_buyer(shop.tenant)) == 6_000


async def test_low_stock_is_told_once(shop: Shop) -> None:
    offer_id = await set_offer(shop, warn_at=10, stock=50)
    outbox.followers.setdefault(service.OfferLow, []).append("tests.nobody")
    try:
        async with shop.runtime.database.master_session() as session:
            await service.stock_told(session, offer_id, 10)
            await service.stock_told(session, offer_id, 9)
            asked = text(
                "SELECT count(*) FROM outbox WHERE follower = 'tests.nobody'"
                " AND payload->>'offer_id' = CAST(:id AS text)"
            )
            times = (await session.execute(asked, {"id": offer_id})).scalar_one()
            await session.execute(text("DELETE FROM outbox WHERE follower = 'tests.nobody'"))
    finally:
        outbox.followers[service.OfferLow].remove("tests.nobody")

    assert times == 1
