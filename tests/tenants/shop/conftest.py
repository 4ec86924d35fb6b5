"""The shop is tested through its service, its pages and its API."""

from tests.admin_ui.conftest import clients, owner, shop, sign_in
from tests.support.browser_client import browser

__all__ = ["browser", "clients", "owner", "shop", "sign_in"]
