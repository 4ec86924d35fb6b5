"""The sandbox adapter keeps the contract, and delivers in part."""

from typing import Any

import pytest

from kameng.infra.http import Outbound
from supplier_gateway.adapters.sandbox.client import SandboxAdapter
from supplier_gateway.port import Outcome, SupplierAdapter
from tests.supplier_gateway.adapters.contract import TIMEOUT_S, Contract, Stage, wanted
from tests.support.sandbox import SUPPLIER_SECRET, Supplier


class SandboxStage:
    protocol, sku, believes_numbers = "sandbox", "contract", False

    def __init__(self, supplier: Supplier) -> None:
        self.supplier = supplier
        self.url = supplier.url
        supplier.stage()
        self.costs("9.5")
        self.balance(1_000_000)

    def adapter(self, outbound: Outbound, *, url: str = "") -> SupplierAdapter:
        return SandboxAdapter(url or self.url, "demo", SUPPLIER_SECRET, outbound, TIMEOUT_S)

    def stage(self, *queue: dict[str, Any], **plan: Any) -> None:
        self.supplier.stage(*queue, **plan)

    def made(self, reference: str) -> list[dict[str, Any]]:
        return self.supplier.orders_by([reference])

    def stock(self, units: int) -> None:
        self._good("9.5", units)

    def costs(self, yuan: str) -> None:
        self._good(yuan, 100)

    def balance(self, balance_cents: int) -> None:
        self.supplier.balance(balance_cents)

    def _good(self, yuan: str, units: int) -> None:
        self.supplier.goods({"sku": self.sku, "name": "游戏点卡", "cost": yuan, "stock": units})


@pytest.fixture
def stage(sandbox: Supplier) -> SandboxStage:
    return SandboxStage(sandbox)


class TestSandbox(Contract):
    async def test_a_part_that_is_all_there_will_be_is_delivered_and_charged_for_itself(
        self, stage: Stage, adapter: SupplierAdapter
    ) -> None:
        stage.stage({"kind": "partial"})
        order = wanted(stage, quantity=3)

        answer = await adapter.buy(order)

        assert (answer.outcome, answer.fault) == (Outcome.PARTIAL, None)
        assert (len(answer.cards), answer.delivered_quantity, answer.cost_cents) == (2, 2, 1900)
        assert await adapter.find(order.reference) == answer

    async def test_a_price_that_doubles_on_the_way_is_refused(self, stage: Stage, adapter: SupplierAdapter) -> None:
        stage.stage({"kind": "dearer"})
        order = wanted(stage)

        assert (await adapter.buy(order)).outcome is Outcome.FAILED
        assert stage.made(order.reference) == []
