"""The bell, the list, who is told what, and the channels, as people use them."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import text

from admin_ui.notices import watching
from deploy.asgi import compose
from kameng.core import ids
from kameng.identity import standing
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web.dispatch import HostDispatch
from tenants.notices import service
from tests.admin_ui.conftest import PASSWORD, audited, person
from tests.admin_ui.notices.conftest import TOKEN, pass_time, states, tell
from tests.support.hearer import Hearer
from tests.support.house import Shop, open_shop, work_off
from tests.support.postbox import Postbox
from tests.support.staff_client import StaffClient, error_at, text_of

Enter = Callable[[Tenant | None, Role], Any]
TEAM, MINE, ROOM = "/console/notices/channels", "/console/notices/mine", "/console/notices/settings"


async def bell(client: StaffClient, base: str = "/console") -> str:
    """What the bell says."""
    return text_of(await client.get(f"{base}/notices/bell")).partition("notices/live")[0]


async def test_the_bell_counts_what_is_unread_and_forgets_what_is_read(shop: Shop, owner: StaffClient) -> None:
    assert "No unread notices" in await bell(owner)
    await tell(shop)
    await tell(shop, "stock_low", "7", name="月卡", left=3)
    assert "2 unread notices" in await bell(owner)

    page = await owner.drawer("/console/notices")
    assert 'id="drawer-title"' in page.text
    assert "Of 月卡 3 are left." in text_of(page)
    async with shop.tenant.begin() as session:
        newest = (await session.execute(text("SELECT max(id) FROM notices"))).scalar_one()
    await owner.post(f"/console/notices/{newest}/read", back="list")

    assert "1 unread notice" in await bell(owner)
    listed = text_of(await owner.get("/console/notices?show=unread"))
    assert "月卡" not in listed
    assert "your deposit did not cover it" in listed


async def test_all_that_was_seen_is_read_at_once_and_what_came_after_is_not(
    runtime: Runtime, shop: Shop, owner: StaffClient
) -> None:
    await tell(shop)
    await tell(shop, "ticket_opened", "T1", about="other")
    page = await owner.get("/console/notices")
    upto = page.text.partition('name="upto" value="')[2].partition('"')[0]
    await tell(shop, "ticket_opened", "T2", about="other")

    await owner.post("/console/notices/read-all", upto=upto)

    assert "1 unread notice" in await bell(owner)
    assert len(await audited(runtime, "notices.read_all", "", shop.tenant)) == 1


async def test_the_bell_is_on_every_page_and_its_stream_says_when_something_is_new(
    sending: Runtime, shop: Shop, owner: StaffClient
) -> None:
    page = await owner.get("/console/orders")
    assert 'hx-get="/console/notices/bell"' in page.text
    assert 'data-live-url="/console/notices/live?shown=0"' in (await owner.get("/console/notices/bell")).text
    async with sending.hub.listen(f"t{shop.tenant.id}:notices") as news:
        await tell(shop)
        await work_off(sending)
        async with asyncio.timeout(30):
            await news.wait()

    assert "1 unread notice" in await bell(owner)


async def test_a_notice_concerns_only_those_who_can_do_something_about_it(
    house: Enter, shop: Shop, owner: StaffClient
) -> None:
    service_person = await house(shop.tenant, Role.SERVICE)
    await tell(shop)
    await tell(shop, "ticket_opened", "T1", about="other")

    assert "1 unread notice" in await bell(service_person)
    assert "deposit" not in text_of(await service_person.get("/console/notices"))
    assert "2 unread notices" in await bell(owner)


async def test_a_person_mutes_a_kind_at_his_own_bell_only(house: Enter, shop: Shop, owner: StaffClient) -> None:
    deputy = await house(shop.tenant, Role.DEPUTY)
    await deputy.get(ROOM)
    await deputy.post(f"{ROOM}/mine", bell="deposit_low")
    await tell(shop)
    await tell(shop, "ticket_opened", "T1", about="other")

    assert "1 unread notice" in await bell(deputy)
    assert "2 unread notices" in await bell(owner)


async def test_ones_own_channel_carries_only_what_concerns_its_person(
    sending: Runtime, house: Enter, shop: Shop, postbox: Postbox
) -> None:
    person_ = await house(shop.tenant, Role.SERVICE)
    await person_.get(ROOM)
    added = await person_.post(MINE, name="My letters", kind="email", email="me@example.com")
    await tell(shop)
    await tell(shop, "ticket_opened", "T1", about="other")
    await work_off(sending)
    await work_off(sending)

    assert added.status_code == 303
    assert [letter["To"] for letter in postbox.letters] == ["me@example.com"]
    assert "T1" in postbox.letters[0].get_content()


async def test_ones_own_channel_is_nobody_elses(house: Enter, shop: Shop, owner: StaffClient) -> None:
    deputy = await house(shop.tenant, Role.DEPUTY)
    await deputy.get(ROOM)
    await deputy.post(MINE, name="Secret place", kind="email", email="deputy@example.com")
    async with shop.tenant.begin() as session:
        way_id = (await session.execute(text("SELECT id FROM notice_channels"))).scalar_one()

    assert "Secret place" in text_of(await deputy.get(ROOM))
    assert "Secret place" not in text_of(await owner.get(ROOM))
    for path in (f"{MINE}/{way_id}", f"{TEAM}/{way_id}"):
        assert (await owner.get(path)).status_code == 404
    assert (await owner.post(f"{MINE}/{way_id}/remove", confirmed="yes")).status_code == 404
    assert (await deputy.get(f"{TEAM}/new")).status_code == 403


async def test_who_no_longer_works_here_is_told_nothing_more(
    sending: Runtime, house: Enter, shop: Shop, postbox: Postbox
) -> None:
    deputy = await house(shop.tenant, Role.DEPUTY)
    await deputy.get(ROOM)
    await deputy.post(MINE, name="Mine", kind="email", email="gone@example.com")
    async with sending.database.master_session() as session:
        await session.execute(
            text("UPDATE memberships SET disabled_at = now() WHERE tenant_id = :id"), {"id": shop.tenant.id}
        )
    standing.forget()
    await tell(shop)
    await work_off(sending)
    await work_off(sending)

    assert postbox.letters == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "email", "email": "not an address"}, "email"),
        ({"kind": "telegram", "chat": "4711", "token_password": "nonsense"}, "token_password"),
        ({"kind": "telegram", "chat": "https://t.me/x", "token_password": TOKEN}, "chat"),
        ({"kind": "webhook", "url": "ftp://example.com"}, "url"),
        ({"kind": "webhook", "url": "https://me:secret@example.com/"}, "url"),
        ({"kind": "email", "email": "a@example.com", "most_an_hour": "0"}, "most_an_hour"),
    ],
)
async def test_what_is_wrong_with_a_channel_stands_at_its_field(
    owner: StaffClient, shop: Shop, fields: dict[str, str], field: str
) -> None:
    await owner.get(f"{TEAM}/new")
    answer = await owner.post(TEAM, name="New one", **fields)

    assert answer.status_code == 422
    assert error_at(answer, field)
    assert 'value="New one"' in answer.text
    assert TOKEN not in answer.text
    async with shop.tenant.begin() as session:
        assert (await session.execute(text("SELECT count(*) FROM notice_channels"))).scalar_one() == 0


@pytest.fixture(scope="module")
def careful_door(runtime: Runtime) -> HostDispatch:
    """As it is outside of tests: what is asked of others does not reach into private networks."""
    settings = structs.replace(runtime.settings, allow_private_stations=False)
    return compose(structs.replace(runtime, settings=settings))


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/x", "https://10.0.0.8/x", "https://[::1]/x", "https://hook.localhost/x", "http://8.8.8.8/"],
)
async def test_a_webhook_into_a_private_network_is_refused_at_the_form(
    runtime: Runtime, careful_door: HostDispatch, shop: Shop, url: str
) -> None:
    login = await person(runtime, shop.tenant.id, Role.OWNER)
    async with StaffClient(careful_door, shop.tenant.host) as client:
        await client.sign_in(login, PASSWORD, "/console/login")
        await client.get(f"{TEAM}/new")
        answer = await client.post(TEAM, name="Inside", kind="webhook", url=url)

    assert answer.status_code == 422
    assert error_at(answer, "url")


async def test_a_paused_channel_keeps_still_and_a_removed_one_forgets_its_token(
    sending: Runtime, shop: Shop, owner: StaffClient, bot: Hearer
) -> None:
    await owner.get(ROOM)
    await owner.post(TEAM, name="Phone", kind="telegram", chat="4711", token_password=TOKEN)
    async with shop.tenant.begin() as session:
        way_id = (await session.execute(text("SELECT id FROM notice_channels"))).scalar_one()
    await owner.post(f"{TEAM}/{way_id}/pause", paused="yes")
    await tell(shop)
    await work_off(sending)
    await work_off(sending)
    assert (bot.heard, await states(shop.tenant)) == ([], [])

    await owner.post(f"{TEAM}/{way_id}/remove", confirmed="yes")
    async with shop.tenant.begin() as session:
        sealed = (await session.execute(text("SELECT sealed FROM notice_channels"))).scalar_one()
    assert sealed is None
    assert "Phone" not in text_of(await owner.get(ROOM))
    assert len(await audited(sending, "notices.channel_remove", str(way_id), shop.tenant)) == 1


async def test_a_channel_keeps_its_token_when_its_name_changes(
    sending: Runtime, shop: Shop, owner: StaffClient, bot: Hearer
) -> None:
    await owner.get(ROOM)
    await owner.post(TEAM, name="Phone", kind="telegram", chat="4711", token_password=TOKEN)
    async with shop.tenant.begin() as session:
        way_id = (await session.execute(text("SELECT id FROM notice_channels"))).scalar_one()
    form = await owner.get(f"{TEAM}/{way_id}")
    await owner.post(f"{TEAM}/{way_id}", name="Night", chat="@nights_here", kind="telegram")
    page = await owner.follow(await owner.post(f"{TEAM}/{way_id}/test"))

    assert TOKEN not in form.text
    assert "The test was taken" in page.text
    assert (bot.heard[0].path, bot.heard[0].json["chat_id"]) == (f"/bot{TOKEN}/sendMessage", "@nights_here")


async def test_mere_information_waits_for_the_digest_and_comes_in_one_letter(
    sending: Runtime, shop: Shop, owner: StaffClient, postbox: Postbox
) -> None:
    await owner.get(ROOM)
    await owner.post(TEAM, name="Letters", kind="email", email="boss@example.com", digest="day")
    await tell(shop, "payout_paid", "W1", cents=500)
    await tell(shop, "payout_paid", "W2", cents=700)
    await work_off(sending)
    await work_off(sending)
    assert postbox.letters == []
    assert "for the digest" in text_of(await owner.get("/console/notices/deliveries"))

    await pass_time(sending, shop.tenant, 90_000)

    (letter,) = postbox.letters
    assert "W1" in letter.get_content()
    assert "W2" in letter.get_content()
    assert await states(shop.tenant) == ["sent", "sent"]


async def test_what_was_read_meanwhile_is_left_out_of_the_digest(
    sending: Runtime, shop: Shop, owner: StaffClient, postbox: Postbox
) -> None:
    await owner.get(ROOM)
    await owner.post(TEAM, name="Letters", kind="email", email="boss@example.com", digest="day")
    await tell(shop, "payout_paid", "W1", cents=500)
    await work_off(sending)
    await work_off(sending)
    async with shop.tenant.begin() as session:
        await session.execute(text("UPDATE notices SET read_at = now()"))

    await pass_time(sending, shop.tenant, 90_000)

    assert postbox.letters == []
    assert await states(shop.tenant) == ["dropped"]


async def test_the_masters_people_have_a_bell_and_channels_of_their_own(
    sending: Runtime, house: Enter, hook: Hearer, shop: Shop, owner: StaffClient
) -> None:
    operator = await house(None, Role.OPERATOR)
    mark = ids.code(6)
    await operator.get("/notices/settings")
    added = await operator.post("/notices/channels", name=f"Ops {mark}", kind="webhook", url=f"{hook.url}/ops")
    async with sending.database.master_session() as session:
        await service.tell(session, "supplier_balance_low", mark, name=f"Supplier {mark}", cents=1200)
    await work_off(sending)
    await work_off(sending)

    assert "whsec_" in added.text
    assert f"Supplier {mark}" in text_of(await operator.get("/notices"))
    assert [one["subject"] for one in hook.heard[-1].json["notices"]] == [mark]
    assert mark not in text_of(await owner.get("/console/notices"))
    async with sending.database.master_session() as session:
        await session.execute(text("UPDATE notice_channels SET state = 'removed', sealed = NULL"))


async def test_a_station_hears_once_a_day_that_its_deposit_runs_low(
    sending: Runtime, house: Enter, runtime: Runtime
) -> None:
    shop = await open_shop(runtime, keys=[f"K-{n}-{ids.code(6)}" for n in range(3)], deposit_cents=2_000)
    buyer = await shop.buyer(wallet_cents=10_000)
    await shop.buy(buyer)
    await shop.buy(buyer)
    owner = await house(shop.tenant, Role.OWNER)

    for _ in range(2):
        await watching.watch_deposits(sending)
        async with shop.tenant.begin() as session:
            await session.execute(text("UPDATE notices SET read_at = now() WHERE kind = 'deposit_short'"))

    async with shop.tenant.begin() as session:
        told = await session.execute(text("SELECT count(*) FROM notices WHERE kind = 'deposit_short'"))
    assert told.scalar_one() == 1
    assert "lasts for less than three days" in text_of(await owner.get("/console/notices"))
