"""Rights that somebody would like to keep after they were taken from him, or to have without being given them."""

import asyncio
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from kameng.core import ids
from kameng.identity.permissions import Permission, Role
from kameng.infra.runtime import Runtime
from tests.admin_ui.conftest import clients, operator, owner, shop, sign_in
from tests.admin_ui.people.steps import Clients, accept, id_of, invite, link_in, log_of, two_seconds_later
from tests.admin_ui.people.test_team import colleague, compose
from tests.admin_ui.people.test_visits import visit
from tests.support.house import Shop
from tests.support.staff_client import StaffClient

__all__ = ["clients", "operator", "owner", "shop", "sign_in"]

TOMORROW = (datetime.now(ZoneInfo("Asia/Shanghai")) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")


async def lend(owner: StaffClient, staff_id: str, permission: str) -> None:
    await owner.get(f"/console/team/{staff_id}")
    lent = await owner.post(f"/console/team/{staff_id}/delegations", permission=permission, ends_at=TOMORROW)
    assert lent.status_code == 303


async def lent_to(runtime: Runtime, staff_id: str) -> list[str]:
    async with runtime.database.master_session() as session:
        rows = await session.scalars(
            text(
                "SELECT permission FROM delegations WHERE staff_id = CAST(:id AS uuid)"
                " AND revoked_at IS NULL AND ends_at > now()"
            ),
            {"id": staff_id},
        )
        return list(rows)


async def test_an_owner_who_is_demoted_does_not_come_back_by_a_link_he_kept(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    partner, partner_id = await colleague(runtime, shop, clients, Role.OWNER)
    kept = await invite(partner, "owner")

    changed = await owner.post(f"/console/team/{partner_id}/role", role="service")

    assert changed.status_code == 303
    answer = await accept(clients(shop.tenant.host), kept, f"back-{ids.code(8)}")
    assert answer.status_code == 404
    assert await log_of(runtime, shop.tenant.id, "staff.join") == []


async def test_what_an_owner_lent_ends_when_he_is_demoted(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    partner, partner_id = await colleague(runtime, shop, clients, Role.OWNER)
    _, friend_id = await colleague(runtime, shop, clients, Role.SERVICE)
    await lend(partner, friend_id, "orders.refund")

    await owner.post(f"/console/team/{partner_id}/role", role="service")

    assert await lent_to(runtime, friend_id) == []


async def test_whoever_keeps_his_rights_keeps_his_invitations(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    deputy, deputy_id = await colleague(runtime, shop, clients, Role.SERVICE)
    await lend(owner, deputy_id, "team.write")
    two_seconds_later()
    link = await invite(deputy, "service")

    await owner.post(f"/console/team/{deputy_id}/role", role="deputy")

    assert (await clients(shop.tenant.host).get(link)).status_code == 200


async def test_a_role_that_is_cut_down_takes_the_invitations_of_those_who_have_it(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    role = await compose(owner, "副手", "orders.read", "orders.refund", "team.read")
    helper = await compose(owner, "退款员", "orders.read", "orders.refund")
    guest, login = clients(shop.tenant.host), f"n-{ids.code(8)}"
    await accept(guest, await invite(owner, role), login)
    await lend(owner, await id_of(runtime, login), "team.write")
    two_seconds_later()
    kept = await invite(guest, helper)

    number = role.removeprefix("custom.")
    cut = await owner.post(f"/console/roles/{number}", name="副手", permissions=["orders.read"])

    assert cut.status_code == 303
    assert (await accept(clients(shop.tenant.host), kept, f"b-{ids.code(8)}")).status_code == 404


async def test_a_link_that_was_made_anew_goes_with_whoever_knows_it(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    partner, partner_id = await colleague(runtime, shop, clients, Role.OWNER)
    await invite(owner, "deputy")
    listed = await partner.get("/console/team")
    number = listed.text.partition("/console/team/invitations/")[2].partition("/")[0]
    known = link_in(await partner.post(f"/console/team/invitations/{number}/renew"))

    await owner.get("/console/team")
    removed = await owner.post(f"/console/team/{partner_id}/remove", confirmed="yes")

    assert removed.status_code == 303
    assert (await accept(clients(shop.tenant.host), known, f"back-{ids.code(8)}")).status_code == 404


async def test_a_deputy_with_a_lent_right_takes_nothing_back_that_is_beyond_his_own(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    service, service_id = await colleague(runtime, shop, clients, Role.SERVICE)
    _, other_id = await colleague(runtime, shop, clients, Role.SERVICE)
    await lend(owner, service_id, "team.write")
    await lend(owner, other_id, "team.write")
    link = await invite(owner, "owner")
    two_seconds_later()
    await service.get("/console/account")
    async with runtime.database.master_session() as session:
        invitation = await session.scalar(
            text("SELECT id FROM invitations WHERE tenant_id = :t"), {"t": shop.tenant.id}
        )
        delegation = await session.scalar(
            text("SELECT id FROM delegations WHERE staff_id = CAST(:id AS uuid)"), {"id": other_id}
        )

    answers = [
        await service.post(f"/console/team/invitations/{invitation}/revoke"),
        await service.post(f"/console/team/delegations/{delegation}/revoke"),
    ]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert (await clients(shop.tenant.host).get(link)).status_code == 200
    assert await lent_to(runtime, other_id) == ["team.write"]


@pytest.mark.parametrize("act", ["remove", "role", "disable"])
async def test_two_owners_who_throw_each_other_out_at_once_leave_one(
    runtime: Runtime, shop: Shop, clients: Clients, act: str
) -> None:
    first, first_id = await colleague(runtime, shop, clients, Role.OWNER)
    second, second_id = await colleague(runtime, shop, clients, Role.OWNER)
    await first.get("/console/team")
    await second.get("/console/team")
    form = {"remove": {"confirmed": "yes"}, "role": {"role": "service"}, "disable": {"paused": "yes"}}[act]

    await asyncio.gather(
        first.post(f"/console/team/{second_id}/{act}", **form), second.post(f"/console/team/{first_id}/{act}", **form)
    )

    async with runtime.database.master_session() as session:
        left = await session.scalar(
            text("SELECT count(*) FROM memberships WHERE tenant_id = :t AND role = 'owner' AND disabled_at IS NULL"),
            {"t": shop.tenant.id},
        )
    assert left == 1


async def test_who_only_looks_does_not_mark_the_owners_notices_as_read(
    runtime: Runtime, shop: Shop, owner: StaffClient, operator: StaffClient, clients: Clients
) -> None:
    async with shop.tenant.begin() as session:
        await session.execute(text("INSERT INTO notices (kind, subject) VALUES ('deposit_low', '')"))
        number = await session.scalar(text("SELECT id FROM notices"))
    visitor = await visit(operator, shop, clients, "view")
    await visitor.get("/console")

    answer = await visitor.post(f"/console/notices/{number}/read")

    assert answer.status_code in (403, 404)
    async with shop.tenant.begin() as session:
        assert await session.scalar(text("SELECT count(*) FROM notices WHERE read_at IS NULL")) == 1


async def test_a_person_shut_out_changes_nothing_with_the_session_he_has(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    deputy, deputy_id = await colleague(runtime, shop, clients, Role.DEPUTY)
    await deputy.get("/console/products")
    await owner.get("/console/team")

    await owner.post(f"/console/team/{deputy_id}/disable", paused="yes")

    answer = await deputy.post("/console/account/name", name="again")
    switched = await deputy.post("/console/switch", to=str(shop.tenant.id))
    assert {answer.status_code, switched.status_code} <= {303, 401, 403}
    async with runtime.database.master_session() as session:
        name = await session.scalar(text("SELECT name FROM staff WHERE id = CAST(:id AS uuid)"), {"id": deputy_id})
    assert name != "again"


async def test_nobody_composes_a_role_of_permissions_of_the_master(
    runtime: Runtime, shop: Shop, owner: StaffClient
) -> None:
    await owner.get("/console/roles/new")
    of_master = [str(one) for one in Permission if one.startswith(("stations.", "system.", "tiers."))]

    await owner.post("/console/roles", name="主站", permissions=of_master)
    await owner.post("/console/roles", name="混合", permissions=["orders.read", *of_master])

    async with runtime.database.master_session() as session:
        kept = await session.execute(
            text("SELECT name, permissions FROM roles WHERE tenant_id = :t"), {"t": shop.tenant.id}
        )
        assert [tuple(row) for row in kept] in ([], [("混合", ["orders.read"])])


async def test_a_visit_that_was_left_opens_nothing_any_more(
    shop: Shop, operator: StaffClient, clients: Clients
) -> None:
    visitor = await visit(operator, shop, clients, "act")
    assert (await visitor.get("/console/orders")).status_code == 200
    kept = dict(visitor.http.cookies)

    await visitor.post("/console/visits/leave")
    visitor.http.cookies.update(kept)

    for path in ("/console/orders", "/console/team"):
        assert (await visitor.get(path)).status_code == 303


@pytest.mark.parametrize(
    "name",
    [
        "master: 操作员",
        "Master：操作员",
        "mas\u200bter: 操作员",
        "\u2060master\u00ad : x",
        "\u202emaster: x",
        "sys\u200dtem",
        "SYSTEM",
    ],
)
async def test_nobody_stands_in_the_log_as_the_master_or_the_system(
    runtime: Runtime, shop: Shop, owner: StaffClient, name: str
) -> None:
    await owner.get("/console/account")

    answer = await owner.post("/console/account/name", name=name)

    assert answer.status_code == 422
    assert await log_of(runtime, shop.tenant.id, "account.rename") == []
