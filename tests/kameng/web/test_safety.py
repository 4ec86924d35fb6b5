"""Forged requests, foreign sessions, headers."""

from pathlib import Path
from uuid import UUID

import pytest
from litestar import get

from kameng.core import ids
from kameng.identity import sessions, staff
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web.app import Unguarded, create_app
from tests.kameng.web.house import Browser, House, build

ORDER = {"product_id": "1", "quantity": "2"}


async def test_a_page_of_ours_may_post(browser: Browser) -> None:
    answer = await browser.post("/orders", {**ORDER, "contact": " 138 "})

    assert answer.status_code == 201
    assert answer.json() == {"product_id": 1, "quantity": 2, "contact": "138", "note": ""}


async def test_the_token_may_come_in_a_header(browser: Browser) -> None:
    token, browser.token = browser.token, ""

    assert (await browser.post("/orders", ORDER, headers={"X-CSRF-Token": token})).status_code == 201


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "http://{host}.evil.example", "https://{host}", "http://{host}:81"],
)
async def test_another_origin_may_not_post(browser: Browser, tenant: Tenant, origin: str) -> None:
    assert (
        await browser.post("/orders", ORDER, headers={"Origin": origin.format(host=tenant.host)})
    ).status_code == 403


async def test_without_origin_the_referer_decides(browser: Browser, tenant: Tenant) -> None:
    own, foreign = f"http://{tenant.host}/products/1?a=b", "https://evil.example/"

    assert (await browser.post("/orders", ORDER, headers={"Origin": "", "Referer": own})).status_code == 201
    assert (await browser.post("/orders", ORDER, headers={"Origin": "", "Referer": foreign})).status_code == 403
    assert (await browser.post("/orders", ORDER, headers={"Origin": ""})).status_code == 403


@pytest.mark.parametrize("token", ["", "0" * 64, "é"])
async def test_a_wrong_token_is_refused(browser: Browser, token: str) -> None:
    browser.token = token

    assert (await browser.post("/orders", ORDER)).status_code == 403


async def test_the_token_of_another_browser_is_refused(house: House, browser: Browser, tenant: Tenant) -> None:
    async with house.browser(tenant.host) as other:
        await other.get("/")
        other.token = browser.token

        assert (await other.post("/orders", ORDER)).status_code == 403


async def test_a_machine_needs_no_token_where_the_route_says_so(house: House, tenant: Tenant) -> None:
    async with house.browser(tenant.host) as machine:
        answer = await machine.client.post("/notify", data={"trade": "1"})

    assert answer.text == "trade=1"
    assert "set-cookie" not in answer.headers


async def test_signing_in_changes_the_cookie_and_signing_out_ends_it(browser: Browser) -> None:
    before = browser.client.cookies["kameng"]
    await browser.post("/login")
    after = browser.client.cookies["kameng"]
    signed_in = await browser.get("/me")
    await browser.get("/")
    await browser.post("/logout")
    browser.client.cookies.set("kameng", after)

    assert before != after
    assert signed_in.status_code == 200
    assert (await browser.get("/me")).headers["location"] == "/login?next=/me"


async def member(runtime: Runtime, tenant: Tenant, role: str) -> UUID:
    """Somebody who has this role at the station now, whatever a session says."""
    async with runtime.database.master_session() as session:
        staff_id = await staff.create_account(session, ids.code(10), "站长", None)
        await staff.join(session, staff_id, tenant.id, role)
    return staff_id


async def test_a_session_of_one_station_is_nothing_on_another_host(
    runtime: Runtime, house: House, browser: Browser, tenant: Tenant
) -> None:
    owner = await member(runtime, tenant, "owner")
    foreign = await sessions.create(
        runtime.redis, "staff", subject=owner, name="站长", tenant_id=tenant.id + 100_000, role="owner"
    )
    own = await sessions.create(runtime.redis, "staff", subject=owner, name="站长", tenant_id=tenant.id, role="owner")
    browser.client.cookies.set("kameng_staff", foreign.id)
    assert (await browser.get("/console")).status_code == 303

    browser.client.cookies.delete("kameng_staff")
    browser.client.cookies.set("kameng_staff", own.id)
    assert (await browser.get("/console")).text == "站长 owner"

    async with house.browser("master.localhost") as master:
        master.client.cookies.set("kameng_staff", own.id)
        assert (await master.get("/tenants")).headers["location"] == "/login?next=/tenants"


