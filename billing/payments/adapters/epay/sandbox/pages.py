"""The cashier's pages: plain forms, no script, one style sheet, Chinese or English by the browser."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Request, Response

from billing.payments.adapters.epay.sandbox.book import METHODS, GatewayOrder, Merchant

HERE = Path(__file__).parent
STYLE = (HERE / "static" / "cashier.css").read_text(encoding="utf-8")
TEMPLATES = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)

WORDS = {
    "zh": {
        "lang": "zh-CN",
        "title": "收银台",
        "pay_to": "付款给",
        "goods": "商品",
        "order_no": "商户订单号",
        "method": "支付方式",
        "alipay": "支付宝",
        "wxpay": "微信支付",
        "qqpay": "QQ 钱包",
        "confirm": "确认支付",
        "cancel": "取消，返回商家",
        "paid": "已支付",
        "back": "返回商家查看",
        "demo": "这是演示收银台，不会发生真实扣款。",
        "refused": "无法支付",
        "refused_help": "没有扣款。请回到商家页面重新下单，或联系商家。",
    },
    "en": {
        "lang": "en",
        "title": "Cashier",
        "pay_to": "Pay to",
        "goods": "Item",
        "order_no": "Merchant order",
        "method": "Payment method",
        "alipay": "Alipay",
        "wxpay": "WeChat Pay",
        "qqpay": "QQ Wallet",
        "confirm": "Confirm payment",
        "cancel": "Cancel and return to the shop",
        "paid": "Paid",
        "back": "Return to the shop",
        "demo": "This is a demonstration cashier. No real money moves.",
        "refused": "This payment cannot be made",
        "refused_help": "Nothing was charged. Go back to the shop and order again, or contact the shop.",
    },
}


def cashier(request: Request[Any, Any, Any], order: GatewayOrder, merchant: Merchant, return_to: str) -> Response[str]:
    """The page of one order. `return_to` is where a buyer who has paid goes on."""
    return _page(
        "cashier.html",
        200,
        f"form-action 'self' {order.return_origin}",  # browsers check the redirect after the form as well
        words=_words(request),
        order=order,
        merchant=merchant,
        methods=METHODS,
        return_to=return_to,
    )


def refusal(request: Request[Any, Any, Any], msg: str) -> Response[str]:
    return _page("refusal.html", 400, "form-action 'none'", words=_words(request), msg=msg)


def _page(template: str, status: int, form_action: str, **context: object) -> Response[str]:
    policy = f"default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; {form_action}"
    return Response(
        TEMPLATES.get_template(template).render(**context),
        status_code=status,
        media_type=MediaType.HTML,
        headers={
            "content-security-policy": policy,
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cache-control": "no-store",
        },
    )


def _words(request: Request[Any, Any, Any]) -> dict[str, str]:
    wanted = request.headers.get("accept-language", "").lower()
    return WORDS["en" if wanted.startswith("en") else "zh"]
