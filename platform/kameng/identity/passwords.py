"""Passwords, hashed with Argon2id (RFC 9106) outside the event loop.

Whether an account exists must not show in the time of an answer, so a password is always verified: against a
hash of nothing when there is no account.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from kameng.core.errors import Invalid

SHORTEST = 8
LONGEST = 200

T = TypeVar("T")

# Hashing holds the processor and much memory, so few are done at a time; the rest wait in line.
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="passwords")


class Passwords:
    """Hashes and verifies with one set of parameters. The standard ones are OWASP's: 19 MiB, two passes, one
    lane.
    """

    def __init__(self, *, memory_kib: int = 19_456, passes: int = 2, lanes: int = 1) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=lanes)

    @classmethod
    def cheap(cls) -> "Passwords":
        """Parameters that protect nothing and cost nothing: for seeds of benchmarks and for tests."""
        return cls(memory_kib=8, passes=1)

    async def hash(self, password: str) -> str:
        """The hash to store, parameters and salt included. Some 20 ms."""
        return await self._in_thread(self._hasher.hash, password)

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Whether `password` is the one that was hashed. Without a hash: no, as late."""
        return await self._in_thread(self._verify, hashed, password)

    def is_outdated(self, hashed: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(hashed)

    @cached_property
    def _of_nobody(self) -> str:
        return self._hasher.hash("nobody's")

    def _verify(self, hashed: str | None, password: str) -> bool:
        of_nobody = self._of_nobody  # made before the clock of either case starts
        try:
            right = self._hasher.verify(hashed or of_nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return right and hashed is not None

    async def _in_thread(self, work: Callable[..., T], *args: str | None) -> T:
        return await asyncio.get_running_loop().run_in_executor(_threads, work, *args)


STANDARD = Passwords()


def check_new(password: str, field: str = "password") -> None:
    """Whether a person may choose this password. Raises `Invalid`."""
    if len(password) < SHORTEST:
        raise Invalid({field: "A password has at least 8 characters."})
    if len(password) > LONGEST:
        raise Invalid({field: "A password has at most 200 characters."})
