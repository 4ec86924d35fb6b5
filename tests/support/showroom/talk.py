"""What the showroom's buyers ask, what its staff answer, and whom notices reach."""

from tenants.aftersale import queries, service
from tenants.notices import service as notices
from tests.support.house import work_off
from tests.support.showroom import shelf, trade
from tests.support.showroom.room import Room
from tests.tenants.aftersale.steps import open_ticket
from tests.tenants.orders import stall

ASKED = (
    ("key_invalid", "卡密提示“已被使用”，麻烦看一下。\n订单里一共四张，第二张不行，截图见附件。"),
    ("not_received", "付款十分钟了还没有收到"),
    (
        "other",
        "请问可以开发票吗？公司抬头：上海某某信息技术有限公司，税号 91310000MA1FL0000X，寄到注册邮箱就可以，谢谢。",
    ),
    ("key_invalid", "账号地区不对，换成港区的可以吗"),
    ("not_received", "订单页一直显示发货中"),
)
REPLIES = (
    (
        "先稳住：正在补货",
        "{{ buyer }}，您的订单 {{ order }}（{{ product }}）正在补货，预计 {{ expected }} 内送达，请留意订单页。",
    ),
    ("教他怎么兑换", "您好，请在官网“账户明细”中兑换，卡密区分大小写，不要带空格。"),
    ("开发票", "您好，电子发票会在三个工作日内发到您的邮箱。"),
)
TOLD: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("order_waits", "261122-K7Q2M9XWAB", {"reason": "out_of_stock"}),
    ("deposit_low", "261122-K7Q2M9XWAB", {}),
    ("payout_paid", "W261122ABCDEFGH", {"cents": 20_000}),
)


async def fill(room: Room) -> None:
    await _replies(room)
    await _hours(room)
    await _tickets(room)
    await _notices(room)


async def _replies(room: Room) -> None:
    await room.page("/replies/new")
    for place, (title, body) in enumerate(REPLIES):
        await room.send("/replies", title=title, body=body, position=str(place))


async def _hours(room: Room) -> None:
    await room.page("/peak-hours")
    week = {f"peak_{day}": "19-23" for day in range(7)} | {f"work_{day}": "9-12, 13-23" for day in range(6)}
    await room.send(
        "/peak-hours",
        answer_hours="4",
        close_days="7",
        peaks="by_hand",
        **week,
        off_hours="yes",
        peak_text="{{ buyer }}，您的工单 {{ ticket }} 已收到。\n{{ product }}：{{ state }}。我们会在 4 小时内回复。",
        off_text="{{ buyer }}，现在没有客服在线，我们上班后第一时间回复。",
    )


async def _tickets(room: Room) -> None:
    own = await room.at(shelf.FEW)
    opened = []
    for place, (kind, body) in enumerate(ASKED):
        who = await trade.buyer(room, trade.PEOPLE[place])
        placed = await stall.buy(own, who, 1, contact=trade.PEOPLE[place])
        opened.append(await open_ticket(own, who, order_no=placed.no, order_id=placed.id, kind=kind, body=body))
    first, second, _, fourth, _ = opened
    await room.page(f"/tickets/{first}")
    await room.send(f"/tickets/{first}/answer", body="您好，已为您核实，第二张卡密确实有误，马上补发。", then="waiting")
    await room.send(f"/tickets/{first}/note", note="这位是老客户，直接补一张，成本记在老王批发头上。")
    await room.page(f"/tickets/{second}")
    await room.rows("UPDATE tickets SET due_at = now() - interval '3 hours' WHERE no = :no", no=second)
    await room.send(f"/tickets/{fourth}/answer", body="港区目前无货，已为您退回钱包。", then="closed")
    async with room.tenant.begin() as session:
        await service.write(session, room.tenant, await queries.ticket(session, first), "好的，谢谢，那我等一下。")
        await service.rate(session, await queries.ticket(session, fourth), 4, "回复很快，可惜没有货")
    await work_off(room.runtime)


async def _notices(room: Room) -> None:
    await room.page("/notices/mine/new")
    always = {"quiet_from": "0", "quiet_to": "0", "digest": "off", "most_an_hour": "20"}
    night = {"quiet_from": "23", "quiet_to": "8", "digest": "hour", "most_an_hour": "20"}
    await room.send("/notices/mine", name="我的邮箱", kind="email", email="owner@example.com", **night)
    token = "123456:" + "A" * 35
    await room.send(
        "/notices/channels",
        name="客服群（夜班）",
        kind="telegram",
        chat="-1001234567890",
        token_password=token,
        **always,
    )
    await room.send("/notices/channels", name="自建告警平台", kind="webhook", url="http://127.0.0.1:9/hook", **always)
    for kind, subject, detail in TOLD:
        async with room.tenant.begin() as session:
            await notices.tell(session, kind, subject, **detail)
    for _ in range(2):
        await work_off(room.runtime)
    (shown,) = await room.rows("SELECT max(id) AS id FROM notices")
    await room.page("/notices")
    await room.send(f"/notices/{shown.id}/read", back="list")
