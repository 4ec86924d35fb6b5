"""What staff may do, in code: a role is a set of permissions, and a route asks for a permission, never for a
role.
"""

from enum import StrEnum
from types import MappingProxyType


class Permission(StrEnum):
    """One thing that a person may or may not do."""

    # the master's console
    TENANTS_READ = "tenants.read"
    TENANTS_WRITE = "tenants.write"
    GOODS_READ = "goods.read"
    GOODS_WRITE = "goods.write"
    TIERS_READ = "tiers.read"
    TIERS_WRITE = "tiers.write"
    SUPPLIERS_READ = "suppliers.read"
    SUPPLIERS_WRITE = "suppliers.write"
    PURCHASES_READ = "purchases.read"
    PURCHASES_WRITE = "purchases.write"
    DEPOSITS_WRITE = "deposits.write"
    PLANS_READ = "plans.read"
    PLANS_WRITE = "plans.write"
    APPLICATIONS_READ = "applications.read"
    APPLICATIONS_WRITE = "applications.write"
    STATIONS_ENTER = "stations.enter"
    POLICIES_READ = "policies.read"
    POLICIES_WRITE = "policies.write"
    IDENTITY_WRITE = "identity.write"
    PAYOUTS_READ = "payouts.read"
    PAYOUTS_WRITE = "payouts.write"
    SYSTEM_READ = "system.read"
    SYSTEM_WRITE = "system.write"

    # a station's console
    OVERVIEW_READ = "overview.read"
    PRODUCTS_READ = "products.read"
    PRODUCTS_WRITE = "products.write"
    CARDS_WRITE = "cards.write"
    CARDS_EXPORT = "cards.export"
    REPLENISH_WRITE = "replenish.write"
    PRICING_READ = "pricing.read"
    PRICING_WRITE = "pricing.write"
    ORDERS_READ = "orders.read"
    ORDERS_WRITE = "orders.write"
    ORDERS_REFUND = "orders.refund"
    DESK_READ = "desk.read"
    DESK_WORK = "desk.work"
    AUTOMATION_WRITE = "automation.write"
    TICKETS_READ = "tickets.read"
    TICKETS_WRITE = "tickets.write"
    MARKETING_READ = "marketing.read"
    MARKETING_WRITE = "marketing.write"
    BUYERS_READ = "buyers.read"
    BUYERS_WRITE = "buyers.write"
    CHANNELS_READ = "channels.read"
    CHANNELS_WRITE = "channels.write"
    WITHDRAWALS_READ = "withdrawals.read"
    WITHDRAWALS_WRITE = "withdrawals.write"
    SETTINGS_WRITE = "settings.write"
    BRANDING_WRITE = "branding.write"
    DOMAINS_READ = "domains.read"
    DOMAINS_WRITE = "domains.write"
    FEATURES_READ = "features.read"
    FEATURES_WRITE = "features.write"
    PLAN_READ = "plan.read"
    PLAN_WRITE = "plan.write"
    KEYS_WRITE = "keys.write"
    TEAM_READ = "team.read"
    TEAM_WRITE = "team.write"

    # both
    LEDGER_READ = "ledger.read"
    NOTICES_READ = "notices.read"
    AUDIT_READ = "audit.read"


class Role(StrEnum):
    """What a membership says of a person. `OPERATOR` belongs to the master, the others to a station."""

    OPERATOR = "master.operator"
    OWNER = "owner"
    DEPUTY = "deputy"
    SERVICE = "service"
    FINANCE = "finance"


_OF_BOTH = {Permission.LEDGER_READ, Permission.NOTICES_READ, Permission.AUDIT_READ}
_OF_MASTER = {
    Permission.TENANTS_READ,
    Permission.TENANTS_WRITE,
    Permission.GOODS_READ,
    Permission.GOODS_WRITE,
    Permission.TIERS_READ,
    Permission.TIERS_WRITE,
    Permission.SUPPLIERS_READ,
    Permission.SUPPLIERS_WRITE,
    Permission.PURCHASES_READ,
    Permission.PURCHASES_WRITE,
    Permission.DEPOSITS_WRITE,
    Permission.PLANS_READ,
    Permission.PLANS_WRITE,
    Permission.APPLICATIONS_READ,
    Permission.APPLICATIONS_WRITE,
    Permission.STATIONS_ENTER,
    Permission.POLICIES_READ,
    Permission.POLICIES_WRITE,
    Permission.IDENTITY_WRITE,
    Permission.PAYOUTS_READ,
    Permission.PAYOUTS_WRITE,
    Permission.SYSTEM_READ,
    Permission.SYSTEM_WRITE,
}
_OF_SERVICE = {
    Permission.OVERVIEW_READ,
    Permission.PRODUCTS_READ,
    Permission.ORDERS_READ,
    Permission.ORDERS_WRITE,
    Permission.DESK_READ,
    Permission.DESK_WORK,
    Permission.TICKETS_READ,
    Permission.TICKETS_WRITE,
    Permission.BUYERS_READ,
    Permission.NOTICES_READ,
}
_OF_FINANCE = {
    Permission.OVERVIEW_READ,
    Permission.PRODUCTS_READ,
    Permission.ORDERS_READ,
    Permission.ORDERS_REFUND,
    Permission.CHANNELS_READ,
    Permission.PRICING_READ,
    Permission.MARKETING_READ,
    Permission.WITHDRAWALS_READ,
    Permission.LEDGER_READ,
    Permission.NOTICES_READ,
}
_OF_OWNER = set(Permission) - _OF_MASTER
_ONLY_OWNER = {
    Permission.CARDS_EXPORT,
    Permission.CHANNELS_WRITE,
    Permission.WITHDRAWALS_WRITE,
    Permission.SETTINGS_WRITE,
    Permission.DOMAINS_WRITE,
    Permission.FEATURES_WRITE,
    Permission.PLAN_WRITE,
    Permission.KEYS_WRITE,
    Permission.TEAM_WRITE,
}

PERMISSIONS = MappingProxyType(
    {
        Role.OPERATOR: frozenset(_OF_MASTER | _OF_BOTH),
        Role.OWNER: frozenset(_OF_OWNER),
        Role.DEPUTY: frozenset(_OF_OWNER - _ONLY_OWNER),
        Role.SERVICE: frozenset(_OF_SERVICE),
        Role.FINANCE: frozenset(_OF_FINANCE),
    }
)
STATION_ROLES = (Role.OWNER, Role.DEPUTY, Role.SERVICE, Role.FINANCE)
_BY_NAME = {str(role): permissions for role, permissions in PERMISSIONS.items()}
NOTHING: frozenset[Permission] = frozenset()


def permissions_of(role: str) -> frozenset[Permission]:
    """What `role` may do; a role that is no longer known may do nothing."""
    return _BY_NAME.get(role, NOTHING)
