"""What happens to claims and domains while nobody looks."""

import asyncio
from collections.abc import Callable

import pytest

from kameng.core.errors import KamengError
from kameng.infra.runtime import Runtime
from tenants.domains import service, tasks
from tenants.domains.errors import TooManyClaims
from tests.support.house import Shop, open_shop, work_off
from tests.tenants.domains.conftest import HERE, Domains

Fresh = Callable[[], str]
DUE = "next_check_at = now() - interval '1 year'"  # before the rows that other tests have left
AGE_CLAIM = f"UPDATE host_claims SET {DUE} WHERE host = :host"  # noqa: S608 - our own words
AGE_HOST = f"UPDATE hosts SET {DUE} WHERE host = :host"  # noqa: S608


async def test_a_claim_is_looked_at_again_until_it_is_proved(domains: Domains, shop: Shop, fresh: Fresh) -> None:
    claim = await domains.claim(shop, fresh())
    waits: list[float] = []
    for _ in range(3):
        await domains.age(AGE_CLAIM, host=claim.host)
        await tasks.check_claims(domains.runtime)
        (noted,) = await domains.claims(shop)
        assert noted.checked_at is not None
        waits.append(round((noted.next_check_at - noted.checked_at).total_seconds() / 60))
    assert waits == [1, 2, 4]

    domains.names.set(claim.txt_name, ("TXT", claim.txt_value))
    domains.names.set(claim.host, ("A", HERE))
    await tasks.check_claims(domains.runtime)
    assert await domains.tenant_at(claim.host) is None, "its time has not come"
    await domains.age(AGE_CLAIM, host=claim.host)
    await tasks.check_claims(domains.runtime)

    assert await domains.tenant_at(claim.host) == shop.tenant.id


async def test_the_distance_grows_to_six_hours(domains: Domains, shop: Shop, fresh: Fresh) -> None:
    claim = await domains.claim(shop, fresh())
    await domains.age("UPDATE host_claims SET attempts = 1000000 WHERE id = :id", id=claim.id)

    await domains.check(claim)

    (noted,) = await domains.claims(shop)
    assert noted.checked_at is not None
    assert round((noted.next_check_at - noted.checked_at).total_seconds() / 3600, 2) == 6


async def test_after_seven_days_a_claim_is_given_up_and_can_be_tried_again_with_the_same_token(
    domains: Domains, shop: Shop, fresh: Fresh
) -> None:
    claim = await domains.claim(shop, fresh())
    eight_days = "UPDATE host_claims SET created_at = now() - interval '8 days' WHERE id = :id"
    await domains.age(eight_days, id=claim.id)
    domains.names.set(claim.txt_name, ("TXT", claim.txt_value))
    domains.names.set(claim.host, ("A", HERE))

    await tasks.check_claims(domains.runtime)

    (lapsed,) = await domains.claims(shop)
    assert lapsed.state == "lapsed"
    assert await domains.tenant_at(claim.host) is None
    await work_off(domains.runtime)
    assert ("domain_lapsed", claim.host) in await domains.notices(shop)
    again = await domains.claim(shop, claim.host)
    assert (again.token, again.state, again.attempts) == (claim.token, "pending", 0)
    assert not (await domains.check(again)).error


async def test_a_served_domain_that_moves_away_is_told_about_once_and_stays(
    domains: Domains, shop: Shop, fresh: Fresh
) -> None:
    domain = fresh()
    await domains.served(shop, domain)
    await work_off(domains.runtime)
    domains.names.set(domain, ("A", "192.0.2.7"))
    for _ in range(2):
        await domains.age(AGE_HOST, host=domain)
        await tasks.check_hosts(domains.runtime)
        await work_off(domains.runtime)

    assert (await domains.notices(shop)).count(("domain_strayed", domain)) == 1
    assert await domains.tenant_at(domain) == shop.tenant.id
    (strayed,) = [host for host in await domains.hosts(shop) if host.host == domain]
    assert (strayed.error, strayed.seen) == ("elsewhere", "192.0.2.7")

    domains.names.set(domain, ("A", HERE))
    await domains.age(AGE_HOST, host=domain)
    await tasks.check_hosts(domains.runtime)
    assert [host.error for host in await domains.hosts(shop)] == ["", ""]


async def test_a_name_server_that_is_silent_does_not_make_a_domain_stray(
    domains: Domains, shop: Shop, fresh: Fresh
) -> None:
    domain = fresh()
    await domains.served(shop, domain)
    domains.names.silent.add(domain)
    await domains.age(AGE_HOST, host=domain)

    await tasks.check_hosts(domains.runtime)

    (kept,) = [host for host in await domains.hosts(shop) if host.host == domain]
    assert kept.error == ""
    await work_off(domains.runtime)
    assert ("domain_strayed", domain) not in await domains.notices(shop)


async def test_subdomains_of_ours_are_not_looked_up(domains: Domains, shop: Shop) -> None:
    await domains.age(AGE_HOST, host=shop.tenant.host)

    await tasks.check_hosts(domains.runtime)

    assert not [asked for asked in domains.names.asked if shop.tenant.host in asked]


async def test_claims_of_a_closed_station_rest_and_its_hosts_lead_nowhere(
    domains: Domains, runtime: Runtime, fresh: Fresh
) -> None:
    closed = await open_shop(runtime)
    domain = fresh()
    await domains.served(closed, domain)
    claim = await domains.claim(closed, fresh())
    await domains.age("UPDATE tenants SET state = 'closed' WHERE id = :id", id=closed.tenant.id)
    await domains.age(AGE_CLAIM, host=claim.host)
    domains.names.asked.clear()

    await tasks.check_claims(domains.runtime)

    assert not [asked for asked in domains.names.asked if claim.host in asked]
    assert await domains.tenant_at(domain) is None
    async with runtime.database.master_session() as session:
        assert set(await service.release(session, closed.tenant.id)) == {closed.tenant.host, domain}
    other = await open_shop(runtime)
    await domains.served(other, domain)
    assert await domains.tenant_at(domain) == other.tenant.id


async def test_two_people_cannot_remove_the_last_two_subdomains_at_once(
    domains: Domains, shop: Shop, fresh: Fresh
) -> None:
    settings, domain = domains.runtime.settings, fresh()
    await domains.served(shop, domain)
    async with domains.runtime.database.master_session() as session:
        second = await service.give_subdomain(session, settings, shop.tenant.id, f"two-{shop.tenant.slug}")
        await service.make_primary(session, shop.tenant.id, domain)

    async def remove(host: str) -> bool:
        try:
            async with shop.tenant.begin() as session:
                await service.remove(session, settings, shop.tenant.id, host)
        except KamengError:
            return False
        return True

    removed = await asyncio.gather(remove(shop.tenant.host), remove(second))

    assert sorted(removed) == [False, True]
    assert len(await domains.hosts(shop)) == 2


async def test_a_station_cannot_fill_the_queue_with_claims(domains: Domains, shop: Shop, fresh: Fresh) -> None:
    for _ in range(service.MOST_CLAIMS):
        await domains.claim(shop, fresh())

    with pytest.raises(TooManyClaims):
        await domains.claim(shop, fresh())

    assert len(await domains.claims(shop)) == service.MOST_CLAIMS
