"""One person at several stations, and going from one to the other."""

import re
from html import unescape
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tests.admin_ui.conftest import PASSWORD, person
from tests.admin_ui.people.steps import Clients, id_of, two_seconds_later
from tests.support.house import Shop, open_shop
from tests.support.staff_client import StaffClient, text_of

GO_ON = re.compile(r'class="btn btn-primary" href="([^"]+)"')


async def works_also_at(runtime: Runtime, login: str, tenant_id: int | None, role: str) -> None:
    async with runtime.database.master_session() as session:
        await session.execute(
            text("INSERT INTO memberships (staff_id, tenant_id, role) VALUES (CAST(:id AS uuid), :tenant_id, :role)"),
            {"id": await id_of(runtime, login), "tenant_id": tenant_id, "role": role},
        )


@pytest.fixture
async def other(runtime: Runtime) -> Shop:
    return await open_shop(runtime)


@pytest.fixture
async def login(runtime: Runtime, shop: Shop, other: Shop) -> str:
    """Owner of one station, customer service at the other, operator of the master."""
    login = await person(runtime, shop.tenant.id, Role.OWNER)
    await works_also_at(runtime, login, other.tenant.id, "service")
    await works_also_at(runtime, login, None, "master.operator")
    return login


@pytest.fixture
async def client(shop: Shop, login: str, clients: Clients) -> StaffClient:
    client = clients(shop.tenant.host)
    await client.sign_in(login, PASSWORD, "/console/login")
    return client


async def ticket(client: StaffClient, to: int, path: str = "/console/switch") -> tuple[str, str]:
    """Host and path that switching leads to."""
    answer = await client.post(path, to=to)
    found = GO_ON.search(answer.text)
    assert found, text_of(answer)
    address = urlsplit(unescape(found[1]))
    return str(address.hostname), f"{address.path}?{address.query}"


async def test_he_switches_to_the_other_station_and_to_the_master(
    runtime: Runtime, other: Shop, client: StaffClient, clients: Clients
) -> None:
    page = (await client.get("/console")).text
    host, path = await ticket(client, other.tenant.id)
    there = clients(other.tenant.host)
    await there.follow(await there.get(path))
    master_host, master_path = await ticket(there, 0)
    master = clients(runtime.settings.master_host)
    await master.follow(await master.get(master_path))

    assert "Switch station" in page
    assert host == other.tenant.host
    assert master_host == runtime.settings.master_host
    assert (await there.get("/console/orders")).status_code == 200
    assert (await there.get("/console/money")).status_code == 403
    assert (await master.get("/tenants")).status_code == 200


async def test_a_ticket_is_worth_something_once_and_only_there(
    runtime: Runtime, shop: Shop, other: Shop, client: StaffClient, clients: Clients
) -> None:
    _, path = await ticket(client, other.tenant.id)

    elsewhere = [
        (await clients(shop.tenant.host).get(path)).status_code,
        (await clients(runtime.settings.master_host).get(path.removeprefix("/console"))).status_code,
    ]
    there = [(await clients(other.tenant.host).get(path)).status_code for _ in range(2)]

    assert elsewhere == [403, 403]
    assert there == [303, 403]


async def test_nobody_switches_to_where_he_does_not_work(
    runtime: Runtime, shop: Shop, client: StaffClient, clients: Clients
) -> None:
    foreign = await open_shop(runtime)
    await client.get("/console")

    for to in (foreign.tenant.id, -1, 2**31 - 1, "https://evil.example", ""):
        answer = await client.post("/console/switch", to=to)
        assert answer.status_code == 422, to
        assert "refresh" not in answer.headers


async def test_a_ticket_is_worth_nothing_to_whoever_was_shut_out_meanwhile(
    runtime: Runtime, other: Shop, login: str, client: StaffClient, clients: Clients
) -> None:
    _, path = await ticket(client, other.tenant.id)
    async with runtime.database.master_session() as session:
        await session.execute(
            text("UPDATE memberships SET disabled_at = now() WHERE tenant_id = :id"), {"id": other.tenant.id}
        )

    assert (await clients(other.tenant.host).get(path)).status_code == 403


async def test_who_works_at_one_place_only_sees_no_switch(owner: StaffClient) -> None:
    assert "Switch station" not in (await owner.get("/console")).text


async def test_one_place_ends_without_the_other(
    runtime: Runtime, shop: Shop, other: Shop, client: StaffClient, clients: Clients
) -> None:
    _, path = await ticket(client, other.tenant.id)
    there = clients(other.tenant.host)
    await there.get(path)
    async with runtime.database.master_session() as session:
        await session.execute(text("DELETE FROM memberships WHERE tenant_id = :id"), {"id": other.tenant.id})
    two_seconds_later()

    assert (await there.get("/console")).status_code == 303
    assert (await client.get("/console")).status_code == 200
