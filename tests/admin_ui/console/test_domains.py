"""The owner's page of domains: added, explained, looked at, chosen, removed."""

from collections.abc import Callable

import pytest

from kameng.core import ids
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tests.admin_ui.conftest import SignIn
from tests.support.house import Shop, open_shop, work_off
from tests.support.staff_client import StaffClient, error_at, text_of
from tests.tenants.domains.conftest import HERE, Domains, domains, door, fresh, here, names

__all__ = ["domains", "door", "fresh", "here", "names"]

Fresh = Callable[[], str]
Clients = Callable[[str], StaffClient]
PAGE = "/console/domains"


async def test_an_owner_adds_a_domain_does_as_told_and_the_shop_answers_there(
    domains: Domains, shop: Shop, owner: StaffClient, clients: Clients, fresh: Fresh
) -> None:
    domain = fresh()
    await owner.get(PAGE)
    page = await owner.follow(await owner.post(PAGE, domain=f" {domain.upper()}. "))
    (claim,) = await domains.claims(shop)
    said = text_of(page)
    assert claim.host == domain
    for told in (claim.txt_name, claim.txt_value, claim.file_url, claim.token, shop.tenant.host, HERE):
        assert told in said, told
        assert f'data-copy="{told}"' in page.text
    assert "The domain has no address yet" in said
    assert (await clients(domain).get("/")).status_code == 404

    domains.names.set(claim.txt_name, ("TXT", claim.txt_value))
    domains.names.set(domain, ("A", HERE))
    page = await owner.follow(await owner.post(f"{PAGE}/{claim.id}/check"))

    assert f"{domain} is proved and leads to your shop now." in page.text
    assert claim.txt_value not in page.text
    assert shop.tenant.name in (await clients(domain).get("/")).text
    audit = text_of(await owner.get("/console/audit"))
    assert all(word in audit for word in ("Added a domain", "Had a domain checked", domain))
    await work_off(domains.runtime)
    assert f"{domain} is proved and leads to your shop now." in text_of(await owner.get("/console"))


async def test_a_domain_that_resolves_elsewhere_is_told_where_and_nothing_is_served(
    domains: Domains, shop: Shop, owner: StaffClient, clients: Clients, fresh: Fresh
) -> None:
    domain = fresh()
    domains.names.set(domain, ("A", "192.0.2.7"))
    await owner.get(PAGE)

    page = await owner.follow(await owner.post(PAGE, domain=domain))

    assert f"{domain} points to 192.0.2.7, not to this deployment ({HERE})." in text_of(page)
    assert (await clients(domain).get("/")).status_code == 404


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Fill this in."),
        (
            "http://Shop.example.com/x?y",
            "Leave out http:// and everything after the name: write only shop",
        ),
        ("shop.example.com/x", "write only shop.example.com."),
        ("http://[::1", "write only shop.example.com."),
        ("shop.example.com:8080", "Leave out the port: write only shop.example.com."),
        ("*.example.com", "A domain with * cannot be added"),
        ("192.0.2.1", "This is an IP address."),
        ("192.0.2.1:80", "This is an IP address."),
        ("2001:db8::1", "This is an IP address."),
        ("[2001:db8::1]:80", "This is an IP address."),
        ("10.1", "This is an IP address."),
        ("example.0x7f", "This is an IP address."),
        ("com", "com belongs to a registry"),
        ("com.cn", "com.cn belongs to a registry"),
        ("gd.cn", "gd.cn belongs to a registry"),
        ("co.uk", "co.uk belongs to a registry"),
        ("localhost", "belongs to a registry"),
        ("a b.com", "A domain is a name"),
        ("a..b.com", "A domain is a name"),
        ("-a.com", "A domain is a name"),
        ("a_b.com", "A domain is a name"),
        (f"{'x' * 64}.com", "A domain is a name"),
        (f"{'abcdefgh.' * 29}com", "A domain is a name"),
        ("shop@example.com", "A domain is a name"),
        ("ex\u202eample.com", "A domain is a name"),
        ("master.localhost", "given by the master"),
        ("other.localhost", "given by the master"),
        ("OTHER.localhost.", "given by the master"),
    ],
)
async def test_what_is_no_domain_to_add_is_said_at_its_field(
    domains: Domains, shop: Shop, owner: StaffClient, typed: str, said: str
) -> None:
    await owner.get(PAGE)

    answer = await owner.post(PAGE, domain=typed)

    assert answer.status_code == 422
    assert said in error_at(answer, "domain")
    assert await domains.claims(shop) == []


async def test_a_domain_of_another_station_is_refused_at_its_field(
    domains: Domains, runtime: Runtime, shop: Shop, owner: StaffClient, fresh: Fresh
) -> None:
    domain = fresh()
    await domains.served(await open_shop(runtime), domain)
    await owner.get(PAGE)

    answer = await owner.post(PAGE, domain=domain)

    assert answer.status_code == 422
    assert error_at(answer, "domain") == "This domain belongs to another station."
    assert f'value="{domain}"' in answer.text
    assert await domains.claims(shop) == []


async def test_a_domain_that_is_served_already_or_claimed_again(
    domains: Domains, shop: Shop, owner: StaffClient, fresh: Fresh
) -> None:
    domain = fresh()
    first = await domains.claim(shop, domain)
    again = await domains.claim(shop, domain.upper())
    await domains.served(shop, domain)
    await owner.get(PAGE)

    answer = await owner.post(PAGE, domain=domain)

    assert again == first
    assert error_at(answer, "domain") == "Your shop is served at this domain already."


