"""Signing in by a real OpenID provider, and every way in which its answer may be wrong."""

import re
import time
from collections.abc import AsyncIterator, Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from kameng.core import ids
from kameng.identity import oidc, providers
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tests.admin_ui.conftest import PASSWORD, person
from tests.admin_ui.people.steps import Clients, invite, log_of
from tests.support.house import Shop, open_shop
from tests.support.oidc_provider import Provider, provider
from tests.support.staff_client import StaffClient, error_at, text_of

GO_ON = re.compile(r'class="btn btn-primary" href="([^"]+)"')


@pytest.fixture(scope="module")
def idp(runtime: Runtime) -> Iterator[Provider]:
    with provider(oidc.redirect_address(runtime.settings)) as started:
        yield started


@pytest.fixture(autouse=True)
async def trusted(runtime: Runtime, idp: Provider) -> AsyncIterator[None]:
    """The deployment signs people in by the provider, which tells the truth; afterwards by none."""
    await idp.lies()
    await use(runtime, idp, active=True)
    yield
    await use(runtime, idp, active=False)


async def use(runtime: Runtime, idp: Provider, *, active: bool) -> None:
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        await providers.save(session, sealer, "Acme", idp.issuer, idp.client_id, idp.client_secret, active=active)


def leads_to(answer: httpx.Response) -> str:
    """Where a page that goes on by itself goes."""
    assert answer.status_code == 200, text_of(answer)
    found = GO_ON.search(answer.text)
    assert found, text_of(answer)
    address = unescape(found[1])
    assert answer.headers["refresh"] == f"0; url={address}"
    return address


def path_of(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.path}?{parts.query}"


async def come_back(runtime: Runtime, idp: Provider, clients: Clients, address: str, login: str) -> httpx.Response:
    """Signs in at the provider, and follows it to the master's host; the answer there."""
    back = await idp.sign_in(address, login)
    assert back.startswith(oidc.redirect_address(runtime.settings) + "?")
    return await clients(runtime.settings.master_host).get(path_of(back))


async def link(runtime: Runtime, idp: Provider, clients: Clients, client: StaffClient, login: str) -> httpx.Response:
    """A signed-in person links the identity `login`."""
    await client.get("/console/account")
    address = leads_to(await client.post("/console/account/identity"))
    ticket = leads_to(await come_back(runtime, idp, clients, address, login))
    return await client.get(path_of(ticket))


async def staff_of(runtime: Runtime, shop: Shop, clients: Clients, role: Role = Role.SERVICE) -> StaffClient:
    login = await person(runtime, shop.tenant.id, role)
    client = clients(shop.tenant.host)
    await client.sign_in(login, PASSWORD, "/console/login")
    return client


async def begin(client: StaffClient, path: str = "/console/login") -> str:
    """From the sign-in page to the provider's address."""
    page = await client.get(path)
    assert "Sign in with Acme" in text_of(page)
    return leads_to(await client.post("/console/oidc"))


