"""The shop's pages are tested with a browser that calls the web application."""

from tests.support.browser_client import browser

__all__ = ["browser"]
