"""Cookies in and out. Over TLS their names begin with `__Host-`, so no neighbouring host can set them (RFC
6265bis).
"""

from collections.abc import Iterable

VISITOR = "kameng"
STAFF = "kameng_staff"
FLASH = "kameng_flash"
LANGUAGE = "lang"
BROWSER = "kameng_browser"  # holds a sign-in at a provider to the browser that began it

LONGEST_S = 400 * 24 * 3600  # browsers keep no cookie longer; the server's own clock ends a session


def name_of(cookie: str, secure: bool) -> str:
    return f"__Host-{cookie}" if secure else cookie


def read(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """All cookies of a request. Of two with one name the first counts."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name == b"cookie":
            for pair in value.decode("latin-1").split(";"):
                key, _, text = pair.partition("=")
                found.setdefault(key.strip(), text.strip())
    return found


def write(cookie: str, value: str, *, secure: bool, max_age_s: int | None = None) -> bytes:
    """A `Set-Cookie` value for the whole host, out of reach of scripts. Without `max_age_s` it ends with the
    browser.
    """
    age = "" if max_age_s is None else f"; Max-Age={max_age_s}"
    lock = "; Secure" if secure else ""
    return f"{name_of(cookie, secure)}={value}; Path=/; HttpOnly; SameSite=Lax{age}{lock}".encode("latin-1")


def drop(cookie: str, *, secure: bool) -> bytes:
    """A `Set-Cookie` value that removes the cookie."""
    return write(cookie, "", secure=secure, max_age_s=0)
