"""`/theme.css`: the one thing of a page's style that differs between stations."""

import re
from typing import Any

from litestar import Request, Response, get

from kameng.web import context
from kameng.web.colour import text_on

SHORT = "public, max-age=60"
LONG = "public, max-age=31536000, immutable"
COLOUR = re.compile(r"[0-9a-f]{6}")


@get("/theme.css", opt={"public": True, "anonymous": True, "quiet": True})
async def theme_css(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The accent and the colour of text on it. Pages ask for `/theme.css?accent=rrggbb`, which is kept for good:
    a new accent is a new address. A draft that is only looked at asks with an accent of its own.
    """
    asked = request.query_params.get("accent", "")
    is_named = COLOUR.fullmatch(asked) is not None
    accent = f"#{asked}" if is_named else context.of(request.scope).site.accent
    body = f":root{{--accent:{accent};--on-accent:{text_on(accent)}}}\n"
    return Response(body.encode(), media_type="text/css", headers={"Cache-Control": LONG if is_named else SHORT})
