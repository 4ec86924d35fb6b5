"""The showroom's orders: a month of them, and some in every state."""

import random
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from kameng.core import clock
from tenants.orders import moving, queries
from tests.admin_ui.lists.test_orders import add
from tests.support.house import work_off
from tests.support.showroom import shelf
from tests.support.showroom.room import Room
from tests.support.staff_client import hidden
from tests.tenants.aftersale.steps import open_ticket
from tests.tenants.orders import stall

GOODS = ("Steam 充值卡 50", "王者荣耀 60", "QQ 会员", "手机话费 30 元", "原神 空月祝福")
PEOPLE = (
    "13800138000",
    "li.na@example.com",
    "微信 zhangsan_2026",
    "QQ 10001",
    "a.very.long.address.of.a.customer.from.abroad@mail.example-university.edu.cn",
)
FOR_A_PERSON = (
    "UPDATE desk_cases SET person_at = now() - interval '40 minutes', due_at = now() + make_interval(mins => :minutes)"
    " WHERE id = :id"
)
PAST = (("delivered", 240), ("expired", 22), ("refunded", 12))
SPREAD = (
    "UPDATE orders SET product_name = p.name, unit_price = total_cents / 100.0, wholesale_cents = total_cents * 0.93,"
    " wholesale_price = total_cents * 0.0093"
    " FROM products p WHERE p.id = orders.product_id AND product_name = '月卡'"
)


async def fill(room: Room) -> None:
    await _past(room)
    await _coupons(room)
    await _today(room)
    await _stuck(room)
    await _lists(room)


async def buyer(room: Room, contact: str, cents: int = 200_000) -> UUID:
    """A guest with money in the wallet."""
    shop = await room.at(GOODS[0])
    made = await shop.buyer(wallet_cents=cents)
    await room.rows("UPDATE buyers SET contact = :contact WHERE id = :id", contact=contact, id=made)
    return made


async def _past(room: Room) -> None:
    """A month of orders as they lie in the table; more of them in the evening."""
    chance = random.Random(7)  # noqa: S311 - the same each time
    shops = [await room.at(name) for name in GOODS]
    for state, number in PAST:
        for _ in range(number):
            at = clock.now() - timedelta(days=chance.uniform(0.3, 30))
            at = at.replace(
                hour=chance.choice((2, 4, 6, 8, 9, 10, 11, 11, 12, 12, 12, 13, 13, 14)), minute=chance.randrange(60)
            )
            await add(
                chance.choice(shops),
                at=min(at, clock.now() - timedelta(hours=7)),
                state=state,
                contact=chance.choice(PEOPLE),
                cents=chance.choice((598, 990, 2_990, 4_980, 49_800, 123_450)),
            )
    await room.rows(SPREAD)


async def _coupons(room: Room) -> None:
    await room.page("/coupons/new")
    places = await room.places()
    for form in (
        {
            "how": "one",
            "code": "DOUBLE12",
            "kind": "percent",
            "percent": "12",
            "cap": "30",
            "least": "50",
            "scope": "all",
            "most": "2000",
            "most_per_buyer": "2",
            "ends_at": "2027-01-01T00:00",
            "note": "双十二全场，短信与公众号投放",
        },
        {
            "how": "one",
            "code": "WELCOME-5",
            "kind": "fixed",
            "amount": "5",
            "scope": "all",
            "members_only": "yes",
            "most_per_buyer": "1",
        },
        {
            "how": "one",
            "code": "GAME-20",
            "kind": "threshold",
            "amount": "20",
            "least": "200",
            "scope": "categories",
            "categories": [places["游戏"]],
            "starts_at": "2026-12-01T00:00",
            "ends_at": "2026-12-31T23:59",
        },
        {
            "how": "one",
            "code": "OLD-1",
            "kind": "fixed",
            "amount": "1",
            "scope": "all",
            "ends_at": "2026-11-01T00:00",
            "note": "已结束的活动",
        },
        {
            "how": "many",
            "count": "60",
            "prefix": "VIP",
            "kind": "fixed",
            "amount": "10",
            "least": "100",
            "scope": "all",
            "most": "1",
            "note": "老客回馈",
        },
    ):
        await room.send("/coupons", **form)


