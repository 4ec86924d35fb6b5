"""A competitor as the wire sees him: a shop that runs acg-faka, a table, JSON; well or not."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

from tests.support.liar import Asked, running_liar

LIST = "/user/api/index/commodity"


class Rival(Struct):
    """What it lists, `(number, name, price)`; `fails` answers with that instead; `asked` are the paths asked for."""

    url: str
    listed: Sequence[tuple[int, str, str]] = ()
    fails: tuple[int, bytes] | None = None
    asked: list[str] = []

    def answer(self, asked: Asked) -> tuple[int, bytes]:
        self.asked.append(asked.target)
        if self.fails:
            return self.fails
        at = urlsplit(asked.target)
        if at.path == LIST:
            everything = parse_qs(at.query).get("categoryId") == ["0"]
            return 200, json.dumps({"code": 200, "msg": "success", "data": self._shop() if everything else []}).encode()
        if at.path == "/list.csv":
            lines = ["编号,名称,价格", *(f"{number},{name},{price}" for number, name, price in self.listed)]
            return 200, "\r\n".join(lines).encode("gb18030")
        if at.path == "/list.json":
            items = [
                {"sku": {"no": number}, "title": name, "fen": round(float(price) * 100)}
                for number, name, price in self.listed
            ]
            return 200, json.dumps({"data": {"items": items}}).encode()
        return 404, b"not here"

    def _shop(self) -> list[dict[str, Any]]:
        """As acg-faka tells it: prices are numbers in some versions and texts in others."""
        return [
            {
                "id": number, "name": name, "cover": "/favicon.ico", "delivery_way": 0,
                "price": float(price) if number % 2 else price, "user_price": round(float(price) * 0.9, 2),
                "inventory_hidden": 0, "card_count": 7,
            }
            for number, name, price in self.listed
        ]  # fmt: skip


@asynccontextmanager
async def running_rival(*listed: tuple[int, str, str]) -> AsyncIterator[Rival]:
    rival = Rival("", listed)
    async with running_liar(rival.answer) as liar:
        rival.url = liar.url
        yield rival
