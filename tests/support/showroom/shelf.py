"""The showroom's catalogue, its cards and their imports."""

import random
from decimal import Decimal

from sqlalchemy import text

from billing.wholesale import service as wholesale
from kameng.core import ids
from supplier_gateway.goods import service as goods
from tests.support.house import work_off
from tests.support.showroom.room import Room, number_of, values

LONG = "《原神》创世结晶 6480 + 空月祝福 月卡 双重礼包（官方直充，国服全渠道通用，iOS / 安卓 / PC 均可）"
LONG_PLACE = "高品质无损音乐订阅与数字专辑（含海外平台账号直充）"
PASS = "Steam 通行证礼品码"
NUMBERS = "QQ 靓号（可自选号码）"
FEW = "B 站大会员 1 个月"
SUPPLIERS = ("老王批发", "深圳市某某网络科技有限公司（长期合作）", "")
PLAIN = {"min_quantity": "1", "max_quantity": "10", "shown": "yes"}
FILED = text("UPDATE goods SET category = :place WHERE id = :id")
WHOLESALE = (
    ("Xbox Game Pass Ultimate 1 个月", "42.50", "游戏/主机"),
    ("PlayStation Store 港服 200 港币", "171.30", "游戏/主机"),
    ("Nintendo eShop 日服 3000 日元", "139.80", "游戏/主机"),
    ("爱奇艺黄金会员 12 个月", "128.00", "会员/视频"),
    ("腾讯视频 VIP 3 个月", "45.20", "会员/视频"),
    ("Apple App Store 充值卡 100 元", "98.60", "点卡"),
    ("京东 E 卡 500 元（电子卡密，有效期 36 个月，不支持退换）", "493.75", "购物卡/京东"),
    ("美团外卖红包 10 元", "7.35", "购物卡"),
)


async def fill(room: Room) -> None:
    await _categories(room)
    await _products(room)
    await _goods_of_the_master(room)
    await _cards(room)


async def _categories(room: Room) -> None:
    await room.page("/categories")
    places = await room.places()
    for name, above, icon, shown in (
        ("影音娱乐", "", "photo", "yes"),
        ("音乐", "影音娱乐", "", "yes"),
        (LONG_PLACE, "音乐", "", "yes"),
        ("黑胶", LONG_PLACE, "", "yes"),
        ("手游", "游戏", "", "yes"),
        ("已停售", "", "", ""),
    ):
        await room.send("/categories", name=name, parent_id=places.get(above, ""), icon=icon, shown=shown)
        places = await room.places()


async def _products(room: Room) -> None:
    places = await room.places()
    await room.page("/products/new")
    await room.send(
        "/products",
        **PLAIN,
        source="own",
        name=LONG,
        price="668",
        list_price="698",
        labels="新品, 热门/礼包",
        category_id=places["手游"],
        summary="双倍快乐，一单到账",
        floor_price="640",
        max_per_buyer="5",
        max_per_day="2",
        description="请填写正确的 UID 与服务器。\n到账后不支持退换。",
        usage_note="游戏内 派蒙菜单 → 设置 → 账户 → 兑换码",
        warn_at="20",
        ladder_from=["5", "10"],
        ladder_price=["660", "655"],
        field_label=["游戏 UID", "服务器"],
        field_kind=["number", "choice"],
        field_required=["yes", "yes"],
        field_hint=["九位数字", ""],
        field_choices=["", "天空岛, 世界树"],
        field_pattern=["[1-9][0-9]{8}", ""],
    )
    combinations = [(face, area) for face in ("50", "100", "200", "500") for area in ("国区", "港区", "美区")]
    await room.send(
        "/products",
        **PLAIN,
        source="variants",
        name=PASS,
        category_id=places["点卡"],
        labels="热门",
        spec_name=["面值", "地区"],
        spec_values=["50, 100, 200, 500", "国区, 港区, 美区"],
        v_values=[values(面值=face, 地区=area) for face, area in combinations],
        v_good=["own"] * 12,
        v_price=[str(Decimal(face) * Decimal("0.985")) for face, _ in combinations],
        v_list=[face for face, _ in combinations],
        v_ladder=[""] * 12,
        v_shown=["yes"] * 11 + ["no"],
    )
    await room.send(
        "/products",
        **PLAIN,
        source="own",
        name=NUMBERS,
        price="29.9",
        choosable="yes",
        choice_price="5",
        warn_at="3",
        category_id=places["会员"],
        picking="random",
    )
    await room.send(
        "/products", **PLAIN, source="own", name=FEW, price="16.8", warn_at="50", category_id=places["会员"]
    )
    await room.send(
        "/products",
        source="own",
        name="双十二限定礼盒",
        price="88",
        min_quantity="1",
        max_quantity="1",
        sale_from="2026-12-12T00:00",
        sale_until="2026-12-13T00:00",
    )
    for name in ("旧款月卡（已停产）", "测试商品"):
        made = number_of(await room.send("/products", **PLAIN, source="own", name=name, price="9.9"))
        await room.send(f"/products/{made}/archive")


