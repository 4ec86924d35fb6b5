"""Every route of the master's console, for the composition."""

from litestar import Router
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from admin_ui.master.application_settings import ApplicationSettingsController
from admin_ui.master.applications import ApplicationController
from admin_ui.master.audit import AuditController
from admin_ui.master.cards import HANDLERS as CARDS
from admin_ui.master.catalogue import CatalogueController
from admin_ui.master.channels import MasterChannelController
from admin_ui.master.domains import StationDomainController
from admin_ui.master.flags import FlagController
from admin_ui.master.goods import GoodController
from admin_ui.master.identity_provider import IdentityProviderController
from admin_ui.master.manual_tasks import ManualTaskController
from admin_ui.master.offers import OfferController
from admin_ui.master.overview import OverviewController
from admin_ui.master.payouts import PayoutController
from admin_ui.master.plan_features import PlanFeatureController
from admin_ui.master.plans import PlanController
from admin_ui.master.price_changes import PriceChangeController
from admin_ui.master.price_lists import PriceListController
from admin_ui.master.prices import PriceController
from admin_ui.master.purchases import PurchaseController
from admin_ui.master.replenishments import ReplenishmentController
from admin_ui.master.routing import RoutingController
from admin_ui.master.session import SessionController
from admin_ui.master.settlement import SettlementController
from admin_ui.master.site import SiteController, master_notify
from admin_ui.master.special_prices import SpecialPriceController, StationPriceController
from admin_ui.master.staff import HANDLERS as STAFF
from admin_ui.master.station_acts import StationActController
from admin_ui.master.station_closing import StationClosingController
from admin_ui.master.station_features import StationFeatureController
from admin_ui.master.station_imports import StationImportController
from admin_ui.master.station_plan import StationPlanController
from admin_ui.master.station_team import StationTeamController
from admin_ui.master.stations import StationController
from admin_ui.master.supplier_calls import supplier_called
from admin_ui.master.suppliers import SupplierController
from admin_ui.master.system import SystemController
from admin_ui.master.tier_moves import TierMoveController
from admin_ui.master.tiers import TierController
from admin_ui.master.visits import VisitController
from admin_ui.notices import routes as notices
from kameng.identity.permissions import Permission
from tenants.registry.provisioning import Provisioner
from tenants.registry.versions import Migrator

CONTROLLERS = (
    SessionController,
    SiteController,
    master_notify,
    OverviewController,
    StationController,
    StationActController,
    StationDomainController,
    StationPlanController,
    PlanController,
    ApplicationController,
    ApplicationSettingsController,
    StationClosingController,
    StationImportController,
    GoodController,
    OfferController,
    CatalogueController,
    ReplenishmentController,
    PriceController,
    *CARDS,
    TierController,
    TierMoveController,
    SpecialPriceController,
    StationPriceController,
    PriceChangeController,
    PriceListController,
    SupplierController,
    supplier_called,
    PurchaseController,
    ManualTaskController,
    RoutingController,
    AuditController,
    SystemController,
    *notices.controllers("", Permission.SYSTEM_WRITE),
    IdentityProviderController,
    StationTeamController,
    VisitController,
    *STAFF,
    FlagController,
    StationFeatureController,
    PlanFeatureController,
    PayoutController,
    MasterChannelController,
    SettlementController,
)


def handlers(provisioner: Provisioner, migrator: Migrator) -> list[ControllerRouterHandler]:
    """The routes; `provisioner` makes the stations that are opened here, `migrator` brings them up."""

    def provide_provisioner() -> Provisioner:
        return provisioner

    def provide_migrator() -> Migrator:
        return migrator

    dependencies = {
        "provisioner": Provide(provide_provisioner, sync_to_thread=False),
        "migrator": Provide(provide_migrator, sync_to_thread=False),
    }
    return [Router(path="/", route_handlers=list(CONTROLLERS), dependencies=dependencies)]
