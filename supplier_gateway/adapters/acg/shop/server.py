"""The fake shop: `python -m supplier_gateway.adapters.acg.shop.server --port N`.

It prints one line once it listens and ends on SIGTERM. `ACG_SHOP_KEY` is the account's app_key, `ACG_SHOP_CONTROL` the
token in `X-Control-Token` for `/control`: the control API of the sandbox supplier, with articles at `/control/items`.
The defaults are known to everybody, so they serve on loopback only.
"""

import argparse
import os
from ipaddress import ip_address

from kameng.infra.serve import serve_until_signal
from supplier_gateway.adapters.acg.shop.app import Account, build
from supplier_gateway.adapters.acg.shop.shelf import Shelf

KNOWN_ACCOUNT = "7"
KNOWN_KEY = "acg-shop-key"
KNOWN_CONTROL = "acg-shop-control"


def main() -> None:
    asked = _arguments().parse_args()
    key = os.environ.get("ACG_SHOP_KEY", KNOWN_KEY)
    control = os.environ.get("ACG_SHOP_CONTROL", KNOWN_CONTROL)
    if not key or not control:
        raise SystemExit("ACG_SHOP_KEY and ACG_SHOP_CONTROL must not be empty")
    if not ip_address(asked.host).is_loopback and (key == KNOWN_KEY or control == KNOWN_CONTROL):
        raise SystemExit("off loopback, set ACG_SHOP_KEY and ACG_SHOP_CONTROL to values of your own")
    app = build(Shelf(), Account(asked.account, key, control))
    serve_until_signal(app, host=asked.host, port=asked.port, name="acg shop")


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="supplier_gateway.adapters.acg.shop.server", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1", help="an IP address; default 127.0.0.1")
    parser.add_argument("--account", default=KNOWN_ACCOUNT, help="the app_id")
    return parser


if __name__ == "__main__":
    main()
