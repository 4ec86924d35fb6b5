"""Every route of this face and what its templates ask for, for the composition."""

from collections.abc import Callable, Mapping
from typing import Any

from litestar.types import ControllerRouterHandler

from tenants.storefront import cart_keeping, coupons
from tenants.storefront.account import AccountController, EntryController
from tenants.storefront.baskets import BasketController
from tenants.storefront.cart import CartController
from tenants.storefront.cashier import PayController
from tenants.storefront.choosing import NumberController
from tenants.storefront.corrections import CorrectionController
from tenants.storefront.coupons import CouponController
from tenants.storefront.lookup import LookupController
from tenants.storefront.media import media
from tenants.storefront.notify import notify
from tenants.storefront.orders import OrderController
from tenants.storefront.products import ProductController
from tenants.storefront.swaps import SwapController
from tenants.storefront.tickets import TicketController
from tenants.storefront.wallet import WalletController
from tenants.storefront.written import WrittenController

# Functions of the request.
GLOBALS: Mapping[str, Callable[[Any], Any]] = {"cart_count": cart_keeping.count, "coupon_code": coupons.code_for}

HANDLERS: list[ControllerRouterHandler] = [
    ProductController,
    NumberController,
    OrderController,
    CorrectionController,
    CartController,
    BasketController,
    CouponController,
    LookupController,
    SwapController,
    TicketController,
    WalletController,
    PayController,
    notify,
    EntryController,
    AccountController,
    WrittenController,
    media,
]
