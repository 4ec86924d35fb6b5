"""After the sale money goes back once, never more than was charged, to the wallet or by the gateway that brought it."""

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from billing.ledger.errors import CollectedTooLow, KeyReused
from billing.payments import queries as payment_queries
from billing.payments import service as payments
from billing.payments.errors import NotRefundableHere
from billing.payments.till import master_till
from kameng.core import ids
from kameng.infra.runtime import Runtime
from tenants.orders import queries, refund_tasks, refunds, service
from tenants.orders.payments import charge_paid_order
from tenants.orders.refunds import BeyondCharge, NotGivenBack, NotInDoubt, OverLimit, Refund
from tenants.orders.service import OrderDraft
from tests.support.house import Shop, ledger_is_balanced, open_shop
from tests.support.loopback import async_client
from tests.tenants.storefront.gateway import Gateway, open_channel, running_gateway
from tests.tenants.storefront.lending import held, lend_channel, offer

KEYS = [f"K{n}" for n in range(6)]
SPENT = text("SELECT count(*) FROM card_issued WHERE order_ref = :id AND refunded_at IS NOT NULL")


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with running_gateway() as started:
        yield started


async def give_back(shop: Shop, no: str, cents: int, to: refunds.Destination = "wallet", **more: object) -> Refund:
    values: dict[str, object] = {"reason": "坏卡", "by": "li", "request_key": ids.code(20)} | more
    async with shop.tenant.begin() as session:
        return await refunds.give_back(session, no, cents=cents, to=to, **values)  # type: ignore[arg-type]  # of a test


async def refunded(shop: Shop, no: str) -> tuple[str, int]:
    async with shop.tenant.begin() as session:
        order = await queries.order_by_no(session, no)
        return order.state, order.refunded_cents


async def paid_by_channel(shop: Shop, gateway: Gateway, channel: int) -> tuple[str, str]:
    """The numbers of a delivered order that a gateway's money paid, and of its payment."""
    buyer = await shop.buyer()
    draft = OrderDraft(product_id=shop.product_id, quantity=1, pay_method=str(channel), request_key=ids.code(20))
    vault = await shop.runtime.keyring.vault(shop.tenant.id)
    async with shop.tenant.begin() as session:
        placed = await service.place(session, vault, buyer, draft)
        payment = await payments.open_payment(session, buyer, channel, placed.total_cents, "order", placed.no)
        found = await payment_queries.channel(session, channel)
    await gateway.pay(await payments.pay_url(shop.runtime, shop.tenant, payment, found, "月卡"))
    assert await payments.confirm(shop.runtime, shop.tenant, payment.no)
    await charge_paid_order(shop.runtime, shop.tenant, placed.no)
    assert await shop.state(placed.no) == "delivered"
    return placed.no, payment.no


async def at_gateway(gateway: Gateway, payment_no: str) -> int:
    """What the gateway has given back, in cents."""
    return next(int(one["refunded_cents"]) for one in await gateway.orders() if one["out_trade_no"] == payment_no)


async def test_parts_go_to_the_wallet_until_all_is_back_and_the_cards_are_spent(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=KEYS)
    buyer = await shop.buyer(wallet_cents=5_000)
    placed = await shop.buy(buyer, 2)
    deposit = await shop.deposit_cents()

    await give_back(shop, placed.no, 500)
    assert await refunded(shop, placed.no) == ("delivered", 500)
    await give_back(shop, placed.no, 1_500)

    assert await refunded(shop, placed.no) == ("refunded", 2_000)
    assert await shop.wallet_cents(buyer) == 5_000
    assert await shop.deposit_cents() == deposit
    async with shop.tenant.begin() as session:
        assert (await session.execute(SPENT, {"id": placed.id})).scalar_one() == 2
    assert len(await shop.keys(placed.id)) == 2
    assert await ledger_is_balanced(runtime)


async def test_the_same_request_is_one_refund_and_for_another_sum_refused(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=KEYS)
    buyer = await shop.buyer(wallet_cents=1_000)
    no, key = (await shop.buy(buyer)).no, ids.code(20)

    both = await asyncio.gather(*(give_back(shop, no, 300, request_key=key) for _ in range(3)))
    with pytest.raises(KeyReused):
        await give_back(shop, no, 400, request_key=key)

    assert len({one.id for one in both}) == 1
    assert await shop.wallet_cents(buyer) == 300