async def test_the_main_domain_changes_and_the_old_one_keeps_serving(
    domains: Domains, shop: Shop, owner: StaffClient, clients: Clients, fresh: Fresh
) -> None:
    domain = fresh()
    await domains.served(shop, domain)
    await owner.get(PAGE)

    page = await owner.follow(await owner.post(f"{PAGE}/served/{domain}/primary"))

    assert f"{domain} is the main domain now" in page.text
    assert [(host.host, host.is_primary) for host in await domains.hosts(shop)] == [
        (domain, True),
        (shop.tenant.host, False),
    ]
    domains.runtime.directory.forget()
    assert (await domains.runtime.directory.tenant(shop.tenant.id)).host == domain
    for host in (domain, shop.tenant.host):
        assert (await clients(host).get("/")).status_code == 200


async def test_a_domain_is_removed_and_leads_nowhere_at_once(
    domains: Domains, shop: Shop, owner: StaffClient, clients: Clients, fresh: Fresh
) -> None:
    domain = fresh()
    await domains.served(shop, domain)
    page = await owner.get(PAGE)
    assert f'data-confirm-name="{domain}"' in page.text

    page = await owner.follow(await owner.post(f"{PAGE}/served/{domain}/remove"))

    assert f"{domain} no longer leads to your shop." in page.text
    assert (await clients(domain).get("/")).status_code == 404
    assert await domains.tenant_at(domain) is None


async def test_what_cannot_be_removed_says_why_and_has_no_button(
    domains: Domains, shop: Shop, sign_in: SignIn, clients: Clients, fresh: Fresh
) -> None:
    domain, subdomain = fresh(), shop.tenant.host
    await domains.served(shop, domain)
    owner = await sign_in(shop.tenant, Role.OWNER)
    page = await owner.get(PAGE)
    assert f"/served/{subdomain}/remove" not in page.text
    here_now = await owner.post(f"{PAGE}/served/{subdomain}/remove")
    assert "You are at" in text_of(here_now)
    await owner.get(PAGE)
    await owner.post(f"{PAGE}/served/{domain}/primary")

    at_custom = await sign_in((await domains.runtime.directory.at_host(domain)) or shop.tenant, Role.OWNER)
    await at_custom.get(PAGE)
    last = await at_custom.post(f"{PAGE}/served/{subdomain}/remove")
    await owner.get(PAGE)
    primary = await owner.post(f"{PAGE}/served/{domain}/remove")

    assert f"{subdomain} is the last sub-domain of the station and stays" in text_of(last)
    assert f"{domain} is the main domain." in text_of(primary)
    assert {last.status_code, primary.status_code, here_now.status_code} == {422}
    assert len(await domains.hosts(shop)) == 2


async def test_a_claim_is_withdrawn(domains: Domains, shop: Shop, owner: StaffClient, fresh: Fresh) -> None:
    claim = await domains.claim(shop, fresh())
    await owner.get(PAGE)

    page = await owner.follow(await owner.post(f"{PAGE}/{claim.id}/withdraw"))

    assert f"{claim.host} is withdrawn." in page.text
    assert await domains.claims(shop) == []


async def test_another_stations_domains_are_out_of_reach(
    domains: Domains, runtime: Runtime, shop: Shop, owner: StaffClient, fresh: Fresh
) -> None:
    other, domain = await open_shop(runtime), fresh()
    await domains.served(other, domain)
    claim = await domains.claim(other, fresh())
    await owner.get(PAGE)

    for path in (
        f"{claim.id}/check",
        f"{claim.id}/withdraw",
        f"served/{domain}/primary",
        f"served/{domain}/remove",
    ):
        assert (await owner.post(f"{PAGE}/{path}")).status_code == 404, path

    assert claim.token not in (await owner.get(PAGE)).text
    assert [host.host for host in await domains.hosts(other)] == [other.tenant.host, domain]
    assert await domains.claims(other) == [claim]


async def test_a_deputy_sees_domains_and_changes_none(
    domains: Domains, shop: Shop, sign_in: SignIn, fresh: Fresh
) -> None:
    claim = await domains.claim(shop, fresh())
    deputy = await sign_in(shop.tenant, Role.DEPUTY)

    page = await deputy.get(PAGE)

    assert claim.host in page.text
    assert f'action="{PAGE}' not in page.text
    assert (await deputy.post(f"{PAGE}/{claim.id}/withdraw")).status_code == 403


async def test_a_domain_in_chinese_is_shown_readable_and_as_it_is_written_in_records(
    domains: Domains, shop: Shop, owner: StaffClient
) -> None:
    readable = f"点卡{ids.code(8).lower()}.com"
    await owner.get(PAGE)

    page = await owner.follow(await owner.post(PAGE, domain=readable))

    (claim,) = await domains.claims(shop)
    assert readable in text_of(page)
    assert claim.host.startswith("xn--")
    assert f"_kameng.{claim.host}" in page.text


async def test_looking_is_limited_since_it_asks_other_peoples_servers(
    domains: Domains, shop: Shop, owner: StaffClient, fresh: Fresh
) -> None:
    claim = await domains.claim(shop, fresh())
    await owner.get(PAGE)

    codes = [(await owner.post(f"{PAGE}/{claim.id}/check")).status_code for _ in range(22)]

    assert codes[0] == 303
    assert codes[-1] == 429
