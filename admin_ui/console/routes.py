"""Every route of a station's console, for the composition."""

from litestar.types import ControllerRouterHandler

from admin_ui.console.audit import AuditController
from admin_ui.console.buyers import BuyerController
from admin_ui.console.channels import ChannelController
from admin_ui.console.money import MoneyController
from admin_ui.console.notices import NoticeController
from admin_ui.console.orders import OrderController
from admin_ui.console.overview import OverviewController
from admin_ui.console.paying_in import PayInController
from admin_ui.console.plan import PlanController
from admin_ui.console.products import ProductController
from admin_ui.console.session import SessionController

HANDLERS: list[ControllerRouterHandler] = [
    SessionController,
    OverviewController,
    NoticeController,
    OrderController,
    ProductController,
    BuyerController,
    MoneyController,
    ChannelController,
    PlanController,
    PayInController,
    AuditController,
]
