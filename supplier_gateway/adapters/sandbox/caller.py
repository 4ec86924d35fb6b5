"""The sandbox supplier's callbacks: signed as its customers sign, tried a few times, then given up."""

import asyncio
import secrets
import time
from urllib.parse import urlsplit

import msgspec

from kameng.infra.http import Outbound, OutboundError
from supplier_gateway.adapters.sandbox.protocol import (
    ACCOUNT_HEADER,
    NONCE_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    CallbackOut,
    OrderStatus,
    sign,
)
from supplier_gateway.adapters.sandbox.shelf import Placed
from supplier_gateway.adapters.staging.switchboard import Twist

RETRIES_S = (0.2, 1.0, 5.0)


class Caller:
    """Calls back for one account."""

    def __init__(self, account: str, secret: str) -> None:
        self._account = account
        self._secret = secret
        self._outbound: Outbound | None = None
        self._calling: set[asyncio.Task[None]] = set()

    def call_back(self, placed: Placed, twist: Twist) -> None:
        """Once an order that is being worked on has ended, where it asked for that; `twist` says how often."""
        waits_s = placed.ready_at - time.time()
        if not placed.asked.callback_url or waits_s <= 0 or placed.requests > 1:
            return
        task = asyncio.create_task(self._tell(placed, waits_s, twist.callbacks))
        self._calling.add(task)
        task.add_done_callback(self._calling.discard)

    async def _tell(self, placed: Placed, waits_s: float, callbacks: tuple[bool, ...]) -> None:
        await asyncio.sleep(waits_s)
        for is_true in callbacks:
            status = placed.status() if is_true else OrderStatus.PENDING
            told = msgspec.json.encode(CallbackOut(placed.asked.reference, placed.order_no, status))
            for pause_s in RETRIES_S:
                if await self._post(placed.asked.callback_url, told):
                    break
                await asyncio.sleep(pause_s)

    async def _post(self, url: str, body: bytes) -> bool:
        if self._outbound is None:  # it belongs to the loop that serves
            self._outbound = Outbound(allow_private=True, timeout_s=5)
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        timestamp, nonce = str(int(time.time())), secrets.token_hex(16)
        headers = {
            "content-type": "application/json",
            ACCOUNT_HEADER: self._account,
            TIMESTAMP_HEADER: timestamp,
            NONCE_HEADER: nonce,
            SIGNATURE_HEADER: sign(self._secret, "POST", target, timestamp, nonce, body),
        }
        try:
            reply = await self._outbound.request("POST", url, content=body, headers=headers)
        except OutboundError:
            return False
        return reply.status < 300
