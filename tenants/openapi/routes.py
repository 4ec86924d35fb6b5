"""Every route of the machine's door, for the composition."""

from litestar.types import ControllerRouterHandler

from tenants.openapi.catalogue import CatalogueController
from tenants.openapi.orders import OrderController

HANDLERS: list[ControllerRouterHandler] = [CatalogueController, OrderController]
