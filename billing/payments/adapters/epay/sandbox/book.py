"""What the sandbox gateway remembers: merchants, orders and every notice it sent. All in memory."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from hmac import compare_digest
from urllib.parse import urlsplit

from msgspec import Struct

from billing.payments.adapters.epay.client import PAYMENT_NO
from billing.payments.adapters.epay.money import exact_cents, yuan_text
from billing.payments.adapters.epay.signing import signed, verify
from kameng.infra.serve import Expected

METHODS = ("alipay", "wxpay", "qqpay")
CHINA = timezone(timedelta(hours=8))  # the protocol writes times of day without a zone


class GatewayRefusal(Expected):
    """What the gateway tells a merchant or a buyer in its own words."""

    def __init__(self, msg: str) -> None:
        super().__init__(msg)
        self.msg = msg


class Merchant(Struct, frozen=True):
    pid: str
    key: str
    name: str


class GatewayOrder(Struct):
    """One payment. `method` may be empty until the buyer chooses; times are UTC."""

    trade_no: str
    pid: str
    out_trade_no: str
    method: str
    name: str
    amount_cents: int
    notify_url: str
    return_url: str
    param: str
    created_at: datetime
    paid_at: datetime | None = None
    refunded_cents: int = 0

    @property
    def money(self) -> str:
        return yuan_text(self.amount_cents)

    @property
    def status(self) -> int:
        """1 paid, 0 unpaid, 2 wholly refunded: the words of act=order."""
        if self.refunded_cents == self.amount_cents:
            return 2
        return int(self.paid_at is not None)

    @property
    def return_origin(self) -> str:
        parts = urlsplit(self.return_url)
        return f"{parts.scheme}://{parts.netloc}"


class SentNotice(Struct):
    """One notice and what came back. `http_status` 0 when nothing came; `reply` at most 200 characters."""

    trade_no: str
    out_trade_no: str
    url: str
    sent_at: datetime
    http_status: int
    reply: str
    accepted: bool


class Book:
    def __init__(self, merchants: Mapping[str, Merchant]) -> None:
        self.merchants = merchants
        self.orders: dict[str, GatewayOrder] = {}
        self._of_merchant: dict[tuple[str, str], GatewayOrder] = {}
        self.notices: list[SentNotice] = []

    def open(self, params: Mapping[str, str]) -> GatewayOrder:
        """The order that submit.php or mapi.php asks for; the same one when asked again.

        Raises `GatewayRefusal`.
        """
        merchant = self._merchant(params.get("pid", ""))
        if params.get("sign_type", "MD5") != "MD5" or not verify(params, merchant.key):
            raise GatewayRefusal("签名校验失败，请返回重试")
        amount_cents = _check(params)
        if earlier := self._of_merchant.get((merchant.pid, params["out_trade_no"])):
            if earlier.amount_cents != amount_cents:
                raise GatewayRefusal("该商户订单号已存在，且金额不同")
            return earlier
        order = GatewayOrder(
            trade_no=_new_trade_no(),
            pid=merchant.pid,
            out_trade_no=params["out_trade_no"],
            method=params.get("type", ""),
            name=params["name"],
            amount_cents=amount_cents,
            notify_url=params["notify_url"],
            return_url=params["return_url"],
            param=params.get("param", ""),
            created_at=datetime.now(UTC),
        )
        self.orders[order.trade_no] = order
        self._of_merchant[order.pid, order.out_trade_no] = order
        return order

    def order(self, trade_no: str) -> GatewayOrder:
        """Raises `GatewayRefusal`."""
        if trade_no not in self.orders:
            raise GatewayRefusal("订单号不存在")
        return self.orders[trade_no]

    def pay(self, trade_no: str, method: str = "") -> bool:
        """Marks it paid. True the first time only, so that one payment starts one series of notices."""
        order = self.order(trade_no)
        if order.paid_at is not None:
            return False
        order.method = order.method or (method if method in METHODS else METHODS[0])
        order.paid_at = datetime.now(UTC)
        return True

    def merchant_of(self, params: Mapping[str, str]) -> Merchant:
        """Who asks api.php with pid and key. Raises `GatewayRefusal`."""
        merchant = self._merchant(params.get("pid", ""))
        if not compare_digest(merchant.key.encode(), params.get("key", "").encode(errors="surrogatepass")):
            raise GatewayRefusal("商户密钥错误")
        return merchant

    def order_of(self, merchant: Merchant, params: Mapping[str, str]) -> GatewayOrder:
        """The merchant's own order by trade_no or out_trade_no. Raises `GatewayRefusal`."""
        order = self.orders.get(params.get("trade_no", "")) or self._of_merchant.get(
            (merchant.pid, params.get("out_trade_no", ""))
        )
        if order is None or order.pid != merchant.pid:
            raise GatewayRefusal("订单号不存在")
        return order

    def signed_result(self, order: GatewayOrder) -> dict[str, str]:
        """The signed set of a paid order: the same for the notice and for the browser."""
        fields = {
            "pid": order.pid,
            "trade_no": order.trade_no,
            "out_trade_no": order.out_trade_no,
            "type": order.method,
            "name": order.name,
            "money": order.money,
            "param": order.param,
            "trade_status": "TRADE_SUCCESS",
        }
        return signed(fields, self.merchants[order.pid].key)

    def _merchant(self, pid: str) -> Merchant:
        if pid not in self.merchants:
            raise GatewayRefusal("商户不存在")
        return self.merchants[pid]


def china_time(moment: datetime | None) -> str:
    return moment.astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def _check(params: Mapping[str, str]) -> int:
    """The amount in cents of a request whose other fields are right too. Raises `GatewayRefusal`."""
    if not PAYMENT_NO.fullmatch(params.get("out_trade_no", "")):
        raise GatewayRefusal("商户订单号(out_trade_no)格式不正确")
    if not params.get("name"):
        raise GatewayRefusal("商品名称(name)不能为空")
    for field, word in (("notify_url", "通知地址"), ("return_url", "回调地址")):
        parts = urlsplit(params.get(field, ""))
        if parts.scheme not in ("http", "https") or not parts.hostname or not _plain(parts.netloc):
            raise GatewayRefusal(f"{word}({field})不正确")
    if params.get("type", "") not in ("", *METHODS):
        raise GatewayRefusal("支付方式(type)不存在")
    try:
        amount_cents = exact_cents(params.get("money", ""))
    except ValueError as error:
        raise GatewayRefusal("金额(money)不合法") from error
    if amount_cents == 0:
        raise GatewayRefusal("金额(money)不合法")
    return amount_cents


def _plain(netloc: str) -> bool:
    """Nothing that could end a directive of the page's content security policy."""
    return netloc.isascii() and not any(letter in netloc for letter in " ;,'\"@")


def _new_trade_no() -> str:
    return f"{datetime.now(CHINA):%Y%m%d%H%M%S}{secrets.randbelow(10**10):010d}"
