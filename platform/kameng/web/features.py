"""Which parts of a station are switched on: asked by the gate of every route and by pages. The answer comes from above
(`tenants.toggles`); what the flags are the kit does not know.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from kameng.infra.tenancy import Tenant


class Features(Protocol):
    """Flags by their key, for one station. A flag that a route or a page names is there, or that is a bug."""

    async def at(self, tenant: Tenant) -> Mapping[str, Any]:
        """As they are now."""
        ...

    def known(self, tenant: Tenant) -> Mapping[str, Any]:
        """As far as they can be told at once: for the page of an error."""
        ...


class NoFeatures:
    """For an application without flags, such as the master's."""

    async def at(self, tenant: Tenant) -> Mapping[str, Any]:
        return self.known(tenant)

    def known(self, tenant: Tenant) -> Mapping[str, Any]:  # noqa: ARG002 - there are none anywhere
        return {}
