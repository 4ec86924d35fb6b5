"""Who may speak to the sandbox supplier: signed requests under `/v1`, a token under `/control`."""

import hmac
import time
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler
from msgspec import Struct, field

from supplier_gateway.adapters.sandbox.protocol import (
    ACCOUNT_HEADER,
    LARGEST_SKEW_S,
    NONCE_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    Refused,
    sign,
)
from supplier_gateway.adapters.sandbox.shelf import RefusedError

CONTROL_HEADER = "x-control-token"


class Door(Struct):
    """The one account, the control token, and the nonces of the last minutes with the time each may go."""

    account: str
    secret: str
    control_token: str
    nonces: dict[str, float] = field(default_factory=dict)

    async def check_signature(self, request: Request[Any, Any, Any]) -> None:
        """Goes before every request under `/v1`. Raises `RefusedError` (signature)."""
        body = await request.body()
        given = request.headers
        timestamp, nonce = given.get(TIMESTAMP_HEADER, ""), given.get(NONCE_HEADER, "")
        right = sign(self.secret, request.method, _target(request), timestamp, nonce, body)
        if given.get(ACCOUNT_HEADER) != self.account:
            raise RefusedError(Refused.SIGNATURE, "no such account")
        if not hmac.compare_digest(right.encode(), given.get(SIGNATURE_HEADER, "").encode()):
            raise RefusedError(Refused.SIGNATURE, "wrong signature")
        if not timestamp.isascii() or not timestamp.isdigit():
            raise RefusedError(Refused.SIGNATURE, "timestamp is not seconds")
        if abs(time.time() - int(timestamp)) > LARGEST_SKEW_S:
            raise RefusedError(Refused.SIGNATURE, "timestamp is too far from now")
        self._use(nonce)

    def check_control(self, connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        """A guard of the control API. Raises `NotAuthorizedException`."""
        given = connection.headers.get(CONTROL_HEADER, "")
        if not hmac.compare_digest(given.encode(), self.control_token.encode()):
            raise NotAuthorizedException("wrong or missing control token")

    def _use(self, nonce: str) -> None:
        now = time.time()
        while self.nonces and next(iter(self.nonces.values())) <= now:  # oldest first
            del self.nonces[next(iter(self.nonces))]
        if not 8 <= len(nonce) <= 64:
            raise RefusedError(Refused.SIGNATURE, "a nonce has 8 to 64 characters")
        if nonce in self.nonces:
            raise RefusedError(Refused.SIGNATURE, "this nonce was used before")
        self.nonces[nonce] = now + 2 * LARGEST_SKEW_S


def _target(request: Request[Any, Any, Any]) -> str:
    query = request.scope["query_string"].decode("latin-1")
    path = request.scope["raw_path"].decode("latin-1")
    return f"{path}?{query}" if query else path
