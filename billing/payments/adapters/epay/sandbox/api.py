"""What api.php and mapi.php answer, in the field names and codes of the reference gateway."""

from collections.abc import Mapping

from billing.payments.adapters.epay.money import exact_cents
from billing.payments.adapters.epay.sandbox.book import (
    Book,
    GatewayOrder,
    GatewayRefusal,
    Merchant,
    china_time,
)


def open_by_machine(book: Book, params: Mapping[str, str], base_url: str) -> dict[str, object]:
    """mapi.php: opens an order and says where its buyer pays. Raises `GatewayRefusal`."""
    if not params.get("clientip"):
        raise GatewayRefusal("用户IP地址(clientip)不能为空")
    order = book.open(params)
    page = f"{base_url.rstrip('/')}/cashier/{order.trade_no}"
    return {"code": 1, "msg": "success", "trade_no": order.trade_no, "payurl": page}


def answer(book: Book, params: Mapping[str, str], *, by_post: bool) -> dict[str, object]:
    """api.php. Raises `GatewayRefusal`."""
    merchant = book.merchant_of(params)
    match params.get("act"):
        case "order":
            return _order(book.order_of(merchant, params))
        case "query":
            return _merchant(book, merchant)
        case "refund" if by_post:
            return _refund(book.order_of(merchant, params), params.get("money", ""))
        case _:
            raise GatewayRefusal("No Act!")


def _order(order: GatewayOrder) -> dict[str, object]:
    return {
        "code": 1,
        "msg": "查询订单号成功！",
        "trade_no": order.trade_no,
        "out_trade_no": order.out_trade_no,
        "type": order.method,
        "pid": order.pid,
        "addtime": china_time(order.created_at),
        "endtime": china_time(order.paid_at),
        "name": order.name,
        "money": order.money,
        "param": order.param,
        "status": order.status,
    }


def _merchant(book: Book, merchant: Merchant) -> dict[str, object]:
    paid = [order for order in book.orders.values() if order.pid == merchant.pid and order.paid_at]
    cents = sum(order.amount_cents - order.refunded_cents for order in paid)
    return {
        "code": 1,
        "pid": merchant.pid,
        "active": 1,
        "money": f"{cents // 100}.{cents % 100:02d}",
        "orders": len(paid),
    }


def _refund(order: GatewayOrder, money: str) -> dict[str, object]:
    try:
        cents = exact_cents(money)
    except ValueError as error:
        raise GatewayRefusal("退款金额(money)不合法") from error
    if order.paid_at is None:
        raise GatewayRefusal("订单未支付，不能退款")
    if not 0 < cents <= order.amount_cents - order.refunded_cents:
        raise GatewayRefusal("退款金额超过可退金额")
    order.refunded_cents += cents
    return {"code": 1, "msg": f"退款成功！退款金额￥{money}"}
