"""The operator at a station's console: never without a reason, never unseen."""

import re
from html import unescape
from urllib.parse import urlsplit

from sqlalchemy import text

from kameng.identity import visits
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tests.admin_ui.conftest import SignIn
from tests.admin_ui.people.steps import Clients, log_of, two_seconds_later
from tests.support.house import Shop, open_shop, work_off
from tests.support.staff_client import StaffClient, error_at, text_of

GO_ON = re.compile(r'class="btn btn-primary" href="([^"]+)"')
REASON = "工单 4711: 支付通道"


async def ticket_for(operator: StaffClient, shop: Shop, mode: str = "view") -> str:
    """The path that lets the operator in, once."""
    await operator.get(f"/tenants/{shop.tenant.id}/visit")
    answer = await operator.post(f"/tenants/{shop.tenant.id}/visit", reason=REASON, mode=mode)
    found = GO_ON.search(answer.text)
    assert found, text_of(answer)
    address = urlsplit(unescape(found[1]))
    assert address.hostname == shop.tenant.host
    return f"{address.path}?{address.query}"


async def visit(operator: StaffClient, shop: Shop, clients: Clients, mode: str = "view") -> StaffClient:
    """The operator's browser at the station's console."""
    visitor = clients(shop.tenant.host)
    path = await ticket_for(operator, shop, mode)
    assert (await visitor.follow(await visitor.get(path))).status_code == 200
    return visitor


async def test_everybody_at_the_station_sees_who_came_and_why(
    shop: Shop, owner: StaffClient, sign_in: SignIn, operator: StaffClient, clients: Clients
) -> None:
    service = await sign_in(shop.tenant, Role.SERVICE)
    visitor = await visit(operator, shop, clients)
    two_seconds_later()

    for client, path in ((owner, "/console/team"), (service, "/console/orders"), (visitor, "/console/orders")):
        page = text_of(await client.get(path))
        assert REASON in page, path
        assert "of the master station is at this console until" in page
    assert "End the visit" in (await owner.get("/console")).text
    assert "End the visit" not in (await service.get("/console")).text
    other = await open_shop(shop.runtime)
    assert REASON not in (await (await sign_in(other.tenant, Role.OWNER)).get("/console")).text


async def test_without_a_reason_there_is_no_way_in(
    runtime: Runtime, shop: Shop, operator: StaffClient, clients: Clients
) -> None:
    path = f"/tenants/{shop.tenant.id}/visit"
    await operator.get(path)

    answers = [
        await operator.post(path, reason=reason, mode=mode)
        for reason, mode in (("", "view"), ("   ", "view"), ("abc", "act"), (REASON, "own"), (REASON, ""))
    ]
    stranger = clients(shop.tenant.host)
    for name, value in operator.http.cookies.items():
        stranger.http.cookies.set(name, value)

    assert [answer.status_code for answer in answers] == [422] * 5
    assert error_at(answers[0], "reason") == "Fill this in."
    assert (await stranger.get("/console")).status_code == 303
    assert await log_of(runtime, shop.tenant.id, "visits.begin") == []


async def test_who_only_looks_changes_nothing(shop: Shop, operator: StaffClient, clients: Clients) -> None:
    visitor = await visit(operator, shop, clients, "view")

    assert (await visitor.get("/console/money")).status_code == 200
    assert (await visitor.post(f"/console/products/{shop.product_id}/shelf")).status_code == 403
    assert (await visitor.get("/console/products/new")).status_code == 403


async def test_who_acts_does_so_under_the_masters_name(
    runtime: Runtime, shop: Shop, operator: StaffClient, clients: Clients
) -> None:
    visitor = await visit(operator, shop, clients, "act")

    answer = await visitor.post(f"/console/products/{shop.product_id}/shelf", on_sale="")
    acted = await log_of(runtime, shop.tenant.id, "products.hide")

    assert answer.status_code == 303
    assert len(acted) == 1
    assert acted[0][0].startswith("master: master.operator operator-")


async def test_a_visit_leaves_nothing_behind_that_outlasts_it(
    shop: Shop, operator: StaffClient, clients: Clients
) -> None:
    visitor = await visit(operator, shop, clients, "act")

    assert (await visitor.get("/console/team")).status_code == 200
    assert (await visitor.post("/console/team/invitations", name="x", role="owner")).status_code == 403
    assert (await visitor.post("/console/roles", name="x", permissions=["orders.read"])).status_code == 403
    for path in ("/console/account", "/console/account/identity"):
        answer = await (visitor.get(path) if path.endswith("account") else visitor.post(path))
        assert answer.status_code == 404, path
    assert (await visitor.post("/console/account/password", password="a new password")).status_code == 404


