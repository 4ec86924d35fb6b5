"""How a toast travels: in a header to htmx, in a signed cookie over a redirect."""

import base64
import binascii
import hmac
import json
from collections.abc import Sequence

import msgspec

from kameng.web import cookies
from kameng.web.context import Context, Toast

LIVES_S = 60
MOST = 5
LONGEST = 200
SIGNATURE_BYTES = 16


def take(context: Context) -> list[Toast]:
    """The messages for the page being rendered: those of the request before this one, and this one's own."""
    shown = [*_of_cookie(context), *context.toasts]
    context.toasts.clear()
    return shown


def leave(context: Context, headers: dict[bytes, bytes], status: int) -> dict[bytes, bytes]:
    """Sends what no page has shown: with a redirect in a cookie, else in `HX-Trigger`, which htmx turns into
    an event.
    """
    if not context.toasts:
        return {}
    if 300 <= status < 400 or not headers.keys().isdisjoint({b"hx-redirect", b"hx-location", b"hx-refresh"}):
        context.set_cookie(cookies.FLASH, _signed(context, context.toasts[-MOST:]), LIVES_S)
        return {}
    newest = context.toasts[-1]
    event = {"toast": {"text": newest.text, "kind": newest.kind}}
    return {b"hx-trigger": json.dumps(event).encode("ascii")}


def _signed(context: Context, toasts: Sequence[Toast]) -> str:
    body = msgspec.json.encode([Toast(toast.text[:LONGEST], toast.kind) for toast in toasts])
    return base64.urlsafe_b64encode(_signature(context, body) + body).decode("ascii").rstrip("=")


def _of_cookie(context: Context) -> list[Toast]:
    sent = context.cookie(cookies.FLASH)
    if not sent:
        return []
    context.drop_cookie(cookies.FLASH)
    try:
        packed = base64.urlsafe_b64decode(sent + "=" * (-len(sent) % 4))
    except (binascii.Error, ValueError):
        return []
    signature, body = packed[:SIGNATURE_BYTES], packed[SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(context, body)):
        return []
    return msgspec.json.decode(body, type=list[Toast])


def _signature(context: Context, body: bytes) -> bytes:
    place = str(context.tenant.id if context.tenant else "master").encode()
    return hmac.digest(context.kit.csrf_key, b"toast:" + place + b":" + body, "sha256")[:SIGNATURE_BYTES]
