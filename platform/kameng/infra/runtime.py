"""What a process holds while it runs: settings, pools, keys. Opened by the composition, handed down by parameter."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec import Struct
from redis.asyncio import Redis

from kameng.infra import redis as redis_door
from kameng.infra.crypto import Keyring
from kameng.infra.db import CONNECTION_WAIT_S, Database
from kameng.infra.directory import Directory
from kameng.infra.http import Outbound
from kameng.infra.live import Hub
from kameng.infra.settings import Settings
from kameng.infra.tasks import Queue

MOST_CALLS = 512  # on the wire at once: one that waits for a connection uses its time up and looks like a failure


class Runtime(Struct, frozen=True, kw_only=True):
    """The process's resources. Everything in it is safe to share between requests.

    `upstream` leads to whom the master names: suppliers, the sign-in provider, Telegram. `outbound` leads to addresses
    that anybody else may have written, a station's owner among them: into the master's network it never leads.
    """

    settings: Settings
    database: Database
    redis: Redis
    directory: Directory
    keyring: Keyring
    outbound: Outbound
    upstream: Outbound
    queue: Queue
    hub: Hub


@asynccontextmanager
async def running(settings: Settings, *, connection_wait_s: float = CONNECTION_WAIT_S) -> AsyncIterator[Runtime]:
    """A runtime on the current event loop, closed in reverse order."""
    database = Database(settings, connection_wait_s=connection_wait_s)
    redis = redis_door.connect(settings)
    outbound = Outbound(allow_private=settings.allow_private_stations, max_connections=MOST_CALLS)
    upstream = Outbound(allow_private=settings.allow_private_suppliers, max_connections=MOST_CALLS)
    queue = Queue(settings.redis_url)
    hub = Hub(redis)
    database.dispatch = queue.send
    try:
        yield Runtime(
            settings=settings,
            database=database,
            redis=redis,
            directory=Directory(database),
            keyring=Keyring(database, settings.vault_key),
            outbound=outbound,
            upstream=upstream,
            queue=queue,
            hub=hub,
        )
    finally:
        await hub.close()
        await outbound.aclose()
        await upstream.aclose()
        await redis.aclose()
        await database.close()
        queue.close()
