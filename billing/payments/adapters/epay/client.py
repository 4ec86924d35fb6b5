"""A merchant's side of epay v1: where to send the buyer, what to believe of a notice, how to ask.

Source: Blokura/Epay, `submit.php`, `api.php`, `template/default/doc.php`. The browser holds a valid signature
on `return_url`, so that one only shows and asks; a gateway may notify once or never, so `query` is asked too.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import urlencode, urlsplit

from msgspec import Struct

from billing.payments.adapters.epay.money import exact_cents, whole_cents, yuan_text
from billing.payments.adapters.epay.signing import EmptyKeyError, signed, verify
from billing.payments.adapters.port import (
    GatewayState,
    Notice,
    NotifyRefused,
    PayRequest,
    PayStatus,
    Refunded,
    RefundOutcome,
)
from kameng.infra.http import BadAnswer, NotSent, Outbound, OutboundError

PAYMENT_NO = re.compile(r"[A-Za-z0-9._|-]{1,64}", re.ASCII)
LONGEST_NAME_BYTES = 127
LONGEST_GATEWAY_NO = 128
PAID, UNPAID, REFUNDED = "1", "0", "2"

# In the signed text `&` and `=` divide fields and are not escaped, so a value that holds them can be cut
# into other fields under the same signature. Full-width ones read the same and divide nothing.
_DIVIDERS = str.maketrans({"&": "＆", "=": "＝"})


class Channel(Struct, frozen=True):
    """A merchant account at one gateway. `base_url` is the folder that holds submit.php; `key` is secret."""

    base_url: str
    pid: str
    key: str

    def __post_init__(self) -> None:
        if not self.key.strip():
            raise EmptyKeyError("an epay channel needs a key")
        if not self.pid.strip():
            raise ValueError("an epay channel needs a merchant id")
        if urlsplit(self.base_url).scheme not in ("http", "https") or not urlsplit(self.base_url).hostname:
            raise ValueError("an epay channel needs an http or https address")

    def page(self, name: str) -> str:
        return f"{self.base_url.rstrip('/')}/{name}"


class EpayProvider:
    """Implements `billing.payments.adapters.port.PaymentProvider` for one channel."""

    def __init__(self, channel: Channel, outbound: Outbound, timeout_s: float = 5.0) -> None:
        self._channel = channel
        self._outbound = outbound
        self._timeout_s = timeout_s

    def pay_url(self, request: PayRequest) -> str:
        return f"{self._channel.page('submit.php')}?{urlencode(self.pay_fields(request))}"

    def pay_fields(self, request: PayRequest) -> dict[str, str]:
        """The signed fields for a form that posts to submit.php. Raises `ValueError`."""
        if not PAYMENT_NO.fullmatch(request.payment_no):
            raise ValueError("a payment number has 1 to 64 letters, digits and . _ - |")
        name = plain_name(request.name)
        if not name:
            raise ValueError("a payment needs a name")
        fields = {
            "pid": self._channel.pid,
            "type": request.method,
            "out_trade_no": request.payment_no,
            "notify_url": request.notify_url,
            "return_url": request.return_url,
            "name": name,
            "money": yuan_text(request.amount_cents),
        }
        return signed(fields, self._channel.key)

    def read_notify(self, params: Mapping[str, str]) -> Notice:
        """`params` are the decoded query fields. The signature goes first, so a stranger learns no more."""
        if params.get("sign_type") != "MD5":
            raise NotifyRefused("sign_type")
        if not verify(params, self._channel.key):
            raise NotifyRefused("sign")
        for name, value in params.items():
            if "&" in value or "&" in name or "=" in name:
                raise NotifyRefused(name)  # could be a piece of another field, see _DIVIDERS
        if params.get("pid") != self._channel.pid:
            raise NotifyRefused("pid")
        if params.get("trade_status") != "TRADE_SUCCESS":
            raise NotifyRefused("trade_status")
        if not PAYMENT_NO.fullmatch(params.get("out_trade_no", "")):
            raise NotifyRefused("out_trade_no")
        if not params.get("trade_no"):
            raise NotifyRefused("trade_no")
        try:
            amount_cents = exact_cents(params.get("money", ""))
        except ValueError as error:
            raise NotifyRefused("money") from error
        return Notice(params["out_trade_no"], params["trade_no"], amount_cents, params.get("type", ""))

    async def query(self, payment_no: str) -> GatewayState:
        # The protocol puts the key into the query; the outbound door keeps addresses out of logs and errors.
        channel = self._channel
        asked = {"act": "order", "pid": channel.pid, "key": channel.key, "out_trade_no": payment_no}
        url = f"{channel.page('api.php')}?{urlencode(asked)}"
        try:
            reply = await self._outbound.request("GET", url, timeout_s=self._timeout_s)
            if reply.status != 200:
                raise BadAnswer(f"HTTP {reply.status}")
            return _state(reply.json(_OrderReply), self._channel.pid, payment_no)
        except OutboundError as error:
            return GatewayState(PayStatus.UNKNOWN, detail=str(error)[:200])

    async def refund(self, payment_no: str, amount_cents: int) -> Refunded:
        # `act=refund` takes no reference of ours; source: Blokura/Epay, `api.php`.
        channel = self._channel
        asked = {
            "act": "refund",
            "pid": channel.pid,
            "key": channel.key,
            "out_trade_no": payment_no,
            "money": yuan_text(amount_cents),
        }
        try:
            reply = await self._outbound.request(
                "POST",
                f"{channel.page('api.php')}?act=refund",
                data=asked,
                timeout_s=self._timeout_s,
            )
            if reply.status != 200:
                raise BadAnswer(f"HTTP {reply.status}")
            told = reply.json(_RefundReply)
        except NotSent as error:
            return Refunded(RefundOutcome.NOT_SENT, str(error)[:200])
        except OutboundError as error:
            return Refunded(RefundOutcome.UNKNOWN, str(error)[:200])
        outcome = RefundOutcome.DONE if str(told.code) == "1" else RefundOutcome.FAILED
        return Refunded(outcome, (told.msg or f"code {told.code}")[:200])


class _RefundReply(Struct):
    """What act=refund answers: code 1 is done, any other a refusal."""

    code: int | str
    msg: str | None = None


class _OrderReply(Struct):
    """What act=order answers; gateways write numbers as JSON numbers or as strings."""

    code: int | str
    msg: str | None = None
    pid: int | str | None = None
    status: int | str | None = None
    money: Decimal | None = None
    trade_no: str | int | None = None
    out_trade_no: str | int | None = None


def _state(told: _OrderReply, pid: str, payment_no: str) -> GatewayState:
    """Raises `BadAnswer` when it is about something else or says paid without saying how much."""
    if str(told.code) != "1":
        return GatewayState(PayStatus.UNKNOWN, detail=f"code {told.code}: {told.msg or ''}"[:200])
    if str(told.out_trade_no) != payment_no or (told.pid is not None and str(told.pid) != pid):
        raise BadAnswer("an answer about another payment")
    if str(told.status) == UNPAID:
        return GatewayState(PayStatus.UNPAID, gateway_no=str(told.trade_no or ""))
    if str(told.status) == REFUNDED:
        return GatewayState(PayStatus.REFUNDED, gateway_no=str(told.trade_no or "")[:LONGEST_GATEWAY_NO])
    if str(told.status) != PAID:
        return GatewayState(PayStatus.UNKNOWN, detail=f"status {told.status}"[:200])
    try:
        amount_cents = whole_cents(told.money if told.money is not None else Decimal("NaN"))
    except ValueError as error:
        raise BadAnswer(f"paid, but money is {error}") from error
    gateway_no = str(told.trade_no or "")
    if len(gateway_no) > LONGEST_GATEWAY_NO or not gateway_no.isprintable():
        raise BadAnswer("paid, but trade_no is not a number")
    return GatewayState(PayStatus.PAID, amount_cents, gateway_no)


def plain_name(name: str) -> str:
    """A product's name as it may stand in a signed text: one line, no dividers, at most 127 bytes."""
    one_line = " ".join("".join(c if c.isprintable() else " " for c in name).split())
    return one_line.translate(_DIVIDERS).encode()[:LONGEST_NAME_BYTES].decode(errors="ignore").strip()
