"""How often a password may be tried: by one address, and for one account. The same for accounts that do not
exist.
"""

from redis.asyncio import Redis

from kameng.infra import ratelimit
from kameng.infra.ratelimit import Limit

BY_ADDRESS = Limit(name="login-address", attempts=30, per_s=600, fails_open=False)
BY_ACCOUNT = Limit(name="login-account", attempts=10, per_s=900, fails_open=False)


async def begin(redis: Redis, realm: str, login: str, address: str) -> None:
    """Counts an attempt before the password is looked at. `realm` is `staff` or the buyers' tenant. Raises
    `TooManyRequests`."""
    await ratelimit.take(redis, (BY_ADDRESS, address), (BY_ACCOUNT, _account(realm, login)))


async def succeeded(redis: Redis, realm: str, login: str, address: str) -> None:
    """The password was right: only failures count."""
    await ratelimit.forget(redis, BY_ACCOUNT, _account(realm, login))
    await ratelimit.give_back(redis, BY_ADDRESS, address)


def _account(realm: str, login: str) -> str:
    return f"{realm}\n{login.lower()}"
