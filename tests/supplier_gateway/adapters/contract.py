"""What every adapter over the wire keeps to, whatever the supplier does. A protocol's tests inherit `Contract` and say
in fixtures how to stage its supplier, which is a real server of the product.
"""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Protocol

import pytest

from kameng.core import ids
from kameng.infra.http import Outbound
from supplier_gateway.adapters.registry import PROTOCOLS, Entry
from supplier_gateway.port import Answer, Fault, Order, Outcome, SupplierAdapter, SupplierGood, SupplierUnavailable
from tests.support.processes import free_port

TIMEOUT_S = 2.0
TOO_LONG_MS = 2_500

UNREADABLE = (Outcome.UNKNOWN, Fault.UNREADABLE)
NO_ANSWER = (Outcome.UNKNOWN, Fault.TIMEOUT)
# Of each fault at the buying: how the answer stands, and how many orders the supplier has made.
FAULTS: dict[str, tuple[tuple[Outcome, Fault | None], int]] = {
    "out_of_stock": ((Outcome.FAILED, Fault.OUT_OF_STOCK), 0),
    "balance": ((Outcome.FAILED, Fault.BALANCE), 0),
    "refused": ((Outcome.FAILED, Fault.REFUSED), 0),
    "down": (NO_ANSWER, 0),
    "timeout_before": (NO_ANSWER, 0),
    "timeout_after_success": (NO_ANSWER, 1),
    "error": (UNREADABLE, 0),
    "error_body": (UNREADABLE, 0),
    "html": (UNREADABLE, 0),
    "redirect": (UNREADABLE, 0),
    "redirect_loop": (UNREADABLE, 0),
    "empty": (UNREADABLE, 1),
    "truncated": (UNREADABLE, 1),
    "wrong_length": (NO_ANSWER, 1),
    "endless": (UNREADABLE, 1),
    "drip": (NO_ANSWER, 1),
    "not_utf8": (UNREADABLE, 1),
    "more_cards": (UNREADABLE, 1),
    "same_cards": (UNREADABLE, 1),
    "empty_cards": (UNREADABLE, 1),
    "wrong_types": (UNREADABLE, 1),
    "huge": (UNREADABLE, 1),
    "nan": (UNREADABLE, 1),
}
NUMBERS = ("huge", "nan")
INSTEAD_OF_THE_TRUTH = ["error", "error_body", "html", "redirect"]
UNTELLING = [kind for kind, (stands, _) in FAULTS.items() if stands[0] is Outcome.UNKNOWN and "cards" not in kind]


class Stage(Protocol):
    """A supplier seen from behind. Its article `sku` costs 9.50 yuan, of which `stock` are left."""

    protocol: str
    sku: str
    believes_numbers: bool  # its answer to a buying holds no number that matters

    def adapter(self, outbound: Outbound, *, url: str = "") -> SupplierAdapter: ...

    def stage(self, *queue: dict[str, Any], **plan: Any) -> None: ...

    def made(self, reference: str) -> list[dict[str, Any]]: ...

    def stock(self, units: int) -> None: ...

    def costs(self, yuan: str) -> None: ...

    def balance(self, balance_cents: int) -> None: ...


def wanted(stage: Stage, quantity: int = 2, max_unit_cost: str = "9.5") -> Order:
    return Order(reference=f"KM{ids.code(20)}", sku=stage.sku, quantity=quantity, max_unit_cost=Decimal(max_unit_cost))


def stands(answer: Answer) -> tuple[Outcome, Fault | None]:
    return answer.outcome, answer.fault


