"""From the form to the open station, with and without a fee, by itself and after a decision."""

import asyncio
import json
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from deploy.provisioning import provisioner
from kameng.core import ids
from kameng.infra.runtime import Runtime
from tenants.applications import opening, tasks
from tenants.registry.service import TenantDraft
from tests.admin_ui.conftest import audited
from tests.support.house import ledger_is_balanced, open_shop
from tests.support.staff_client import StaffClient, error_at, text_of
from tests.tenants.applications.steps import FEE_CENTS, PASSWORD, Clients, Master, form, notify, pay, pay_links
from tests.tenants.storefront.gateway import Gateway


async def test_a_visitor_pays_and_has_a_station_without_anybody_doing_anything(
    runtime: Runtime, master: Master, gateway: Gateway, clients: Clients
) -> None:
    await master.add_channel(gateway.url)
    plan_id, visitor = await master.plan(), await master.visitor()
    sent = {name: value for name, value in form(plan_id).items() if name != "plan_id"}
    application = await master.applied(visitor, plan_id, **sent)
    page = await visitor.get(f"/open/{application.code}")
    assert "Waits for the opening fee of ¥99.00" in text_of(page)
    (link,) = pay_links(page)

    answer = await notify(clients(runtime.settings.master_host), link, await pay(gateway, link))
    assert (answer.status_code, answer.text) == (200, "success")
    assert "Your station is being opened" in (await visitor.get(f"/open/{application.code}/status")).text
    await master.work()

    page = await visitor.get(f"/open/{application.code}")
    assert "Your station is open" in text_of(page)
    assert f'href="http://{sent["slug"]}.localhost/console"' in page.text
    owner = clients(f"{sent['slug']}.localhost")
    assert (await owner.sign_in(sent["owner_login"], PASSWORD, "/console/login")).status_code == 303
    assert "Trial until" in text_of(await owner.get("/console/plan"))
    assert await master.applicants_cents(application.id) == 0
    assert await ledger_is_balanced(runtime)
    assert "hx-get" not in page.text.partition('id="application"')[2].partition(">")[0]


async def test_a_plan_without_fee_opens_at_once(runtime: Runtime, master: Master, clients: Clients) -> None:
    plan_id, visitor = await master.plan(0), await master.visitor()
    application = await master.applied(visitor, plan_id)

    await master.work()

    now = await master.application(application.id)
    assert now.state == "open"
    assert len(await audited(runtime, "applications.open", str(now.tenant_id))) == 1
    assert (await clients(f"{now.slug}.localhost").get("/")).status_code == 200


async def test_what_the_browser_brings_back_from_the_gateway_opens_nothing(master: Master, gateway: Gateway) -> None:
    await master.add_channel(gateway.url)
    plan_id, visitor = await master.plan(), await master.visitor()
    application = await master.applied(visitor, plan_id)
    (link,) = pay_links(await visitor.get(f"/open/{application.code}"))
    notice = await pay(gateway, link)

    page = await visitor.http.get(f"/open/{application.code}", params=notice)

    assert "Waits for the opening fee" in page.text
    assert (await master.application(application.id)).paid_cents == 0


async def test_a_forged_notice_opens_nothing(master: Master, gateway: Gateway) -> None:
    await master.add_channel(gateway.url)
    plan_id, visitor = await master.plan(), await master.visitor()
    application = await master.applied(visitor, plan_id)
    (link,) = pay_links(await visitor.get(f"/open/{application.code}"))
    notice = await pay(gateway, link)

    answer = await notify(visitor, link, notice | {"money": "1.00"})

    assert (answer.status_code, answer.text) == (400, "fail")
    assert (await master.application(application.id)).state == "unpaid"


