"""The example data of the gallery, in the shape that the real pages are given."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

NOW = dt.datetime(2026, 11, 22, 14, 9, 0, tzinfo=dt.UTC)


@dataclass
class Page:
    """What a list page is given."""

    items: list[Any] = field(default_factory=list)
    total: int = 1284
    page: int = 2
    pages: int = 65
    size: int = 20
    query: str = ""

    def url(self, page: int) -> str:
        return f"?page={page}"


def context() -> dict[str, Any]:
    """Everything a sample page may name; a page is one of the files under `pages/`."""
    return {
        "site": SimpleNamespace(
            name="星河点卡",
            slug="star",
            accent="#0a7d5a",
            notice="双十一期间话费充值可能延迟 10 分钟到账。",
            contact="微信 xinghe-kf",
            theme="classic",
            logo="",
            favicon="",
            contacts={"qq": "10001", "hours": "9:00-23:00"},
            footer=[{"path": "about", "title": "关于我们"}],
        ),
        "viewer": SimpleNamespace(name="李娜", title="站长", wallet_cents=12850, places=(), visit=None, visits=()),
        "nav": [
            nav("概览", "/overview", "layout-dashboard"),
            nav("订单", "/orders", "receipt"),
            nav("商品", "/products", "package"),
            nav("异常", "/desk", "alert-triangle"),
            nav("买家", "/buyers", "users", section="经营"),
            nav("财务", "/finance", "coin"),
            nav("设置", "/settings", "settings", section="店铺"),
        ],
        "now": NOW,
        "deadline": NOW + dt.timedelta(minutes=14, seconds=32),
        "page": Page(),
        "products": products(),
        "orders": orders(),
        "methods": [
            {"id": "wallet", "label": "余额", "icon": "wallet", "note": "可用 ¥128.50"},
            {"id": "wechat", "label": "微信支付", "icon": "brand-wechat"},
            {"id": "alipay", "label": "支付宝", "icon": "brand-alipay"},
            {"id": "usdt", "label": "USDT", "icon": "coin", "disabled": True},
        ],
        "form": SimpleNamespace(
            values={
                "title": "星尘点卡 100 元",
                "price": "9.8O",
                "category": "game",
                "note": "",
                "listed": "yes",
                "name": "li",
            },
            errors={
                "price": "写成数字，例如 98.50。",
                "note": "写一句使用说明，买家会在卡密下方看到。",
            },
        ),
        "wrong": SimpleNamespace(values={}, errors={"": "邮箱或密码不对。"}),
        "entries": [
            SimpleNamespace(account="买家钱包", amount_cents=-9850),
            SimpleNamespace(account="店铺收入", amount_cents=9850),
            SimpleNamespace(account="预存款", amount_cents=-9400),
            SimpleNamespace(account="主站批发收入", amount_cents=9400),
        ],
        "line": {
            "xAxis": {"type": "category", "data": [f"{hour}:00" for hour in range(24)]},
            "series": [
                {
                    "type": "line",
                    "name": "今天",
                    "data": [3, 1, 0, 0, 1, 2, 6, 14, 22, 31, 40, 52, 64, 58, 47],
                },
                {
                    "type": "line",
                    "name": "昨天",
                    "lineStyle": {"type": "dashed"},
                    "data": [
                        5,
                        2,
                        1,
                        0,
                        0,
                        3,
                        8,
                        12,
                        20,
                        33,
                        44,
                        49,
                        60,
                        55,
                        51,
                        42,
                        40,
                        48,
                        66,
                        84,
                        97,
                        88,
                        54,
                        21,
                    ],
                },
            ],
        },
        "bars": {
            "xAxis": {"type": "category", "data": ["星尘 100", "话费 50", "视频月卡", "星尘 50", "电费"]},
            "series": [{"type": "bar", "name": "收入", "data": [4561200, 3120000, 1870000, 940000, 310000]}],
        },
        "status": 404,
        "error_id": "0192-7F3C-A1",
    }


def nav(label: str, href: str, icon: str, section: str = "") -> dict[str, Any]:
    return {"label": label, "href": href, "icon": icon, "active": label == "订单", "section": section}


def products() -> list[SimpleNamespace]:
    rows = [
        ("星尘点卡 100 元（全区通用）", 9850, 10000, 7, 3120),
        ("手机话费快充 50 元，全国三网通用，1 至 10 分钟到账", 4985, None, None, 18400),
        ("视频会员月卡", 1590, 2500, 0, 870),
        ("Northwind Gift Card 25", 16800, None, 240, 0),
        ("电费缴纳 200 元", 19900, 20000, 55, 61),
    ]
    return [
        SimpleNamespace(href="/product", name=name, price_cents=price, list_cents=instead, stock=stock, sold=sold)
        for name, price, instead, stock, sold in rows
    ]


def orders() -> list[SimpleNamespace]:
    rows = [
        ("20261122140900K7Q2", "星尘点卡 100 元", "li.na@example.test", "ok", "已发货", 1, 9850, 450),
        ("20261122140711P0XA", "手机话费快充 50 元", "138****2231", "wait", "等待发货", 2, 9970, 120),
        ("20261122135902M4ZD", "视频会员月卡", "wang@example.test", "bad", "发货失败", 1, 1590, 0),
        ("20261122135540Q9LB", "Northwind Gift Card 25", "guest", "info", "待支付", 10, 1680000, 61000),
        ("20261122135001T2VC", "电费缴纳 200 元", "zhao@example.test", "off", "已退款", 1, 19900, 0),
    ]
    names = ("no", "product", "buyer", "kind", "state", "quantity", "paid_cents", "profit_cents")
    return [SimpleNamespace(**dict(zip(names, row, strict=True))) for row in rows]
