"""Rate limits that all processes share, kept in Redis.

The generic cell rate algorithm (ITU-T I.371, annex A): one number per visitor, the time at which all that was
taken will have been given back. A burst of `attempts` may come at once; then one comes back every `per_s /
attempts` seconds.
"""

import hashlib
from ipaddress import IPv6Address

import structlog
from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from kameng.core.errors import TooManyRequests

log = structlog.get_logger()

CLOSED_RETRY_S = 30

# KEYS: one per limit. ARGV: for each limit the interval and the tolerance in microseconds. Nothing is taken
# anywhere unless every limit allows it. Answers 0, or the microseconds to wait.
TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local wait = 0
local next = {}
for i = 1, #KEYS do
    local interval, tolerance = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    local theoretical = math.max(tonumber(redis.call('GET', KEYS[i]) or 0), now)
    next[i] = theoretical + interval
    wait = math.max(wait, next[i] - tolerance - now)
end
if wait > 0 then return wait end
for i = 1, #KEYS do
    redis.call('SET', KEYS[i], string.format('%.0f', next[i]), 'PX', math.ceil((next[i] - now) / 1000))
end
return 0
"""
GIVE_BACK = """
local theoretical = redis.call('GET', KEYS[1])
if theoretical then
    redis.call('SET', KEYS[1], string.format('%.0f', theoretical - tonumber(ARGV[1])), 'KEEPTTL')
end
return 0
"""


class Limit(Struct, frozen=True, kw_only=True):
    """`attempts` in `per_s` seconds for each `who`. `fails_open`: whether all pass while Redis is away."""

    name: str
    attempts: int
    per_s: float
    fails_open: bool

    @property
    def interval_us(self) -> int:
        return round(self.per_s * 1_000_000 / self.attempts)

    def key(self, who: str) -> str:
        """Where the count is kept. `who` is hashed: a person types it, and it may be long or private."""
        return f"limit:{self.name}:{hashlib.sha256(_subscriber(who).encode()).hexdigest()[:32]}"


def _subscriber(who: str) -> str:
    """`who`, whose last line may be an address: of IPv6 a subscriber has 2**64, so its network counts (RFC 6177)."""
    place, cut, last = who.rpartition("\n")
    if ":" not in last:
        return who
    try:
        address = IPv6Address(last)
    except ValueError:
        return who
    return f"{place}{cut}{address.ipv4_mapped or f'{int(address) >> 64:x}::/64'}"


async def take(redis: Redis, *wanted: tuple[Limit, str]) -> None:
    """Takes one attempt from each `(limit, who)`, or from none. Raises `TooManyRequests`.

    Without Redis it passes when every limit fails open, and is refused for half a minute otherwise.
    """
    keys = [limit.key(who) for limit, who in wanted]
    rates = [number for limit, _ in wanted for number in (limit.interval_us, round(limit.per_s * 1_000_000))]
    try:
        wait_us = int(await redis.eval(TAKE, len(keys), *keys, *rates))
    except RedisError as error:
        log.warning("ratelimit_without_redis", limits=[limit.name for limit, _ in wanted], error=str(error))
        if all(limit.fails_open for limit, _ in wanted):
            return
        raise TooManyRequests(CLOSED_RETRY_S) from error
    if wait_us > 0:
        raise TooManyRequests(-(-wait_us // 1_000_000))


async def give_back(redis: Redis, limit: Limit, who: str) -> None:
    """Undoes one `take`: it was not one of those that the limit is for."""
    await redis.eval(GIVE_BACK, 1, limit.key(who), limit.interval_us)


async def forget(redis: Redis, limit: Limit, who: str) -> None:
    """Starts `who` afresh."""
    await redis.delete(limit.key(who))