async def test_money_that_comes_twice_stands_to_be_given_back(
    runtime: Runtime, master: Master, gateway: Gateway, operator: StaffClient
) -> None:
    for name in ("支付宝", "微信"):
        await master.add_channel(gateway.url, name)
    plan_id, visitor = await master.plan(), await master.visitor()
    application = await master.applied(visitor, plan_id)
    links = pay_links(await visitor.get(f"/open/{application.code}"))

    for link in links:
        notice = await pay(gateway, link)
        for _ in range(2):
            assert (await notify(visitor, link, notice)).text == "success"
    await master.work()

    now = await master.application(application.id)
    assert (now.state, now.paid_cents, now.to_refund_cents) == ("open", 2 * FEE_CENTS, FEE_CENTS)
    assert "¥99.00 of what you paid is given back" in (await visitor.get(f"/open/{application.code}")).text
    path = f"/applications/{application.id}"
    await operator.get(path)
    await operator.follow(await operator.post(f"{path}/refund"))
    assert (await operator.post(f"{path}/refund")).status_code == 409
    assert await master.applicants_cents(application.id) == 0
    assert await ledger_is_balanced(runtime)


async def test_money_that_comes_late_revives_an_application(runtime: Runtime, master: Master, gateway: Gateway) -> None:
    await master.add_channel(gateway.url)
    plan_id, visitor = await master.plan(), await master.visitor()
    application = await master.applied(visitor, plan_id)
    (link,) = pay_links(await visitor.get(f"/open/{application.code}"))
    async with runtime.database.master_session() as session:
        await session.execute(
            text("UPDATE applications SET created_at = created_at - interval '25 hours' WHERE id = :id"),
            {"id": application.id},
        )
    await tasks.sweep_applications(runtime)
    assert "did not come within a day" in (await visitor.get(f"/open/{application.code}")).text

    await notify(visitor, link, await pay(gateway, link))
    await master.work()

    assert (await master.application(application.id)).state == "open"


async def test_a_worker_asks_the_gateway_when_no_notice_comes(master: Master, gateway: Gateway) -> None:
    await master.add_channel(gateway.url)
    plan_id, visitor = await master.plan(), await master.visitor()
    application = await master.applied(visitor, plan_id)
    (link,) = pay_links(await visitor.get(f"/open/{application.code}"))
    await pay(gateway, link)

    await master.ask_gateways()

    assert (await master.application(application.id)).state == "open"


async def test_who_was_slower_chooses_another_name_and_keeps_his_money(
    runtime: Runtime, master: Master, gateway: Gateway, clients: Clients
) -> None:
    await master.add_channel(gateway.url)
    plan_id, free_plan = await master.plan(), await master.plan(0)
    slow, quick = await master.visitor(), await master.visitor()
    application = await master.applied(slow, plan_id)
    (link,) = pay_links(await slow.get(f"/open/{application.code}"))
    await master.applied(quick, free_plan, slug=application.slug)

    await notify(slow, link, await pay(gateway, link))
    await master.work()

    page = await slow.get(f"/open/{application.code}")
    assert "The short name was taken in the meantime. Your money is safe" in text_of(page)
    again = await slow.post(f"/open/{application.code}/mend", slug=application.slug)
    assert error_at(again, "slug") == "This short name is taken by another station."
    await slow.follow(await slow.post(f"/open/{application.code}/mend", slug=(slug := f"neu-{ids.code(6).lower()}")))
    await master.work()
    assert "Your station is open" in (await slow.get(f"/open/{application.code}")).text
    owner = clients(f"{slug}.localhost")
    assert (await owner.sign_in(application.owner_login, PASSWORD, "/console/login")).status_code == 303


