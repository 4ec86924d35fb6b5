"""Every route of this face, for the composition."""

from litestar.types import ControllerRouterHandler

from tenants.storefront.account import AccountController, EntryController
from tenants.storefront.cashier import PayController
from tenants.storefront.choosing import NumberController
from tenants.storefront.lookup import LookupController
from tenants.storefront.media import media
from tenants.storefront.notify import notify
from tenants.storefront.orders import OrderController
from tenants.storefront.products import ProductController
from tenants.storefront.swaps import SwapController
from tenants.storefront.tickets import TicketController
from tenants.storefront.wallet import WalletController
from tenants.storefront.written import WrittenController

HANDLERS: list[ControllerRouterHandler] = [
    ProductController,
    NumberController,
    OrderController,
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
