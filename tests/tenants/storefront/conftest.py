"""The shop's pages are tested with a browser that calls the web application."""

from tests.support.browser_client import browser, door

__all__ = ["browser", "door"]
