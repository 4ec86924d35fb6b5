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
from admin_ui.console.notices import NoticeController
from admin_ui.console.orders import OrderController
from admin_ui.console.overview import OverviewController
from admin_ui.console.page_pictures import PagePictureController
from admin_ui.console.pages import PageController
from admin_ui.console.paying_in import PayInController
from admin_ui.console.plan import PlanController
from admin_ui.console.prices import PriceController
from admin_ui.console.pricing import PricingController
from admin_ui.console.pricing_feeds import PricingFeedController
from admin_ui.console.pricing_products import PricingProductController
from admin_ui.console.pricing_rules import PricingRuleController, PricingSettingsController
from admin_ui.console.products import ProductController
from admin_ui.console.session import SessionController
from admin_ui.console.team import HANDLERS as TEAM

HANDLERS: list[ControllerRouterHandler] = [
    SessionController,
    OverviewController,
    NoticeController,
    OrderController,
    ProductController,
    BuyerController,
    KeyController,
    PriceController,
    PricingController,
    PricingRuleController,
    PricingSettingsController,
    PricingFeedController,
    PricingProductController,
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
