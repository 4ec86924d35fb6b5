"""Inviting somebody, and taking an invitation up."""

import asyncio

import pytest

from kameng.core import ids
from kameng.identity import staff
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tests.admin_ui.conftest import PASSWORD, SignIn, person
from tests.admin_ui.people.steps import Clients, accept, id_of, invite, link_in, log_of
from tests.support.house import Shop, open_shop
from tests.support.staff_client import StaffClient, error_at, text_of
from tests.tenants.plans.steps import Station, add_plan


async def test_an_invited_person_sets_up_an_account_and_is_in(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    link = await invite(owner, "service")
    login = f"li-{ids.code(6).lower()}"
    guest = clients(shop.tenant.host)

    page = await guest.get(link)
    answer = await accept(guest, link, login)
    home = await guest.follow(answer)

    assert f"You are invited to {shop.tenant.name}" in text_of(page)
    assert "Customer service" in text_of(page)
    assert home.status_code == 200
    assert "小李" in (await owner.get("/console/team")).text
    assert [(actor, subject) for actor, subject, _ in await log_of(runtime, shop.tenant.id, "staff.join")] == [
        (login, login)
    ]
    assert (await log_of(runtime, shop.tenant.id, "staff.invite"))[0][2] == {"role": "service", "email": ""}


async def test_a_link_works_once_and_at_its_own_station(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    link = await invite(owner, "service")
    other = await open_shop(runtime)
    elsewhere = await clients(other.tenant.host).get(link)
    first = await accept(clients(shop.tenant.host), link, f"a-{ids.code(8)}")
    second = await clients(shop.tenant.host).get(link)

    assert (elsewhere.status_code, first.status_code, second.status_code) == (404, 303, 404)
    assert "not valid any more" in text_of(second)


async def test_of_two_who_accept_at_once_one_gets_an_account(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    link = await invite(owner, "finance")
    logins = [f"race-{ids.code(8)}" for _ in range(4)]
    guests = [clients(shop.tenant.host) for _ in logins]
    for guest in guests:
        await guest.get(link)

    answers = await asyncio.gather(
        *(
            guest.post("/console/join/new", token=link.partition("token=")[2], login=login, name="x", password=PASSWORD)
            for guest, login in zip(guests, logins, strict=True)
        )
    )

    assert sorted(answer.status_code for answer in answers) == [303, 404, 404, 404]
    page = (await owner.get("/console/team")).text
    assert sum(login in page for login in logins) == 1


async def test_somebody_of_another_station_joins_with_his_own_account(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    other = await open_shop(runtime)
    login = await person(runtime, other.tenant.id, Role.OWNER)
    link = await invite(owner, "finance")
    guest = clients(shop.tenant.host)
    await guest.get(link)
    token = link.partition("token=")[2]

    wrong = await guest.post("/console/join/own", token=token, own_login=login, own_password="wrong password")
    right = await guest.post("/console/join/own", token=token, own_login=login, own_password=PASSWORD)

    assert wrong.status_code == 422
    assert "The login or the password is wrong." in text_of(wrong)
    assert right.status_code == 303
    assert (await guest.get("/console/money")).status_code == 200
    assert (await guest.get("/console/team")).status_code == 403


async def test_a_member_does_not_lose_his_role_by_an_invitation(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    login = await person(runtime, shop.tenant.id, Role.DEPUTY)
    link = await invite(owner, "service")
    guest = clients(shop.tenant.host)
    await guest.get(link)

    answer = await guest.post(
        "/console/join/own", token=link.partition("token=")[2], own_login=login, own_password=PASSWORD
    )

    assert answer.status_code == 422
    assert "works here already" in text_of(answer)
    assert "Deputy" in text_of(await owner.get(f"/console/team/{await id_of(runtime, login)}"))
    assert (await clients(shop.tenant.host).get(link)).status_code == 200


async def test_a_taken_login_and_a_short_password_are_told_at_their_fields(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    taken = await person(runtime, shop.tenant.id, Role.SERVICE)
    link = await invite(owner, "service")
    guest = clients(shop.tenant.host)
    await guest.get(link)
    form = {"token": link.partition("token=")[2], "name": "小李"}

    short = await guest.post("/console/join/new", **form, login="new-one", password="short")
    login = await guest.post("/console/join/new", **form, login=taken, password=PASSWORD)

    assert error_at(short, "password") == "A password has at least 8 characters."
    assert error_at(login, "login") == "This login is taken."
    assert (await guest.get(link)).status_code == 200


async def test_a_new_link_makes_the_old_one_worthless_and_a_revoked_one_leads_nowhere(
    shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    old = await invite(owner, "service")
    listed = await owner.get("/console/team")
    path = listed.text.partition("/console/team/invitations/")[2].partition("/")[0]

    new = link_in(await owner.post(f"/console/team/invitations/{path}/renew"))
    statuses = [(await clients(shop.tenant.host).get(link)).status_code for link in (old, new)]
    await owner.post(f"/console/team/invitations/{path}/revoke")

    assert statuses == [404, 200]
    assert (await clients(shop.tenant.host).get(new)).status_code == 404
    assert "Nobody is invited" in text_of(await owner.get("/console/team"))


async def test_a_wrong_address_is_told_at_its_field(owner: StaffClient) -> None:
    await owner.get("/console/team/invite")
    answer = await owner.post("/console/team/invitations", name="x", role="service", email="li@nowhere\u0009x")
    malformed = await owner.post("/console/team/invitations", name="x", role="service", email="not an address")

    assert answer.status_code == malformed.status_code == 422
    assert error_at(malformed, "email") == "This is not an e-mail address."


async def test_only_the_team_may_invite(shop: Shop, sign_in: SignIn) -> None:
    deputy = await sign_in(shop.tenant, Role.DEPUTY)
    await deputy.get("/console/team")

    answer = await deputy.post("/console/team/invitations", name="x", role="service")

    assert answer.status_code == 403


async def test_the_master_has_a_team_too(runtime: Runtime, operator: StaffClient, clients: Clients) -> None:
    link = await invite(operator, "master.operator", base="")
    guest = clients(runtime.settings.master_host)

    await guest.follow(await accept(guest, link, f"op-{ids.code(8)}"))

    assert (await guest.get("/tenants")).status_code == 200


@pytest.mark.parametrize("role", ["master.operator", "custom.1", "boss"])
async def test_a_station_has_no_such_role_to_give(owner: StaffClient, role: str) -> None:
    await owner.get("/console/team/invite")
    answer = await owner.post("/console/team/invitations", name="x", role=role)

    assert error_at(answer, "role") == "This role does not exist here."


async def test_the_master_invites_a_stations_owner(
    runtime: Runtime, shop: Shop, operator: StaffClient, clients: Clients
) -> None:
    path = f"/tenants/{shop.tenant.id}/team"
    page = await operator.get(path)
    answer = await operator.post(f"{path}/invitations", name="新站长", role="owner")
    wrong = await operator.post(f"{path}/invitations", name="x", role="master.operator")
    guest = clients(shop.tenant.host)

    await guest.follow(await accept(guest, link_in(answer), f"boss-{ids.code(8)}"))

    assert "Nobody owns this station yet" in text_of(page)
    assert error_at(wrong, "role") == "This role does not exist here."
    assert (await guest.get("/console/team")).status_code == 200
    actor, subject, _ = (await log_of(runtime, shop.tenant.id, "staff.invite"))[0]
    assert actor.startswith("master: ")
    assert subject == "新站长"


async def test_at_the_plans_limit_nobody_is_invited(runtime: Runtime, shop: Shop, owner: StaffClient) -> None:
    await Station(shop).give(await add_plan(runtime, 1_000, max_staff=1))
    await owner.get("/console/team/invite")

    answer = await owner.post("/console/team/invitations", name="小李", role="service")

    assert answer.status_code == 422
    assert "The plan allows 1 accounts of staff. Remove one, or choose a larger plan." in text_of(answer)
    assert 'value="小李"' in answer.text
    assert "Nobody is invited" in text_of(await owner.get("/console/team"))


async def test_of_two_guests_for_the_last_place_one_joins_and_the_others_invitation_stays(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    await Station(shop).give(await add_plan(runtime, 1_000, max_staff=2))
    links = [await invite(owner, "service"), await invite(owner, "finance")]
    logins = [f"last-{ids.code(8)}" for _ in links]
    guests = [clients(shop.tenant.host) for _ in links]

    answers = await asyncio.gather(
        *(accept(guest, link, login) for guest, link, login in zip(guests, links, logins, strict=True))
    )

    assert sorted(answer.status_code for answer in answers) == [303, 422]
    late = next(answer for answer in answers if answer.status_code == 422)
    assert "The plan of this station allows 2 accounts of staff" in text_of(late)
    lost = answers.index(late)
    assert (await clients(shop.tenant.host).get(links[lost])).status_code == 200
    async with runtime.database.master_session() as session:
        assert not await staff.is_taken(session, logins[lost])
    team = (await owner.get("/console/team")).text
    assert sum(login in team for login in logins) == 1


async def test_somebody_with_an_account_elsewhere_is_told_of_the_limit_too(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    other = await open_shop(runtime)
    login, link = await person(runtime, other.tenant.id, Role.OWNER), await invite(owner, "finance")
    await Station(shop).give(await add_plan(runtime, 1_000, max_staff=1))
    guest = clients(shop.tenant.host)
    await guest.get(link)

    answer = await guest.post(
        "/console/join/own", token=link.partition("token=")[2], own_login=login, own_password=PASSWORD
    )

    assert answer.status_code == 422
    assert "Ask whoever invited you to make room" in text_of(answer)