async def test_a_buyers_session_opens_no_console(browser: Browser) -> None:
    await browser.post("/login")
    browser.client.cookies.set("kameng_staff", browser.client.cookies["kameng"])

    assert (await browser.get("/console")).status_code == 303


async def test_staff_do_what_their_role_allows(runtime: Runtime, browser: Browser, tenant: Tenant) -> None:
    statuses = {}
    for role in ("owner", "service", "no such role"):
        session = await sessions.create(
            runtime.redis,
            "staff",
            subject=await member(runtime, tenant, role),
            name="x",
            tenant_id=tenant.id,
            role="owner",
        )
        browser.client.cookies.set("kameng_staff", session.id)
        await browser.get("/console/page")
        statuses[role] = (await browser.post("/console/refund")).status_code

    assert statuses == {"owner": 201, "service": 403, "no such role": 403}


async def test_htmx_is_sent_to_sign_in_by_a_header(browser: Browser, tenant: Tenant) -> None:
    url = f"http://{tenant.host}/console/orders?page=2"
    answer = await browser.get("/console", headers={"HX-Request": "true", "HX-Current-URL": url})

    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == "/console/login?next=/console/orders%3Fpage%3D2"


@pytest.mark.parametrize("wanted", ["https://evil.example", "//evil.example", "/\\evil.example", "evil", "/\tevil"])
async def test_after_signing_in_nobody_is_led_away(browser: Browser, wanted: str) -> None:
    answer = await browser.client.post(
        "/login",
        params={"next": wanted},
        data={"csrf_token": browser.token},
        headers={"Origin": str(browser.client.base_url)},
    )

    assert answer.headers["location"] == "/me"


async def test_a_page_carries_a_strict_policy_with_its_own_nonce(browser: Browser) -> None:
    first, second = await browser.get("/"), await browser.get("/")
    policy = first.headers["content-security-policy"]
    nonce = first.text.split("nonce='")[1].split("'")[0]

    assert f"script-src 'nonce-{nonce}'" in policy
    assert nonce not in second.text
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "form-action 'self';" in policy
    assert first.headers["cache-control"] == "no-store"
    assert first.headers["x-content-type-options"] == "nosniff"
    assert first.headers["referrer-policy"] == "same-origin"
    assert "strict-transport-security" not in first.headers


async def test_an_address_that_does_not_exist_has_the_headers_too(browser: Browser) -> None:
    answer = await browser.get("/nowhere")

    assert answer.status_code == 404
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


async def test_over_tls_cookies_are_locked_to_the_host(runtime: Runtime, tenant: Tenant, tmp_path: Path) -> None:
    house = build(tmp_path, runtime, scheme="https")
    async with house.browser(tenant.host) as browser:
        first = await browser.get("/")
        placed = await browser.post("/orders", ORDER)

    cookie = first.headers["set-cookie"]
    assert cookie.startswith("__Host-kameng=v")
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")
    assert placed.status_code == 201
    assert "max-age" in first.headers["strict-transport-security"]


async def test_html_and_sql_in_a_field_come_out_as_text(browser: Browser) -> None:
    answer = await browser.get("/?word=<script>alert(1)</script>';DROP TABLE orders--")

    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&#39;;DROP TABLE orders--" in answer.text


def test_a_route_without_a_guard_stops_the_start(runtime: Runtime, tmp_path: Path) -> None:
    @get("/forgotten")
    async def forgotten() -> str:
        return "anybody may read this"

    with pytest.raises(Unguarded, match="GET /forgotten"):
        create_app(runtime, face="station", handlers=[forgotten], template_folders=[tmp_path])


async def test_styles_are_kept_for_ever_and_set_no_cookie(house: House, tenant: Tenant) -> None:
    async with house.browser(tenant.host) as browser:
        style = await browser.get("/static/a-1234.css", headers={"Accept-Encoding": "gzip"})
        theme = await browser.get(f"/theme.css?accent={tenant.accent[1:]}")
        missing = await browser.get("/static/manifest.json")

    assert style.text == "b{color:red}" * 100
    assert style.headers["content-encoding"] == "gzip"
    assert "immutable" in style.headers["cache-control"]
    assert "set-cookie" not in style.headers
    assert f"--accent:{tenant.accent}" in theme.text
    assert "immutable" in theme.headers["cache-control"]
    assert missing.status_code == 404
