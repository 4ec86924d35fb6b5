"""Deposits of stations, as the master pays in and out."""

from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tests.admin_ui.conftest import SignIn, audited
from tests.support.house import Shop, ledger_is_balanced, open_shop
from tests.support.staff_client import StaffClient, error_at, hidden, text_of


async def test_a_deposit_form_sent_twice_is_booked_once(runtime: Runtime, shop: Shop, operator: StaffClient) -> None:
    before = await shop.deposit_cents()
    key = hidden(await operator.get(f"/tenants/{shop.tenant.id}"), "request_key")
    path = f"/tenants/{shop.tenant.id}/deposit"

    form = {"direction": "in", "amount": "250.50", "note": "bank 77", "request_key": key}

    await operator.post(path, **form)
    page = await operator.follow(await operator.post(path, **form))

    assert "This was booked already; nothing changed." in page.text
    assert await shop.deposit_cents() == before + 25_050
    assert len(await audited(runtime, "deposits.pay_in", str(shop.tenant.id))) == 1
    assert await ledger_is_balanced(runtime)


async def test_more_than_the_deposit_is_not_paid_out(shop: Shop, operator: StaffClient) -> None:
    before = await shop.deposit_cents()
    key = hidden(await operator.get(f"/tenants/{shop.tenant.id}"), "request_key")

    answer = await operator.post(
        f"/tenants/{shop.tenant.id}/deposit", direction="out", amount="99999999", request_key=key
    )

    assert answer.status_code == 422
    assert error_at(answer, "amount") == "The deposit does not cover this."
    assert await shop.deposit_cents() == before


async def test_a_low_deposit_is_on_the_masters_overview(
    runtime: Runtime, operator: StaffClient, sign_in: SignIn
) -> None:
    shop = await open_shop(runtime, keys=["K1", "K2"], deposit_cents=900)
    await shop.buy(await shop.buyer(wallet_cents=1_000))

    page = await operator.get("/")
    assert f'href="/tenants/{shop.tenant.id}"' in page.text

    owner = await sign_in(shop.tenant, Role.OWNER)
    assert "Lasts less than a day: pay in now" in text_of(await owner.get("/console"))
