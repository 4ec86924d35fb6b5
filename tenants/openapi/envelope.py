"""How this door speaks: `{"ok": true, ...}`, or `{"ok": false, "error_code": ..., "error_message": ...}`."""

from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException
from msgspec import ValidationError

from billing.ledger.errors import DepositTooLow, PriceChanged, WalletTooLow
from kameng.core.errors import Conflict, Invalid, KamengError, NotFound, TooManyRequests, Unauthenticated
from kameng.web.guards import Closed
from kameng.web.i18n import of_error
from tenants.openapi.errors import CancelNotAllowed
from tenants.orders.errors import NotTakingOrders, OrderGone, QuantityOutOfRange, SoldOut
from tenants.shop.errors import ProductGone

AnyRequest = Request[Any, Any, Any]

# The first family that fits. Codes and statuses are the protocol's where it has one.
CODES: tuple[tuple[type[KamengError], str, int], ...] = (
    (WalletTooLow, "insufficient_balance", 402),
    (SoldOut, "insufficient_stock", 409),
    (DepositTooLow, "product_unavailable", 409),
    (NotTakingOrders, "product_unavailable", 409),
    (PriceChanged, "price_changed", 409),
    (CancelNotAllowed, "cancel_not_allowed", 409),
    (QuantityOutOfRange, "bad_request", 400),
    (ProductGone, "product_not_found", 404),
    (OrderGone, "order_not_found", 404),
    (Invalid, "bad_request", 400),
    (Unauthenticated, "unauthorized", 401),
    (TooManyRequests, "too_many_requests", 429),
    (Closed, "site_closed", 503),
    (NotFound, "not_found", 404),
    (Conflict, "conflict", 409),
    (KamengError, "bad_request", 400),
)


def ok(**values: Any) -> Response[dict[str, Any]]:
    return Response({"ok": True, **values})


def refused(_: AnyRequest, error: KamengError) -> Response[dict[str, Any]]:
    """Litestar's handler for our own errors on this door."""
    code, status = next((code, status) for family, code, status in CODES if isinstance(error, family))
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, TooManyRequests) else {}
    return _not_ok(code, _words(error), status, headers)


def unreadable(_: AnyRequest, error: HTTPException | ValidationError) -> Response[dict[str, Any]]:
    """For bodies and parameters that are not what the protocol says."""
    status = error.status_code if isinstance(error, HTTPException) else 400
    if status >= 500:
        raise error
    return _not_ok("bad_request" if status != 404 else "not_found", str(getattr(error, "detail", error)), status, {})


def _words(error: KamengError) -> str:
    if isinstance(error, Invalid):
        return "; ".join(f"{field}: {message}" for field, message in error.errors.items())
    return of_error(error)


def _not_ok(code: str, message: str, status: int, headers: dict[str, str]) -> Response[dict[str, Any]]:
    body = {"ok": False, "error_code": code, "error_message": message}
    return Response(body, status_code=status, headers=headers)
