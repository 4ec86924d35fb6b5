"""An owner withdraws and the master decides; money of a delivered order goes back; channels are arranged."""

import re

import pytest

from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tests.admin_ui.conftest import SignIn, audited
from tests.billing.payouts.test_withdrawing import book
from tests.support.house import Shop, work_off
from tests.support.staff_client import StaffClient, error_at, hidden, text_of
from tests.tenants.storefront.lending import held, lend_channel

ROOM = "/console/withdrawals"
LINK = re.compile(r'href="(?:/console/withdrawals|/payouts)/([0-9a-f-]{36})"')


async def asked(owner: StaffClient, amount: str = "200", **changes: str) -> str:
    """The id of a withdrawal that was asked for."""
    key = hidden(await owner.get(f"{ROOM}/new"), "request_key")
    fields = {"amount": amount, "method": "alipay", "account": "李雷 li@example.test", "request_key": key} | changes
    page = await owner.follow(await owner.post(ROOM, **fields))
    found = LINK.search(page.text)
    assert found, text_of(page)
    return found[1]


async def test_an_owner_withdraws_and_the_master_pays(
    runtime: Runtime, shop: Shop, owner: StaffClient, operator: StaffClient
) -> None:
    await book(shop, "earnings", 50_000)
    payout = await asked(owner)
    shown = text_of(await operator.get(f"/payouts/{payout}"))
    assert "李雷 li@example.test" in shown, shown[:900]
    assert f"{shop.tenant.name}: its money here" in shown
    assert error_at(await operator.post(f"/payouts/{payout}/pay", reference=""), "reference")

    page = await operator.follow(await operator.post(f"/payouts/{payout}/pay", reference="2026112200001"))
    await operator.post(f"/payouts/{payout}/decline", reason="zu spät")
    await work_off(runtime)

    assert "Paid out" in text_of(page)
    assert await held(shop) == {"collected": 0, "earnings": 30_000, "payout": 0, "deposit": 1_000_000}
    assert "is paid: ¥200.00" in text_of(await owner.get("/console"))
    assert "2026112200001" in (await owner.get(f"{ROOM}/export?state=paid")).text
    assert "2026112200001" in (await operator.get(f"/payouts/export?q={shop.tenant.slug}")).text


async def test_the_master_declines_with_a_reason_and_an_owner_cancels(
    runtime: Runtime, shop: Shop, owner: StaffClient, operator: StaffClient
) -> None:
    await book(shop, "earnings", 50_000)
    payout = await asked(owner)
    await operator.get("/payouts")
    await operator.post(f"/payouts/{payout}/decline", reason="户名不符")
    await work_off(runtime)
    assert "户名不符" in text_of(await owner.get("/console"))
    again = await asked(owner)

    await owner.post(f"{ROOM}/{again}/cancel", confirmed="yes")

    assert (await held(shop))["earnings"] == 50_000
    assert "Cancelled" in text_of(await operator.get(f"/payouts/{again}"))


@pytest.mark.parametrize(("amount", "said"), [("0", "0.01"), ("99.99", "less than can"), ("500.01", "do not cover")])
async def test_what_cannot_be_withdrawn_is_said_at_the_field(
    shop: Shop, owner: StaffClient, amount: str, said: str
) -> None:
    await book(shop, "earnings", 50_000)
    key = hidden(await owner.get(f"{ROOM}/new"), "request_key")

    answer = await owner.post(ROOM, amount=amount, method="bank", account="中国银行 622", request_key=key)

    assert answer.status_code == 422
    assert said in error_at(answer, "amount")
    assert "中国银行 622" in answer.text
    assert (await held(shop))["earnings"] == 50_000


async def test_earnings_pay_in_to_the_deposit(shop: Shop, owner: StaffClient) -> None:
    await book(shop, "earnings", 5_000)
    key = hidden(await owner.get(ROOM), "request_key")
    assert error_at(await owner.post(f"{ROOM}/to-deposit", deposit_amount="60", request_key=key), "deposit_amount")

    for _ in range(2):
        await owner.post(f"{ROOM}/to-deposit", deposit_amount="30", request_key=key)

    assert await held(shop) == {"collected": 0, "earnings": 2_000, "payout": 0, "deposit": 1_003_000}