class Contract:
    """Give it the fixture `stage`; `outbound` is the real door."""

    @pytest.fixture
    def entry(self, stage: Stage) -> Entry:
        return PROTOCOLS[stage.protocol]

    @pytest.fixture
    def adapter(self, stage: Stage, outbound: Outbound) -> SupplierAdapter:
        return stage.adapter(outbound)

    async def test_an_order_delivers_cards_and_is_charged(self, stage: Stage, adapter: SupplierAdapter) -> None:
        before = await adapter.balance_cents()
        order = wanted(stage)

        answer = await adapter.buy(order)

        assert stands(answer) == (Outcome.DELIVERED, None)
        (made,) = stage.made(order.reference)
        assert list(answer.cards) == made["cards"]
        assert (len(set(answer.cards)), answer.delivered_quantity, answer.cost_cents) == (2, 2, 1900)
        assert await adapter.balance_cents() == before - 1900
        assert await adapter.stock(stage.sku) == 98

    async def test_the_same_reference_again_buys_nothing_more(
        self, stage: Stage, adapter: SupplierAdapter, entry: Entry
    ) -> None:
        order = wanted(stage)
        first = await adapter.buy(order)

        again = await adapter.buy(order)

        assert len(stage.made(order.reference)) == 1
        if entry.idempotent:
            assert again == first
        else:
            assert again.outcome is Outcome.UNKNOWN  # it exists, and nobody tells its cards a second time

    async def test_what_became_of_an_order_is_found_or_stays_unknown(
        self, stage: Stage, adapter: SupplierAdapter, entry: Entry
    ) -> None:
        order = wanted(stage)
        bought = await adapter.buy(order)

        found = await adapter.find(order.reference, order=order)
        never = await adapter.find("KM00000000000000NONE")

        if entry.has_find:
            assert found == bought
            assert stands(never) == (Outcome.FAILED, Fault.NOT_FOUND)
        else:
            assert stands(found) == stands(never) == (Outcome.UNKNOWN, Fault.NO_QUESTION)

    async def test_the_account_greets_with_its_name_and_balance(self, stage: Stage, adapter: SupplierAdapter) -> None:
        stage.balance(12_345)

        greeting = await adapter.greet()

        assert greeting.shop_name
        assert greeting.balance_cents == await adapter.balance_cents() == 12_345

    async def test_the_catalogue_holds_the_article(self, stage: Stage, adapter: SupplierAdapter) -> None:
        found: list[SupplierGood] = []
        cursor = ""
        while True:
            page = await adapter.goods(cursor)
            found += page.goods
            cursor = page.next_cursor
            if not cursor:
                break

        (good,) = [good for good in found if good.sku == stage.sku]
        assert (good.cost, good.stock, good.kind) == (Decimal("9.5"), 100, "cards")
        assert len({good.sku for good in found}) == len(found)

    async def test_what_is_sold_out_is_not_bought(self, stage: Stage, adapter: SupplierAdapter) -> None:
        stage.stock(1)
        order = wanted(stage)

        assert stands(await adapter.buy(order)) == (Outcome.FAILED, Fault.OUT_OF_STOCK)
        assert stage.made(order.reference) == []

    async def test_a_balance_that_does_not_cover_it_buys_nothing(self, stage: Stage, adapter: SupplierAdapter) -> None:
        stage.balance(1899)
        order = wanted(stage)

        assert stands(await adapter.buy(order)) == (Outcome.FAILED, Fault.BALANCE)
        assert await adapter.balance_cents() == 1899

    async def test_nothing_is_bought_above_what_we_allow(self, stage: Stage, adapter: SupplierAdapter) -> None:
        stage.costs("9.51")
        order = wanted(stage)

        assert stands(await adapter.buy(order)) == (Outcome.FAILED, Fault.PRICE)
        assert stage.made(order.reference) == []

    async def test_an_article_that_is_not_there_is_a_definite_no(self, adapter: SupplierAdapter) -> None:
        order = Order(f"KM{ids.code(20)}", "no-such:1", 1, Decimal(10))

        assert (await adapter.buy(order)).outcome is Outcome.FAILED

    @pytest.mark.parametrize("kind", list(FAULTS))
    async def test_each_fault_has_its_outcome_and_then_the_truth_is_found_or_stays_open(
        self, stage: Stage, adapter: SupplierAdapter, entry: Entry, kind: str
    ) -> None:
        expected, made = FAULTS[kind]
        stage.stage({"kind": kind, "delay_ms": TOO_LONG_MS})
        order = wanted(stage)

        answer = await adapter.buy(order)

        if stage.believes_numbers and kind in NUMBERS:
            assert list(answer.cards) == stage.made(order.reference)[0]["cards"]
            return
        assert stands(answer) == expected
        assert answer.cards == ()
        assert len(stage.made(order.reference)) == made
        if expected[0] is Outcome.FAILED:
            return
        found = await adapter.find(order.reference, order_no=answer.supplier_order_no, order=order)
        if kind in NUMBERS and not entry.has_find:  # its own number of the order was spoiled too
            assert found.outcome is Outcome.UNKNOWN
        elif made and (entry.has_find or answer.supplier_order_no):
            assert found.outcome is Outcome.DELIVERED
            assert list(found.cards) == stage.made(order.reference)[0]["cards"]
        elif entry.has_find:
            assert stands(found) == (Outcome.FAILED, Fault.NOT_FOUND)
        else:
            assert stands(found) == (Outcome.UNKNOWN, Fault.NO_QUESTION)

    @pytest.mark.parametrize("kind", INSTEAD_OF_THE_TRUTH)
    async def test_an_order_that_is_made_behind_another_answer_is_no_failure(
        self, stage: Stage, adapter: SupplierAdapter, kind: str
    ) -> None:
        stage.stage({"kind": kind, "acted": True})
        order = wanted(stage)

        assert stands(await adapter.buy(order)) == UNREADABLE
        assert len(stage.made(order.reference)) == 1

    @pytest.mark.parametrize("kind", UNTELLING)
    async def test_a_question_that_gets_no_true_answer_says_nothing(
        self, stage: Stage, adapter: SupplierAdapter, kind: str
    ) -> None:
        order = wanted(stage)
        bought = await adapter.buy(order)
        stage.stage({"kind": kind, "on": "any", "count": None, "delay_ms": TOO_LONG_MS})

        async with asyncio.timeout(10 * TIMEOUT_S):
            found = await adapter.find(order.reference, order_no=bought.supplier_order_no, order=order)
            with pytest.raises(SupplierUnavailable) as caught:
                await adapter.balance_cents()
        if found.outcome is not Outcome.UNKNOWN:  # a spoiled number that the protocol's answer does not need
            assert (found.outcome, found.cards) == (Outcome.DELIVERED, bought.cards)
        assert caught.value.fault in (Fault.UNREADABLE, Fault.TIMEOUT)

    async def test_nobody_listening_is_a_definite_failure_to_buy(self, stage: Stage, outbound: Outbound) -> None:
        nobody = stage.adapter(outbound, url=f"http://127.0.0.1:{free_port()}")
        order = wanted(stage)

        assert stands(await nobody.buy(order)) == (Outcome.FAILED, Fault.UNREACHABLE)
        assert (await nobody.find(order.reference, order_no="1", order=order)).outcome is Outcome.UNKNOWN
        with pytest.raises(SupplierUnavailable) as caught:
            await nobody.goods()
        assert caught.value.fault is Fault.UNREACHABLE

    async def test_a_connection_that_cannot_be_made_safe_sends_nothing(
        self, stage: Stage, outbound: Outbound, url_of: Callable[[], str]
    ) -> None:
        plain = stage.adapter(outbound, url=url_of().replace("http://", "https://"))
        order = wanted(stage)

        assert stands(await plain.buy(order)) == (Outcome.FAILED, Fault.UNREACHABLE)
        assert stage.made(order.reference) == []

    async def test_an_address_of_the_private_network_is_not_spoken_to(self, stage: Stage) -> None:
        guarded = Outbound()
        order = wanted(stage)

        answer = await stage.adapter(guarded).buy(order)
        await guarded.aclose()

        assert stands(answer) == (Outcome.FAILED, Fault.UNREACHABLE)
        assert stage.made(order.reference) == []

    async def test_many_at_once_get_what_is_there_and_no_card_twice(
        self, stage: Stage, adapter: SupplierAdapter
    ) -> None:
        stage.stock(10)

        answers = await asyncio.gather(*(adapter.buy(wanted(stage, quantity=1)) for _ in range(20)))

        cards = [card for answer in answers for card in answer.cards]
        assert len(cards) == len(set(cards)) == 10
        assert [answer.fault for answer in answers].count(Fault.OUT_OF_STOCK) == 10
