"""A hostile supplier: whatever it answers, a buyer gets what he paid for, and only keys that nobody else has."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs
from sqlalchemy import text

from kameng.core import ids
from kameng.infra.runtime import Runtime
from supplier_gateway.offers import service as offers
from supplier_gateway.offers.tasks import refresh_stock
from supplier_gateway.routing import service as routes
from supplier_gateway.routing.choice import Rules
from supplier_gateway.suppliers import service as suppliers
from tenants.orders import service as orders
from tests.support.browser_client import OpenBrowser, browser
from tests.support.house import Shop, ledger_is_balanced, open_shop, work_off
from tests.support.liar import Asked, Liar, running_liar
from tests.support.sandbox import SUPPLIER_SECRET
from tests.tenants.storefront.steps import bought, member

__all__ = ["browser"]

PURCHASE = text("SELECT state, cost_cents FROM purchases WHERE order_ref = :order")


def honest(asked: Asked, **lies: Any) -> tuple[int, bytes]:
    """A delivery of two keys for what was asked; `lies` replace fields of it."""
    reference = json.loads(asked.body)["reference"] if asked.body else asked.target.rpartition("/")[2]
    told = {
        "order_no": f"S-{reference}",
        "reference": reference,
        "sku": "x",
        "quantity": 2,
        "status": "delivered",
        "cost_cents": 1200,
        "cards": [f"A-{reference}", f"B-{reference}"],
    }
    return 200, json.dumps(told | lies).encode()


@pytest.fixture
async def liar() -> AsyncIterator[Liar]:
    async with running_liar(honest) as started:
        yield started


async def shop_at(runtime: Runtime, liar: Liar) -> Shop:
    return await open_shop(
        runtime,
        supplier_url=liar.url,
        supplier_sku="x",
        supplier_secret=SUPPLIER_SECRET,
        supplier_cost="6.00",
    )


async def ask_again(runtime: Runtime, order: object, seconds: float = 60) -> None:
    """As if so much time had passed since the purchase, then what a worker does."""
    async with runtime.database.master_session() as session:
        await session.execute(
            text(
                "UPDATE purchases SET created_at = created_at - make_interval(secs => :s),"
                " lease_until = lease_until - make_interval(secs => :s) WHERE order_ref = :order"
            ),
            {"order": order, "s": seconds},
        )
        await session.execute(text("UPDATE outbox SET due_at = now() WHERE true"))
    await work_off(runtime)


async def purchases(runtime: Runtime, order: object) -> list[tuple[str, int]]:
    async with runtime.database.master_session() as session:
        return [(row.state, row.cost_cents) for row in await session.execute(PURCHASE, {"order": order})]


LIES: dict[str, dict[str, Any]] = {
    "one card for two": {"cards": ["ONE"]},
    "one card, and says that one was asked for": {"cards": ["ONE"], "quantity": 1},
    "three cards for two": {"cards": ["1", "2", "3"], "quantity": 3},
    "no card": {"cards": []},
    "no card of no card": {"cards": [], "quantity": 0},
    "the same card twice": {"cards": ["SAME", "SAME"]},
    "the same card twice but for a space": {"cards": ["SAME", " SAME "]},
    "an empty card": {"cards": ["ONE", ""]},
    "a blank card": {"cards": ["ONE", " \t\n"]},
    "a card of a megabyte": {"cards": ["ONE", "x" * 1_000_000]},
    "a card of nothing to be seen": {"cards": ["ONE", "\x00\u200b\u202e"]},
    "another order's reference": {"reference": "KM0000000000"},
    "a negative cost": {"cost_cents": -1},
    "a cost that no column holds": {"cost_cents": 2**63 - 1},
    "a cost beyond every number": {"cost_cents": 10**30},
}


@pytest.mark.parametrize("lie", LIES, ids=list(LIES))
async def test_an_answer_that_cannot_be_true_delivers_nothing_and_buys_nothing_more(
    runtime: Runtime, liar: Liar, lie: str
) -> None:
    shop = await shop_at(runtime, liar)
    liar.says = lambda asked: honest(asked, **LIES[lie])
    placed = await shop.buy(await shop.buyer(wallet_cents=2_000), quantity=2)

    await work_off(runtime)
    await ask_again(runtime, placed.id)

    assert await shop.state(placed.no) == "waiting"
    assert await shop.keys(placed.id) == []
    assert await purchases(runtime, placed.id) == [("unknown", 0)]
    assert sum(asked.method == "POST" for asked in liar.asked) == 1

    liar.says = honest  # a person at the supplier has put it right
    await ask_again(runtime, placed.id)
    assert await shop.state(placed.no) == "delivered"
    assert len(await shop.keys(placed.id)) == 2
    assert await ledger_is_balanced(runtime)


@pytest.mark.parametrize(
    ("said", "delivered"),
    [
        ("TWO\r\nTHREE", "TWO THREE"),  # would be two keys in the buyer's download
        (" TWO\t\x00\x1b[2J ", "TWO [2J"),
        ("TWO\u202eEERHT\ufeff", "TWOEERHT"),
        ("账号：a 密码：b", "账号：a 密码：b"),
    ],
)
async def test_a_key_is_one_line_of_text_that_can_be_seen(
    runtime: Runtime, liar: Liar, said: str, delivered: str
) -> None:
    shop = await shop_at(runtime, liar)
    liar.says = lambda asked: honest(asked, cards=["ONE", said], order_no="S\x00" * 5_000)
    placed = await shop.buy(await shop.buyer(wallet_cents=2_000), quantity=2)

    await work_off(runtime)

    assert await shop.keys(placed.id) == ["ONE", delivered]


async def test_a_key_that_was_sold_before_is_not_sold_again(runtime: Runtime, liar: Liar) -> None:
    shop = await shop_at(runtime, liar)
    keys = [ids.code(10), ids.code(10)]
    liar.says = lambda asked: honest(asked, cards=keys)
    first = await shop.buy(await shop.buyer(wallet_cents=2_000), quantity=2)
    await work_off(runtime)
    await work_off(runtime)
    assert await shop.keys(first.id) == keys

    liar.says = lambda asked: honest(asked, cards=[ids.code(10), keys[1]])
    second = await shop.buy(await shop.buyer(wallet_cents=2_000), quantity=2)
    await work_off(runtime)

    assert await shop.state(second.no) == "waiting"
    assert await shop.keys(second.id) == []
    assert await purchases(runtime, second.id) == [("unknown", 0)]


async def test_a_key_from_our_own_stock_that_a_supplier_sells_again_is_not_sold_again(
    runtime: Runtime, liar: Liar
) -> None:
    key = ids.code(10)
    shop = await open_shop(
        runtime, keys=[key], supplier_url=liar.url, supplier_sku="x", supplier_secret=SUPPLIER_SECRET
    )
    await shop.buy(await shop.buyer(wallet_cents=2_000))
    liar.says = lambda asked: honest(asked, quantity=1, cards=[key])
    second = await shop.buy(await shop.buyer(wallet_cents=2_000))

    await work_off(runtime)

    assert await shop.state(second.no) == "waiting"
    assert await shop.keys(second.id) == []


async def test_a_key_that_a_supplier_has_delivered_cannot_be_put_into_stock(runtime: Runtime, liar: Liar) -> None:
    shop = await shop_at(runtime, liar)
    key = ids.code(10)
    liar.says = lambda asked: honest(asked, quantity=1, cards=[key])
    await shop.buy(await shop.buyer(wallet_cents=2_000))
    await work_off(runtime)
    await work_off(runtime)

    await shop.add_keys([key])

    async with runtime.database.master_session() as session:
        found = await session.execute(text("SELECT count(*) FROM card_pool WHERE item_id = :g"), {"g": shop.good_id})
        assert found.scalar_one() == 0


async def test_a_cost_above_what_we_allowed_is_booked_as_it_is_and_the_buyer_has_his_keys(
    runtime: Runtime, liar: Liar
) -> None:
    shop = await shop_at(runtime, liar)
    liar.says = lambda asked: honest(asked, cost_cents=5_000)
    placed = await shop.buy(await shop.buyer(wallet_cents=2_000), quantity=2)

    await work_off(runtime)
    await work_off(runtime)

    assert await shop.state(placed.no) == "delivered"
    assert await purchases(runtime, placed.id) == [("delivered", 5_000)]
    assert await ledger_is_balanced(runtime)


async def test_a_supplier_that_never_finishes_is_asked_ever_less_often(runtime: Runtime, liar: Liar) -> None:
    shop = await shop_at(runtime, liar)
    liar.says = lambda asked: honest(asked, status="pending", cards=[])
    placed = await shop.buy(await shop.buyer(wallet_cents=2_000), quantity=2)
    await work_off(runtime)
    async with shop.tenant.begin() as session:
        await session.execute(text("UPDATE orders SET created_at = created_at - interval '1 hour'"))

    await ask_again(runtime, placed.id)

    async with runtime.database.master_session() as session:
        patience = await session.execute(
            text(
                "SELECT extract(epoch FROM due_at - now()) FROM outbox"
                " WHERE tenant_id = :t AND follower LIKE '%buy_from_supplier'"
            ),
            {"t": shop.tenant.id},
        )
        assert patience.scalar_one() > 30
    assert await shop.state(placed.no) == "waiting"


async def test_a_card_of_html_is_text_on_the_page(runtime: Runtime, liar: Liar, browser: OpenBrowser) -> None:
    shop = await shop_at(runtime, liar)
    keys = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)> {{ 7 * 7 }}']
    liar.says = lambda asked: honest(asked, cards=[f"{key}{ids.code(6)}" for key in keys])
    buyer = await member(shop, browser, wallet_cents=5_000)
    no = await bought(buyer, shop, quantity="2")
    await work_off(runtime)

    page, download = await buyer.get(f"/orders/{no}"), await buyer.get(f"/orders/{no}/keys.txt")

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    for said in ("<script>alert", "<img src=x", ">49<"):
        assert said not in page.text
    assert download.headers["content-type"].startswith("text/plain")
    assert download.headers["content-disposition"] == f'attachment; filename="{no}.txt"'
    assert download.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("stock", [-1, 2**31, 10**30, 1.5, "7", None])
async def test_a_stock_figure_that_makes_no_sense_stops_nobody_elses(
    runtime: Runtime, liar: Liar, stock: object
) -> None:
    liar.says = lambda _: (200, json.dumps({"sku": "x", "stock": stock}).encode())
    await shop_at(runtime, liar)
    async with running_liar(lambda _: (200, b'{"sku": "x", "stock": 7}')) as honest_one:
        other = await shop_at(runtime, honest_one)

        await refresh_stock(runtime)

    async with runtime.database.master_session() as session:
        found = await session.execute(text("SELECT stock FROM offers WHERE good_id = :g"), {"g": other.good_id})
        assert found.scalar_one() == 7
        await session.execute(text("UPDATE offers SET state = 'paused' WHERE true"))


async def test_a_slow_no_of_one_supplier_leads_to_the_next(runtime: Runtime, liar: Liar) -> None:
    patient = structs.replace(runtime, settings=structs.replace(runtime.settings, supplier_timeout_s=30.0))
    shop = await shop_at(runtime, liar)
    liar.says, liar.waits_s = (lambda _: (409, b'{"error": "out_of_stock"}')), 2.2
    async with running_liar(honest) as second, no_hurry(patient):
        await offer_too(runtime, shop, second.url)
        placed = await shop.buy(await shop.buyer(wallet_cents=2_000), quantity=2)

        await work_off(patient)

    assert await shop.state(placed.no) == "delivered"
    assert len(liar.asked) == 1


async def test_a_purchase_that_another_worker_has_settled_is_not_opened_again(runtime: Runtime, liar: Liar) -> None:
    """The order may have been refunded on its failure."""
    shop = await shop_at(runtime, liar)
    liar.waits_s = 0.5
    placed = await shop.buy(await shop.buyer(wallet_cents=2_000), quantity=2)

    working = asyncio.create_task(work_off(runtime))
    await until_asked(liar)
    async with runtime.database.master_session() as session:
        await session.execute(
            text("UPDATE purchases SET state = 'failed', settled_at = now() WHERE order_ref = :o"), {"o": placed.id}
        )
    async with shop.tenant.begin() as session:
        await orders.refund(session, placed.no)
    await working

    assert await shop.state(placed.no) == "refunded"
    assert await purchases(runtime, placed.id) == [("failed", 0)]
    assert await shop.keys(placed.id) == []


async def test_a_worker_holds_a_purchase_for_as_long_as_both_its_calls_may_take(runtime: Runtime, liar: Liar) -> None:
    patient = structs.replace(runtime, settings=structs.replace(runtime.settings, supplier_timeout_s=8.0))
    shop = await shop_at(runtime, liar)
    liar.waits_s = 0.5
    placed = await shop.buy(await shop.buyer(wallet_cents=2_000), quantity=2)

    working = asyncio.create_task(work_off(patient))
    await until_asked(liar)
    async with runtime.database.master_session() as session:
        held = await session.execute(
            text("SELECT extract(epoch FROM lease_until - created_at) FROM purchases WHERE order_ref = :o"),
            {"o": placed.id},
        )
        assert held.scalar_one() > 16
    await working


@asynccontextmanager
async def no_hurry(runtime: Runtime) -> AsyncIterator[None]:
    """Orders have a minute before another supplier is left for the next run."""
    await set_rules(runtime, Rules(budget_ms=60_000))
    yield
    await set_rules(runtime, Rules())


async def set_rules(runtime: Runtime, rules: Rules) -> None:
    async with runtime.database.master_session() as session:
        await routes.change_rules(session, rules)
    routes.memory_of(runtime).rules = rules  # it would read them within a second


async def until_asked(liar: Liar) -> None:
    async with asyncio.timeout(30):
        while not liar.asked:  # noqa: ASYNC110 - what comes over the wire sets no event
            await asyncio.sleep(0.02)


async def offer_too(runtime: Runtime, shop: Shop, url: str) -> None:
    """A second supplier of the shop's good, to be asked after the first."""
    sealer = await runtime.keyring.master()
    async with runtime.database.master_session() as session:
        other = await suppliers.add(session, sealer, f"other {ids.code(6)}", "sandbox", url, "demo", SUPPLIER_SECRET)
        await offers.add(session, shop.good_id, other.id, Decimal("7.50"), sku="x", priority=2)


async def test_an_answer_as_deep_as_no_reader_goes_is_unknown_and_not_an_error(runtime: Runtime, liar: Liar) -> None:
    """The supplier may have delivered: it is asked again, and nobody else is."""
    shop = await shop_at(runtime, liar)
    deep = b'{"cards":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    liar.says = lambda _: (200, deep)
    placed = await shop.buy(await shop.buyer(wallet_cents=2_000), quantity=2)

    await work_off(runtime)
    assert await purchases(runtime, placed.id) == [("unknown", 0)]
    liar.says = honest
    await ask_again(runtime, placed.id)

    assert await shop.state(placed.no) == "delivered"
