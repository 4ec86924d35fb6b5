"""What the operator does to a station's domains."""

from collections.abc import Callable

import pytest

from kameng.core import ids
from kameng.infra.runtime import Runtime
from tests.admin_ui.conftest import audited
from tests.support.house import Shop, open_shop
from tests.support.staff_client import StaffClient, error_at, text_of
from tests.tenants.domains.conftest import HERE, Domains, domains, door, fresh, here, names

__all__ = ["domains", "door", "fresh", "here", "names"]

Fresh = Callable[[], str]
Clients = Callable[[str], StaffClient]


def page_of(shop: Shop) -> str:
    return f"/tenants/{shop.tenant.id}/domains"


async def test_the_operator_sees_all_hosts_and_claims(
    domains: Domains, shop: Shop, operator: StaffClient, fresh: Fresh
) -> None:
    served, claimed = fresh(), fresh()
    await domains.served(shop, served)
    claim = await domains.claim(shop, claimed)
    domains.names.set(claimed, ("A", "192.0.2.7"))
    await domains.check(claim)

    page = await operator.get(page_of(shop))

    assert f'href="{page_of(shop)}"' in (await operator.get(f"/tenants/{shop.tenant.id}")).text
    for said in (shop.tenant.host, served, "TXT record", claim.txt_value, f"{claimed} points to 192.0.2.7"):
        assert said in text_of(page), said


async def test_the_operator_vouches_for_a_domain_with_a_reason(
    domains: Domains, runtime: Runtime, shop: Shop, operator: StaffClient, clients: Clients, fresh: Fresh
) -> None:
    claim = await domains.claim(shop, fresh())
    await operator.get(page_of(shop))

    refused = await operator.post(f"{page_of(shop)}/vouch", claim_id=claim.id, reason=" ")
    assert error_at(refused, "reason")
    assert await domains.tenant_at(claim.host) is None
    reason = "They showed the registrar's invoice"
    page = await operator.follow(await operator.post(f"{page_of(shop)}/vouch", claim_id=claim.id, reason=reason))

    assert "Vouched for by the operator" in text_of(page)
    assert (await clients(claim.host).get("/")).status_code == 200
    assert len(await audited(runtime, "domains.force", str(shop.tenant.id))) == 1
    assert reason in text_of(await operator.get("/audit"))


async def test_a_claim_of_another_station_or_a_served_domain_cannot_be_vouched_for(
    domains: Domains, runtime: Runtime, shop: Shop, operator: StaffClient, fresh: Fresh
) -> None:
    domain, other = fresh(), await open_shop(runtime)
    claim = await domains.claim(shop, domain)
    await domains.served(other, domain)
    strange = await domains.claim(other, fresh())
    await operator.get(page_of(shop))

    taken = await operator.post(f"{page_of(shop)}/vouch", claim_id=claim.id, reason="a good reason")
    not_theirs = await operator.post(f"{page_of(shop)}/vouch", claim_id=strange.id, reason="a good reason")

    assert error_at(taken, "claim_id") == "This domain belongs to another station."
    assert error_at(not_theirs, "claim_id") == "Choose one of the list."
    assert await domains.tenant_at(domain) == other.tenant.id
    assert await domains.tenant_at(strange.host) is None


async def test_a_subdomain_is_given_and_taken_again(
    domains: Domains, shop: Shop, operator: StaffClient, clients: Clients
) -> None:
    label = f"star-{ids.code(6).lower()}"
    host = f"{label}.localhost"
    await operator.get(page_of(shop))

    page = await operator.follow(await operator.post(page_of(shop), label=label.upper()))
    assert host in text_of(page)
    assert (await clients(host).get("/")).status_code == 200
    page = await operator.follow(await operator.post(f"{page_of(shop)}/served/{host}/remove"))

    assert host not in text_of(page).replace(f"{host} no longer", "")
    assert (await clients(host).get("/")).status_code == 404


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("a.b", "A sub-domain has"),
        ("-a", "A sub-domain has"),
        ("master", "A sub-domain has"),
        ("", "Fill this in."),
        ("星", "A sub-domain has"),
    ],
)
async def test_a_wrong_subdomain_is_said_at_its_field(
    domains: Domains, shop: Shop, operator: StaffClient, label: str, said: str
) -> None:
    await operator.get(page_of(shop))

    answer = await operator.post(page_of(shop), label=label)

    assert answer.status_code == 422
    assert said in error_at(answer, "label")


async def test_a_subdomain_of_another_station_is_taken(
    domains: Domains, runtime: Runtime, shop: Shop, operator: StaffClient
) -> None:
    other = await open_shop(runtime)
    await operator.get(page_of(shop))

    answer = await operator.post(page_of(shop), label=other.tenant.slug)

    assert error_at(answer, "label") == "This domain belongs to another station."


async def test_a_station_that_is_not_there_has_no_domains(operator: StaffClient) -> None:
    await operator.get("/")

    assert (await operator.get("/tenants/2147483647/domains")).status_code == 404
    assert (await operator.post("/tenants/2147483647/domains", label="star")).status_code == 404


async def test_the_operator_changes_the_main_domain_and_withdraws_a_claim(
    domains: Domains, shop: Shop, operator: StaffClient, fresh: Fresh
) -> None:
    domain = fresh()
    await domains.served(shop, domain)
    claim = await domains.claim(shop, fresh())
    domains.names.set(claim.host, ("A", HERE))
    await operator.get(page_of(shop))

    await operator.follow(await operator.post(f"{page_of(shop)}/served/{domain}/primary"))
    await operator.follow(await operator.post(f"{page_of(shop)}/{claim.id}/withdraw"))

    assert [host.host for host in await domains.hosts(shop) if host.is_primary] == [domain]
    assert await domains.claims(shop) == []
