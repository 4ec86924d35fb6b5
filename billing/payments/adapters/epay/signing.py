"""The MD5 signature of epay v1.

Source: Blokura/Epay, `includes/lib/PayUtils.php` and the protocol page of `template/default/doc.php`.
MD5 here is the protocol's choice, keyed by a suffix; what it proves is checked again by asking the gateway.
"""

import hmac
from collections.abc import Mapping
from hashlib import md5

UNSIGNED = frozenset({"sign", "sign_type"})


class EmptyKeyError(ValueError):
    """A merchant without a key: everybody could sign for it."""


def sign(params: Mapping[str, str], key: str) -> str:
    """Lower-case hex MD5 over the raw `k=v` pairs, sorted by key, joined by `&`, followed by `key`.

    `sign`, `sign_type` and empty values are left out; unknown fields are signed too. Raises `EmptyKeyError`.
    """
    if not key.strip():
        raise EmptyKeyError("an empty merchant key signs nothing")
    pairs = sorted((name, value) for name, value in params.items() if value != "" and name not in UNSIGNED)
    text = "&".join(f"{name}={value}" for name, value in pairs) + key
    return md5(text.encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()


def verify(params: Mapping[str, str], key: str) -> bool:
    """Whether `params["sign"]` is right, compared in constant time. Raises `EmptyKeyError`."""
    right = sign(params, key)
    return hmac.compare_digest(right.encode(), params.get("sign", "").encode(errors="surrogatepass"))


def signed(params: Mapping[str, str], key: str) -> dict[str, str]:
    """`params` without empty values, with `sign` and `sign_type`. Raises `EmptyKeyError`."""
    kept = {name: value for name, value in params.items() if value != "" and name not in UNSIGNED}
    return {**kept, "sign": sign(kept, key), "sign_type": "MD5"}
