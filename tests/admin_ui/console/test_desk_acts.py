"""Acts on a case that move goods and money, by somebody who may give back up to a limit; and what the page keeps."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from kameng.core import ids
from kameng.identity import standing
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from supplier_gateway.offers import service as offers
from supplier_gateway.suppliers import service as suppliers
from tests.admin_ui.conftest import SignIn, audited
from tests.support.house import Shop, ledger_is_balanced, open_shop, work_off
from tests.support.sandbox import SUPPLIER_SECRET, Supplier, running_supplier
from tests.support.staff_client import StaffClient, error_at, hidden, text_of
from tests.tenants.aftersale.steps import open_ticket
from tests.tenants.desk.steps import case_of, rows, short_shop, waiting

LIVE = re.compile(r'data-live-url="[^"]*shown=([^"]+)"')
ACTS = re.compile(r'data-refresh-url="[^"]*acts=([^"]+)"')


@pytest.fixture(scope="module")
def supplier() -> Iterator[Supplier]:
    with running_supplier() as started:
        yield started


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    return await short_shop(runtime)


@pytest.fixture
async def service(shop: Shop, sign_in: SignIn) -> StaffClient:
    return await sign_in(shop.tenant, Role.SERVICE)


async def supply(shop: Shop, supplier: Supplier) -> None:
    """A supplier that answers has the good too."""
    sku = ids.code(8)
    supplier.stage()
    supplier.goods({"sku": sku, "name": sku, "cost": "6.00", "stock": 100})
    sealer = await shop.runtime.keyring.master()
    async with shop.runtime.database.master_session() as session:
        made = await suppliers.add(session, sealer, f"more {sku}", "sandbox", supplier.url, "demo", SUPPLIER_SECRET)
        await offers.add(session, shop.good_id, made.id, Decimal("6.00"), sku=sku, stock=None, priority=9)


async def acts(client: StaffClient, case: Any, act: str, **sent: str) -> str:
    """What the case's page says after an act."""
    await client.get(f"/console/desk/cases/{case.id}")
    return text_of(await client.follow(await client.post(f"/console/desk/cases/{case.id}/{act}", **sent)))


async def lend(shop: Shop, owner: StaffClient, client: StaffClient, limit: str) -> None:
    page = await owner.get("/console/desk/limits")
    (who,) = re.findall(r'<option value="([^"]+)"[^>]*>service', page.text)
    answer = await owner.post("/console/desk/limits", staff_id=who, limit=limit, ends_at="2027-01-01T00:00")
    assert answer.status_code == 303


async def test_the_next_supplier_is_asked_when_the_first_cannot_deliver(
    shop: Shop, service: StaffClient, supplier: Supplier, runtime: Runtime
) -> None:
    case = await case_of(shop, (await waiting(shop)).no)

    assert "Nobody could deliver. Nothing was bought." in await acts(service, case, "buy-again")
    assert "There is no other supplier" in await acts(service, case, "next-supplier")
    await supply(shop, supplier)
    said = await acts(service, case, "next-supplier")
    await work_off(runtime)

    assert "A supplier has delivered." in said
    assert await shop.state(case.order_no) == "delivered"
    assert (await shop.keys(case.order_id))[0].startswith("SBX-")
    done = [row.result for row in await rows(shop, "SELECT result FROM desk_lines WHERE actor <> '' ORDER BY id")]
    assert done[:3] == ["failed", "nothing", "done"]
    assert len(await audited(runtime, "desk.buy", case.order_no)) == 3
    assert await ledger_is_balanced(runtime)


async def test_buying_again_does_not_buy_while_a_purchase_may_still_deliver(
    shop: Shop, service: StaffClient, supplier: Supplier, runtime: Runtime
) -> None:
    case = await case_of(shop, (await waiting(shop)).no)
    await acts(service, case, "buy-again")  # of the one that is away
    await supply(shop, supplier)
    supplier.stage({"kind": "pending", "delay_ms": 600_000})
    before = len(supplier.orders())

    said = [await acts(service, case, act) for act in ("next-supplier", "buy-again")]

    assert all("A supplier is at work on it already" in one for one in said)
    assert len(supplier.orders()) == before + 1
    assert await shop.state(case.order_no) == "waiting"


async def test_a_correction_that_comes_too_early_is_kept_in_its_form(
    shop: Shop, service: StaffClient, supplier: Supplier
) -> None:
    case = await case_of(shop, (await waiting(shop, contact="13800000000")).no)
    await acts(service, case, "buy-again")  # of the one that is away
    await supply(shop, supplier)
    supplier.stage({"kind": "pending", "delay_ms": 600_000})
    await acts(service, case, "next-supplier")

    answer = await service.post(f"/console/desk/cases/{case.id}/correct", contact="13900139000")

    assert answer.status_code == 422
    assert "A supplier may still deliver this order as it is." in text_of(answer)
    assert 'value="13900139000"' in answer.text
    (order,) = await rows(shop, "SELECT contact FROM orders")
    assert order.contact == "13800000000"


async def delivered_to_a_wrong_account(runtime: Runtime) -> tuple[Shop, Any]:
    """A shop, and the case of a buyer who says so in a ticket."""
    shop = await open_shop(runtime, keys=["K-1"])
    buyer = await shop.buyer(wallet_cents=1_000)
    placed = await shop.buy(buyer)
    await open_ticket(
        shop, buyer, order_no=placed.no, order_id=placed.id, kind="wrong_account", body="It should be 10001."
    )
    await work_off(runtime)
    return shop, await case_of(shop, placed.no)


