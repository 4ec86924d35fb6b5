"""A station's own cards run short: reminded, ordered from its supplier, received by an import."""

import pytest

from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tenants.stock import replenishment
from tests.admin_ui.cards.conftest import Room
from tests.admin_ui.conftest import SignIn, audited
from tests.kameng.cards.conftest import Stock, stock
from tests.support.house import work_off
from tests.support.staff_client import StaffClient, error_at, text_of

__all__ = ["stock"]


@pytest.fixture
async def room(stock: Stock, sign_in: SignIn) -> Room:
    return Room(stock=stock, client=await sign_in(stock.shop.tenant, Role.OWNER))


async def wanted(room: Room, quantity: int = 0, order_no: str = "") -> None:
    async with room.stock.shop.tenant.begin() as session:
        await replenishment.want(session, room.stock.product_id, quantity, order_no, "short")


async def first(room: Room) -> str:
    rows = await room.stock.rows("SELECT id FROM replenishments WHERE product_id = :item ORDER BY id DESC LIMIT 1")
    return f"/console/replenish/{rows[0].id}"


async def test_a_low_product_is_ordered_and_received_by_an_import(runtime: Runtime, room: Room) -> None:
    await room.client.get(room.path)
    await room.client.post(f"{room.path}/warning", warn_at="5")
    await work_off(runtime)
    address = await first(room)

    reminded = await room.client.get("/console/replenish")
    await room.client.get(address)
    nobody = await room.client.post(f"{address}/order", quantity="3", supplier="")
    await room.client.post(f"{address}/order", quantity="3", supplier="老王批发", note="要新批次")
    ordered = await room.client.get(address)
    file = await room.client.get(f"{address}/order.csv")
    await room.paste("AAAA-1", "AAAA-2")
    await work_off(runtime)
    part = text_of(await room.client.get(address))
    await room.paste("AAAA-3")
    await work_off(runtime)

    assert "To order" in text_of(reminded)
    assert error_at(nobody, "supplier") != ""
    assert "要新批次" in ordered.text
    assert "3" in file.text
    assert "Received in part" in part
    assert "Received" in text_of(await room.client.get(address))
    assert await audited(runtime, "replenish.order", address.rpartition("/")[2], room.stock.shop.tenant) != []


async def test_again_and_again_is_one_reminder_that_names_who_waits(room: Room) -> None:
    await wanted(room, 2, "NO1")
    await wanted(room, 2, "NO1")
    await wanted(room, 5, "NO2")

    rows = await room.stock.rows("SELECT orders, suggested FROM replenishments WHERE product_id = :item")
    assert [(row.orders, row.suggested) for row in rows] == [({"NO1": 2, "NO2": 5}, 7)]
    assert "order 2 more" in (await room.client.get("/console")).text


async def test_a_reminder_can_be_put_away_once(room: Room) -> None:
    await wanted(room, 1, "NO1")
    address = await first(room)
    await room.client.get(address)
    await room.client.post(f"{address}/end")

    again = await room.client.post(f"{address}/order", quantity="3", supplier="老王批发")

    assert again.status_code == 422
    assert "Put away" in text_of(await room.client.get(address))


async def test_whoever_may_not_order_sees_no_form(room: Room, sign_in: SignIn) -> None:
    await wanted(room, 1, "NO1")
    address = await first(room)
    finance: StaffClient = await sign_in(room.stock.shop.tenant, Role.FINANCE)
    await finance.get("/console")

    answer = await finance.post(f"{address}/order", quantity="3", supplier="老王批发")

    assert answer.status_code == 403