async def test_finance_reads_and_does_not_ask(shop: Shop, sign_in: SignIn) -> None:
    finance = await sign_in(shop.tenant, Role.FINANCE)

    assert (await finance.get(ROOM)).status_code == 200
    assert (await finance.get(f"{ROOM}/new")).status_code == 403


async def test_money_of_a_delivered_order_goes_back_in_parts(runtime: Runtime, shop: Shop, owner: StaffClient) -> None:
    buyer = await shop.buyer(wallet_cents=1_000)
    no = (await shop.buy(buyer)).no
    page = await owner.get(f"/console/orders/{no}")
    sent = {"to": "wallet", "reason": "坏卡", "request_key": hidden(page, "request_key")}

    wrong = await owner.post(f"/console/orders/{no}/refunds", amount="10.01", **sent)
    done = await owner.follow(await owner.post(f"/console/orders/{no}/refunds", amount="4", **sent))

    assert wrong.status_code == 422
    assert error_at(wrong, "amount") == "At most ¥10.00 of this order can still be given back."
    assert "¥4.00 · to the wallet" in text_of(done)
    assert await shop.wallet_cents(buyer) == 400
    assert len(await audited(runtime, "refunds.give", no)) == 1


async def test_the_master_gives_a_wholesale_price_back_once_and_no_more_than_it_took(
    shop: Shop, operator: StaffClient
) -> None:
    placed = await shop.buy(await shop.buyer(wallet_cents=1_000))
    path = f"/tenants/{shop.tenant.id}/settlement"
    sent = {"order_no": placed.no, "reason": "货源坏卡", "request_key": hidden(await operator.get(path), "request_key")}
    before = await shop.deposit_cents()

    assert error_at(await operator.post(f"{path}/wholesale", amount="8.01", **sent), "amount")
    for _ in range(2):
        await operator.post(f"{path}/wholesale", amount="8", **sent)
    other = await operator.post(f"{path}/wholesale", **{**sent, "amount": "1", "request_key": "A" * 20})

    assert error_at(other, "amount")
    assert await shop.deposit_cents() == before + 800


async def test_terms_of_a_station_go_before_those_for_everybody(
    shop: Shop, owner: StaffClient, operator: StaffClient
) -> None:
    path = f"/tenants/{shop.tenant.id}/settlement"
    await operator.get(path)
    assert error_at(await operator.post(f"{path}/terms", hold_days="181"), "hold_days")

    await operator.post(f"{path}/terms", hold_days="3", fee_percent="0.5")

    assert "Held for 3 days" in text_of(await owner.get(ROOM))
    assert "0.5" in text_of(await owner.get(f"{ROOM}/new"))
    assert (await operator.get("/payouts/terms")).status_code == 200
    assert (await operator.get(f"{path}/csv")).status_code == 200


async def test_a_lent_channel_is_offered_arranged_and_tested(
    runtime: Runtime, shop: Shop, owner: StaffClient, operator: StaffClient
) -> None:
    lent = await lend_channel(runtime, "http://127.0.0.1:9", fee_rate="0.006")
    assert "Lent to stations" in text_of(await operator.get(f"/channels/{lent}"))
    assert "0.6 % of each payment" in text_of(await owner.get("/console/channels"))
    await owner.post("/console/channels/lent", master_channel_id=lent)
    page = await owner.get("/console/channels")
    found = re.search(r'href="/console/channels/([0-9]+)"', page.text)
    assert found
    path = f"/console/channels/{found[1]}"

    wrong = await owner.post(path, name="代收", min="10", max="5", devices="phone", position="2")
    await owner.post(path, name="代收", min="5", max="10", devices="phone", position="2")
    test = await owner.post(f"{path}/test")

    assert error_at(wrong, "max")
    assert "¥5.00" in text_of(test)
    assert "http://127.0.0.1:9/submit.php" in test.text
    await operator.post(f"/channels/{lent}/lending")
    assert "For the master only" in text_of(await operator.get(f"/channels/{lent}"))