async def test_money_of_a_delivered_order_goes_back_once_and_within_the_limit(
    runtime: Runtime, sign_in: SignIn
) -> None:
    shop, case = await delivered_to_a_wrong_account(runtime)
    owner, service = await sign_in(shop.tenant, Role.OWNER), await sign_in(shop.tenant, Role.SERVICE)
    await lend(shop, owner, service, "5.00")
    page = await service.get(f"/console/desk/cases/{case.id}")
    assert 'value="5.00"' in page.text
    path, sent = (
        f"/console/desk/cases/{case.id}/give-back",
        {"request_key": hidden(page, "request_key"), "to": "wallet"},
    )

    above = await service.post(path, amount="5.01", reason="half of it", **sent)
    first, again = [await service.post(path, amount="5.00", reason="half of it", **sent) for _ in range(2)]
    given = await service.follow(again)

    assert (above.status_code, first.status_code) == (422, 303)
    assert error_at(above, "amount") == "You may give back up to ¥5.00 yourself. Ask the owner for more."
    assert 'value="half of it"' in above.text
    assert "¥5.00 · to the wallet" in text_of(given)
    assert await shop.wallet_cents(case.buyer_id) == 500
    (line,) = await rows(shop, "SELECT detail FROM desk_lines WHERE act = 'refund'")
    assert line.detail["amount_cents"] == 500
    assert await ledger_is_balanced(runtime)


async def test_the_case_shows_what_the_buyer_wrote_and_no_note_of_the_team(runtime: Runtime, sign_in: SignIn) -> None:
    shop, case = await delivered_to_a_wrong_account(runtime)
    owner = await sign_in(shop.tenant, Role.OWNER)
    (ticket,) = await rows(shop, "SELECT no FROM tickets")
    await owner.get(f"/console/tickets/{ticket.no}")
    await owner.post(f"/console/tickets/{ticket.no}/note", note="He has done this before.")

    page = text_of(await owner.get(f"/console/desk/cases/{case.id}"))

    assert "It should be 10001." in page
    assert "He has done this before." not in page


async def test_what_would_be_beyond_the_limit_is_said_before_it_is_tried(
    shop: Shop, owner: StaffClient, service: StaffClient
) -> None:
    case = await case_of(shop, (await waiting(shop)).no)
    await lend(shop, owner, service, "9.99")

    page = await service.get(f"/console/desk/cases/{case.id}")

    assert "Ending this order would give ¥10.00 back." in text_of(page)
    assert f"/cases/{case.id}/refund" not in page.text


async def test_a_lent_desk_ends_by_itself(shop: Shop, owner: StaffClient, sign_in: SignIn) -> None:
    case = await case_of(shop, (await waiting(shop)).no)
    finance = await sign_in(shop.tenant, Role.FINANCE)
    page = await owner.get("/console/desk/limits")
    (who,) = re.findall(r'<option value="([^"]+)"[^>]*>finance', page.text)
    await owner.post("/console/desk/limits", staff_id=who, limit="50", ends_at="2027-01-01T00:00")
    assert (await finance.get(f"/console/desk/cases/{case.id}")).status_code == 200

    async with shop.runtime.database.master_session() as session:
        ended = text(
            "UPDATE delegations SET created_at = now() - interval '2 days', ends_at = now() WHERE staff_id = :id"
        )
        await session.execute(ended, {"id": UUID(who)})
    standing.forget()

    assert (await finance.get(f"/console/desk/cases/{case.id}")).status_code == 403
    assert (await finance.post(f"/console/desk/cases/{case.id}/close", words="done")).status_code == 403


async def test_something_can_be_said_to_the_buyer_when_all_is_solved(shop: Shop, service: StaffClient) -> None:
    case = await case_of(shop, (await waiting(shop)).no)
    await acts(service, case, "close", words="talked to him")

    page = await acts(service, case, "message", body="Thank you for waiting.")

    assert "Thank you for waiting." in page
    assert (await case_of(shop, case.order_no)).state == "solved"


async def test_an_open_page_is_told_of_changes_and_keeps_its_forms_while_they_hold(
    shop: Shop, owner: StaffClient, service: StaffClient
) -> None:
    case = await case_of(shop, (await waiting(shop)).no)
    path = f"/console/desk/cases/{case.id}"
    drawn = await service.get(path)
    shown, can = LIVE.findall(drawn.text)[0], ACTS.findall(drawn.text)[0]

    await acts(owner, case, "message", body="One moment.")
    told = await service.get(f"{path}/now?acts={can}")
    await acts(owner, case, "deliver", cards="K-1")
    ended = await service.get(f"{path}/now?acts={can}")

    assert LIVE.findall(told.text)[0] not in (shown, LIVE.findall(ended.text)[0])
    assert "One moment." in told.text
    assert 'id="case-acts"' not in told.text
    assert 'id="case-acts"' in ended.text
    assert f"{path}/deliver" not in ended.text
    assert "The order was delivered" in ended.text


async def test_nobody_without_the_desk_hears_of_a_case(shop: Shop, sign_in: SignIn) -> None:
    case = await case_of(shop, (await waiting(shop)).no)
    finance = await sign_in(shop.tenant, Role.FINANCE)

    for part in ("", "/now", "/live"):
        assert (await finance.get(f"/console/desk/cases/{case.id}{part}")).status_code == 403


async def test_what_the_rules_say_is_ready_to_be_said_again(shop: Shop, service: StaffClient) -> None:
    placed = await waiting(shop)
    case = await case_of(shop, placed.no)

    page = await service.get(f"/console/desk/cases/{case.id}")

    (said,) = re.findall(r'data-put="([^"]+)" data-into="#body"', page.text)
    assert placed.no in said
