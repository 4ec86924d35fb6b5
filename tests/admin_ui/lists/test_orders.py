"""Orders at the console, found among many: every filter, by key from leaf to leaf, counted no further than useful."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from kameng.core import clock, ids
from tenants.orders import finding
from tenants.orders.finding import Wish
from tests.support.house import Shop
from tests.support.staff_client import StaffClient, error_at, text_of

ADD = text(
    """
    INSERT INTO orders (id, no, buyer_id, request_key, product_id, good_id, product_name, contact, quantity,
                        unit_price, total_cents, wholesale_price, wholesale_cents, pay_method, state, created_at,
                        paid_at, delivered_at, delivered_quantity, flags)
    VALUES (:id, :no, :buyer, :no, :product, NULL, '月卡', :contact, 1, 1, :cents, 1, 0, :way, :state, :at,
            CASE WHEN :state <> 'expired' THEN CAST(:at AS timestamptz) END,
            CASE WHEN :state = 'delivered' THEN CAST(:at AS timestamptz) END, 0, '{}')
    """
)


async def add(
    shop: Shop,
    *,
    at: datetime | None = None,
    contact: str = "13900000000",
    cents: int = 1_000,
    way: str = "wallet",
    state: str = "delivered",
    buyer: UUID | None = None,
    product: int | None = None,
) -> str:
    """An order as it lies in the table; its number."""
    at = at or clock.now()
    first = ids.first_of(at).int
    values = {
        "id": UUID(int=first | ids.uuid7().int & (1 << 62) - 1 | 0x7 << 76 | 0x2 << 62),
        "no": ids.order_no(at),
        "buyer": buyer or ids.uuid7(),
        "product": product or shop.product_id,
        "contact": contact,
        "cents": cents,
        "way": way,
        "state": state,
        "at": at,
    }
    async with shop.tenant.begin() as session:
        await session.execute(ADD, values)
    return str(values["no"])


async def shown(owner: StaffClient, among: Sequence[str], **query: object) -> set[str]:
    """Which of these orders the list shows."""
    page = await owner.get(f"/console/orders?{urlencode({name.rstrip('_'): said for name, said in query.items()})}")
    assert page.status_code == 200
    return {no for no in among if no in page.text}


@pytest.fixture
def noon() -> datetime:
    """Of a day of the station, some time ago."""
    return datetime(2026, 3, 5, 4, tzinfo=UTC)  # twelve in Shanghai


async def test_every_filter_finds_its_orders_and_no_others(shop: Shop, owner: StaffClient, noon: datetime) -> None:
    buyer = await shop.buyer()
    by_contact = await add(shop, contact="Alice@Example.com")
    dear = await add(shop, cents=123_456)
    by_channel = await add(shop, way="7")
    of_buyer = await add(shop, buyer=buyer)
    old = await add(shop, at=noon)
    expired = await add(shop, state="expired")
    every = [by_contact, dear, by_channel, of_buyer, old, expired]

    assert await shown(owner, every) == set(every)
    assert await shown(owner, every, q=dear) == {dear}
    assert await shown(owner, every, q=dear[7:12].lower()) == {dear}
    assert await shown(owner, every, q="260305") == {old}
    assert await shown(owner, every, q="alice@ex") == {by_contact}
    assert await shown(owner, every, q="月卡") == set(every)
    assert await shown(owner, every, q="月卡", state="expired") == {expired}
    assert await shown(owner, every, state="expired") == {expired}
    assert await shown(owner, every, least="1234.56", most="1234.56") == {dear}
    assert await shown(owner, every, channel="7") == {by_channel}
    assert await shown(owner, every, buyer=buyer) == {of_buyer}
    assert await shown(owner, every, product=shop.product_id + 1) == set()
    assert await shown(owner, every, from_="2026-03-05", to="2026-03-05") == {old}
    assert await shown(owner, every, to="2026-03-04") == set()


async def test_a_day_ends_at_the_stations_midnight(shop: Shop, owner: StaffClient, noon: datetime) -> None:
    last = await add(shop, at=noon + timedelta(hours=11, minutes=59))
    next_day = await add(shop, at=noon + timedelta(hours=12))

    assert await shown(owner, [last, next_day], from_="2026-03-05", to="2026-03-05") == {last}
    assert await shown(owner, [last, next_day], from_="2026-03-06", to="2026-03-06") == {next_day}


async def test_signs_of_patterns_are_taken_as_they_are(shop: Shop, owner: StaffClient) -> None:
    odd, plain = await add(shop, contact="100%_a\\b"), await add(shop, contact="100xyz")

    for words in ("100%", "100%_", "100%_a\\b"):
        assert await shown(owner, [odd, plain], q=words) == {odd}, words


async def test_a_member_is_found_by_his_login(shop: Shop, owner: StaffClient) -> None:
    buyer = await shop.buyer()
    async with shop.tenant.begin() as session:
        await session.execute(
            text("UPDATE buyers SET kind = 'member', login = 'Little-Fox', password_hash = 'x' WHERE id = :id"),
            {"id": buyer},
        )
    mine, other = await add(shop, buyer=buyer), await add(shop)

    assert await shown(owner, [mine, other], q="little-fox") == {mine}


async def test_leaves_follow_each_other_both_ways_without_gap_or_repetition(
    shop: Shop, owner: StaffClient, noon: datetime
) -> None:
    numbers = [await add(shop, at=noon + timedelta(minutes=number)) for number in range(45)][::-1]
    query = urlencode({"q": "月卡"})

    first = await owner.get(f"/console/orders?{query}")
    second = await owner.get(address_of(first, "next"))
    third = await owner.get(address_of(second, "next"))
    back = await owner.get(address_of(third, "prev"))

    assert [of_page(page.text, numbers) for page in (first, second, third)] == [
        numbers[:20],
        numbers[20:40],
        numbers[40:],
    ]
    assert of_page(back.text, numbers) == numbers[20:40]
    assert 'rel="next"' not in third.text
    assert 'rel="prev"' not in first.text
    newest = await owner.get(address_of(back, "prev"))
    assert of_page(newest.text, numbers) == numbers[:20]
    assert 'rel="prev"' not in newest.text


async def test_counting_stops_where_it_is_told_to(shop: Shop) -> None:
    for _ in range(4):
        await add(shop)

    async with shop.tenant.begin() as session:
        counts = [
            await finding.count(session, await finding.ask(session, Wish(words=words)), 3)
            for words in ("", "月卡", "139", "nobody")
        ]

    assert counts == [3, 3, 3, 0]


async def test_a_filter_that_makes_no_sense_is_told_at_its_field_and_kept(shop: Shop, owner: StaffClient) -> None:
    no = await add(shop)

    page = await owner.get("/console/orders?from=2026-03-05&to=2026-03-04")
    assert (page.status_code, no in page.text) == (422, False)
    assert error_at(page, "to") == "This day is before the first one."
    assert 'value="2026-03-05"' in page.text

    for query, field in (("least=9&most=8", "most"), ("least=nine", "least"), ("from=yesterday", "from")):
        assert error_at(await owner.get(f"/console/orders?{query}"), field), query
    assert (await owner.get("/console/orders?after=nonsense")).status_code == 200


def address_of(page: httpx.Response, rel: str) -> str:
    before = page.text.partition(f'rel="{rel}" href="')[2]
    assert before, f"no link {rel}"
    return str(before.partition('"')[0].replace("&amp;", "&"))


def of_page(page: str, numbers: Sequence[str]) -> list[str]:
    """The orders of a page, in its order."""
    return sorted((no for no in numbers if no in page), key=page.index)


async def test_profit_is_what_is_left_after_all_that_went_back(shop: Shop, owner: StaffClient) -> None:
    buyer = await shop.buyer(wallet_cents=5_000)
    placed = await shop.buy(buyer)
    async with shop.tenant.begin() as session:
        await session.execute(
            text("UPDATE orders SET refunded_cents = 150, wholesale_back_cents = 100 WHERE no = :no"), {"no": placed.no}
        )

    page = text_of(await owner.get("/console/orders"))

    assert " 1.50 " in page.partition(placed.no)[2]  # 10.00 - 1.50 - 8.00 + 1.00
