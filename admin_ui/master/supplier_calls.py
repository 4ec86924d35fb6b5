"""`/supplier-callbacks/{supplier}/{token}` at the master's host: where suppliers say that an order has news. Public.

Nothing of what is said is believed. An authentic call names a purchase, and that is asked about: so a call that comes
twice, late or in the wrong order does no harm, and one that never comes costs a little time.
"""

import structlog
from litestar import Response, post
from litestar.di import NamedDependency
from litestar.enums import MediaType
from litestar.params import FromPath

from admin_ui.frame import AnyRequest
from kameng.core.errors import NotFound, TooManyRequests
from kameng.infra import ratelimit
from kameng.infra.ratelimit import Limit
from kameng.infra.runtime import Runtime
from kameng.web import context
from supplier_gateway.port import Called, CallRefused
from supplier_gateway.suppliers import service

log = structlog.get_logger()

BY_MACHINES = {"public": True, "csrf": False, "quiet": True}  # an address with a secret does not belong into the log
LAST_SUPPLIER = 2**31 - 1
CALLING = Limit(name="supplier-callbacks", attempts=1200, per_s=60, fails_open=True)


@post("/supplier-callbacks/{supplier_id:int}/{token:str}", opt=BY_MACHINES, media_type=MediaType.TEXT)
async def supplier_called(
    request: AnyRequest, supplier_id: FromPath[int], token: FromPath[str], runtime: NamedDependency[Runtime]
) -> Response[str]:
    """`ok` when the call was heard, now or before; `fail` when it is not the supplier's."""
    try:
        await ratelimit.take(runtime.redis, (CALLING, context.of(request.scope).address))
        reference = await service.heard(runtime, _number(supplier_id), token, await _call(request))
    except NotFound:
        return Response("fail", status_code=404)
    except CallRefused as refused:
        log.warning("supplier_call_refused", supplier=supplier_id, why=str(refused))
        return Response("fail", status_code=400)
    except TooManyRequests as wait:
        return Response("fail", status_code=429, headers={"Retry-After": str(wait.retry_after_s)})
    log.info("supplier_called", supplier=supplier_id, reference=reference)
    return Response("ok", status_code=200)


def _number(supplier_id: int) -> int:
    """Raises `NotFound` for a number that no supplier can have."""
    if not 0 < supplier_id <= LAST_SUPPLIER:
        raise NotFound
    return supplier_id


async def _call(request: AnyRequest) -> Called:
    query = request.scope["query_string"].decode("latin-1")
    path = request.scope["raw_path"].decode("latin-1")
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Called(request.method, f"{path}?{query}" if query else path, headers, await request.body())
