"""The public page, and what the master does with what comes by it."""

import pytest

from kameng.core import ids
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tests.admin_ui.conftest import audited, person
from tests.support.house import Shop, open_shop
from tests.support.staff_client import StaffClient, error_at, text_of
from tests.tenants.applications.steps import (
    FEE_CENTS,
    PASSWORD,
    Clients,
    Master,
    form,
    gateway,
    master,
    notify,
    pay,
    pay_links,
)
from tests.tenants.storefront.gateway import Gateway

__all__ = ["gateway", "master"]


async def test_while_nobody_may_apply_the_page_says_so_and_takes_nothing(master: Master) -> None:
    plan_id, visitor = await master.plan(0), await master.visitor()
    await master.set_mode("closed")

    assert "Stations cannot be applied for at the moment." in text_of(await visitor.get("/open"))
    answer = await visitor.post("/open", **form(plan_id))

    assert answer.status_code == 422
    assert answer.headers.get("location") is None


async def test_shops_link_to_the_page_only_while_somebody_may_apply(
    runtime: Runtime, master: Master, shop: Shop, clients: Clients
) -> None:
    browser, link = clients(shop.tenant.host), 'href="http://master.localhost/open"'

    runtime.directory.forget()
    assert link in (await browser.get("/")).text
    await master.set_mode("closed")
    assert link not in (await browser.get("/")).text


async def test_the_page_shows_offered_plans_only(runtime: Runtime, master: Master) -> None:
    shown = await master.plan(FEE_CENTS, max_products=4321)
    hidden = await master.plan(FEE_CENTS, max_products=8765, is_offered=False)

    page = await (await master.visitor()).get("/open")

    assert "4,321" in text_of(page)
    assert "8,765" not in text_of(page)
    answer = await (await master.visitor()).post("/open", **form(hidden))
    assert error_at(answer, "plan_id") == "This plan is not offered at the moment."
    assert f'value="{shown}"' in answer.text


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "Fill this in."),
        ("slug", "Zwei Wörter", "small letters, digits and hyphens"),
        ("slug", "www", "This short name is taken by another station."),
        ("slug", "master", "This short name is taken by another station."),
        ("email", "nobody", "Write an e-mail address"),
        ("email", "a@b@example.com", "Write an e-mail address"),
        ("owner_login", "a b", "no spaces"),
        ("owner_password", "short", "at least 8 characters"),
        ("plan_id", "2147483647", "This plan is not offered at the moment."),
        ("plan_id", "x", "Choose one of the list."),
    ],
)
async def test_a_wrong_field_is_named_and_the_rest_is_kept(master: Master, field: str, value: str, said: str) -> None:
    plan_id, visitor = await master.plan(0), await master.visitor()
    sent = form(plan_id) | {field: value}

    answer = await visitor.post("/open", **sent)

    assert answer.status_code == 422
    assert said in error_at(answer, field)
    assert PASSWORD not in answer.text
    assert f'value="{sent["owner_name"]}"' in answer.text


async def test_what_is_taken_is_named_at_once(master: Master, shop: Shop, runtime: Runtime) -> None:
    login = await person(runtime, shop.tenant.id, Role.OWNER)
    plan_id, visitor = await master.plan(0), await master.visitor()

    answer = await visitor.post("/open", **form(plan_id, slug=shop.tenant.slug, owner_login=login.upper()))

    assert error_at(answer, "slug") == "This short name is taken by another station."
    assert error_at(answer, "owner_login") == "This login is taken."


async def test_the_short_name_is_looked_up_while_it_is_typed(master: Master, shop: Shop) -> None:
    visitor, free = await master.visitor(), f"frei-{ids.code(6).lower()}"

    assert f"Free: http://{free}.localhost" in (await visitor.get(f"/open/slug?slug={free}")).text
    assert "taken by another station" in (await visitor.get(f"/open/slug?slug={shop.tenant.slug}")).text
    assert "small letters" in (await visitor.get("/open/slug?slug=-a")).text
    assert (await visitor.get("/open/slug?slug=%3Cb%3E%00")).status_code == 200


async def test_a_plan_with_a_fee_needs_a_way_to_pay(master: Master) -> None:
    plan_id, visitor = await master.plan(), await master.visitor()

    answer = await visitor.post("/open", **form(plan_id))

    assert error_at(answer, "plan_id").startswith("The opening fee cannot be paid at the moment.")


async def test_one_address_does_not_apply_without_end(master: Master) -> None:
    plan_id, visitor = await master.plan(0), await master.visitor()

    answers = [await visitor.post("/open", **form(plan_id, email="x")) for _ in range(12)]

    assert {answer.status_code for answer in answers} == {422, 429}
    assert answers[-1].status_code == 429


