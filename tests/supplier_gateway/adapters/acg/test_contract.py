"""The adapters of acg-faka's shared store and of its fourth version keep the contract."""

from typing import Any

import pytest

from kameng.infra.http import Outbound
from supplier_gateway.adapters.acg.client import AcgAdapter
from supplier_gateway.adapters.acg.shop.shelf import Item
from supplier_gateway.adapters.acg.v4 import Acg4Adapter, trade_no
from supplier_gateway.port import Fault, Outcome, SupplierAdapter
from tests.supplier_gateway.adapters.contract import TIMEOUT_S, Contract, Stage, stands, wanted
from tests.support.acg_shop import APP_ID, APP_KEY, AcgShop

CODE = "CONTRACT"


class AcgStage:
    protocol, sku, believes_numbers = "acg", CODE, False

    def __init__(self, shop: AcgShop) -> None:
        self.shop = shop
        self.url = shop.url
        shop.stage()
        self.costs("9.5")
        self.balance(1_000_000)

    def adapter(self, outbound: Outbound, *, url: str = "") -> SupplierAdapter:
        return AcgAdapter(url or self.url, APP_ID, APP_KEY, outbound, TIMEOUT_S)

    def stage(self, *queue: dict[str, Any], **plan: Any) -> None:
        self.shop.stage(*queue, **plan)

    def made(self, reference: str) -> list[dict[str, Any]]:
        return [order for order in self.shop.orders() if order["reference"] in (reference, trade_no(reference))]

    def stock(self, units: int) -> None:
        self._item("9.5", units)

    def costs(self, yuan: str) -> None:
        self._item(yuan, 100)

    def balance(self, balance_cents: int) -> None:
        self.shop.balance(balance_cents)

    def _item(self, yuan: str, units: int) -> None:
        self.shop.items({"code": CODE, "name": "点卡", "category": "游戏", "user_price": yuan, "stock": units})


class Acg4Stage(AcgStage):
    protocol, believes_numbers = "acg4", True
    sku = "{0}:{0}".format(Item(CODE, "", "", "1").number)

    def adapter(self, outbound: Outbound, *, url: str = "") -> SupplierAdapter:
        return Acg4Adapter(url or self.url, APP_ID, APP_KEY, outbound, TIMEOUT_S)


class TestSharedStore(Contract):
    @pytest.fixture
    def stage(self, acg_shop: AcgShop) -> AcgStage:
        return AcgStage(acg_shop)

    @pytest.mark.parametrize("kind", ["down", "html", "truncated", "endless", "redirect", "error_body", "nan"])
    async def test_a_question_before_the_trade_that_fails_means_that_nothing_was_bought(
        self, stage: Stage, adapter: SupplierAdapter, kind: str
    ) -> None:
        stage.stage({"kind": kind, "on": "read", "count": None})
        order = wanted(stage)

        assert (await adapter.buy(order)).outcome is Outcome.FAILED
        assert stage.made(order.reference) == []

    async def test_a_price_that_doubles_between_the_question_and_the_trade_is_told(
        self, stage: Stage, adapter: SupplierAdapter
    ) -> None:
        stage.stage({"kind": "dearer"})

        answer = await adapter.buy(wanted(stage))

        assert (answer.outcome, answer.cost_cents) == (Outcome.DELIVERED, 3800)

    async def test_fewer_cards_than_asked_for_are_no_delivery(self, stage: Stage, adapter: SupplierAdapter) -> None:
        """The protocol does not say whether the rest will come."""
        stage.stage({"kind": "partial"})

        assert stands(await adapter.buy(wanted(stage))) == (Outcome.UNKNOWN, Fault.UNREADABLE)


class TestFourthVersion(Contract):
    @pytest.fixture
    def stage(self, acg_shop: AcgShop) -> Acg4Stage:
        return Acg4Stage(acg_shop)
