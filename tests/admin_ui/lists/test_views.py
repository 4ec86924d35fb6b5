"""Views: what a list shows, kept under a name, for oneself or for everybody who may see the list."""

import re

from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tests.admin_ui.conftest import SignIn, audited
from tests.admin_ui.lists.test_orders import add
from tests.support.house import Shop
from tests.support.staff_client import StaffClient, text_of

VIEW = re.compile(r'action="(/console/orders/views/\d+/delete)"')


async def test_a_kept_view_leads_back_to_what_was_shown(runtime: Runtime, shop: Shop, owner: StaffClient) -> None:
    expired, sold = await add(shop, state="expired"), await add(shop)
    page = await owner.get("/console/orders?state=expired&q=13900000000&page=1")
    assert "Keep this view" in text_of(page)

    page = await owner.follow(
        await owner.post("/console/orders/views", name="Lapsed", filter_state="expired", filter_q="13900000000")
    )

    assert "The view is kept." in page.text
    assert (expired in page.text, sold in page.text) == (True, False)
    listed = await owner.get("/console/orders")
    address = re.search(r'href="([^"]+)"[^>]*>Lapsed<', listed.text)
    assert address
    shown = await owner.get(address[1].replace("&amp;", "&"))
    assert (expired in shown.text, sold in shown.text) == (True, False)
    assert len(await audited(runtime, "lists.keep", "Lapsed", shop.tenant)) == 1


async def test_a_view_is_ones_own_until_it_is_shared(shop: Shop, owner: StaffClient, sign_in: SignIn) -> None:
    colleague = await sign_in(shop.tenant, Role.SERVICE)
    await owner.get("/console/orders?state=expired")
    await owner.post("/console/orders/views", name="Private", filter_state="expired")
    await owner.post("/console/orders/views", name="For all", filter_state="refunded", is_shared="yes")

    page = await colleague.get("/console/orders")
    assert ("For all" in page.text, "Private" in page.text) == (True, False)
    assert VIEW.search((await colleague.get("/console/orders?state=refunded")).text) is None

    at_his = VIEW.search((await owner.get("/console/orders?state=refunded")).text)
    assert at_his
    assert (await colleague.post(at_his[1])).status_code == 404
    assert "The view is deleted." in (await owner.follow(await owner.post(at_his[1]))).text
    assert "For all" not in (await colleague.get("/console/orders")).text


async def test_a_name_counts_once_and_an_empty_one_is_refused(shop: Shop, owner: StaffClient) -> None:
    await owner.get("/console/orders?state=expired")
    await owner.post("/console/orders/views", name="Mine", filter_state="expired")

    page = await owner.follow(await owner.post("/console/orders/views", name="Mine", filter_state="paid"))
    assert "You have a view of this name already." in page.text
    page = await owner.follow(await owner.post("/console/orders/views", name="", filter_state="paid"))
    assert "Fill this in." in page.text


async def test_filters_that_the_list_does_not_know_are_not_kept(shop: Shop, owner: StaffClient) -> None:
    await owner.get("/console/buyers?kind=guest")

    answer = await owner.post("/console/buyers/views", name="Guests", filter_kind="guest", filter_next="//evil.test")

    assert answer.headers["location"] == "/console/buyers?kind=guest"


async def test_a_search_as_one_types_takes_views_and_exports_along(shop: Shop, owner: StaffClient) -> None:
    page = await owner.get("/console/orders?q=139&least=1")

    replaced = re.search(r'hx-select-oob="([^"]+)"', page.text)
    assert replaced
    for name in replaced[1].split(","):
        assert page.text.count(f'id="{name[1:]}"') == 1, name
    assert page.text.count('name="filter_q" value="139"') == 2  # of the files and of the view
