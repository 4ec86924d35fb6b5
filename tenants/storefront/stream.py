"""The event stream of an open page: it says that something has changed, never what.

Format: server-sent events (HTML Living Standard, section 9.2). No database connection is held while it waits.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress

from litestar.response import Stream
from msgspec import Struct

from kameng.infra.live import Hub

CHANGED = b"event: changed\ndata: 1\n\n"
HEARTBEAT = b": still here\n\n"
HEARTBEAT_S = 15.0


class Seen(Struct, frozen=True):
    """What a page shows: `mark` stands for all of it; `final` means that nothing will change any more."""

    mark: str
    final: bool


async def follow(
    hub: Hub, topic: str, shown: str, look: Callable[[], Awaitable[Seen]], every_s: float = HEARTBEAT_S
) -> AsyncGenerator[bytes, None]:
    """Events for a page that was drawn from the mark `shown`, until what it shows is final.

    It looks right after it has begun to listen, so nothing that happens between drawing and listening is
    lost; and again with each heartbeat, so a message that Redis has lost costs `every_s` seconds.
    """
    async with hub.listen(topic) as news:
        while True:
            news.clear()
            seen = await look()
            yield CHANGED if seen.mark != shown else HEARTBEAT
            shown = seen.mark
            if seen.final:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(every_s):
                    await news.wait()


def events(content: AsyncIterator[bytes]) -> Stream:
    """The answer that carries them; proxies are asked not to gather it."""
    return Stream(content, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
