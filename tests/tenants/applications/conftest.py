"""Visitors and operators call the whole web application."""

from tests.admin_ui.conftest import clients, operator
from tests.tenants.applications.steps import gateway, master

__all__ = ["clients", "gateway", "master", "operator"]
