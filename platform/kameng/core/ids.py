"""Identifiers: UUIDv7 for rows (they sort by time, so indexes stay dense), short unguessable numbers for people."""

import secrets
import time
from datetime import datetime
from uuid import UUID

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # 32 signs, none that a person mixes up


def uuid7() -> UUID:
    """A UUID of version 7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, 74 random bits."""
    ms = time.time_ns() // 1_000_000
    value = (ms & (1 << 48) - 1) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return UUID(int=value)


def code(length: int) -> str:
    """Random signs of `ALPHABET`; five bits each."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def order_no(now: datetime) -> str:
    """`261122-K7Q2M9XW4T`: the day, then 50 random bits, so that numbers cannot be counted through."""
    return f"{now:%y%m%d}-{code(10)}"
