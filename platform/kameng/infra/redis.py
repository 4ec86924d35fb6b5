"""The connection to Redis (or Valkey). Everything kept here can be lost without losing money or orders."""

from redis.asyncio import Redis

from kameng.infra.settings import Settings


def connect(settings: Settings) -> "Redis":
    """A client with a pool; two seconds for anything, then an error rather than a wait."""
    return Redis.from_url(
        settings.redis_url,
        decode_responses=False,
        socket_timeout=2,
        socket_connect_timeout=2,
        max_connections=200,
        health_check_interval=30,
    )
