"""Identifiers: UUIDv7 for rows (they sort by time, so indexes stay dense), short unguessable numbers for people."""

import os
import secrets
import time
from datetime import datetime
from uuid import UUID

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # 32 signs, none that a person mixes up
SIGNS = (ALPHABET * 8).encode()  # of each byte the sign that its last five bits stand for


def uuid7() -> UUID:
    """A UUID of version 7 (RFC 9562, section 5.7): Unix milliseconds, 12 bits of their fraction (section 6.2,
    method 3), 62 random bits. Those of one process come in the order in which they were made."""
    ns = time.time_ns()
    ms, rest = divmod(ns, 1_000_000)
    fraction = rest * 4096 // 1_000_000
    random = int.from_bytes(os.urandom(8), "big") >> 2
    return UUID(int=(ms & (1 << 48) - 1) << 80 | 0x7 << 76 | fraction << 64 | 0x2 << 62 | random)


def first_of(moment: datetime) -> UUID:
    """The lowest `uuid7` that could have been made at this moment or later: ids then bound a span of time."""
    return UUID(int=(int(moment.timestamp() * 1000) & (1 << 48) - 1) << 80)


def code(length: int) -> str:
    """Random signs of `ALPHABET`; five bits each."""
    return secrets.token_bytes(length).translate(SIGNS).decode()


def order_no(now: datetime) -> str:
    """`261122-K7Q2M9XW4T`: the day, then 50 random bits, so that numbers cannot be counted through."""
    return f"{now:%y%m%d}-{code(10)}"
