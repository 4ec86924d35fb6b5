"""A tenant's own role calls the functions of money and cards with arguments that no code of ours sends."""

from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from kameng.core import ids
from kameng.infra.db import sqlstate
from kameng.infra.runtime import Runtime
from tests.support.house import Shop, ledger_is_balanced, open_shop

SALE = """SELECT post_sale(CAST(:order AS uuid), CAST(:buyer AS text), CAST(:good AS bigint),
                           CAST(:quantity AS int),
                           CAST(:retail AS bigint), CAST(:wholesale AS bigint))"""
TOPUP = "SELECT post_topup(:no, 'test', CAST(:buyer AS text), CAST(:cents AS bigint))"
CLAIM = "SELECT * FROM claim_cards(CAST(:order AS uuid), CAST(:good AS bigint), CAST(:quantity AS int))"
CLAIM_LATE = (
    "SELECT * FROM claim_cards_late(CAST(:order AS uuid), CAST(:good AS bigint), CAST(:quantity AS int))"
)
POOL = text("SELECT count(*) FROM card_pool WHERE item_id = :good")
BIGGEST = 2**63 - 1


async def try_out(shop: Shop, statement: str, values: dict[str, Any]) -> str:
    """What PostgreSQL refuses a statement in the tenant's session with, or nothing."""
    try:
        async with shop.tenant.begin() as session:
            await session.execute(text(statement), values)
    except DBAPIError as error:
        return sqlstate(error)
    except psycopg.Error as error:
        return sqlstate(error)
    return ""


async def in_pool(shop: Shop) -> int:
    async with shop.runtime.database.master_session() as session:
        return int((await session.execute(POOL, {"good": shop.good_id})).scalar_one())


@pytest.mark.parametrize(
    ("quantity", "retail", "wholesale"),
    [
        (None, 1000, -100_000),  # no quantity: no wholesale price to compare with
        (None, 1000, 0),
        (1, 1000, None),
        (1, None, 800),
        (1, -1000, 800),
        (-5, 1000, -4_000),  # a sale of less than nothing pays the deposit
        (-5, -1000, -4_000),
        (0, 1000, 0),
        (1, 1000, 0),
        (1, 1000, -800),
        (1, 1000, 799),
        (1, BIGGEST, 800),
        (2**31 - 1, 1000, 800),
        (None, None, None),
    ],
)
async def test_a_sale_of_odd_figures_moves_nothing(
    runtime: Runtime, quantity: int | None, retail: int | None, wholesale: int | None
) -> None:
    shop = await open_shop(runtime, keys=["K"], wholesale_price="8.00", deposit_cents=50_000)
    buyer = await shop.buyer(wallet_cents=50_000)
    values = {"order": ids.uuid7(), "buyer": buyer, "good": shop.good_id}

    refused = await try_out(
        shop, SALE, {**values, "quantity": quantity, "retail": retail, "wholesale": wholesale}
    )

    assert refused
    assert (await shop.wallet_cents(buyer), await shop.deposit_cents()) == (50_000, 50_000)
    assert await ledger_is_balanced(runtime)


async def test_a_sale_of_a_good_that_the_tenant_cannot_have_is_refused(runtime: Runtime) -> None:
    shop, other = await open_shop(runtime, keys=["K"]), await open_shop(runtime, keys=["K"])
    buyer = await shop.buyer(wallet_cents=5_000)

    for good in (other.good_id, None, 0, BIGGEST):
        values = {
            "order": ids.uuid7(),
            "buyer": buyer,
            "good": good,
            "quantity": 1,
            "retail": 1,
            "wholesale": 800,
        }
        assert await try_out(shop, SALE, values) == "KM410"


async def test_an_order_is_charged_once_and_a_second_charge_does_not_pass_for_one(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["K1", "K2"], deposit_cents=50_000)
    buyer = await shop.buyer(wallet_cents=5_000)
    placed = await shop.buy(buyer)
    again = {
        "order": placed.id,
        "buyer": buyer,
        "good": shop.good_id,
        "quantity": 1,
        "retail": 1,
        "wholesale": 800,
    }

    assert await try_out(shop, SALE, again) == "KM411"
    assert await shop.wallet_cents(buyer) == 4_000


async def test_an_order_that_was_refunded_cannot_be_charged_or_supplied_again(runtime: Runtime) -> None:
    """Its sale is on the ledger, so a second one would change nothing: cards for no money."""
    shop = await open_shop(runtime, supplier_url="http://127.0.0.1:9", supplier_sku="x", supplier_secret="x")
    buyer = await shop.buyer(wallet_cents=5_000)
    placed = await shop.buy(buyer)
    values = {
        "order": placed.id,
        "buyer": buyer,
        "good": shop.good_id,
        "quantity": 1,
        "retail": 1000,
        "wholesale": 800,
    }
    assert await try_out(shop, "SELECT reverse_sale(CAST(:order AS uuid))", {"order": placed.id}) == ""
    before = await shop.deposit_cents()
    await shop.add_keys(["K"])

    assert await try_out(shop, "SELECT reverse_sale(CAST(:order AS uuid))", {"order": placed.id}) == ""
    assert await try_out(shop, SALE, values) == "KM411"
    assert await try_out(shop, CLAIM_LATE, values) == ""
    assert (await shop.wallet_cents(buyer), await shop.deposit_cents()) == (5_000, before)
    assert await in_pool(shop) == 1


