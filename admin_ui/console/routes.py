"""Every route of a station's console, for the composition."""

from litestar.types import ControllerRouterHandler

from admin_ui.console.audit import AuditController
from admin_ui.console.branding import BrandingController
from admin_ui.console.buyers import BuyerController
from admin_ui.console.categories import CategoryController
from admin_ui.console.channels import ChannelController
from admin_ui.console.coupons import CouponController
from admin_ui.console.desk import DeskController
from admin_ui.console.desk_acts import DeskActController
from admin_ui.console.desk_case import CaseController
from admin_ui.console.desk_limits import DeskLimitController
from admin_ui.console.desk_rules import DeskRuleController
from admin_ui.console.desk_settings import DeskSettingController
from admin_ui.console.domains import DomainController
from admin_ui.console.features import FeatureController
from admin_ui.console.keys import KeyController
from admin_ui.console.levels import BuyerLevelController, LevelController
from admin_ui.console.listing import ListingController
from admin_ui.console.money import MoneyController
from admin_ui.console.orders import OrderController
from admin_ui.console.overview import OverviewController
from admin_ui.console.page_pictures import PagePictureController
from admin_ui.console.pages import PageController
from admin_ui.console.paying_in import PayInController
from admin_ui.console.peak_hours import PeakHoursController
from admin_ui.console.plan import PlanController
from admin_ui.console.prices import PriceController
from admin_ui.console.pricing import PricingController
from admin_ui.console.pricing_feeds import PricingFeedController
from admin_ui.console.pricing_products import PricingProductController
from admin_ui.console.pricing_rules import PricingRuleController, PricingSettingsController
from admin_ui.console.product_acts import PreviewController, ProductActController
from admin_ui.console.products import ProductController
from admin_ui.console.refunds import RefundController
from admin_ui.console.replenish import ReplenishController
from admin_ui.console.replies import ReplyController
from admin_ui.console.session import SessionController
from admin_ui.console.statements import StatementController
from admin_ui.console.stock import HANDLERS as STOCK
from admin_ui.console.stock_reveals import OrderCardController
from admin_ui.console.team import HANDLERS as TEAM
from admin_ui.console.ticket_acts import TicketActController
from admin_ui.console.tickets import TicketController
from admin_ui.console.withdrawals import WithdrawalController
from admin_ui.lists import controllers as lists
from admin_ui.notices import routes as notices
from kameng.identity.permissions import Permission

HANDLERS: list[ControllerRouterHandler] = [
    SessionController,
    OverviewController,
    *notices.controllers("/console", Permission.SETTINGS_WRITE),
    OrderController,
    DeskController,
    CaseController,
    DeskActController,
    DeskRuleController,
    DeskSettingController,
    DeskLimitController,
    TicketController,
    TicketActController,
    ReplyController,
    PeakHoursController,
    RefundController,
    ProductController,
    ProductActController,
    PreviewController,
    CategoryController,
    ListingController,
    OrderCardController,
    *STOCK,
    CouponController,
    ReplenishController,
    BuyerController,
    BuyerLevelController,
    LevelController,
    KeyController,
    PriceController,
    PricingController,
    PricingRuleController,
    PricingSettingsController,
    PricingFeedController,
    PricingProductController,
    MoneyController,
    WithdrawalController,
    StatementController,
    ChannelController,
    DomainController,
    BrandingController,
    PageController,
    PagePictureController,
    PlanController,
    PayInController,
    AuditController,
    *lists.handlers(),
    *TEAM,
    FeatureController,
]
