"""The sandbox supplier: `python -m supplier_gateway.adapters.sandbox.server --port N [--state FILE]`.

A real HTTP supplier for demo and tests, speaking `supplier_gateway.adapters.sandbox.protocol`. It prints one
line once it listens and ends on SIGTERM. Secrets come from the environment: `SANDBOX_SUPPLIER_SECRET` (signs
the account's requests) and `SANDBOX_SUPPLIER_CONTROL` (the token in `X-Control-Token` for `/control`). The
defaults are known to everybody, so they serve on loopback only.

Control API, JSON: `GET|POST /control/faults` (`faults.Plan`), `GET /control/orders`, `POST /control/goods`
(a list of goods), `POST /control/balance`.
"""

import argparse
import os
from ipaddress import ip_address
from pathlib import Path

from kameng.infra.serve import serve_until_signal
from supplier_gateway.adapters.sandbox.app import build
from supplier_gateway.adapters.sandbox.door import Door
from supplier_gateway.adapters.sandbox.shelf import Shelf, load

KNOWN_ACCOUNT = "demo"
KNOWN_SECRET = "sandbox-supplier"  # noqa: S105  # of the sandbox only, refused off loopback
KNOWN_CONTROL = "sandbox-control"


def main() -> None:
    asked = _arguments().parse_args()
    secret = os.environ.get("SANDBOX_SUPPLIER_SECRET", KNOWN_SECRET)
    control = os.environ.get("SANDBOX_SUPPLIER_CONTROL", KNOWN_CONTROL)
    if not secret or not control:
        raise SystemExit("SANDBOX_SUPPLIER_SECRET and SANDBOX_SUPPLIER_CONTROL must not be empty")
    if not ip_address(asked.host).is_loopback and (secret == KNOWN_SECRET or control == KNOWN_CONTROL):
        raise SystemExit("off loopback, set SANDBOX_SUPPLIER_SECRET and SANDBOX_SUPPLIER_CONTROL to values of your own")
    shelf = load(asked.state) if asked.state else Shelf()
    app = build(shelf, Door(asked.account, secret, control), asked.state)
    serve_until_signal(app, host=asked.host, port=asked.port, name="sandbox supplier")


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="supplier_gateway.adapters.sandbox.server", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1", help="an IP address; default 127.0.0.1")
    parser.add_argument("--state", type=Path, help="a JSON file that keeps goods, wallet and orders")
    parser.add_argument("--account", default=KNOWN_ACCOUNT)
    return parser


if __name__ == "__main__":
    main()
