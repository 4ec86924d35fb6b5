"""Plain HTTP to servers on this machine. For each client that it makes httpx reads the certificates of all authorities,
which takes longer than ten of these calls; here nobody needs any."""

import ssl
from typing import Any

import httpx

NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

# A connection of its own for each call: the next time another server may stand behind the address.
http = httpx.Client(verify=NO_AUTHORITIES, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


def async_client(**options: Any) -> httpx.AsyncClient:
    """With the options of httpx's own."""
    return httpx.AsyncClient(verify=NO_AUTHORITIES, trust_env=False, **options)
