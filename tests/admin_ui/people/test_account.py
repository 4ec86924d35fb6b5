"""One's own account: name, password, and where one is signed in."""

import pytest

from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tests.admin_ui.conftest import PASSWORD, person
from tests.admin_ui.people.steps import NEW_PASSWORD, Clients, log_of
from tests.support.house import Shop
from tests.support.staff_client import StaffClient, error_at, text_of


@pytest.fixture
async def login(runtime: Runtime, shop: Shop) -> str:
    return await person(runtime, shop.tenant.id, Role.FINANCE)


async def browser(shop: Shop, clients: Clients, login: str, password: str = PASSWORD) -> StaffClient:
    client = clients(shop.tenant.host)
    answer = await client.sign_in(login, password, "/console/login")
    assert answer.status_code == 303, text_of(answer)
    await client.get("/console/account")
    return client


async def test_a_new_password_ends_all_other_sessions(
    runtime: Runtime, shop: Shop, clients: Clients, login: str
) -> None:
    here, there = await browser(shop, clients, login), await browser(shop, clients, login)

    wrong = await here.post("/console/account/password", old_password="not mine", password=NEW_PASSWORD)
    short = await here.post("/console/account/password", old_password=PASSWORD, password="short")
    right = await here.post("/console/account/password", old_password=PASSWORD, password=NEW_PASSWORD)

    assert error_at(wrong, "old_password") == "This is not your password."
    assert error_at(short, "password") == "A password has at least 8 characters."
    assert right.status_code == 303
    assert (await here.get("/console")).status_code == 200
    assert (await there.get("/console")).status_code == 303
    assert (await clients(shop.tenant.host).sign_in(login, PASSWORD, "/console/login")).status_code == 422
    await browser(shop, clients, login, NEW_PASSWORD)
    assert len(await log_of(runtime, shop.tenant.id, "account.password")) == 1


async def test_a_new_name_is_seen_at_once(runtime: Runtime, shop: Shop, clients: Clients, login: str) -> None:
    client = await browser(shop, clients, login)

    page = await client.follow(await client.post("/console/account/name", name="王会计"))
    empty = await client.post("/console/account/name", name=" ")

    assert "王会计" in text_of(page)
    assert error_at(empty, "name") == "Fill this in."


async def test_sessions_are_listed_and_ended_one_by_one_or_all(
    runtime: Runtime, shop: Shop, clients: Clients, login: str
) -> None:
    here, there, third = [await browser(shop, clients, login) for _ in range(3)]
    page = await there.get("/console/account")
    marks = [part.partition("/")[0] for part in page.text.split("/console/account/sessions/")[1:]]
    others = [mark for mark in marks if len(mark) == 64]

    await there.post(f"/console/account/sessions/{others[0]}/end")
    alive = [(await client.get("/console")).status_code for client in (here, third)]
    unasked = await there.post("/console/account/sessions/end")
    everywhere = await there.post("/console/account/sessions/end", confirmed="yes")

    assert "This browser" in text_of(page)
    assert len(others) == 2
    assert sorted(alive) == [200, 303]
    assert unasked.status_code == 422
    assert everywhere.headers["location"] == "/console/login"
    for client in (here, there, third):
        assert (await client.get("/console")).status_code == 303


async def test_nobody_ends_somebody_elses_session(
    runtime: Runtime, shop: Shop, clients: Clients, login: str, owner: StaffClient
) -> None:
    first = await browser(shop, clients, login)
    await browser(shop, clients, login)
    page = await first.get("/console/account")
    mark = page.text.partition("/console/account/sessions/")[2].partition("/")[0]
    await owner.get("/console/account")

    assert (await owner.post(f"/console/account/sessions/{mark}/end")).status_code == 404


@pytest.mark.parametrize("name", ["master: 张三", "Master：张三", "ｍａｓｔｅｒ : x", "system"])
async def test_nobody_takes_a_name_that_the_log_keeps_for_others(
    shop: Shop, clients: Clients, login: str, name: str
) -> None:
    client = await browser(shop, clients, login)

    answer = await client.post("/console/account/name", name=name)

    assert error_at(answer, "name") == "This name is kept for the master station."