async def test_somebody_elses_order_cannot_be_refunded_or_charged(runtime: Runtime) -> None:
    a, b = await open_shop(runtime, keys=["A"]), await open_shop(runtime, keys=["B"])
    placed = await b.buy(await b.buyer(wallet_cents=5_000))
    buyer = await a.buyer(wallet_cents=5_000)
    values = {
        "order": placed.id,
        "buyer": buyer,
        "good": a.good_id,
        "quantity": 1,
        "retail": 1000,
        "wholesale": 800,
    }

    assert await try_out(a, "SELECT reverse_sale(CAST(:order AS uuid))", {"order": placed.id}) == "KM404"
    assert await try_out(a, SALE, values)
    assert await a.wallet_cents(buyer) == 5_000


@pytest.mark.parametrize("quantity", [None, 0, -1, 10**6, 2**31 - 1])
async def test_a_claim_of_an_odd_quantity_takes_nothing(runtime: Runtime, quantity: int | None) -> None:
    shop = await open_shop(runtime, keys=["K1", "K2", "K3"])
    values = {"order": ids.uuid7(), "good": shop.good_id, "quantity": quantity}

    await try_out(shop, CLAIM, values)
    await try_out(shop, CLAIM_LATE, values)

    assert await in_pool(shop) == 3


async def test_cards_of_an_order_that_was_never_charged_stay_in_the_pool(runtime: Runtime) -> None:
    shop, other = await open_shop(runtime, keys=["K1", "K2"]), await open_shop(runtime, keys=["O1"])
    charged_elsewhere = await other.buy(await other.buyer(wallet_cents=5_000))

    for order in (ids.uuid7(), charged_elsewhere.id):
        values = {"order": order, "good": shop.good_id, "quantity": 1}
        await try_out(shop, CLAIM_LATE, values)
        await try_out(shop, CLAIM, values)

    assert await in_pool(shop) == 2


async def test_cards_claimed_and_cards_paid_for_are_the_same_number(runtime: Runtime) -> None:
    shop = await open_shop(runtime, keys=["K1", "K2", "K3"])
    buyer = await shop.buyer(wallet_cents=5_000)
    values = {"order": ids.uuid7(), "buyer": buyer, "good": shop.good_id, "retail": 1000, "wholesale": 800}
    claimed = CLAIM.replace("SELECT *", "SELECT count(*)").replace(":quantity", "3")

    refused = await try_out(
        shop, f"WITH claimed AS MATERIALIZED ({claimed}) {SALE} FROM claimed", {**values, "quantity": 1}
    )

    assert refused
    assert (await in_pool(shop), await shop.wallet_cents(buyer)) == (3, 5_000)


@pytest.mark.parametrize("cents", [None, 0, -1, -500, -BIGGEST - 1])
async def test_a_topup_of_nothing_or_less_is_refused(runtime: Runtime, cents: int | None) -> None:
    shop = await open_shop(runtime)
    buyer = await shop.buyer()

    refused = await try_out(shop, TOPUP, {"no": ids.code(12), "buyer": buyer, "cents": cents})

    assert refused
    assert await shop.wallet_cents(buyer) == 0


async def test_a_wallet_cannot_be_filled_beyond_what_a_number_holds(runtime: Runtime) -> None:
    shop = await open_shop(runtime)
    buyer = await shop.buyer(wallet_cents=100)

    assert await try_out(shop, TOPUP, {"no": ids.code(12), "buyer": buyer, "cents": BIGGEST}) == "22003"
    assert await shop.wallet_cents(buyer) == 100
    assert await ledger_is_balanced(runtime)


async def test_a_tenant_cannot_use_up_the_key_of_an_entry_to_come(runtime: Runtime) -> None:
    """An empty transfer under an order's key would keep the real one from being posted."""
    shop = await open_shop(runtime, keys=["K"])
    order = ids.uuid7()

    await try_out(shop, "SELECT post_card_cost(CAST(:order AS uuid))", {"order": order})

    assert await transfers(runtime, order) == 0


async def test_another_tenants_payment_number_is_a_payment_of_ones_own(runtime: Runtime) -> None:
    a, b = await open_shop(runtime), await open_shop(runtime)
    buyer_a, buyer_b = await a.buyer(), await b.buyer()
    no = ids.code(12)

    assert await try_out(a, TOPUP, {"no": no, "buyer": buyer_b, "cents": 500}) == ""
    assert await try_out(b, TOPUP, {"no": no, "buyer": buyer_b, "cents": 700}) == ""

    assert (await a.wallet_cents(buyer_a), await b.wallet_cents(buyer_b)) == (0, 700)


async def transfers(runtime: Runtime, order: UUID) -> int:
    async with runtime.database.master_session() as session:
        found = await session.execute(
            text("SELECT count(*) FROM ledger_transfers WHERE key LIKE '%' || :order"), {"order": str(order)}
        )
        return int(found.scalar_one())
