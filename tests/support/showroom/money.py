"""The showroom's channels, what the master holds for it, and what it withdraws and orders."""

from sqlalchemy import text

from tests.billing.payouts.test_withdrawing import book
from tests.support.house import work_off
from tests.support.showroom import shelf, trade
from tests.support.showroom.room import Room, sent
from tests.support.staff_client import hidden
from tests.tenants.storefront.lending import lend_channel, offer

ACCOUNTS = (
    ("alipay", "李雷 li.lei@example.com"),
    ("bank", "中国工商银行上海市浦东新区张江支行\n李雷 6222 0000 0000 0000 000"),
    ("usdt", "TQ5NMqJjhpQGK7YJbESKfSd1SU2XR6RnYk TRC20"),
    ("alipay", "李雷 li.lei@example.com"),
)
PAYOUTS = text("SELECT id FROM payouts WHERE tenant_id = :id ORDER BY created_at")


async def fill(room: Room) -> None:
    await _channels(room)
    await _withdrawals(room)
    await _replenishment(room)


async def _channels(room: Room) -> None:
    shop = await room.at(trade.GOODS[0])
    lent = await lend_channel(room.runtime, room.sandboxes.gateway_url, fee_rate="0.012")
    await lend_channel(room.runtime, room.sandboxes.gateway_url, fee_rate="0.02")
    await offer(shop, lent)
    await room.page("/channels/new")
    account = {"base_url": room.sandboxes.gateway_url, "merchant_id": "1002", "key_password": "x" * 32}
    await room.send("/channels", name="微信（备用）", **account)
    (last,) = await room.rows("SELECT max(id) AS id FROM payment_channels")
    await room.send(f"/channels/{last.id}/pause", paused="yes")


async def _withdrawals(room: Room) -> None:
    shop = await room.at(trade.GOODS[0])
    await book(shop, "collected", 1_234_567)
    await book(shop, "earnings", 5_000_000)
    for place, (method, account) in enumerate(ACCOUNTS):
        key = hidden(await room.page("/withdrawals/new"), "request_key")
        amount = f"{(place + 1) * 1234.5:.2f}"
        await room.send("/withdrawals", amount=amount, method=method, account=account, request_key=key)
    async with room.runtime.database.master_session() as session:
        asked = [str(row.id) for row in await session.execute(PAYOUTS, {"id": room.tenant.id})]
    await room.operator.get("/payouts")
    await sent(room.operator, f"/payouts/{asked[0]}/pay", {"reference": "2026112222001430000000000001"})
    await sent(room.operator, f"/payouts/{asked[1]}/decline", {"reason": "户名与登记的不一致，请核对后重新申请"})
    await room.page("/withdrawals")
    await room.send(f"/withdrawals/{asked[2]}/cancel", confirmed="yes")
    await work_off(room.runtime)


async def _replenishment(room: Room) -> None:
    """One that is wanted, one under way, one that has come in part."""
    few, long = await room.product(shelf.FEW), await room.product(shelf.LONG)
    for item, warn in ((few, 60), (long, 40), (await room.product(shelf.NUMBERS), 30)):
        await room.page(f"/stock/{item}")
        await room.send(f"/stock/{item}/warning", warn_at=str(warn))
    await work_off(room.runtime)
    found = [row.id for row in await room.rows("SELECT id FROM replenishments ORDER BY id")]
    for number, supplier in zip(found[1:], shelf.SUPPLIERS, strict=False):
        await room.page(f"/replenish/{number}")
        await room.send(
            f"/replenish/{number}/order", quantity="1200", supplier=supplier, note="要新批次，含税", lead_days="2"
        )
