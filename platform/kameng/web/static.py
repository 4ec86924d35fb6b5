"""`/static/`: the bundled front end, kept by browsers for ever, because a file's name changes with its
content.
"""

from typing import Any

from litestar import Request, Response, get
from litestar.params import FromPath

from kameng.core.errors import NotFound
from kameng.web import context
from kameng.web.bundle import PREFIX

FOR_EVER = "public, max-age=31536000, immutable"


@get(PREFIX + "/{name:str}", opt={"public": True, "anonymous": True, "quiet": True})
async def static_file(name: FromPath[str], request: Request[Any, Any, Any]) -> Response[bytes]:
    """One file of the bundle, or 404: names come from the manifest, never from a folder."""
    asset = context.of(request.scope).kit.assets.file(name)
    if asset is None:
        raise NotFound
    headers = {"Cache-Control": FOR_EVER, "Vary": "Accept-Encoding"}
    if asset.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(asset.packed, media_type=asset.media_type, headers=headers)
    return Response(asset.body, media_type=asset.media_type, headers=headers)
