"""The team: roles given and taken, members shut out and removed, permissions lent."""

import asyncio
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from admin_ui.people import permission_words
from kameng.core import ids
from kameng.identity.permissions import Permission, Role
from kameng.infra.runtime import Runtime
from tests.admin_ui.conftest import PASSWORD, SignIn, person
from tests.admin_ui.people.steps import Clients, accept, id_of, invite, log_of, two_seconds_later
from tests.support.house import Shop, open_shop
from tests.support.staff_client import StaffClient, error_at, text_of

SHANGHAI = ZoneInfo("Asia/Shanghai")


async def colleague(runtime: Runtime, shop: Shop, clients: Clients, role: Role) -> tuple[StaffClient, str]:
    """Somebody who is signed in, and his number."""
    login = await person(runtime, shop.tenant.id, role)
    client = clients(shop.tenant.host)
    await client.sign_in(login, PASSWORD, "/console/login")
    return client, await id_of(runtime, login)


async def compose(owner: StaffClient, name: str, *permissions: str) -> str:
    """A role; returns its code."""
    await owner.get("/console/roles/new")
    page = await owner.follow(await owner.post("/console/roles", name=name, permissions=list(permissions)))
    heading = page.text.partition(f"<h2>{name} ")[2]
    return "custom." + heading.partition('href="/console/roles/')[2].partition('"')[0]