async def test_the_ticket_works_once(shop: Shop, operator: StaffClient, clients: Clients) -> None:
    path = await ticket_for(operator, shop)

    first = await clients(shop.tenant.host).get(path)
    second = await clients(shop.tenant.host).get(path)

    assert (first.status_code, second.status_code) == (303, 403)
    assert "has been used or is too old" in text_of(second)


async def test_leaving_ends_it(runtime: Runtime, shop: Shop, operator: StaffClient, clients: Clients) -> None:
    visitor = await visit(operator, shop, clients)

    await visitor.post("/console/visits/leave")
    by_logging_out = await visit(operator, shop, clients)
    await by_logging_out.post("/console/logout")

    assert (await visitor.get("/console")).status_code == 303
    assert (await by_logging_out.get("/console")).status_code == 303
    ended = await log_of(runtime, shop.tenant.id, "visits.end")
    assert [detail["reason"] for _, _, detail in ended] == [REASON, REASON]
    assert all(actor.startswith("master: ") for actor, _, _ in ended)


async def test_the_owner_ends_it(
    runtime: Runtime, shop: Shop, owner: StaffClient, sign_in: SignIn, operator: StaffClient, clients: Clients
) -> None:
    visitor = await visit(operator, shop, clients, "act")
    deputy = await sign_in(shop.tenant, Role.DEPUTY)
    two_seconds_later()
    page = await owner.get("/console")
    number = page.text.partition("/console/visits/")[2].partition("/")[0]
    await deputy.get("/console")

    refused = await deputy.post(f"/console/visits/{number}/end")
    await owner.post(f"/console/visits/{number}/end")

    assert refused.status_code == 403
    assert (await visitor.get("/console")).status_code == 303
    assert REASON not in (await owner.get("/console")).text
    assert (await owner.post(f"/console/visits/{number}/end")).status_code == 404
    assert "End" in text_of(await operator.get(f"/tenants/{shop.tenant.id}/visit"))


async def test_an_owner_ends_no_visit_at_another_station(
    runtime: Runtime, shop: Shop, operator: StaffClient, sign_in: SignIn, clients: Clients
) -> None:
    visitor = await visit(operator, shop, clients)
    number = (await log_of(runtime, shop.tenant.id, "visits.begin"))[0][1]
    other = await open_shop(runtime)
    stranger = await sign_in(other.tenant, Role.OWNER)
    await stranger.get("/console")

    assert (await stranger.post(f"/console/visits/{number}/end")).status_code == 404
    two_seconds_later()
    assert (await visitor.get("/console")).status_code == 200


async def test_after_an_hour_it_is_over_and_that_stands_in_the_log(
    runtime: Runtime, shop: Shop, operator: StaffClient, clients: Clients
) -> None:
    visitor = await visit(operator, shop, clients)
    async with runtime.database.master_session() as session:
        await session.execute(
            text("UPDATE visits SET ends_at = now() - interval '1 second' WHERE tenant_id = :id"),
            {"id": shop.tenant.id},
        )
        moved = await session.execute(
            text(
                "UPDATE outbox SET due_at = now() WHERE tenant_id = :id AND follower LIKE '%ran_out' RETURNING due_at"
            ),
            {"id": shop.tenant.id},
        )
        assert len(moved.all()) == 1
    two_seconds_later()

    out = (await visitor.get("/console")).status_code
    await work_off(runtime)

    assert out == 303
    assert [actor for actor, _, _ in await log_of(runtime, shop.tenant.id, "visits.end")] == ["system"]
    assert visits.LASTS.total_seconds() == 3600


async def test_a_visitor_who_loses_the_right_is_out(
    runtime: Runtime, shop: Shop, operator: StaffClient, clients: Clients
) -> None:
    visitor = await visit(operator, shop, clients)
    async with runtime.database.master_session() as session:
        await session.execute(
            text(
                "UPDATE memberships SET disabled_at = now() WHERE tenant_id IS NULL"
                " AND staff_id = (SELECT staff_id FROM visits WHERE tenant_id = :id)"
            ),
            {"id": shop.tenant.id},
        )
    two_seconds_later()

    assert (await visitor.get("/console")).status_code == 303
