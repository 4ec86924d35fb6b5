"""The shop's pages are tested with a browser that calls the web application; the stock with own products."""

from tests.kameng.cards.conftest import stock
from tests.support.browser_client import browser

__all__ = ["browser", "stock"]
