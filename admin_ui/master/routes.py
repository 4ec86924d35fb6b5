"""Every route of the master's console, for the composition."""

from litestar import Router
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from admin_ui.master.audit import AuditController
from admin_ui.master.cards import CardController
from admin_ui.master.goods import GoodController
from admin_ui.master.offers import OfferController
from admin_ui.master.overview import OverviewController
from admin_ui.master.prices import PriceController
from admin_ui.master.purchases import PurchaseController
from admin_ui.master.session import SessionController
from admin_ui.master.station_acts import StationActController
from admin_ui.master.station_closing import StationClosingController
from admin_ui.master.station_imports import StationImportController
from admin_ui.master.stations import StationController
from admin_ui.master.suppliers import SupplierController
from admin_ui.master.tiers import TierController
from tenants.registry.provisioning import Provisioner

CONTROLLERS = (
    SessionController,
    OverviewController,
    StationController,
    StationActController,
    StationClosingController,
    StationImportController,
    GoodController,
    OfferController,
    PriceController,
    CardController,
    TierController,
    SupplierController,
    PurchaseController,
    AuditController,
)


def handlers(provisioner: Provisioner) -> list[ControllerRouterHandler]:
    """The routes; `provisioner` makes the stations that are opened here."""

    def provide() -> Provisioner:
        return provisioner

    dependencies = {"provisioner": Provide(provide, sync_to_thread=False)}
    return [Router(path="/", route_handlers=list(CONTROLLERS), dependencies=dependencies)]
