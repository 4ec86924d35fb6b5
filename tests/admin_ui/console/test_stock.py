"""The stock page: what is low stands on top; and the keys of an order, hidden until somebody asks."""

import pytest

from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tests.admin_ui.cards.conftest import Room, room
from tests.admin_ui.conftest import SignIn, audited
from tests.support.house import Shop
from tests.support.staff_client import StaffClient, text_of

__all__ = ["room"]


async def test_what_is_low_stands_on_top_and_is_told(room: Room) -> None:
    other = await room.other_product()
    await room.paste("AAAA-1111", "BBBB-2222")
    await room.client.get(room.path)

    page = await room.client.follow(await room.client.post(f"{room.path}/warning", warn_at="5"))
    stock = await room.client.get("/console/stock")
    low = await room.client.get("/console/stock?state=low")
    overview = await room.client.get("/console")

    assert 'value="5"' in page.text
    assert stock.text.index(room.path) < stock.text.index(f"/console/stock/{other}")
    assert f"/console/stock/{other}" not in low.text
    assert "Of 自营" in text_of(overview)
    assert "2 are left." in text_of(overview)
    tenant = room.stock.shop.tenant
    assert len(await audited(room.stock.shop.runtime, "cards.warn", str(room.stock.product_id), tenant)) == 1


async def test_a_warning_level_that_is_no_number_is_refused(room: Room) -> None:
    await room.client.get(room.path)

    page = await room.client.follow(await room.client.post(f"{room.path}/warning", warn_at="many"))

    assert "Write a whole number between 0 and 1000." in page.text
    assert (await room.stock.rows("SELECT warn_at FROM products WHERE id = :item"))[0].warn_at is None


@pytest.mark.parametrize("role", [Role.OWNER, Role.SERVICE])
async def test_the_keys_of_an_order_are_shown_when_asked_for_and_that_is_written_down(
    runtime: Runtime, shop: Shop, sign_in: SignIn, role: Role
) -> None:
    placed = await shop.buy(await shop.buyer(wallet_cents=2_500))
    (key,) = await shop.keys(placed.id)
    client = await sign_in(shop.tenant, role)
    path = f"/console/orders/{placed.no}/cards"
    order = await client.get(f"/console/orders/{placed.no}")
    hidden = await client.get(path)

    clear = await client.post(path, confirmed="yes")
    after = await client.get(path)

    assert f'href="{path}"' in order.text
    assert key not in order.text + hidden.text + after.text
    assert key in clear.text
    assert "Seen on a page" in text_of(after)
    assert len(await audited(runtime, "cards.reveal", placed.no, shop.tenant)) == 1


async def test_finance_sees_no_key_of_an_order(shop: Shop, sign_in: SignIn) -> None:
    placed = await shop.buy(await shop.buyer(wallet_cents=2_500))
    (key,) = await shop.keys(placed.id)
    client: StaffClient = await sign_in(shop.tenant, Role.FINANCE)
    path = f"/console/orders/{placed.no}/cards"
    hidden = await client.get(path)

    answer = await client.post(path, confirmed="yes")

    assert answer.status_code == 403
    assert "Show the keys" not in hidden.text
    assert key not in hidden.text + answer.text
