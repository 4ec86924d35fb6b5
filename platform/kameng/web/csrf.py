"""Whether a request that changes something comes from one of our own pages.

Two things must hold. `Origin` (or `Referer`, where a browser sends no `Origin`) is our own host. And the
request carries the token of one of its own cookies, in the header `X-CSRF-Token` or the form field `csrf_token`:
HMAC-SHA256 of the cookie's id, so nothing has to be stored. A route that machines call says `opt={"csrf":
False}` and proves its caller by other means.
"""

from typing import Any

import structlog
from litestar import Request

from kameng.core.errors import Forbidden
from kameng.web import forms
from kameng.web.context import Context, header

log = structlog.get_logger()

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FIELD = "csrf_token"


class StalePage(Forbidden):
    """The request is not from a page of ours, or from one that was made for another session."""

    message = "This page is out of date. Load it again and repeat what you did."


async def check(request: Request[Any, Any, Any], context: Context) -> None:
    """Raises `StalePage`, or what reading the form raises."""
    if not _is_from_here(request, context):
        log.warning("csrf_origin_refused", origin=header(request.scope, b"origin"))
        raise StalePage
    sent = header(request.scope, b"x-csrf-token") or await _field(request)
    if not context.knows_token(sent):
        log.warning("csrf_token_refused", sent=bool(sent))
        raise StalePage


def _is_from_here(request: Request[Any, Any, Any], context: Context) -> bool:
    settings = context.kit.runtime.settings
    host = header(request.scope, b"host").lower()
    origin = header(request.scope, b"origin").lower()
    if not origin:
        scheme, separator, rest = header(request.scope, b"referer").lower().partition("://")
        origin = f"{scheme}{separator}{rest.partition('/')[0].partition('?')[0]}"
    return origin in (f"{settings.scheme}://{host}", settings.base_url(host.partition(":")[0]))


async def _field(request: Request[Any, Any, Any]) -> str:
    for name, value in await forms.pairs(request):
        if name == FIELD:
            return value
    return ""