async def test_a_crowd_gives_back_no_more_than_was_charged(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=KEYS)
    buyer = await shop.buyer(wallet_cents=1_000)
    no = (await shop.buy(buyer)).no

    done = await asyncio.gather(*(give_back(shop, no, 400) for _ in range(6)), return_exceptions=True)

    assert sum(isinstance(one, Refund) for one in done) == 2
    assert all(isinstance(one, Refund | BeyondCharge) for one in done)
    assert await refunded(shop, no) == ("delivered", 800)
    assert await shop.wallet_cents(buyer) == 800


async def test_who_is_limited_cannot_give_back_more_and_the_wallets_money_has_no_gateway(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=KEYS)
    no = (await shop.buy(await shop.buyer(wallet_cents=1_000))).no
    with pytest.raises(OverLimit):
        await give_back(shop, no, 301, limit_cents=300)
    assert (await give_back(shop, no, 300, limit_cents=300)).state == "done"
    with pytest.raises(NotRefundableHere):
        await give_back(shop, no, 100, "channel")
    with pytest.raises(BeyondCharge):
        await give_back(shop, no, 0)


async def test_the_gateway_gives_back_what_it_brought(runtime: Runtime, gateway: Gateway) -> None:
    shop = await open_shop(runtime, keys=KEYS)
    no, payment_no = await paid_by_channel(shop, gateway, await open_channel(shop, gateway.url))

    part = await give_back(shop, no, 400, "channel")
    assert part.state == "pending"
    assert (await refund_tasks.pursue(runtime, shop.tenant, part.id)).state == "done"
    assert await at_gateway(gateway, payment_no) == 400
    assert await refunded(shop, no) == ("delivered", 400)
    rest = await give_back(shop, no, 600, "channel")
    assert await refunded(shop, no) == ("delivered", 1_000)  # not refunded until the gateway has done it
    for _ in range(2):
        await refund_tasks.pursue(runtime, shop.tenant, rest.id)

    assert await at_gateway(gateway, payment_no) == 1_000
    assert await refunded(shop, no) == ("refunded", 1_000)
    assert await ledger_is_balanced(runtime)


async def test_a_refusal_of_the_gateway_is_undone_and_the_wallet_may_be_chosen(
    runtime: Runtime, gateway: Gateway
) -> None:
    shop = await open_shop(runtime, keys=KEYS)
    no, payment_no = await paid_by_channel(shop, gateway, await open_channel(shop, gateway.url))
    await by_hand(gateway, payment_no, "7.00")  # somebody was there before us

    refused = await give_back(shop, no, 400, "channel")
    refused = await refund_tasks.pursue(runtime, shop.tenant, refused.id)

    assert (refused.state, await refunded(shop, no)) == ("failed", ("delivered", 0))
    assert "退款金额超过可退金额" in refused.detail
    assert (await give_back(shop, no, 400)).state == "done"
    assert await refunded(shop, no) == ("delivered", 400)
    assert await ledger_is_balanced(runtime)


async def by_hand(gateway: Gateway, payment_no: str, money: str) -> None:
    """A refund made at the gateway's own page."""
    fields = {"act": "refund", "pid": "1001", "key": "key-of-1001", "out_trade_no": payment_no, "money": money}
    async with async_client() as client:
        assert (await client.post(f"{gateway.url}/api.php", data=fields)).json()["code"] == 1


async def test_a_part_whose_answer_was_lost_is_not_sent_again_and_a_person_decides(
    runtime: Runtime, gateway: Gateway
) -> None:
    shop = await open_shop(runtime, keys=KEYS)
    no, payment_no = await paid_by_channel(shop, gateway, await open_channel(shop, gateway.url))
    part = await give_back(shop, no, 400, "channel")
    await lose_answer(shop, part)
    await by_hand(gateway, payment_no, "4.00")

    unknown = await refund_tasks.pursue(runtime, shop.tenant, part.id)

    assert (unknown.state, await at_gateway(gateway, payment_no)) == ("unknown", 400)
    async with shop.tenant.begin() as session:
        assert (await refunds.decide(session, part.id, done=True, by="li")).state == "done"
    with pytest.raises(NotInDoubt):
        async with shop.tenant.begin() as session:
            await refunds.decide(session, part.id, done=False, by="li")
    assert await refunded(shop, no) == ("delivered", 400)


async def test_a_whole_payment_whose_answer_was_lost_is_asked_about_and_sent_again_if_need_be(
    runtime: Runtime, gateway: Gateway
) -> None:
    shop = await open_shop(runtime, keys=KEYS)
    channel = await open_channel(shop, gateway.url)
    for happened in (True, False):
        no, payment_no = await paid_by_channel(shop, gateway, channel)
        whole = await give_back(shop, no, 1_000, "channel")
        await lose_answer(shop, whole)
        if happened:
            await by_hand(gateway, payment_no, "10.00")

        assert (await refund_tasks.pursue(runtime, shop.tenant, whole.id)).state == "done"

        assert await at_gateway(gateway, payment_no) == 1_000
        assert await refunded(shop, no) == ("refunded", 1_000)


