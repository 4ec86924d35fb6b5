"""From a claim to a domain that is served: what proves it, what does not, and what is said about it."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from kameng.infra.http import Outbound
from kameng.infra.runtime import Runtime
from tenants.domains import service
from tenants.domains.errors import DomainGone, DomainTaken
from tenants.domains.probe import FILE, Finding
from tests.support.house import Shop, open_shop, work_off
from tests.support.liar import Answer, Asked, running_liar
from tests.support.name_server import NameServer
from tests.tenants.domains.conftest import HERE, Domains

Fresh = Callable[[], str]


async def test_a_text_record_proves_a_domain_and_it_is_served(domains: Domains, shop: Shop, fresh: Fresh) -> None:
    claim = await domains.claim(shop, fresh())
    assert await domains.check(claim) == Finding("no_address")
    domains.names.set(claim.host, ("A", HERE))
    assert await domains.check(claim) == Finding("no_proof")
    assert await domains.tenant_at(claim.host) is None

    domains.names.set(claim.txt_name, ("TXT", "v=spf1"), ("TXT", claim.txt_value))

    assert await domains.check(claim) == Finding(proof="txt")
    assert await domains.tenant_at(claim.host) == shop.tenant.id
    assert await domains.claims(shop) == []
    await work_off(domains.runtime)
    assert ("domain_served", claim.host) in await domains.notices(shop)


async def test_an_alias_of_the_stations_own_subdomain_proves_it(domains: Domains, shop: Shop, fresh: Fresh) -> None:
    claim = await domains.claim(shop, fresh())
    domains.names.set(shop.tenant.host, ("A", HERE))
    domains.names.set(claim.host, ("CNAME", shop.tenant.host))

    assert await domains.check(claim) == Finding(proof="cname")
    assert await domains.tenant_at(claim.host) == shop.tenant.id


async def test_an_alias_of_another_stations_subdomain_proves_nothing(
    domains: Domains, runtime: Runtime, shop: Shop, fresh: Fresh
) -> None:
    other = await open_shop(runtime)
    domain = fresh()
    claims = [await domains.claim(one, domain) for one in (other, shop)]
    domains.names.set(shop.tenant.host, ("A", HERE))
    domains.names.set(domain, ("CNAME", shop.tenant.host))

    assert await domains.check(claims[0]) == Finding("no_proof")
    assert await domains.check(claims[1]) == Finding(proof="cname")


async def test_leading_here_alone_proves_nothing_though_nobody_else_claims_it(
    domains: Domains, shop: Shop, fresh: Fresh
) -> None:
    """A domain whose shop has moved away still leads here; whoever claims it next must not get it for that."""
    claim = await domains.claim(shop, fresh())
    domains.names.set(claim.host, ("A", HERE))

    assert await domains.check(claim) == Finding("no_proof")
    assert await domains.tenant_at(claim.host) is None


async def test_another_claims_token_proves_nothing(
    domains: Domains, runtime: Runtime, shop: Shop, fresh: Fresh
) -> None:
    domain = fresh()
    first, second = await domains.claim(shop, domain), await domains.claim(await open_shop(runtime), domain)
    domains.names.set(domain, ("A", HERE))
    domains.names.set(first.txt_name, ("TXT", first.txt_value))

    assert await domains.check(second) == Finding("other_text", first.txt_value)


async def test_a_domain_that_points_elsewhere_is_not_served_though_proved(
    domains: Domains, shop: Shop, fresh: Fresh
) -> None:
    claim = await domains.claim(shop, fresh())
    domains.names.set(claim.txt_name, ("TXT", claim.txt_value))
    domains.names.set(claim.host, ("A", HERE), ("AAAA", "2001:db8::7"))

    assert await domains.check(claim) == Finding("elsewhere", "2001:db8::7", "txt")
    assert await domains.tenant_at(claim.host) is None
    domains.names.set(claim.txt_name)
    domains.names.set(claim.host, ("A", HERE))
    assert await domains.check(claim) == Finding(proof="txt"), "what was proved once stays proved"


async def test_without_public_addresses_it_may_point_anywhere(domains: Domains, shop: Shop, fresh: Fresh) -> None:
    settings = msgspec.structs.replace(domains.runtime.settings, public_addresses="")
    anywhere = Domains(msgspec.structs.replace(domains.runtime, settings=settings), domains.names)
    claim = await anywhere.claim(shop, fresh())
    domains.names.set(claim.txt_name, ("TXT", claim.txt_value))
    domains.names.set(claim.host, ("A", "192.0.2.7"))

    assert await anywhere.check(claim) == Finding(proof="txt")


@pytest.mark.parametrize("fault", ["silent", "broken"])
async def test_no_answer_of_the_name_server_is_unknown_and_asked_again(
    domains: Domains, shop: Shop, fresh: Fresh, fault: str
) -> None:
    claim = await domains.claim(shop, fresh())
    domains.names.set(claim.txt_name, ("TXT", claim.txt_value))
    domains.names.set(claim.host, ("A", HERE))
    failing: set[str] = getattr(domains.names, fault)
    failing.add(claim.host)

    assert await domains.check(claim) == Finding("unknown", proof="txt")
    (noted,) = await domains.claims(shop)
    assert (noted.error, noted.state, noted.attempts) == ("unknown", "pending", 1)
    assert noted.checked_at is not None
    assert 50 < (noted.next_check_at - noted.checked_at).total_seconds() < 70
    failing.clear()
    assert await domains.check(claim) == Finding(proof="txt")


def serving(token: str, status: int = 200) -> Answer:
    """A web server with the file."""

    def says(asked: Asked) -> tuple[int, bytes]:
        return (status, f"{token}\n".encode()) if asked.target == FILE else (404, b"")

    return says


def on_port(domains: Domains, url: str) -> Domains:
    """The deployment reached over plain HTTP on the port of `url`, so that files are fetched from there; it stands on
    loopback."""
    port = int(url.rpartition(":")[2])
    settings = msgspec.structs.replace(domains.runtime.settings, public_port=port, public_addresses="127.0.0.0/8")
    return Domains(msgspec.structs.replace(domains.runtime, settings=settings), domains.names)


async def test_a_file_proves_a_domain(domains: Domains, shop: Shop, fresh: Fresh) -> None:
    claim = await domains.claim(shop, fresh())
    domains.names.set(claim.host, ("A", "127.0.0.1"))
    async with running_liar(serving(claim.token)) as server:
        assert await on_port(domains, server.url).check(claim) == Finding(proof="file")

    assert [asked.target for asked in server.asked] == [FILE]
    assert await domains.tenant_at(claim.host) == shop.tenant.id


async def test_a_file_on_the_old_server_counts_when_the_domain_has_moved_here(
    domains: Domains, shop: Shop, fresh: Fresh
) -> None:
    claim = await domains.claim(shop, fresh())
    domains.names.set(claim.host, ("A", "127.0.0.1"))
    async with running_liar(serving(claim.token)) as server:
        reached = on_port(domains, server.url)
        settings = msgspec.structs.replace(reached.runtime.settings, public_addresses=HERE)
        strict = Domains(msgspec.structs.replace(reached.runtime, settings=settings), domains.names)
        assert await strict.check(claim) == Finding("elsewhere", "127.0.0.1", "file")
    domains.names.set(claim.host, ("A", HERE))

    assert await domains.check(claim) == Finding(proof="file")


@pytest.mark.parametrize(
    "says",
    [
        serving("somebody-else's"),
        lambda _asked: (200, b"x" * 5000),
        lambda _asked: (302, b""),
        lambda _asked: (500, b""),
    ],
    ids=["another token", "too long", "a redirect", "an error"],
)
async def test_what_is_not_the_file_proves_nothing(domains: Domains, shop: Shop, fresh: Fresh, says: Answer) -> None:
    claim = await domains.claim(shop, fresh())
    domains.names.set(claim.host, ("A", "127.0.0.1"))
    async with running_liar(says) as server:
        assert await on_port(domains, server.url).check(claim) == Finding("no_proof")

    assert len(server.asked) == 1


async def test_a_redirect_with_the_token_in_it_proves_nothing(domains: Domains, shop: Shop, fresh: Fresh) -> None:
    claim = await domains.claim(shop, fresh())
    domains.names.set(claim.host, ("A", "127.0.0.1"))
    async with running_liar(serving(claim.token, status=302)) as server:
        assert await on_port(domains, server.url).check(claim) == Finding("no_proof")


async def test_private_addresses_are_not_called(domains: Domains, shop: Shop, fresh: Fresh) -> None:
    """A domain that leads into our own network must not make us look around there."""
    claim = await domains.claim(shop, fresh())
    domains.names.set(claim.host, ("A", "127.0.0.1"))
    guarded = Outbound(allow_private=False)
    async with running_liar(serving(claim.token)) as server:
        reached = on_port(domains, server.url)
        strict = Domains(msgspec.structs.replace(reached.runtime, outbound=guarded), domains.names)
        assert await strict.check(claim) == Finding("no_proof")
    await guarded.aclose()

    assert server.asked == []


async def test_the_first_station_to_prove_a_domain_has_it_and_the_others_are_told(
    domains: Domains, runtime: Runtime, shop: Shop, fresh: Fresh
) -> None:
    domain = fresh()
    other = await open_shop(runtime)
    lost, won = await domains.claim(other, domain), await domains.claim(shop, domain)
    domains.names.set(domain, ("A", HERE))
    domains.names.set(won.txt_name, ("TXT", won.txt_value))

    assert await domains.check(won) == Finding(proof="txt")

    (told,) = await domains.claims(other)
    assert (told.state, told.error) == ("lost", "taken")
    await work_off(domains.runtime)
    assert ("domain_lost", domain) in await domains.notices(other)
    assert await domains.check(lost) == Finding("taken")
    with pytest.raises(DomainTaken):
        await domains.claim(other, domain)


async def test_stations_that_prove_one_domain_at_the_same_moment_do_not_both_get_it(
    domains: Domains, runtime: Runtime, shop: Shop, fresh: Fresh
) -> None:
    domain = fresh()
    stations = [shop, *[await open_shop(runtime) for _ in range(3)]]
    claims = [await domains.claim(station, domain) for station in stations]
    domains.names.set(domain, ("A", HERE))
    domains.names.set(claims[0].txt_name, *[("TXT", claim.txt_value) for claim in claims])

    findings = await asyncio.gather(*(domains.check(claim) for claim in claims))

    assert sorted(finding.error for finding in findings) == ["", "taken", "taken", "taken"]
    winner = next(claim.tenant_id for claim, found in zip(claims, findings, strict=True) if not found.error)
    assert await domains.tenant_at(domain) == winner
    states = [[claim.state for claim in await domains.claims(station)] for station in stations]
    assert sorted(states) == [[], ["lost"], ["lost"], ["lost"]]


async def test_a_claim_of_a_domain_that_the_master_gave_in_the_meantime_is_settled(
    domains: Domains, shop: Shop, fresh: Fresh
) -> None:
    claim = await domains.claim(shop, fresh())
    domains.names.set(claim.txt_name, ("TXT", claim.txt_value))
    domains.names.set(claim.host, ("A", HERE))
    give = "INSERT INTO hosts (host, tenant_id) VALUES (:host, :tenant_id)"
    await domains.age(give, host=claim.host, tenant_id=shop.tenant.id)

    assert await domains.check(claim) == Finding(proof="txt")
    assert await domains.claims(shop) == []


async def test_a_claim_that_is_withdrawn_while_it_is_looked_at_is_not_served(
    domains: Domains, runtime: Runtime, shop: Shop, fresh: Fresh
) -> None:
    claim = await domains.claim(shop, fresh())
    async with shop.tenant.begin() as session:
        await service.withdraw(session, shop.tenant.id, claim.id)

    with pytest.raises(DomainGone):
        async with runtime.database.master_session() as session:
            await service.force(session, claim, "operator", "a good reason", "")

    assert await domains.tenant_at(claim.host) is None


async def test_a_domain_in_chinese_is_kept_as_the_wire_carries_it(
    domains: Domains, names: NameServer, shop: Shop
) -> None:
    claim = await domains.claim(shop, f"点卡{shop.tenant.id}.com")

    assert claim.host.startswith("xn--")
    assert claim.readable == f"点卡{shop.tenant.id}.com"
    names.set(claim.host, ("A", HERE))
    names.set(claim.txt_name, ("TXT", claim.txt_value))
    assert await domains.check(claim) == Finding(proof="txt")
    assert await domains.tenant_at(claim.host) == shop.tenant.id
