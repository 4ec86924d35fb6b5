"""Signatures of upstream 1.0: HMAC-SHA256 over method, path, time and the MD5 of the body, in lower-case hex.

The path comes without its query. MD5 is the protocol's; it is not what the signature's strength rests on.
"""

import hashlib
import hmac

TOLERANCE_S = 60


def sign(secret: str, method: str, path: str, timestamp: str, body: bytes) -> str:
    """64 hexadecimal digits. `timestamp` in whole seconds since 1970, as text."""
    digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
    said = f"{method.upper()}\n{path}\n{timestamp}\n{digest}"
    return hmac.new(secret.encode(), said.encode(), hashlib.sha256).hexdigest()


def is_fresh(timestamp: str, now_s: float) -> bool:
    """Whether a request says it was made within a minute of now."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    return abs(now_s - int(timestamp)) <= TOLERANCE_S


def matches(expected: str, sent: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(expected.encode(), sent.encode())
