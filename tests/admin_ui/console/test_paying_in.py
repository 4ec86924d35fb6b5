"""An owner pays in to the deposit through the master's channels."""

import pytest

from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tenants.plans.renewal import Renewal
from tests.admin_ui.conftest import SignIn
from tests.support.house import Shop, ledger_is_balanced, open_shop
from tests.support.staff_client import StaffClient, error_at, text_of
from tests.tenants.applications.steps import Clients, Master, gateway, master, notify, pay, pay_links
from tests.tenants.plans.steps import Station, add_plan
from tests.tenants.storefront.gateway import Gateway

__all__ = ["gateway", "master"]
PATH = "/console/plan/payments"


async def test_an_overdue_station_pays_in_and_sells_again_at_once(
    runtime: Runtime, master: Master, gateway: Gateway, sign_in: SignIn, clients: Clients
) -> None:
    channel = await master.add_channel(gateway.url)
    shop = await open_shop(runtime, deposit_cents=100)
    station, owner = Station(shop), await sign_in(shop.tenant, Role.OWNER)
    await station.give(await add_plan(runtime, 10_000))
    assert await station.renew() is Renewal.OVERDUE
    await owner.get("/console/plan")

    page = await owner.follow(await owner.post(PATH, amount="120.50", channel_id=channel))
    (link,) = pay_links(page)
    answer = await notify(clients(runtime.settings.master_host), link, await pay(gateway, link))

    assert answer.text == "success"
    assert "Paid in" in (await owner.get(f"{page.url.path}/status")).text
    assert (await station.tenant()).takes_orders
    assert await shop.deposit_cents() == 100 + 12_050 - 10_000
    assert await ledger_is_balanced(runtime)


async def test_a_worker_books_what_no_notice_told_of(
    runtime: Runtime, master: Master, gateway: Gateway, shop: Shop, owner: StaffClient
) -> None:
    channel = await master.add_channel(gateway.url)
    before = await shop.deposit_cents()
    await owner.get("/console/plan")
    page = await owner.follow(await owner.post(PATH, amount="5", channel_id=channel))
    await pay(gateway, pay_links(page)[0])

    await master.ask_gateways()

    assert await shop.deposit_cents() == before + 500
    assert "Deposit paid in online" in text_of(await owner.get("/console/money"))


@pytest.mark.parametrize("amount", ["0.99", "50000.01", "-5", "abc", "1.001"])
async def test_an_amount_that_cannot_be_paid_is_named(master: Master, owner: StaffClient, amount: str) -> None:
    channel = await master.add_channel("http://127.0.0.1:9")
    await owner.get("/console/plan")

    answer = await owner.post(PATH, amount=amount, channel_id=channel)

    assert answer.status_code == 422
    assert error_at(answer, "amount")


async def test_a_channel_that_is_gone_is_named(master: Master, owner: StaffClient) -> None:
    await master.add_channel("http://127.0.0.1:9")
    await owner.get("/console/plan")

    answer = await owner.post(PATH, amount="5", channel_id="2147483647")

    assert error_at(answer, "channel_id") == "This way to pay is not offered here."


async def test_without_a_channel_the_owner_reads_whom_to_ask(owner: StaffClient) -> None:
    assert "Ask the master station how to pay in." in text_of(await owner.get("/console/plan"))


async def test_another_stations_payment_is_not_there(
    runtime: Runtime, master: Master, owner: StaffClient, sign_in: SignIn
) -> None:
    channel = await master.add_channel("http://127.0.0.1:9")
    await owner.get("/console/plan")
    path = (await owner.post(PATH, amount="5", channel_id=channel)).headers["location"]
    stranger = await sign_in((await open_shop(runtime)).tenant, Role.OWNER)

    assert (await owner.get(path)).status_code == 200
    for one in (path, f"{path}/status"):
        assert (await stranger.get(one)).status_code == 404