async def test_a_composed_role_allows_what_was_ticked_and_is_called_by_its_name(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    role = await compose(owner, "夜班", "orders.read", "orders.refund")
    guest = clients(shop.tenant.host)

    home = await guest.follow(await accept(guest, await invite(owner, role), f"n-{ids.code(8)}"))
    orders = await guest.get("/console/orders")

    assert (home.status_code, home.headers["location"]) == (303, "/console/orders")
    assert orders.status_code == 200
    assert "夜班" in orders.text
    assert (await guest.get("/console/products")).status_code == 403


async def test_a_changed_role_holds_for_whoever_is_signed_in(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    role = await compose(owner, "夜班", "orders.read")
    guest = clients(shop.tenant.host)
    await accept(guest, await invite(owner, role), f"n-{ids.code(8)}")
    before = (await guest.get("/console/products")).status_code

    number = role.removeprefix("custom.")
    await owner.post(f"/console/roles/{number}", name="夜班", permissions=["products.read"])

    assert before == 403
    assert (await guest.get("/console/products")).status_code == 200
    assert (await guest.get("/console/orders")).status_code == 403
    assert (await log_of(runtime, shop.tenant.id, "roles.change"))[0][2] == {
        "from": "夜班",
        "to": "夜班",
        "added": ["products.read"],
        "removed": ["orders.read"],
    }


async def test_a_role_is_deleted_when_nobody_has_it(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    role = await compose(owner, "夜班", "orders.read")
    path = f"/console/roles/{role.removeprefix('custom.')}"
    await invite(owner, role)

    while_invited = await owner.post(f"{path}/delete", confirmed="yes")
    listed = await owner.get("/console/team")
    number = listed.text.partition("/console/team/invitations/")[2].partition("/")[0]
    await owner.post(f"/console/team/invitations/{number}/revoke")
    unasked = await owner.post(f"{path}/delete")
    free = await owner.post(f"{path}/delete", confirmed="yes")

    assert [while_invited.status_code, unasked.status_code, free.status_code] == [422, 422, 303]
    assert (await owner.get(path)).status_code == 404


async def test_names_of_roles_and_empty_roles_are_told_at_their_fields(owner: StaffClient) -> None:
    await compose(owner, "夜班", "orders.read")
    same = await owner.post("/console/roles", name="夜班", permissions=["orders.read", "buyers.read"])
    empty = await owner.post("/console/roles", name="另一个")
    foreign = await owner.post("/console/roles", name="另一个", permissions=["tenants.write"])

    assert error_at(same, "name") == "Another role has this name."
    assert 'value="buyers.read" checked' in same.text
    assert error_at(empty, "permissions") == error_at(foreign, "permissions") == "Choose at least one permission."


async def test_a_role_of_one_station_is_nothing_at_another(
    runtime: Runtime, owner: StaffClient, sign_in: SignIn
) -> None:
    role = await compose(owner, "夜班", "orders.read")
    other = await open_shop(runtime)
    stranger = await sign_in(other.tenant, Role.OWNER)
    await stranger.get("/console/team")

    answer = await stranger.post("/console/team/invitations", name="x", role=role)

    assert error_at(answer, "role") == "This role does not exist here."
    assert (await stranger.get(f"/console/roles/{role.removeprefix('custom.')}")).status_code == 404


async def test_whoever_manages_the_team_without_owning_it_cannot_rise(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    """He gives no more than he has, changes nobody who has more, and makes no second manager."""
    role = await compose(owner, "人事", "team.read", "team.write", "orders.read")
    manager = clients(shop.tenant.host)
    login = f"hr-{ids.code(8)}"
    await accept(manager, await invite(owner, role), login)
    await manager.get("/console/team")
    _, deputy = await colleague(runtime, shop, clients, Role.DEPUTY)
    me = await id_of(runtime, login)
    tries = {
        "invite an owner": await manager.post("/console/team/invitations", name="x", role="owner"),
        "invite a deputy": await manager.post("/console/team/invitations", name="x", role="deputy"),
        "invite another manager": await manager.post("/console/team/invitations", name="x", role=role),
        "compose more": await manager.post("/console/roles", name="x", permissions=["orders.refund"]),
        "compose a manager": await manager.post("/console/roles", name="x", permissions=["team.write"]),
        "change his own role": await manager.post(
            f"/console/roles/{role.removeprefix('custom.')}", name="x", permissions=["orders.read", "team.read"]
        ),
        "make himself owner": await manager.post(f"/console/team/{me}/role", role="owner"),
        "demote the deputy": await manager.post(f"/console/team/{deputy}/role", role=role),
        "lend himself more": await manager.post(
            f"/console/team/{me}/delegations", permission="orders.refund", ends_at=at(timedelta(days=1))
        ),
    }

    assert {name: answer.status_code for name, answer in tries.items()} == dict.fromkeys(tries, 422)
    assert (await manager.post(f"/console/team/{deputy}/remove", confirmed="yes")).status_code == 403
    assert (await manager.post(f"/console/team/{deputy}/disable", paused="yes")).status_code == 403
    two_seconds_later()
    assert (await manager.get("/console/money")).status_code == 403


async def test_what_was_lent_cannot_be_handed_on(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    role = await compose(owner, "人事", "team.read", "team.write")
    manager = clients(shop.tenant.host)
    login = f"hr-{ids.code(8)}"
    await accept(manager, await invite(owner, role), login)
    me = await id_of(runtime, login)
    await owner.post(f"/console/team/{me}/delegations", permission="orders.read", ends_at=at(timedelta(days=1)))
    assert (await manager.get("/console/orders")).status_code == 200

    answer = await manager.post("/console/roles", name="x", permissions=["orders.read"])

    assert answer.status_code == 422
    assert "your own role" in text_of(answer)


async def test_the_last_owner_stays(runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients) -> None:
    async with runtime.database.master_session() as session:
        row = await session.execute(
            text("SELECT staff_id FROM memberships WHERE tenant_id = :id AND role = 'owner'"), {"id": shop.tenant.id}
        )
        me = row.scalar_one()
    await owner.get("/console/team")

    own = await owner.post(f"/console/team/{me}/role", role="service")
    second, other = await colleague(runtime, shop, clients, Role.OWNER)
    await second.get("/console/team")
    gone = await second.post(f"/console/team/{me}/remove", confirmed="yes")
    alone = await second.post(f"/console/team/{other}/remove", confirmed="yes")

    assert own.status_code == 422
    assert "Ask another person" in text_of(own)
    assert gone.status_code == 303
    assert alone.status_code == 422


async def test_two_owners_who_remove_each_other_at_once_do_not_both_succeed(
    runtime: Runtime, shop: Shop, clients: Clients
) -> None:
    first, a = await colleague(runtime, shop, clients, Role.OWNER)
    second, b = await colleague(runtime, shop, clients, Role.OWNER)
    await first.get("/console/team")
    await second.get("/console/team")

    answers = await asyncio.gather(
        first.post(f"/console/team/{b}/remove", confirmed="yes"),
        second.post(f"/console/team/{a}/remove", confirmed="yes"),
    )

    async with runtime.database.master_session() as session:
        row = await session.execute(
            text("SELECT count(*) FROM memberships WHERE tenant_id = :id AND role = 'owner'"), {"id": shop.tenant.id}
        )
    assert row.scalar_one() == 1
    assert sorted(answer.status_code for answer in answers) == [303, 403]


async def test_who_is_shut_out_is_out_at_once_and_can_be_let_in_again(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    client, number = await colleague(runtime, shop, clients, Role.FINANCE)
    await owner.get(f"/console/team/{number}")

    await owner.post(f"/console/team/{number}/disable", paused="yes")
    out = await client.get("/console/money")
    again = await clients(shop.tenant.host).sign_in(
        (await log_of(runtime, shop.tenant.id, "staff.disable"))[0][1], PASSWORD, "/console/login"
    )
    await owner.post(f"/console/team/{number}/disable")

    assert out.status_code == 303
    assert out.headers["location"].startswith("/console/login")
    assert again.status_code == 422
    assert (await client.get("/console/money")).status_code == 200


async def test_who_is_removed_is_out_and_his_invitations_with_him(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    second, number = await colleague(runtime, shop, clients, Role.OWNER)
    link = await invite(second, "owner")
    await owner.get("/console/team")

    unasked = await owner.post(f"/console/team/{number}/remove")
    await owner.post(f"/console/team/{number}/remove", confirmed="yes")

    assert unasked.status_code == 422
    assert (await second.get("/console")).status_code == 303
    assert (await clients(shop.tenant.host).get(link)).status_code == 404


async def test_another_process_knows_within_two_seconds(runtime: Runtime, shop: Shop, clients: Clients) -> None:
    client, number = await colleague(runtime, shop, clients, Role.FINANCE)
    await client.get("/console/money")
    async with runtime.database.master_session() as session:  # as another process would
        await session.execute(
            text("UPDATE memberships SET role = 'service' WHERE staff_id = CAST(:id AS uuid)"), {"id": number}
        )

    remembered = (await client.get("/console/money")).status_code
    two_seconds_later()

    assert remembered == 200
    assert (await client.get("/console/money")).status_code == 403


def at(distance: timedelta) -> str:
    """A moment from now, as a browser's field writes it at the station."""
    return (datetime.now(SHANGHAI) + distance).strftime("%Y-%m-%dT%H:%M")


async def test_a_permission_is_lent_until_a_moment_and_ends_by_itself(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    client, number = await colleague(runtime, shop, clients, Role.SERVICE)
    assert (await client.get("/console/money")).status_code == 403
    await owner.get(f"/console/team/{number}")

    answer = await owner.post(
        f"/console/team/{number}/delegations",
        permission="ledger.read",
        ends_at=at(timedelta(days=2)),
        note="月底对账",
    )
    lent = (await client.get("/console/money")).status_code
    page = text_of(await owner.get("/console/team"))
    async with runtime.database.master_session() as session:
        await session.execute(
            text(
                "UPDATE delegations SET created_at = now() - interval '2 days', ends_at = now() - interval '1 second'"
                " WHERE staff_id = CAST(:id AS uuid)"
            ),
            {"id": number},
        )
    two_seconds_later()

    assert answer.status_code == 303
    assert lent == 200
    assert "See money" in page
    assert "月底对账" in page
    assert (await client.get("/console/money")).status_code == 403
    assert "See money" not in text_of(await owner.get("/console/team"))
    _, _, detail = (await log_of(runtime, shop.tenant.id, "delegations.add"))[0]
    assert (detail["permission"], detail["note"]) == ("ledger.read", "月底对账")


async def test_a_lent_permission_is_taken_back(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    client, number = await colleague(runtime, shop, clients, Role.SERVICE)
    form = {"permission": "ledger.read", "ends_at": at(timedelta(days=2))}
    await owner.get(f"/console/team/{number}")
    await owner.post(f"/console/team/{number}/delegations", **form)
    listed = await owner.get("/console/team")
    one = listed.text.partition("/console/team/delegations/")[2].partition("/")[0]

    await owner.post(f"/console/team/delegations/{one}/revoke")

    assert (await client.get("/console/money")).status_code == 403
    assert (await owner.post(f"/console/team/delegations/{one}/revoke")).status_code == 404


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("ends_at", "2020-01-01T10:00", "Choose a time in the future, at most a year from now."),
        ("ends_at", "2099-01-01T10:00", "Choose a time in the future, at most a year from now."),
        ("ends_at", "2026-02-31T10:00", "Choose a date and a time."),
        ("ends_at", "tomorrow", "Choose a date and a time."),
        ("permission", "tenants.write", "Choose one of the list."),
        ("permission", "orders.read", "This person's role has this permission already."),
    ],
)
async def test_what_cannot_be_lent_is_told_at_its_field(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients, field: str, value: str, said: str
) -> None:
    _, number = await colleague(runtime, shop, clients, Role.SERVICE)
    await owner.get(f"/console/team/{number}")
    form = {"permission": "ledger.read", "ends_at": at(timedelta(days=1)), field: value}

    answer = await owner.post(f"/console/team/{number}/delegations", **form)

    assert error_at(answer, field) == said


def test_every_permission_has_words() -> None:
    worded = [code for group in permission_words.groups(Permission) for code, _ in group.permissions]

    assert sorted(worded) == sorted(str(one) for one in Permission)


@pytest.mark.parametrize(
    ("permissions", "room"), [(("orders.read",), "/console/orders"), (("orders.refund",), "/console/account")]
)
async def test_who_may_not_see_the_overview_comes_in_at_the_first_room_he_may_open(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients, permissions: tuple[str, ...], room: str
) -> None:
    role = await compose(owner, "一间房", *permissions)
    guest = clients(shop.tenant.host)

    door = await guest.follow(await accept(guest, await invite(owner, role), f"one-{ids.code(6)}"))

    assert (door.status_code, door.headers["location"]) == (303, room)
    assert (await guest.follow(door)).status_code == 200
    assert (await guest.get("/console/hours")).status_code == 403
