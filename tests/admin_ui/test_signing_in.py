"""Who gets into a console, and where he is nobody."""

from collections.abc import Callable

from sqlalchemy import text

from kameng.identity.attempts import BY_ACCOUNT
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tests.admin_ui.conftest import PASSWORD, person
from tests.support.house import Shop, open_shop
from tests.support.staff_client import StaffClient, text_of

Clients = Callable[[str], StaffClient]
SIGNED_IN = text("SELECT actor FROM audit_log WHERE action = 'staff.sign_in'")


async def test_a_wrong_password_and_an_unknown_account_get_the_same_answer(
    runtime: Runtime, shop: Shop, clients: Clients
) -> None:
    login = await person(runtime, shop.tenant.id, Role.OWNER)
    browser = clients(shop.tenant.host)

    wrong = await browser.sign_in(login, "wrong password", "/console/login")
    unknown = await browser.sign_in("x" * len(login), "wrong password", "/console/login")

    assert wrong.status_code == unknown.status_code == 422
    assert "The login or the password is wrong." in text_of(wrong)
    assert text_of(wrong) == text_of(unknown)


async def test_too_many_tries_are_refused_even_with_the_right_password(
    runtime: Runtime, shop: Shop, clients: Clients
) -> None:
    login = await person(runtime, shop.tenant.id, Role.OWNER)
    for _ in range(BY_ACCOUNT.attempts):
        await clients(shop.tenant.host).sign_in(login, "wrong password", "/console/login")

    answer = await clients(shop.tenant.host).sign_in(login, PASSWORD, "/console/login")

    assert answer.status_code == 429
    assert "Too many attempts" in text_of(answer)


async def test_a_password_is_never_drawn_back(shop: Shop, clients: Clients) -> None:
    answer = await clients(shop.tenant.host).sign_in("somebody", "do not show me", "/console/login")

    assert "somebody" in answer.text
    assert "do not show me" not in answer.text


async def test_signing_in_leads_to_the_page_that_was_wanted_and_is_audited(
    runtime: Runtime, shop: Shop, clients: Clients
) -> None:
    login = await person(runtime, shop.tenant.id, Role.OWNER)
    browser = clients(shop.tenant.host)

    asked = await browser.get("/console/orders?state=waiting")
    answer = await browser.sign_in(login, PASSWORD, asked.headers["location"])

    assert answer.headers["location"] == "/console/orders?state=waiting"
    assert (await browser.get("/console/orders")).status_code == 200
    staff = f"{Role.OWNER} {login}"
    assert staff in await all_who_signed_in(runtime)


async def test_after_logging_out_the_console_asks_again(owner: StaffClient) -> None:
    answer = await owner.post("/console/logout")

    assert answer.headers["location"] == "/console/login"
    assert (await owner.get("/console")).headers["location"].startswith("/console/login")


async def test_an_owner_is_nobody_at_another_station_and_at_the_master(
    runtime: Runtime, shop: Shop, owner: StaffClient, clients: Clients
) -> None:
    other = await open_shop(runtime, keys=["K"])

    for host, page in ((other.tenant.host, "/console"), (runtime.settings.master_host, "/")):
        thief = clients(host)
        for name, value in owner.http.cookies.items():
            thief.http.cookies.set(name, value)
        answer = await thief.get(page)
        assert answer.status_code == 303
        assert "/login" in answer.headers["location"]


async def test_an_owners_password_opens_no_other_console(runtime: Runtime, shop: Shop, clients: Clients) -> None:
    other = await open_shop(runtime, keys=["K"])
    login = await person(runtime, shop.tenant.id, Role.OWNER)

    for host, page in ((other.tenant.host, "/console/login"), (runtime.settings.master_host, "/login")):
        answer = await clients(host).sign_in(login, PASSWORD, page)
        assert answer.status_code == 422
        assert "The login or the password is wrong." in text_of(answer)


async def test_a_form_without_the_token_changes_nothing(owner: StaffClient, shop: Shop) -> None:
    answer = await owner.post(f"/console/products/{shop.product_id}/shelf", csrf_token="made-up")

    assert answer.status_code == 403
    assert "On sale" in text_of(await owner.get(f"/console/products/{shop.product_id}"))


async def all_who_signed_in(runtime: Runtime) -> list[str]:
    async with runtime.database.master_session() as session:
        rows = await session.execute(SIGNED_IN)
        return [row.actor for row in rows]
