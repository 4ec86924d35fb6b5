"""`/pay/{channel}/{no}/notify`: where gateways report.

The answer is one word; `success` ends their repeating.
"""

from urllib.parse import parse_qsl

import structlog
from litestar import Response, route
from litestar.di import NamedDependency
from litestar.params import FromPath

from billing.payments import queries as payments
from billing.payments import service as paying
from billing.payments.errors import ChannelGone, PaymentGone
from billing.payments.till import Till
from kameng.core.errors import Invalid, KamengError
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from kameng.web import context, forms
from kameng.web.answers import AnyRequest
from tenants.orders.payments import CHARGED
from tenants.storefront import cashier, numbers

log = structlog.get_logger()

LAST_CHANNEL = 2**31 - 1
MOST_PARAMS = 100
HEARD = 200
BY_MACHINES = {"public": True, "csrf": False}


@route("/pay/{channel_id:int}/{no:str}/notify", http_method=["GET", "POST"], opt=BY_MACHINES)
async def notify(
    request: AnyRequest,
    channel_id: FromPath[int],
    no: FromPath[str],
    runtime: NamedDependency[Runtime],
    tenant: NamedDependency[Tenant],
) -> Response[bytes]:
    """A gateway's notice: `success` when the payment is credited, now or before; `fail` otherwise."""
    answer = await hear(request, runtime, tenant, channel_id, no)
    if answer.status_code == HEARD:
        await go_on(runtime, tenant, no)
    return answer


async def hear(request: AnyRequest, runtime: Runtime, till: Till, channel_id: int, no: str) -> Response[bytes]:
    """What a gateway is told that reports to a till: `success` with the status `HEARD`, or `fail`."""
    try:
        address = context.of(request.scope).address
        believed = await paying.notified(
            runtime, till, _channel(channel_id), numbers.payment_no(no), await _params(request), address
        )
    except (PaymentGone, ChannelGone):
        return _word(b"fail", 404)
    except KamengError:
        return _word(b"fail", 400)
    return _word(b"success", HEARD) if believed else _word(b"fail", 400)


def _channel(channel_id: int) -> int:
    if not 0 < channel_id <= LAST_CHANNEL:
        raise ChannelGone
    return channel_id


async def _params(request: AnyRequest) -> dict[str, str]:
    """Query and form together. Raises `WrongType`, `BodyTooLarge`, `Invalid`."""
    try:
        query = request.scope["query_string"].decode("latin-1")
        said = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMS)
    except ValueError:  # UnicodeDecodeError is one
        raise Invalid({"query": "This cannot be read."}) from None
    if request.method == "POST" and await request.body():
        said += await forms.pairs(request)
    return dict(said)


async def go_on(runtime: Runtime, tenant: Tenant, no: str) -> None:
    """Charges the order that waits for this payment, so that its buyer has the key at once."""
    try:
        async with tenant.begin() as session:
            payment = await payments.payment(session, no)
        if payment.purpose in CHARGED:
            await CHARGED[payment.purpose](runtime, tenant, payment.subject)
        else:
            await runtime.hub.changed(cashier.topic(tenant, no))
    except Exception:  # the money is credited, and that is the answer; a worker does this step again
        log.exception("paid_order_left_to_worker", payment=no)


def _word(word: bytes, status: int) -> Response[bytes]:
    return Response(word, status_code=status, media_type="text/plain")
