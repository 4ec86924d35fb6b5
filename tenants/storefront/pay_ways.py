"""The ways to pay that a form offers."""

import re

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from billing.payments import queries as payments
from kameng.core.money import format_cents
from kameng.web.i18n import _
from kameng.web.people import Visitor
from tenants.orders.service import WALLET
from tenants.storefront.pages import Shopper

ON_PHONE = re.compile(r"Mobile|Android|iPhone|iPad|MicroMessenger", re.IGNORECASE)
ICONS = (
    ("微信", "brand-wechat"),
    ("wechat", "brand-wechat"),
    ("支付宝", "brand-alipay"),
    ("alipay", "brand-alipay"),
)


class PayWay(Struct, frozen=True):
    """One choice: `id` is `wallet` or a channel's number."""

    id: str
    label: str
    icon: str
    note: str = ""


async def of_channels(session: AsyncSession, visitor: Visitor) -> list[PayWay]:
    """The station's channels that are open and meant for the visitor's device."""
    found = await payments.channels(session, device_of(visitor))
    return [PayWay(str(channel.id), channel.name, _icon(channel.name)) for channel in found]


def device_of(visitor: Visitor) -> str:
    """`phone` or `desktop`, by what the browser says of itself."""
    return "phone" if ON_PHONE.search(visitor.user_agent) else "desktop"


async def with_wallet(session: AsyncSession, shopper: Shopper | None, visitor: Visitor) -> list[PayWay]:
    """The wallet first, for whoever has one."""
    ways = await of_channels(session, visitor)
    if shopper is None:
        return ways
    note = format_cents(shopper.wallet_cents)
    return [PayWay(WALLET, _("Wallet"), "wallet", note), *ways]


def usual(ways: list[PayWay], shopper: Shopper | None, needed_cents: int) -> str:
    """The choice that is made already: the wallet if it covers `needed_cents`, else the first channel."""
    covers = shopper is not None and shopper.wallet_cents >= needed_cents
    fitting = [way.id for way in ways if covers or way.id != WALLET]
    return next(iter([*fitting, *(way.id for way in ways)]), "")


def _icon(name: str) -> str:
    return next((icon for word, icon in ICONS if word in name.lower()), "credit-card")
