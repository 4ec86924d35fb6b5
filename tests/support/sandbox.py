"""The sandbox supplier and gateway as tests use them: real processes, staged through their control doors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

from tests.support.loopback import http
from tests.support.processes import free_port, running

SUPPLIER_SECRET = "sandbox-supplier"
CONTROL = {"X-Control-Token": "sandbox-control"}


class Supplier(Struct, frozen=True):
    """A running sandbox supplier."""

    url: str
    port: int

    def stage(self, *queue: dict[str, Any], **plan: Any) -> None:
        """Replaces all that is wrong with it. Without arguments it is mended."""
        http.post(f"{self.url}/control/faults", json={"queue": list(queue), **plan}, headers=CONTROL).raise_for_status()

    def orders(self) -> list[dict[str, Any]]:
        """Every order it has made."""
        found: list[dict[str, Any]] = http.get(f"{self.url}/control/orders", headers=CONTROL).json()
        return found

    def orders_by(self, references: list[str]) -> list[dict[str, Any]]:
        return [order for order in self.orders() if order["reference"] in references]

    def goods(self, *goods: dict[str, Any]) -> None:
        """Adds goods, or replaces those with the same sku."""
        http.post(f"{self.url}/control/goods", json=list(goods), headers=CONTROL).raise_for_status()

    def remove_goods(self, *skus: str) -> None:
        """Takes goods off its shelf."""
        http.post(f"{self.url}/control/goods/removed", json=list(skus), headers=CONTROL).raise_for_status()

    def balance(self, balance_cents: int) -> None:
        http.post(
            f"{self.url}/control/balance", json={"balance_cents": balance_cents}, headers=CONTROL
        ).raise_for_status()


@contextmanager
def running_supplier(port: int = 0) -> Iterator[Supplier]:
    """A supplier of its own, on a free port unless one is given."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    argv = ["-m", "supplier_gateway.adapters.sandbox.server", "--port", str(port)]
    with running(argv, f"{url}/healthz"):
        yield Supplier(url, port)
