"""Every route of this face, for the composition."""

from litestar.types import ControllerRouterHandler

from tenants.storefront.account import AccountController, EntryController
from tenants.storefront.baskets import BasketController
from tenants.storefront.cart import CartController
from tenants.storefront.cashier import PayController
from tenants.storefront.choosing import NumberController
from tenants.storefront.coupons import CouponController
from tenants.storefront.lookup import LookupController
from tenants.storefront.media import media
from tenants.storefront.notify import notify
from tenants.storefront.orders import OrderController
from tenants.storefront.products import ProductController
from tenants.storefront.tickets import TicketController
from tenants.storefront.wallet import WalletController
from tenants.storefront.written import WrittenController

HANDLERS: list[ControllerRouterHandler] = [
    ProductController,
    NumberController,
    OrderController,
    CartController,
    BasketController,
    CouponController,
    LookupController,
    TicketController,
    WalletController,
    PayController,
    notify,
    EntryController,
    AccountController,
    WrittenController,
    media,
]