async def lose_answer(shop: Shop, refund: Refund) -> None:
    """As if the process had died with the call on the wire."""
    async with shop.tenant.begin() as session:
        await session.execute(text("UPDATE refunds SET state = 'unknown' WHERE id = :id"), {"id": refund.id})


async def test_a_gateway_that_is_not_reached_is_asked_again(runtime: Runtime, gateway: Gateway) -> None:
    shop = await open_shop(runtime, keys=KEYS)
    channel = await open_channel(shop, gateway.url)
    no, payment_no = await paid_by_channel(shop, gateway, channel)
    part = await give_back(shop, no, 400, "channel")
    await lead_to(shop, channel, "http://127.0.0.1:9")

    assert (await refund_tasks.pursue(runtime, shop.tenant, part.id)).state == "pending"
    await lead_to(shop, channel, gateway.url)
    assert (await refund_tasks.pursue(runtime, shop.tenant, part.id)).state == "done"

    assert await at_gateway(gateway, payment_no) == 400


async def lead_to(shop: Shop, channel: int, url: str) -> None:
    async with shop.tenant.begin() as session:
        await session.execute(
            text("UPDATE payment_channels SET base_url = :url WHERE id = :id"), {"url": url, "id": channel}
        )


async def test_what_the_master_collected_goes_back_from_what_it_holds(runtime: Runtime, gateway: Gateway) -> None:
    shop = await open_shop(runtime, keys=KEYS)
    no, payment_no = await paid_by_channel(shop, gateway, await offer(shop, await lend_channel(runtime, gateway.url)))
    before = await held(shop)

    whole = await give_back(shop, no, 1_000, "channel")
    done = await refund_tasks.pursue(runtime, shop.tenant, whole.id)

    assert (done.state, await at_gateway(gateway, payment_no)) == ("done", 1_000)
    after = await held(shop)
    assert (before["collected"], after["collected"]) == (200, 0)  # the sale has taken the wholesale price from it
    assert after["deposit"] == before["deposit"] - 800
    assert await refunded(shop, no) == ("refunded", 1_000)
    assert await ledger_is_balanced(runtime)


async def test_a_masters_gateway_that_refuses_gives_the_station_its_money_back_once(
    runtime: Runtime, gateway: Gateway
) -> None:
    shop = await open_shop(runtime, keys=KEYS)
    no, payment_no = await paid_by_channel(shop, gateway, await offer(shop, await lend_channel(runtime, gateway.url)))
    await by_hand(gateway, payment_no, "9.00")
    before = await held(shop)

    part = await give_back(shop, no, 400, "channel")
    await refund_tasks.pursue(runtime, shop.tenant, part.id)
    refused = await refund_tasks.pursue(runtime, shop.tenant, part.id)

    assert (refused.state, await held(shop)) == ("failed", before)
    async with master_till(runtime).begin() as session:
        assert (await payment_queries.payment(session, payment_no)).refunded_cents == 0


async def test_a_refund_that_the_stations_money_at_the_master_does_not_cover_is_refused(
    runtime: Runtime, gateway: Gateway
) -> None:
    shop = await open_shop(runtime, keys=KEYS, deposit_cents=800)
    no, _ = await paid_by_channel(shop, gateway, await offer(shop, await lend_channel(runtime, gateway.url)))
    async with runtime.database.master_session() as session:
        await session.execute(
            text(
                "SELECT master_post(:id, 'spend:' || :id, 'spend', 'x', ARRAY[:id, 0],"
                " ARRAY['collected', 'master_bank'], ARRAY['', ''], ARRAY[-200, 200]::bigint[])"
            ),
            {"id": shop.tenant.id},
        )

    with pytest.raises(CollectedTooLow):
        await give_back(shop, no, 1_000, "channel")

    assert await refunded(shop, no) == ("delivered", 0)
    assert (await give_back(shop, no, 1_000)).state == "done"


async def test_an_order_that_was_not_delivered_is_not_given_back_like_this(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=KEYS)
    no = (await shop.buy(await shop.buyer(wallet_cents=1_000))).no
    async with shop.tenant.begin() as session:
        await session.execute(text("UPDATE orders SET state = 'waiting', delivered_at = NULL"))

    with pytest.raises(NotGivenBack):
        await give_back(shop, no, 100)
