"""`/media/{name}`: the station's own pictures, kept by browsers for ever, because a picture's name is its content's."""

import re

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from kameng.infra.tenancy import Tenant
from kameng.web.static import FOR_EVER
from tenants.branding import queries
from tenants.branding.errors import PictureGone

NAME = re.compile(r"([0-9a-f]{64})(@2x)?\.(png|jpg|webp)")
TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}


@get("/media/{name:str}", opt={"public": True, "anonymous": True, "quiet": True})
async def media(name: FromPath[str], tenant: NamedDependency[Tenant]) -> Response[bytes]:
    """`<sha256>.png`, or `<sha256>@2x.png` for the larger one of the same. Raises `PictureGone`."""
    found = NAME.fullmatch(name)
    if found is None:
        raise PictureGone
    digest, large, ending = found.groups()
    async with tenant.begin() as session:
        body = await queries.picture(session, f"{digest}.{ending}", large=bool(large))
    return Response(body, media_type=TYPES[ending], headers={"Cache-Control": FOR_EVER})