async def test_an_application_is_approved(runtime: Runtime, master: Master, operator: StaffClient) -> None:
    await master.set_mode("review")
    visitor = await master.visitor()
    application = await master.applied(visitor, await master.plan(0))
    await master.work()
    assert "We are looking at your application" in (await visitor.get(f"/open/{application.code}")).text
    assert application.slug in text_of(await operator.get(f"/applications?q={application.slug}&state=review"))

    path = f"/applications/{application.id}"
    await operator.get(path)
    await operator.follow(await operator.post(f"{path}/approve"))
    await master.work()

    assert "Your station is open" in (await visitor.get(f"/open/{application.code}")).text
    assert (await operator.post(f"{path}/approve")).status_code == 409
    assert (await operator.post(f"{path}/decline", reason="late")).status_code == 409
    assert len(await audited(runtime, "applications.approve", str(application.id))) == 1


async def test_a_declined_application_is_refunded_and_the_applicant_reads_why(
    runtime: Runtime, master: Master, gateway: Gateway, operator: StaffClient
) -> None:
    await master.set_mode("review")
    await master.add_channel(gateway.url)
    plan_id, visitor = await master.plan(), await master.visitor()
    application = await master.applied(visitor, plan_id)
    (link,) = pay_links(await visitor.get(f"/open/{application.code}"))
    await notify(visitor, link, await pay(gateway, link))
    path = f"/applications/{application.id}"
    await operator.get(path)

    empty = await operator.post(f"{path}/decline", reason="")
    assert error_at(empty, "reason") == "Fill this in."
    page = await operator.follow(await operator.post(f"{path}/decline", reason="<b>名称不合规</b>"))
    assert "¥99.00 is to be given back" in text_of(page)
    mine = (await visitor.get(f"/open/{application.code}")).text
    assert "&lt;b&gt;名称不合规&lt;/b&gt;" in mine
    assert "¥99.00 of what you paid is given back" in mine

    await operator.follow(await operator.post(f"{path}/refund"))

    assert "¥99.00 was given back to you." in (await visitor.get(f"/open/{application.code}")).text
    assert await master.applicants_cents(application.id) == 0
    assert len(await audited(runtime, "applications.refund", str(application.id))) == 1


async def test_the_operator_sets_how_stations_are_applied_for(
    runtime: Runtime, master: Master, operator: StaffClient
) -> None:
    path = "/applications/settings"
    await operator.get(path)

    missing = await operator.post(path, mode="review", tier_id="")
    unknown = await operator.post(path, mode="review", tier_id="2147483647")
    page = await operator.follow(await operator.post(path, mode="review", tier_id=str(master.tier_id)))

    assert error_at(missing, "tier_id") == "Choose what the new stations pay for goods."
    assert error_at(unknown, "tier_id") == "Choose one of the list."
    assert '<option value="review" selected>' in page.text
    assert len(await audited(runtime, "applications.settings", "review")) >= 1


async def test_the_masters_channels_are_added_and_paused_and_their_key_is_never_shown(
    master: Master, operator: StaffClient
) -> None:
    path = "/applications/settings"
    await operator.get(f"{path}/channels/new")
    sent = {"name": "Alipay", "merchant_id": "1001", "key_password": "never-shown-key"}

    wrong = await operator.post(f"{path}/channels", **sent, base_url="ftp://pay.example")
    page = await operator.follow(await operator.post(f"{path}/channels", **sent, base_url="https://pay.example/x"))
    number = page.text.rpartition(f'action="{path}/channels/')[2].partition("/")[0]
    paused = await operator.follow(await operator.post(f"{path}/channels/{number}/pause", paused="yes"))

    assert wrong.status_code == 422
    assert "never-shown-key" not in wrong.text + page.text + (await operator.get("/audit")).text
    assert "Paused" in text_of(paused)


async def test_a_gateway_that_reports_to_the_wrong_house_is_not_heard(
    runtime: Runtime, master: Master, gateway: Gateway, clients: Clients
) -> None:
    await master.add_channel(gateway.url)
    plan_id, visitor = await master.plan(), await master.visitor()
    application = await master.applied(visitor, plan_id)
    (link,) = pay_links(await visitor.get(f"/open/{application.code}"))
    notice = await pay(gateway, link)
    elsewhere = clients((await open_shop(runtime)).tenant.host)

    answer = await notify(elsewhere, link, notice)

    assert (answer.status_code, answer.text) == (404, "fail")
    assert (await master.application(application.id)).state == "unpaid"
