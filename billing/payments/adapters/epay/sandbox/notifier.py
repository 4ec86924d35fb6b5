"""Sends notices as an epay gateway does: a GET to notify_url, again and again until it answers `success`.

The reference gateway is content when the reply contains `success`; this one wants nothing else in it, so a
merchant that answers a failure with that word is found out here and not in production.
"""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlencode

from msgspec import Meta, Struct

from billing.payments.adapters.epay.sandbox.book import Book, GatewayOrder, SentNotice
from kameng.infra.http import Outbound, OutboundError

NOTICE_TIMEOUT_S = 10.0
LARGEST_REPLY_BYTES = 64 << 10
MOST_TRIES = 9
BROWSER_WAITS_S = 1.0


class NotifyMode(StrEnum):
    ON = "on"
    OFF = "off"  # paid, and nobody tells the merchant
    TWICE = "twice"  # the same notice once more after it was accepted
    DELAYED = "delayed"  # the browser is back before the notice is sent


class NotifyPlan(Struct):
    mode: NotifyMode = NotifyMode.ON
    delay_ms: Annotated[int, Meta(ge=0, le=600_000)] = 3000  # of `delayed`


class Notifier:
    """`retry_ms` is the first pause; each next one is twice as long."""

    def __init__(self, book: Book, retry_ms: int) -> None:
        self.plan = NotifyPlan()
        self._book = book
        self._retry_ms = retry_ms
        self._outbound = Outbound(allow_private=True, timeout_s=NOTICE_TIMEOUT_S)
        self._running: set[asyncio.Task[None]] = set()

    async def paid(self, order: GatewayOrder) -> None:
        """Starts the notices of an order just paid; waits a moment for the first, as the browser does."""
        if self.plan.mode is NotifyMode.OFF:
            return
        delayed = self.plan.mode is NotifyMode.DELAYED
        first_sent = asyncio.Event()
        self._start(self._series(order, self.plan.delay_ms if delayed else 0, first_sent))
        if self.plan.mode is NotifyMode.TWICE:
            self._start(self._again(order, first_sent))
        if not delayed:
            waiting = asyncio.create_task(first_sent.wait())
            await asyncio.wait({waiting}, timeout=BROWSER_WAITS_S)
            waiting.cancel()

    async def send(self, order: GatewayOrder) -> SentNotice:
        """One notice, now, whatever the plan says."""
        joint = "&" if "?" in order.notify_url else "?"
        url = f"{order.notify_url}{joint}{urlencode(self._book.signed_result(order))}"
        status, reply = 0, ""
        try:
            answer = await self._outbound.request("GET", url, max_body_bytes=LARGEST_REPLY_BYTES)
            status, reply = answer.status, answer.text
        except OutboundError as error:
            reply = str(error)
        sent = SentNotice(
            trade_no=order.trade_no,
            out_trade_no=order.out_trade_no,
            url=url,
            sent_at=datetime.now(UTC),
            http_status=status,
            reply=reply[:200],
            accepted=status == 200 and reply.strip() == "success",
        )
        self._book.notices.append(sent)
        return sent

    async def aclose(self) -> None:
        for task in self._running:
            task.cancel()
        await self._outbound.aclose()

    async def _series(self, order: GatewayOrder, delay_ms: int, first_sent: asyncio.Event) -> None:
        await asyncio.sleep(delay_ms / 1000)
        for attempt in range(MOST_TRIES):
            sent = await self.send(order)
            first_sent.set()
            if sent.accepted:
                return
            await asyncio.sleep(self._retry_ms * 2**attempt / 1000)

    async def _again(self, order: GatewayOrder, first_sent: asyncio.Event) -> None:
        await first_sent.wait()
        await self.send(order)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
