"""A station on its own domain speaks of no other host, and a host that nobody serves says nothing at all."""

import ast
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from billing.payments import queries as payment_queries
from billing.payments import service as payments
from kameng.infra import links
from kameng.web.dispatch import HostDispatch
from tenants.domains import service
from tenants.domains.probe import FILE
from tests.support.house import Shop
from tests.support.staff_client import StaffClient
from tests.tenants.domains.conftest import Domains
from tests.tenants.storefront.gateway import open_channel

Fresh = Callable[[], str]
Clients = Callable[[str], StaffClient]
ROOT = Path(__file__).parents[3]
ABSOLUTE = re.compile(r"""(?:https?:)?//([^/"'\s<>?#&]+)""")
LINK = re.compile(r"""(?:href|src|action)="(/[^"#]*)""")
NOT_LINKS = ("www.w3.org",)


def hosts_in(text: str) -> set[str]:
    return {found.partition(":")[0] for found in ABSOLUTE.findall(text)} - set(NOT_LINKS)


async def test_the_pages_of_a_station_on_its_own_domain_name_no_other_host(
    domains: Domains, shop: Shop, clients: Clients, fresh: Fresh
) -> None:
    domain = fresh()
    await domains.served(shop, domain)
    await open_channel(shop, "https://pay.gateway.example")
    buyer = clients(domain)
    seen: dict[str, str] = {}
    waiting = ["/", "/wallet", "/orders", "/orders/find", "/login", "/register", "/account"]
    while waiting and len(seen) < 60:
        path = waiting.pop()
        if path in seen:
            continue
        answer = await buyer.get(path)
        assert answer.headers.get("location", "/").startswith("/"), path
        seen[path] = answer.text
        if "text/html" in answer.headers["content-type"]:
            waiting += [one.replace("&amp;", "&") for one in LINK.findall(answer.text) if "/static/" not in one]

    assert f"/p/{shop.product_id}" in seen
    assert {path: hosts for path, text in seen.items() if (hosts := hosts_in(text) - {domain})} == {}


async def test_payment_addresses_carry_the_host_that_the_buyer_is_at(
    domains: Domains, shop: Shop, fresh: Fresh
) -> None:
    domain = fresh()
    await domains.served(shop, domain)
    channel_id = await open_channel(shop, "https://pay.gateway.example")
    buyer_id = await shop.buyer()
    domains.runtime.directory.forget()
    for host in (shop.tenant.host, domain):
        tenant = await domains.runtime.directory.at_host(host)
        assert tenant is not None
        async with tenant.begin() as session:
            channel = await payment_queries.channel(session, channel_id)
            payment = await payments.open_payment(session, buyer_id, channel_id, 1000, "topup")
        asked = parse_qs(urlsplit(await payments.pay_url(domains.runtime, tenant, payment, channel, "Top-up")).query)

        assert {urlsplit(asked[name][0]).hostname for name in ("notify_url", "return_url")} == {host}


async def test_links_of_a_follower_lead_to_the_main_domain(domains: Domains, shop: Shop, fresh: Fresh) -> None:
    domain, settings = fresh(), domains.runtime.settings
    await domains.served(shop, domain)
    async with domains.runtime.database.master_session() as session:
        from_before = await domains.runtime.directory.tenant(shop.tenant.id)
        await service.make_primary(session, shop.tenant.id, domain)
    domains.runtime.directory.forget()
    tenant = await domains.runtime.directory.tenant(shop.tenant.id)

    assert links.of_station(settings, from_before, "/orders") == f"http://{shop.tenant.host}/orders"
    assert links.of_station(settings, tenant, "/orders") == f"http://{domain}/orders"
    assert links.of_master(settings, "/login") == "http://master.localhost/login"


def test_absolute_links_are_made_in_one_place() -> None:
    """`Settings.base_url` takes any host; `links` takes a tenant, and with it the tenant's own."""
    strangers = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for folder in ("tenants", "billing", "supplier_gateway")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("settings.base_url")
    ]

    assert strangers == []


@pytest.mark.parametrize("path", ["/", "/console", "/console/login", FILE, "/static/x.css"])
async def test_a_host_that_only_waits_for_its_proof_gets_the_404_of_any_stranger(
    domains: Domains, shop: Shop, clients: Clients, fresh: Fresh, path: str
) -> None:
    claim = await domains.claim(shop, fresh())

    waiting, stranger = await clients(claim.host).get(path), await clients(fresh()).get(path)

    assert waiting.status_code == 404
    assert waiting.text == stranger.text
    assert waiting.headers.keys() == stranger.headers.keys()
    assert claim.token not in waiting.text
    assert "set-cookie" not in waiting.headers


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "*.localhost",
        "%00",
        "a/../b",
        "127.0.0.1",
        "[::1]:80",
        "localhost",
        "shop.localhost@{own}",
        "{own},evil.com",
        "{own}.evil.com",
        "evil.{own}",
        "{own}:80:80",
        "' OR 1=1",
    ],
)
async def test_odd_hosts_lead_nowhere(door: HostDispatch, shop: Shop, clients: Clients, host: str) -> None:
    answer = await clients("stranger.example").get("/", Host=host.format(own=shop.tenant.host))

    assert answer.status_code == 404
    assert shop.tenant.name not in answer.text


async def test_hosts_that_proxies_forward_are_not_believed(door: HostDispatch, shop: Shop, clients: Clients) -> None:
    forwarded = {"X-Forwarded-Host": shop.tenant.host, "Forwarded": f"host={shop.tenant.host}"}

    assert (await clients("stranger.example").get("/", **forwarded)).status_code == 404
