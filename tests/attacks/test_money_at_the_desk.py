"""Money that goes back: in small parts, by those with a limit, by two at once, while a sweeper or a payment comes."""

import asyncio
import re

import httpx
import pytest
from sqlalchemy import text

from admin_ui.lists import controllers
from kameng.core import ids
from kameng.core.errors import KamengError
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tenants.orders import queries, refunds, service, sweeping
from tenants.orders.refunds import BeyondCharge, OverLimit
from tests.admin_ui.conftest import SignIn, clients, owner, sign_in
from tests.support.house import Shop, ledger_is_balanced, open_shop, work_off
from tests.support.staff_client import StaffClient, text_of
from tests.tenants.desk.steps import case_of, short_shop, waiting
from tests.tenants.marketing.coupons.making import coupon
from tests.tenants.orders import stall

__all__ = ["clients", "owner", "sign_in"]

LATE = text("UPDATE order_deadlines SET due_at = now() - interval '1 s', look_at = now() WHERE tenant_id = :id")
FINANCE = text("SELECT staff_id FROM memberships WHERE role = 'finance' AND tenant_id = :id")
NO_LETTERS = text("DELETE FROM outbox WHERE tenant_id = :id")
ORDERS = 12


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    return await open_shop(runtime, keys=[f"K{ids.code(8)}" for _ in range(ORDERS)])


async def give_back(shop: Shop, no: str, cents: int, by: str = "li", limit: int | None = None) -> None:
    async with shop.tenant.begin() as session:
        await refunds.give_back(
            session, no, cents=cents, to="wallet", reason="坏卡", by=by, request_key=ids.code(20), limit_cents=limit
        )


async def test_a_limit_is_not_got_round_in_parts(shop: Shop) -> None:
    """Ten refunds of a yuan each were within a limit of a yuan."""
    buyer = await shop.buyer(wallet_cents=1_000)
    no = (await shop.buy(buyer)).no

    await give_back(shop, no, 200, limit=300)
    with pytest.raises(OverLimit, match=r"¥1\.00"):
        await give_back(shop, no, 101, limit=300)
    parts = await asyncio.gather(*(give_back(shop, no, 60, limit=300) for _ in range(4)), return_exceptions=True)
    await give_back(shop, no, 500, by="the owner")

    assert sum(part is None for part in parts) == 1
    assert await shop.wallet_cents(buyer) == 760


async def test_the_smallest_parts_add_up_to_what_was_paid_and_not_to_a_cent_more(runtime: Runtime) -> None:
    """Three for ¥3.3333 with ¥1.01 off: a part that never came, one by one what did, and then nothing."""
    shop = await short_shop(runtime, price="3.3333", wholesale_price="1.1111")
    buyer = await shop.buyer(wallet_cents=1_000)
    await coupon(shop, "OFF-101", amount_cents=101)
    placed = await stall.buy(shop, buyer, 3, coupon="OFF-101")
    sealer = await runtime.keyring.tenant(shop.tenant.id)
    async with shop.tenant.begin() as session:
        await service.deliver(session, sealer, placed.id, ["P1"])
        await service.end_part(session, placed.id, "not_delivered")
    left = placed.total_cents - (await stall.order(shop, placed.no)).refunded_cents
    assert 0 < left < placed.total_cents == 899

    for _ in range(left):
        await give_back(shop, placed.no, 1)
    with pytest.raises((BeyondCharge, refunds.NotGivenBack)):
        await give_back(shop, placed.no, 1)

    assert await shop.wallet_cents(buyer) == 1_000
    assert await shop.state(placed.no) == "refunded"
    assert await ledger_is_balanced(runtime)