async def test_a_login_that_was_taken_meanwhile_is_asked_for_again(master: Master, operator: StaffClient) -> None:
    await master.set_mode("review")
    plan_id, one, other = await master.plan(0), await master.visitor(), await master.visitor()
    login = f"same-{ids.code(6).lower()}"
    first = await master.applied(one, plan_id, owner_login=login)
    second = await master.applied(other, plan_id, owner_login=login.upper())
    for application in (first, second):
        await operator.get(f"/applications/{application.id}")
        await operator.post(f"/applications/{application.id}/approve")
        await master.work()
    assert (await master.application(second.id)).reason == "login_taken"

    page = await other.get(f"/open/{second.code}")
    assert "The login was taken in the meantime" in text_of(page)
    await other.follow(await other.post(f"/open/{second.code}/mend", owner_login=f"new-{ids.code(6).lower()}"))
    await master.work()

    assert (await master.application(second.id)).state == "open"


async def test_the_same_letter_many_times_at_once_opens_one_station(runtime: Runtime, master: Master) -> None:
    plan_id, visitor = await master.plan(0), await master.visitor()
    application = await master.applied(visitor, plan_id)

    await asyncio.gather(*(open_now(runtime, application.id) for _ in range(4)))

    now = await master.application(application.id)
    assert now.state == "open"
    async with runtime.database.master_session() as session:
        rows = await session.execute(
            text("SELECT count(*) FROM tenants t JOIN memberships m ON m.tenant_id = t.id WHERE t.slug = :slug"),
            {"slug": application.slug},
        )
        assert rows.scalar_one() == 1


async def open_now(runtime: Runtime, application_id: UUID) -> None:
    await opening.open_station(runtime, provisioner(runtime.settings), application_id)


async def test_a_worker_that_dies_after_making_the_station_does_not_make_the_applicant_choose_again(
    runtime: Runtime, master: Master
) -> None:
    plan_id, visitor = await master.plan(0), await master.visitor()
    application = await master.applied(visitor, plan_id)
    made = await provisioner(runtime.settings).open(
        TenantDraft(
            slug=application.slug,
            name=application.name,
            tier_id=master.tier_id,
            hosts=[f"{application.slug}.localhost"],
            contact=application.email,
        )
    )

    await master.work()

    now = await master.application(application.id)
    assert (now.state, now.tenant_id) == ("open", made)


async def test_a_station_of_somebody_else_is_not_taken_over(runtime: Runtime, master: Master) -> None:
    await master.set_mode("review")
    plan_id, visitor = await master.plan(0), await master.visitor()
    application = await master.applied(visitor, plan_id)
    shop = await open_shop(runtime)
    async with runtime.database.master_session() as session:
        await session.execute(
            text("UPDATE tenants SET slug = :slug WHERE id = :id"), {"slug": application.slug, "id": shop.tenant.id}
        )
        await session.execute(text("UPDATE applications SET state = 'opening' WHERE id = :id"), {"id": application.id})

    await open_now(runtime, application.id)

    assert (await master.application(application.id)).reason == "slug_taken"


@pytest.mark.parametrize("code", ["A" * 26, "short", "%00", "' OR 1=1 --"])
async def test_a_page_of_nobodys_is_not_there(master: Master, code: str) -> None:
    visitor = await master.visitor()

    for path in (f"/open/{code}", f"/open/{code}/status"):
        assert (await visitor.get(path)).status_code in (400, 404)


async def test_a_tenants_letter_opens_no_station(runtime: Runtime, master: Master) -> None:
    await master.set_mode("review")
    application = await master.applied(await master.visitor(), await master.plan(0))
    shop = await open_shop(runtime)
    async with shop.tenant.begin() as session:
        for follower in ("deploy.openings.open_what_was_applied_for", "tenants.applications.tasks.go_on_when_paid"):
            payload = {
                "application_id": str(application.id),
                "payment_no": "P1",
                "purpose": "opening",
                "subject": str(application.id),
            }
            await session.execute(
                text(
                    "INSERT INTO outbox (id, tenant_id, follower, payload, due_at)"
                    " VALUES (:id, current_tenant(), :follower, CAST(:payload AS jsonb), now())"
                ),
                {"id": uuid4(), "follower": follower, "payload": json.dumps(payload)},
            )

    await master.work()

    assert (await master.application(application.id)).state == "review"
