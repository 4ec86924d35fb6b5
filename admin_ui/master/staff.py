"""The people of the master station."""

from litestar.types import ControllerRouterHandler

from admin_ui.people import routes
from admin_ui.people.oidc_entry import come_back
from kameng.identity.permissions import Permission

HANDLERS: list[ControllerRouterHandler] = [
    *routes.controllers("", Permission.IDENTITY_WRITE, Permission.IDENTITY_WRITE),
    come_back,
]
