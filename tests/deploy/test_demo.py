"""What the demo puts in: two shops with every kind of product, and two suppliers."""

import re
from pathlib import Path

import pytest
from msgspec import structs
from sqlalchemy import text

from deploy.seeds import demo, shelf
from deploy.seeds.demo import Sandboxes
from kameng.core import ids
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from tests.support.acg_shop import APP_ID, APP_KEY, running_acg_shop
from tests.support.browser_client import Browser, OpenBrowser, browser
from tests.tenants.storefront.steps import TOPUP, newest_buyer

__all__ = ["browser"]

NOWHERE = "http://127.0.0.1:9"
SANDBOXES = Sandboxes(
    supplier_url=NOWHERE, supplier_account="demo", supplier_secret="s", gateway_url=NOWHERE, merchant_id="1001",
    merchant_key="k",
)  # fmt: skip
COUNTS = (
    "SELECT (SELECT count(*) FROM products), (SELECT count(*) FROM categories), (SELECT count(*) FROM card_pool),"
    " (SELECT count(*) FROM payment_channels)"
)


async def seeded(runtime: Runtime, keep: Path, acg_url: str) -> Tenant:
    sandboxes = structs.replace(SANDBOXES, acg_url=acg_url, acg_account=APP_ID, acg_key=APP_KEY)
    logins = await demo.seed(runtime, sandboxes, keep)
    assert len(logins) == 1 + len(demo.SHOPS)
    tenant = await runtime.directory.at_host(f"{demo.SHOPS[0].slug}.localhost")
    assert tenant is not None
    return tenant


async def product(tenant: Tenant, name: str) -> int:
    async with tenant.begin() as session:
        found = await session.execute(text("SELECT id FROM products WHERE name = :name"), {"name": name})
        return int(found.scalar_one())


async def bought(tenant: Tenant, buyer: Browser, product_id: int, **filled: str) -> str:
    fields = await buyer.form(f"/p/{product_id}")
    fields["product_id"] = str(product_id)
    answer = await buyer.post("/orders", fields | {"quantity": "1", "pay_method": "wallet", "contact": ""} | filled)
    assert answer.status_code == 303, answer.text
    return (await buyer.get(answer.headers["location"])).text


@pytest.fixture
async def acg_url() -> object:
    with running_acg_shop() as shop:
        yield shop.url


async def test_the_demo_shows_every_kind_of_product_and_sells_its_own(
    runtime: Runtime, browser: OpenBrowser, tmp_path: Path, acg_url: str
) -> None:
    tenant = await seeded(runtime, tmp_path / "logins.json", acg_url)
    async with tenant.begin() as session:
        first = (await session.execute(text(COUNTS))).one()
    await seeded(runtime, tmp_path / "logins.json", acg_url)
    async with tenant.begin() as session:
        assert (await session.execute(text(COUNTS))).one() == first
    buyer = browser(tenant)
    await buyer.register(f"{ids.code(8).lower()}@example.test")
    async with tenant.begin() as session:
        values = {"no": ids.code(12), "buyer": await newest_buyer(tenant), "cents": 50_000}
        await session.execute(TOPUP, values)

    home = (await buyer.get("/")).text
    head = await product(tenant, shelf.OWN)
    variants = [
        int(number)
        for number in re.findall(r'class="spec-value" href="/p/(\d+)"', (await buyer.get(f"/p/{head}")).text)
    ]
    by_hand = await product(tenant, shelf.BY_HAND)
    topup = await product(tenant, shelf.TOPUP)
    with_ladder = await product(tenant, "王者荣耀 60 点券")

    for name, _, _ in shelf.CATEGORIES[:1]:
        assert name in home
    assert len(variants) == len(shelf.OWN_VARIANTS)
    assert "VIP-" in await bought(tenant, buyer, variants[0])
    assert "ladder-table" in (await buyer.get(f"/p/{with_ladder}")).text
    assert "delivers this by hand" in await bought(tenant, buyer, by_hand, **{"inputs.0": "li_na", "inputs.1": "官服"})
    assert "13800138000" in await bought(tenant, buyer, topup, **{"inputs.0": "13800138000"})
    async with runtime.database.master_session() as session:
        offers = await session.execute(
            text("SELECT count(*) FROM offers o JOIN suppliers s ON s.id = o.supplier_id WHERE s.name = :name"),
            {"name": demo.ACG},
        )
        assert offers.scalar_one() == 2
