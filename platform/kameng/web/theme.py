"""`/theme.css`: the one thing of a page's style that differs between stations."""

from typing import Any

from litestar import Request, Response, get

from kameng.web import context

SHORT = "public, max-age=60"
LONG = "public, max-age=31536000, immutable"
BLACK, WHITE = "#000000", "#ffffff"


@get("/theme.css", opt={"public": True, "anonymous": True, "quiet": True})
async def theme_css(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The accent and the colour of text on it. `/theme.css?accent=rrggbb` with the station's accent is kept
    for good: a new accent is a new address.
    """
    site = context.of(request.scope).site
    is_current = request.query_params.get("accent") == site.accent.removeprefix("#")
    body = f":root{{--accent:{site.accent};--on-accent:{text_on(site.accent)}}}\n"
    headers = {"Cache-Control": LONG if is_current else SHORT}
    return Response(body.encode(), media_type="text/css", headers=headers)


def text_on(accent: str) -> str:
    """Black or white, whichever has more contrast on `accent` (WCAG 2.2, relative luminance)."""
    red, green, blue = (int(accent[i : i + 2], 16) / 255 for i in (1, 3, 5))
    luminance = 0.2126 * _linear(red) + 0.7152 * _linear(green) + 0.0722 * _linear(blue)
    return BLACK if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else WHITE


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
