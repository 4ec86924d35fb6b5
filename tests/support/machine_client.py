"""A downstream shop: signs what it asks, as the protocol says."""

import hashlib
import hmac
import json
import time
from typing import Any

import httpx

from kameng.web.dispatch import HostDispatch

ROOT = "/api/v1/upstream"


class MachineClient:
    """Requests of one key at one host. `skew_s` is how far its clock is off."""

    def __init__(self, door: HostDispatch, host: str, key: str, secret: str, skew_s: int = 0) -> None:
        self.key, self.secret, self.skew_s = key, secret, skew_s
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url=f"http://{host}")

    async def get(self, path: str) -> httpx.Response:
        return await self.ask("GET", path)

    async def post(self, path: str, body: Any = None) -> httpx.Response:
        return await self.ask("POST", path, b"" if body is None else json.dumps(body).encode())

    async def ask(self, method: str, path: str, body: bytes = b"") -> httpx.Response:
        """`path` begins behind the protocol's root, or with a slash and `api`."""
        full = path if path.startswith(ROOT) else ROOT + path
        timestamp = str(int(time.time()) + self.skew_s)
        digest = hashlib.md5(body, usedforsecurity=False).hexdigest()
        said = f"{method}\n{full.partition('?')[0]}\n{timestamp}\n{digest}"
        headers = {
            "Dujiao-Next-Api-Key": self.key,
            "Dujiao-Next-Timestamp": timestamp,
            "Dujiao-Next-Signature": hmac.new(self.secret.encode(), said.encode(), hashlib.sha256).hexdigest(),
        }
        return await self.http.request(method, full, content=body, headers=headers)
