"""The fake acg-faka shop as tests use it: a real process, staged through its control door."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from msgspec import Struct

from tests.support.loopback import http
from tests.support.processes import free_port, running

APP_ID, APP_KEY = "7", "acg-shop-key"
CONTROL = {"X-Control-Token": "acg-shop-control"}


class AcgShop(Struct, frozen=True):
    """A running shop."""

    url: str

    def stage(self, *queue: dict[str, Any], **plan: Any) -> None:
        """Replaces all that is wrong with it. Without arguments it is mended."""
        self._post("/control/faults", {"queue": list(queue), **plan})

    def items(self, *items: dict[str, Any]) -> None:
        """Adds articles, or replaces those with the same code."""
        self._post("/control/items", list(items))

    def balance(self, balance_cents: int) -> None:
        self._post("/control/balance", {"balance_cents": balance_cents})

    def orders(self) -> list[dict[str, Any]]:
        """Every order it has made."""
        found: list[dict[str, Any]] = http.get(f"{self.url}/control/orders", headers=CONTROL).json()
        return found

    def _post(self, path: str, body: object) -> None:
        http.post(self.url + path, json=body, headers=CONTROL).raise_for_status()


@contextmanager
def running_acg_shop() -> Iterator[AcgShop]:
    """A shop of its own on a free port."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running(["-m", "supplier_gateway.adapters.acg.shop.server", "--port", str(port)], f"{url}/healthz"):
        yield AcgShop(url)
