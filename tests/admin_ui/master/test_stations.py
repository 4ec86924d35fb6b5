"""Opening stations, and what the master does to them."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from billing.wholesale import service as wholesale
from kameng.core import ids
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tests.admin_ui.conftest import PASSWORD, SignIn, audited, person
from tests.support.house import Shop, ledger_is_balanced, open_shop
from tests.support.staff_client import StaffClient, error_at, hidden, text_of

Clients = Callable[[str], StaffClient]


async def draft(runtime: Runtime) -> dict[str, str]:
    """A form that is right."""
    mark = ids.code(8).lower()
    async with runtime.database.master_session() as session:
        tier = await wholesale.add_tier(session, f"tier {mark}")
    return {
        "slug": f"shop-{mark}",
        "name": "星辰点卡",
        "tier_id": str(tier.id),
        "owner_login": f"owner-{mark}",
        "owner_password": PASSWORD,
        "deposit": "1,000.00",
        "accent": "#0A7D5A",
    }


async def stations_called(runtime: Runtime, slug: str) -> int:
    async with runtime.database.master_session() as session:
        row = await session.execute(text("SELECT count(*) FROM tenants WHERE slug = :slug"), {"slug": slug})
        return int(row.scalar_one())


async def test_a_new_station_is_reachable_at_once_and_its_owner_can_sign_in(
    runtime: Runtime, operator: StaffClient, clients: Clients
) -> None:
    form = await draft(runtime)
    host = f"{form['slug']}.{runtime.settings.station_domain}"
    stranger = clients(host)
    assert (await stranger.get("/console/login")).status_code == 404
    await operator.get("/tenants/new")

    page = await operator.follow(await operator.post("/tenants", **form))

    assert "¥1,000.00" in text_of(page)
    assert form["owner_login"] in text_of(page)
    browser = clients(host)
    assert (await browser.sign_in(form["owner_login"], PASSWORD, "/console/login")).status_code == 303
    overview = await browser.get("/console")
    assert "星辰点卡" in overview.text
    assert "Deposit with the master ¥1,000.00" in text_of(overview)
    assert "#0a7d5a" in (await browser.get("/theme.css")).text
    assert len(await audited(runtime, "stations.open", page.url.path.rpartition("/")[2])) == 1
    assert await ledger_is_balanced(runtime)


async def test_hosts_of_its_own_lead_to_the_station(runtime: Runtime, operator: StaffClient, clients: Clients) -> None:
    form = await draft(runtime)
    hosts = [f"{form['slug']}.example.com", f"www.{form['slug']}.example.com"]
    await operator.get("/tenants/new")

    await operator.follow(await operator.post("/tenants", **form, hosts="\r\n".join(hosts)))

    for host in hosts:
        assert (await clients(host).get("/console/login")).status_code == 200


async def test_everything_that_is_taken_is_named_at_its_field_and_nothing_is_made(
    runtime: Runtime, shop: Shop, operator: StaffClient
) -> None:
    login = await person(runtime, shop.tenant.id, Role.OWNER)
    form = await draft(runtime)
    await operator.get("/tenants/new")

    answer = await operator.post(
        "/tenants",
        **form | {"slug": shop.tenant.slug, "owner_login": login.upper(), "hosts": shop.tenant.host},
    )

    assert answer.status_code == 422
    assert error_at(answer, "slug") == "This short name is taken by another station."
    assert error_at(answer, "hosts") == "This host belongs to another station."
    assert error_at(answer, "owner_login") == "This login is taken."
    assert await stations_called(runtime, shop.tenant.slug) == 1


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("slug", "Two Words", "small letters, digits and hyphens"),
        ("slug", "-dash", "small letters, digits and hyphens"),
        ("hosts", "http://shop.example.com/", "A host is a name"),
        ("hosts", "shop.example.com\nshop.example.com", "A host is named twice."),
        ("hosts", "master.localhost", "This host belongs to another station."),
        ("tier_id", "2147483647", "Choose one of the list."),
        ("accent", "red;}", "Write a colour"),
        ("owner_login", "a b", "no spaces"),
        ("owner_password", "short", "at least 8 characters"),
        ("deposit", "-5", "Write a number"),
        ("name", "", "Fill this in."),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_is_made(
    runtime: Runtime, operator: StaffClient, field: str, value: str, said: str
) -> None:
    form = await draft(runtime)
    await operator.get("/tenants/new")

    answer = await operator.post("/tenants", **form | {field: value})

    assert answer.status_code == 422
    assert said in error_at(answer, field)
    assert PASSWORD not in answer.text
    assert await stations_called(runtime, form["slug"]) == 0


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


async def test_a_suspended_shop_is_closed_while_its_console_stays_open(
    runtime: Runtime, shop: Shop, operator: StaffClient, owner: StaffClient
) -> None:
    path = f"/tenants/{shop.tenant.id}"
    await operator.get(path)

    await operator.follow(await operator.post(f"{path}/suspend", paused="yes"))
    assert shop.tenant.name in text_of(await operator.get("/tenants?state=suspended"))
    assert (await owner.get("/console")).status_code == 200
    tenant = await runtime.directory.tenant(shop.tenant.id)
    assert tenant.state == "suspended"

    await operator.follow(await operator.post(f"{path}/suspend"))
    assert (await runtime.directory.tenant(shop.tenant.id)).state == "active"
    assert len(await audited(runtime, "stations.suspend", str(shop.tenant.id))) == 1
    assert len(await audited(runtime, "stations.resume", str(shop.tenant.id))) == 1


async def test_a_station_without_an_owner_says_so_and_gets_one(
    runtime: Runtime, shop: Shop, operator: StaffClient, clients: Clients
) -> None:
    path = f"/tenants/{shop.tenant.id}"
    login = f"late-{ids.code(6).lower()}"
    assert "Nobody owns this station yet" in text_of(await operator.get(path))
    taken = await person(runtime, None, Role.OPERATOR)
    staff = {"staff_name": "Late", "staff_password": PASSWORD, "role": "owner"}

    refused = await operator.post(f"{path}/staff", staff_login=taken, **staff)
    assert error_at(refused, "staff_login") == "This login is taken."
    weak = await operator.post(f"{path}/staff", staff_login=login, **staff | {"staff_password": "short"})
    assert "at least 8 characters" in error_at(weak, "staff_password")

    page = await operator.follow(await operator.post(f"{path}/staff", staff_login=login, **staff))
    assert "Nobody owns this station yet" not in text_of(page)
    assert (await clients(shop.tenant.host).sign_in(login, PASSWORD, "/console/login")).status_code == 303


async def test_a_station_changes_its_tier(runtime: Runtime, shop: Shop, operator: StaffClient) -> None:
    form = await draft(runtime)
    path = f"/tenants/{shop.tenant.id}"
    await operator.get(path)

    page = await operator.follow(await operator.post(f"{path}/tier", tier_id=form["tier_id"]))

    assert f"Tier tier {form['slug'].removeprefix('shop-')}" in text_of(page)
    assert len(await audited(runtime, "stations.tier", str(shop.tenant.id))) == 1


async def test_a_low_deposit_is_on_the_masters_overview(
    runtime: Runtime, operator: StaffClient, sign_in: SignIn
) -> None:
    shop = await open_shop(runtime, keys=["K1", "K2"], deposit_cents=900)
    await shop.buy(await shop.buyer(wallet_cents=1_000))

    page = await operator.get("/")
    assert f'href="/tenants/{shop.tenant.id}"' in page.text

    owner = await sign_in(shop.tenant, Role.OWNER)
    assert "Lasts less than a day: pay in now" in text_of(await owner.get("/console"))