async def _goods_of_the_master(room: Room) -> None:
    """Goods that can be listed in bulk, and a template to do it by."""
    async with room.runtime.database.master_session() as session:
        tiers = [row.id for row in await session.execute(text("SELECT id FROM tiers"))]
        for name, price, place in WHOLESALE:
            good = await goods.add(session, name, usage_note="见订单页")
            await session.execute(FILED, {"place": place, "id": good.id})
            for tier in tiers:
                await wholesale.set_price(session, tier, good.id, Decimal(price))
    await room.page("/listing")
    await room.send(
        "/listing/templates",
        up_to=["20", "100", ""],
        percent=["12", "6", "3.5"],
        add=["0.5", "0", "0"],
        rounding="dime",
        template_name="点卡薄利",
    )


async def _cards(room: Room) -> None:
    chance = random.Random(11)  # noqa: S311 - the same each time
    for name, batches in ((LONG, 2), (FEW, 3), (NUMBERS, 1)):
        at = f"/stock/{await room.product(name)}"
        await room.page(f"{at}/imports/new?how=paste")
        for number in range(batches):
            lines = [f"{ids.code(4)}-{ids.code(4)}-{ids.code(4)}" for _ in range(14)]
            if name == NUMBERS:
                lines = [f"{chance.randrange(10**8, 10**9)}----{ids.code(10)}" for _ in range(24)]
                parts = {"separator": "----", "parts": "2", "label_part": "1", "secret_part": "2"}
                await room.send(f"{at}/format", **parts, min_length="6")
            await room.send(
                f"{at}/imports/paste",
                keys="\n".join([*lines, lines[0], "短"]),
                cost=f"{12 + number}.35",
                supplier=SUPPLIERS[number],
                note=("", "含税，月结", "补货")[number],
            )
            await work_off(room.runtime)
    few = await room.product(FEW)
    cards = [str(row.id) for row in await room.rows("SELECT id FROM card_pool WHERE item_id = :id ORDER BY id", id=few)]
    await room.page(f"/stock/{few}")
    await room.send(f"/stock/{few}/freeze", id=cards[:4], state="pool", reason="供应商说这一批有问题，等待核实")
    await room.send(f"/stock/{few}/recycle", id=cards[4:7], state="pool", reason="已过期")
    await room.send(f"/stock/{few}/cards/{cards[9]}/reveal", confirmed="yes")


async def leave_one_at_work(room: Room) -> None:
    """An import that nobody works at: the last thing, since whatever is worked off takes it along."""
    few = await room.product(FEW)
    await room.page(f"/stock/{few}/imports/new?how=paste")
    await room.send(
        f"/stock/{few}/imports/paste", keys="\n".join(f"WAIT-{ids.code(12)}" for _ in range(800)), supplier="老王批发"
    )