async def test_two_sweepers_and_the_payment_at_once_end_each_order_once(runtime: Runtime, shop: Shop) -> None:
    channel, buyers = await stall.channel(shop), [await shop.buyer() for _ in range(ORDERS)]
    placed = [await stall.buy(shop, buyer, pay=channel) for buyer in buyers]
    async with runtime.database.master_session() as session:
        for statement in (NO_LETTERS, LATE):
            await session.execute(statement, {"id": shop.tenant.id})

    paying = (stall.pay(shop, buyer, one.no, cents=1_000) for buyer, one in zip(buyers, placed, strict=True))
    done = await asyncio.gather(
        sweeping.end_unpaid(runtime), *paying, sweeping.end_unpaid(runtime), return_exceptions=True
    )

    assert not [one for one in done if isinstance(one, BaseException) and not isinstance(one, KamengError)]
    ends = [
        (await shop.state(one.no), await shop.wallet_cents(buyer), len(await shop.keys(one.id)))
        for buyer, one in zip(buyers, placed, strict=True)
    ]
    assert set(ends) <= {("delivered", 0, 1), ("expired", 1_000, 0)}
    sold = sum(end[2] for end in ends)
    assert await stall.master_count(shop, "card_pool") == ORDERS - sold
    assert await stall.master_count(shop, "card_held") == 0
    assert await ledger_is_balanced(runtime)


async def test_two_deputies_who_press_at_once_deliver_or_pay_back_once(runtime: Runtime, sign_in: SignIn) -> None:
    shop = await short_shop(runtime)
    one, other = await sign_in(shop.tenant, Role.OWNER), await sign_in(shop.tenant, Role.OWNER)
    for _ in range(3):
        placed = await waiting(shop)
        case = await case_of(shop, placed.no)
        at = f"/console/desk/cases/{case.id}"
        for client in (one, other):
            await client.get(at)

        answers = await asyncio.gather(
            one.post(f"{at}/refund"),
            other.post(f"{at}/deliver", cards=f"HAND-{placed.no}"),
            one.post(f"{at}/refund"),
            other.post(f"{at}/deliver", cards=f"HAND-{placed.no}"),
        )

        assert all(answer.status_code < 500 for answer in answers)
        async with shop.tenant.begin() as session:
            order = await queries.order(session, placed.id)
        found = (order.state, await shop.wallet_cents(order.buyer_id), len(await shop.keys(placed.id)))
        assert found in [("refunded", 1_000, 0), ("delivered", 0, 1)]
    assert await ledger_is_balanced(runtime)


async def test_a_limit_that_ended_between_page_and_act_gives_nothing_back(runtime: Runtime, sign_in: SignIn) -> None:
    shop = await short_shop(runtime)
    boss, deputy = await sign_in(shop.tenant, Role.OWNER), await sign_in(shop.tenant, Role.SERVICE)
    case = await case_of(shop, (await waiting(shop)).no)
    page = await deputy.get(f"/console/desk/cases/{case.id}")
    me = re.findall(r'type="hidden" name="staff_id" value="([^"]+)"', page.text)[0]
    await boss.get("/console/desk/limits")
    await boss.post("/console/desk/limits", staff_id=me, limit="100.00", ends_at="2027-01-01T00:00")
    assert "up to ¥100.00" in text_of(await deputy.get(f"/console/desk/cases/{case.id}"))

    async with shop.tenant.begin() as session:
        ended = "jsonb_set(notes, '{limits,0,ends_at}', to_jsonb(now()))"
        await session.execute(text(f"UPDATE room_settings SET notes = {ended} WHERE room = 'desk'"))  # noqa: S608
    told = await deputy.follow(await deputy.post(f"/console/desk/cases/{case.id}/refund"))

    assert "You may not give money back." in text_of(told)
    assert await shop.state(case.order_no) == "waiting"


async def test_an_export_with_costs_goes_with_the_right_to_see_them(
    runtime: Runtime, shop: Shop, owner: StaffClient, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controllers, "AT_ONCE", 1)
    finance = await sign_in(shop.tenant, Role.FINANCE)
    for _ in range(2):
        await shop.buy(await shop.buyer(wallet_cents=1_000))
    await finance.get("/console/orders")
    kept = (await finance.post("/console/orders/exports", kind="csv")).headers["location"]
    await work_off(runtime)
    assert "You pay" in (await _file(finance, kept)).text

    async with runtime.database.master_session() as session:
        found = await session.execute(FINANCE, {"id": shop.tenant.id})
    await owner.get("/console/team")
    assert (await owner.post(f"/console/team/{found.scalar_one()}/role", role="service")).status_code == 303

    assert (await _file(finance, kept)).status_code == 404


async def _file(client: StaffClient, kept: str) -> httpx.Response:
    return await client.get(f"{kept}/file")