async def _today(room: Room) -> None:
    """Orders that are delivered, unpaid, paid by a gateway, cancelled, given back."""
    master, own = await room.at(GOODS[0]), await room.at(shelf.FEW)
    for place, contact in enumerate(PEOPLE):
        who = await buyer(room, contact)
        await stall.buy(master, who, 1 + place % 3, contact=contact)
        await stall.buy(own, who, 4, contact=contact, coupon="DOUBLE12" if place < 3 else "")
    long = await room.at(shelf.LONG)
    told = {"游戏 UID": "123456789", "服务器": "天空岛"}
    given = await stall.buy(long, await buyer(room, PEOPLE[0]), 1, inputs=told, contact=PEOPLE[0])
    (channel,) = await room.rows("SELECT id FROM payment_channels ORDER BY id LIMIT 1")
    who = await buyer(room, PEOPLE[1])
    for name, number in ((GOODS[1], 3), (shelf.FEW, 1)):
        await stall.buy(await room.at(name), who, number, pay=str(channel.id), contact=PEOPLE[1])
    off = await stall.buy(master, who, 1, pay=str(channel.id), contact=PEOPLE[1])
    async with room.tenant.begin() as session:
        await moving.cancel(session, off.id, "")
    page = await room.page(f"/orders/{given.no}")
    await room.send(
        f"/orders/{given.no}/refunds",
        amount="120.50",
        to="wallet",
        reason="其中一张卡密无效，按比例退回",
        request_key=hidden(page, "request_key"),
    )
    await work_off(room.runtime)


async def _stuck(room: Room) -> None:
    """Orders that wait, and cases of every kind on the desk."""
    moon, long = await room.at(GOODS[4]), await room.at(shelf.LONG)
    phone, work = await room.at(GOODS[3]), await room.at("游戏代练")
    for place, (shop, reason) in enumerate(
        (
            (moon, "out_of_stock"),
            (moon, "supplier_down"),
            (moon, "checking"),
            (phone, "supplier_down"),
            (phone, "checking"),
        )
    ):
        placed = await stall.buy(shop, await buyer(room, PEOPLE[place]), 1, contact=PEOPLE[place])
        async with room.runtime.database.master_session() as session:
            await session.execute(text("DELETE FROM outbox WHERE payload->>'order_id' = :id"), {"id": str(placed.id)})
        async with room.tenant.begin() as session:
            await moving.wait(session, await queries.order(session, placed.id), reason)
    await room.rows("UPDATE orders SET paid_at = paid_at - interval '20 minutes' WHERE state = 'waiting'")
    who = await buyer(room, PEOPLE[2])
    await stall.buy(work, who, 1, inputs={"游戏账号": "xiaoming_2026", "区服": "官服"}, contact=PEOPLE[2])
    given = await stall.buy(long, who, 1, inputs={"游戏 UID": "100200300", "服务器": "世界树"}, contact=PEOPLE[2])
    await open_ticket(
        long,
        who,
        order_no=given.no,
        order_id=given.id,
        kind="wrong_account",
        body="UID 填错了，应该是 100200301，麻烦改一下，谢谢。",
    )
    await work_off(room.runtime)
    await work_off(room.runtime)
    cases = await room.rows("SELECT id, order_no FROM desk_cases ORDER BY opened_at")
    for case, minutes in zip(cases, (-10, 9), strict=False):
        await room.rows(FOR_A_PERSON, id=case.id, minutes=minutes)
    await room.page(f"/desk/cases/{cases[0].id}")
    await room.send(f"/desk/cases/{cases[0].id}/message", body="您好，上游正在补货，预计 10 分钟内到，请稍等。")
    await room.page(f"/desk/cases/{cases[2].id}")
    await room.send(f"/desk/cases/{cases[2].id}/refund")


async def _lists(room: Room) -> None:
    await room.page("/orders?state=refunded")
    await room.send("/orders/views", name="本月退款", filter_state="refunded", is_shared="yes")
    await room.send("/orders/views", name="大额订单（1000 元以上）", filter_least="1000")
    await room.send("/orders/exports", kind="csv", filter_state="delivered")
