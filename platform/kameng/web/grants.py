"""Being let in without being anybody: a subject, such as an order's number, that a browser may see for a while.

The cookie carries the subject, until when, and an HMAC-SHA256 over both and the station; nothing is stored.
"""

import hmac
import re
import time

from kameng.web.context import Context

COOKIE = "kameng_grant"
SUBJECT = re.compile(r"[0-9A-Za-z-]{1,64}")


def give(here: Context, subject: str, lasts_s: int) -> None:
    """Lets this browser in to `subject`, in the place of what it was let in to before."""
    if not SUBJECT.fullmatch(subject):
        raise ValueError(subject)
    until = int(time.time()) + lasts_s
    here.set_cookie(COOKIE, f"{subject}.{until}.{_mark(here, subject, until)}", lasts_s)


def held(here: Context) -> str:
    """What this browser is let in to; empty for nothing, for a forgery, and when the time is over."""
    subject, _, rest = (here.cookie(COOKIE) or "").partition(".")
    until, _, mark = rest.partition(".")
    if not (SUBJECT.fullmatch(subject) and until.isascii() and until.isdigit() and len(until) < 12):
        return ""
    genuine = hmac.compare_digest(mark.encode("latin-1", "replace"), _mark(here, subject, int(until)).encode())
    return subject if genuine and int(until) > time.time() else ""


def take_back(here: Context) -> None:
    here.drop_cookie(COOKIE)


def _mark(here: Context, subject: str, until: int) -> str:
    place = here.tenant.id if here.tenant else 0
    return hmac.digest(here.kit.csrf_key, f"grant:{place}:{subject}:{until}".encode(), "sha256").hex()
