"""Every route of a station's console, for the composition."""

from litestar.types import ControllerRouterHandler

from admin_ui.console.audit import AuditController
from admin_ui.console.branding import BrandingController
from admin_ui.console.buyers import BuyerController
from admin_ui.console.channels import ChannelController
from admin_ui.console.domains import DomainController
from admin_ui.console.features import FeatureController
from admin_ui.console.keys import KeyController
from admin_ui.console.money import MoneyController
from admin_ui.console.orders import OrderController
from admin_ui.console.overview import OverviewController
from admin_ui.console.page_pictures import PagePictureController
from admin_ui.console.pages import PageController
from admin_ui.console.paying_in import PayInController
from admin_ui.console.peak_hours import PeakHoursController
from admin_ui.console.plan import PlanController
from admin_ui.console.prices import PriceController
from admin_ui.console.products import ProductController
from admin_ui.console.replies import ReplyController
from admin_ui.console.session import SessionController
from admin_ui.console.team import HANDLERS as TEAM
from admin_ui.console.ticket_acts import TicketActController
from admin_ui.console.tickets import TicketController
from admin_ui.notices import routes as notices
from kameng.identity.permissions import Permission

HANDLERS: list[ControllerRouterHandler] = [
    SessionController,
    OverviewController,
    *notices.controllers("/console", Permission.SETTINGS_WRITE),
    OrderController,
    TicketController,
    TicketActController,
    ReplyController,
    PeakHoursController,
    ProductController,
    BuyerController,
    KeyController,
    PriceController,
    MoneyController,
    ChannelController,
    DomainController,
    BrandingController,
    PageController,
    PagePictureController,
    PlanController,
    PayInController,
    AuditController,
    *TEAM,
    FeatureController,
]
