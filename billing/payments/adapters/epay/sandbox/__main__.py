"""The sandbox payment gateway: `python -m billing.payments.adapters.epay.sandbox --port N`.

Speaks epay v1 to merchants and shows buyers a cashier whose button pays at once; no money moves. It prints
one line once it listens and ends on SIGTERM. Merchants come from `--merchant PID:KEY:NAME` (may repeat) or,
as a comma-separated list of the same, from `SANDBOX_GATEWAY_MERCHANTS`; the token in `X-Control-Token` for
`/control` comes from `SANDBOX_GATEWAY_CONTROL`. The defaults are known to everybody, so they serve on
loopback only.

Control API, JSON: `GET|POST /control/notify` (`notifier.NotifyPlan`), `GET /control/orders`,
`GET /control/notices`, `POST /control/orders/{number}/pay`, `POST /control/orders/{number}/notice`.
"""

import argparse
import os
from ipaddress import ip_address

from billing.payments.adapters.epay.sandbox.app import build
from billing.payments.adapters.epay.sandbox.book import Book, Merchant
from kameng.infra.serve import serve_until_signal

KNOWN_MERCHANT = "1001:sandbox-merchant:演示商户"
KNOWN_CONTROL = "sandbox-control"


def main() -> None:
    asked = _arguments().parse_args()
    given = asked.merchant or os.environ.get("SANDBOX_GATEWAY_MERCHANTS", KNOWN_MERCHANT).split(",")
    control = os.environ.get("SANDBOX_GATEWAY_CONTROL", KNOWN_CONTROL)
    if not control:
        raise SystemExit("SANDBOX_GATEWAY_CONTROL must not be empty")
    if not ip_address(asked.host).is_loopback and (KNOWN_MERCHANT in given or control == KNOWN_CONTROL):
        raise SystemExit(
            "off loopback, set SANDBOX_GATEWAY_MERCHANTS and SANDBOX_GATEWAY_CONTROL to values of your own"
        )
    merchants = [_merchant(text) for text in given]
    book = Book({merchant.pid: merchant for merchant in merchants})
    app = build(book, control, asked.retry_ms)
    serve_until_signal(app, host=asked.host, port=asked.port, name="sandbox payment gateway")


def _merchant(text: str) -> Merchant:
    pid, _, rest = text.partition(":")
    key, _, name = rest.partition(":")
    if not pid.strip() or not key.strip():
        raise SystemExit("a merchant is PID:KEY:NAME, with neither PID nor KEY empty")
    return Merchant(pid, key, name or f"商户 {pid}")


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="billing.payments.adapters.epay.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1", help="an IP address; default 127.0.0.1")
    parser.add_argument("--merchant", action="append", metavar="PID:KEY:NAME")
    parser.add_argument("--retry-ms", type=int, default=500, help="first pause between notices; it doubles")
    return parser


if __name__ == "__main__":
    main()