async def test_a_linked_identity_signs_in_at_the_stations_own_host(
    runtime: Runtime, shop: Shop, idp: Provider, clients: Clients
) -> None:
    who = ids.code(8).lower()
    linked = await link(runtime, idp, clients, await staff_of(runtime, shop, clients), who)
    browser = clients(shop.tenant.host)

    address = await begin(browser)
    ticket = leads_to(await come_back(runtime, idp, clients, address, who))
    answer = await browser.get(path_of(ticket))

    assert linked.headers["location"] == "/console/account"
    assert urlsplit(ticket).hostname == shop.tenant.host
    assert answer.headers["location"] == "/console"
    assert (await browser.get("/console")).status_code == 200
    asked = parse_qs(urlsplit(address).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert {"state", "nonce", "code_challenge"} <= asked.keys()
    assert (await log_of(runtime, shop.tenant.id, "account.link"))[0][2] == {"identity": f"{who}@example.com"}


async def test_an_unknown_identity_is_told_whom_to_ask(
    runtime: Runtime, shop: Shop, idp: Provider, clients: Clients
) -> None:
    browser = clients(shop.tenant.host)
    ticket = leads_to(await come_back(runtime, idp, clients, await begin(browser), ids.code(8)))

    answer = await browser.get(path_of(ticket))

    assert answer.status_code == 403
    assert "ask the owner to invite you" in text_of(answer)
    assert (await browser.get("/console")).status_code == 303


async def test_nobody_is_found_by_his_e_mail_address(
    runtime: Runtime, shop: Shop, idp: Provider, clients: Clients
) -> None:
    who = ids.code(8).lower()
    link_of = await invite(await staff_of(runtime, shop, clients, Role.OWNER), "service", email=f"{who}@example.com")
    browser = clients(shop.tenant.host)

    answer = await browser.get(path_of(leads_to(await come_back(runtime, idp, clients, await begin(browser), who))))

    assert answer.status_code == 403
    assert (await browser.get(link_of)).status_code == 200


async def test_an_identity_of_another_stations_staff_opens_no_other_console(
    runtime: Runtime, shop: Shop, idp: Provider, clients: Clients
) -> None:
    who = ids.code(8).lower()
    await link(runtime, idp, clients, await staff_of(runtime, shop, clients), who)
    other = await open_shop(runtime)
    browser = clients(other.tenant.host)

    answer = await browser.get(path_of(leads_to(await come_back(runtime, idp, clients, await begin(browser), who))))

    assert answer.status_code == 403


async def test_an_invitation_is_taken_up_by_an_identity_and_next_time_it_signs_in(
    runtime: Runtime, shop: Shop, owner: StaffClient, idp: Provider, clients: Clients
) -> None:
    who, path = ids.code(8).lower(), await invite(owner, "finance")
    guest = clients(shop.tenant.host)
    assert "Join with Acme" in text_of(await guest.get(path))

    address = leads_to(await guest.post("/console/oidc", token=path.partition("token=")[2]))
    ticket = leads_to(await come_back(runtime, idp, clients, address, who))
    await guest.follow(await guest.get(path_of(ticket)))
    again = clients(shop.tenant.host)
    second = leads_to(await come_back(runtime, idp, clients, await begin(again), who))
    await again.get(path_of(second))

    assert (await guest.get("/console/money")).status_code == 200
    assert (await again.get("/console/money")).status_code == 200
    assert (await guest.get(path)).status_code == 404
    assert f"{who}@example.com" in (await owner.get("/console/team")).text


async def test_an_account_without_a_password_takes_none(
    runtime: Runtime, shop: Shop, owner: StaffClient, idp: Provider, clients: Clients
) -> None:
    who, path = ids.code(8).lower(), await invite(owner, "finance")
    guest = clients(shop.tenant.host)
    await guest.get(path)
    address = leads_to(await guest.post("/console/oidc", token=path.partition("token=")[2]))
    await guest.get(path_of(leads_to(await come_back(runtime, idp, clients, address, who))))

    for password in ("nobody's", "", "None"):
        answer = await clients(shop.tenant.host).sign_in(f"{who}@example.com", password, "/console/login")
        assert answer.status_code == 422, password
    unlinked = await guest.post("/console/account/identity/unlink", confirmed="yes")
    assert unlinked.status_code in (403, 422)
    await guest.get("/console/account")
    unlinked = await guest.post("/console/account/identity/unlink", confirmed="yes")
    assert "Set a password first" in text_of(unlinked)


async def test_an_identity_belongs_to_one_account(
    runtime: Runtime, shop: Shop, idp: Provider, clients: Clients
) -> None:
    who = ids.code(8).lower()
    await link(runtime, idp, clients, await staff_of(runtime, shop, clients), who)

    second = await link(runtime, idp, clients, await staff_of(runtime, shop, clients), who)

    assert second.status_code == 409
    assert "belongs to another account" in text_of(second)


async def test_what_began_in_one_browser_ends_in_no_other(
    runtime: Runtime, shop: Shop, idp: Provider, clients: Clients
) -> None:
    """Else one could have somebody else link his identity to one's own account, or sign him in as oneself."""
    attacker, victim = await staff_of(runtime, shop, clients), await staff_of(runtime, shop, clients)
    await attacker.get("/console/account")
    address = leads_to(await attacker.post("/console/account/identity"))

    ticket = leads_to(await come_back(runtime, idp, clients, address, "victim-" + ids.code(6)))
    answer = await victim.get(path_of(ticket))
    later = await attacker.get(path_of(ticket))

    assert answer.status_code == later.status_code == 403
    assert "Linked once" in text_of(await attacker.get("/console/account"))


async def test_a_ticket_is_worth_nothing_on_another_host(
    runtime: Runtime, shop: Shop, idp: Provider, clients: Clients
) -> None:
    who = ids.code(8).lower()
    await link(runtime, idp, clients, await staff_of(runtime, shop, clients), who)
    other = await open_shop(runtime)
    browser, elsewhere = clients(shop.tenant.host), clients(other.tenant.host)
    ticket = leads_to(await come_back(runtime, idp, clients, await begin(browser), who))
    for name, value in browser.http.cookies.items():
        elsewhere.http.cookies.set(name, value)

    assert (await elsewhere.get(path_of(ticket))).status_code == 403
    assert (await browser.get(path_of(ticket))).status_code == 303
    assert (await browser.get(path_of(ticket))).status_code == 403


async def refused(runtime: Runtime, clients: Clients, path: str) -> str:
    """The master's answer to what came back: told, and nobody signed in."""
    answer = await clients(runtime.settings.master_host).get(path)
    assert answer.status_code == 422, text_of(answer)
    assert "refresh" not in answer.headers
    return text_of(answer)


async def test_a_state_is_used_once_and_not_made_up(
    runtime: Runtime, shop: Shop, idp: Provider, clients: Clients
) -> None:
    back = path_of(await idp.sign_in(await begin(clients(shop.tenant.host)), "somebody"))
    first = await clients(runtime.settings.master_host).get(back)
    made_up = back.replace("state=", "state=x")

    assert first.status_code == 200
    for path in (back, made_up, "/oidc/callback", "/oidc/callback?code=x"):
        assert "used or is too old" in await refused(runtime, clients, path)


async def test_an_expired_code_is_refused(runtime: Runtime, shop: Shop, idp: Provider, clients: Clients) -> None:
    back = path_of(await idp.sign_in(await begin(clients(shop.tenant.host)), "somebody"))
    await idp.expire(parse_qs(urlsplit(back).query)["code"][0])

    assert "could be trusted" in await refused(runtime, clients, back)


async def test_a_code_of_another_sign_in_is_refused(
    runtime: Runtime, shop: Shop, idp: Provider, clients: Clients
) -> None:
    """PKCE: the code was made for another verifier."""
    mine = urlsplit(await idp.sign_in(await begin(clients(shop.tenant.host)), "me"))
    theirs = urlsplit(await idp.sign_in(await begin(clients(shop.tenant.host)), "them"))
    mixed = {**parse_qs(mine.query), "code": parse_qs(theirs.query)["code"]}

    assert "could be trusted" in await refused(runtime, clients, f"{mine.path}?{urlencode(mixed, doseq=True)}")


async def test_another_nonce_is_refused(runtime: Runtime, shop: Shop, idp: Provider, clients: Clients) -> None:
    address = re.sub(r"nonce=[^&]+", "nonce=another", await begin(clients(shop.tenant.host)))

    assert "could be trusted" in await refused(runtime, clients, path_of(await idp.sign_in(address, "somebody")))


async def test_an_answer_of_another_issuer_is_refused(
    runtime: Runtime, shop: Shop, idp: Provider, clients: Clients
) -> None:
    for change in ("https://evil.example", None):
        back = urlsplit(await idp.sign_in(await begin(clients(shop.tenant.host)), "somebody"))
        values = {name: said[0] for name, said in parse_qs(back.query).items() if name != "iss"}
        values.update({"iss": change} if change else {})

        assert "could be trusted" in await refused(runtime, clients, f"{back.path}?{urlencode(values)}")


async def test_a_person_who_says_no_is_not_signed_in(
    runtime: Runtime, shop: Shop, idp: Provider, clients: Clients
) -> None:
    state = parse_qs(urlsplit(await begin(clients(shop.tenant.host))).query)["state"][0]
    answer = urlencode({"error": "access_denied", "state": state, "iss": idp.issuer})

    assert "could be trusted" in await refused(runtime, clients, f"/oidc/callback?{answer}")


@pytest.mark.parametrize(
    "lie",
    [
        {"flip": True},
        {"alg": "none"},
        {"alg": "HS256"},
        {"claims": {"iss": "https://evil.example"}},
        {"claims": {"aud": "another-client"}},
        {"claims": {"aud": ["kameng", "another-client"]}},
        {"claims": {"aud": ["kameng", "another-client"], "azp": "another-client"}},
        {"from_now": {"exp": -3600}},
        {"from_now": {"iat": 3600}},
        {"from_now": {"iat": -7200}},
        {"claims": {"nonce": "another"}},
        {"claims": {"nonce": None}},
        {"claims": {"sub": ""}},
        {"claims": {"sub": 7}},
    ],
    ids=str,
)
async def test_a_token_that_is_not_in_order_is_refused(
    runtime: Runtime, shop: Shop, idp: Provider, clients: Clients, lie: dict[str, object]
) -> None:
    back = path_of(await idp.sign_in(await begin(clients(shop.tenant.host)), "somebody"))
    await idp.lies(**at_this_time(lie))

    assert "could be trusted" in await refused(runtime, clients, back)


def at_this_time(lie: dict[str, Any]) -> dict[str, Any]:
    """A lie about seconds from now, as claims."""
    if "from_now" not in lie:
        return lie
    return {"claims": {name: int(time.time()) + shift for name, shift in lie["from_now"].items()}}


async def test_a_token_that_the_provider_signs_otherwise_but_truly_is_believed(
    runtime: Runtime, shop: Shop, idp: Provider, clients: Clients
) -> None:
    """So that the refusals above are not because of how the tests forge."""
    back = path_of(await idp.sign_in(await begin(clients(shop.tenant.host)), "somebody"))
    await idp.lies(claims={"aud": ["kameng", "another-client"], "azp": "kameng"})

    assert (await clients(runtime.settings.master_host).get(back)).status_code == 200


async def test_the_operator_sets_and_tries_the_provider(
    runtime: Runtime, operator: StaffClient, idp: Provider, shop: Shop, clients: Clients
) -> None:
    form = {"name": "Acme 身份", "issuer": idp.issuer, "client_id": "kameng", "is_active": "yes"}
    await operator.get("/identity")
    await operator.post("/identity", **form, client_password=idp.client_secret)

    kept = await operator.follow(await operator.post("/identity", **form))
    tried = await operator.post("/identity/test", **form)
    wrong = await operator.post("/identity/test", **{**form, "issuer": f"{idp.issuer}/nowhere"})
    moved = await operator.post("/identity", **{**form, "issuer": "https://id.example.com"})

    assert idp.client_secret not in kept.text
    assert oidc.redirect_address(runtime.settings) in kept.text
    assert "in order" in text_of(tried)
    assert "answers 404" in error_at(wrong, "issuer")
    assert error_at(moved, "client_password") == "A new provider needs its secret."
    assert "Sign in with Acme 身份" in text_of(await clients(shop.tenant.host).get("/console/login"))


async def test_where_none_is_set_none_is_offered(runtime: Runtime, shop: Shop, idp: Provider, clients: Clients) -> None:
    await use(runtime, idp, active=False)
    browser = clients(shop.tenant.host)

    page = await browser.get("/console/login")

    assert "Acme" not in page.text
    assert (await browser.post("/console/oidc")).status_code == 404
