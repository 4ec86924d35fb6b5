"""Stations are opened and closed through the consoles too."""

from tests.admin_ui.conftest import clients, operator, sign_in

__all__ = ["clients", "operator", "sign_in"]
