"""What permissions are called, grouped by subject, in the order in which a person ticks them."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from kameng.identity.permissions import Permission
from kameng.web.i18n import N_, gettext

WORDS: Sequence[tuple[str, dict[Permission, str]]] = (
    (
        N_("Orders and buyers"),
        {
            Permission.OVERVIEW_READ: N_("See the overview"),
            Permission.ORDERS_READ: N_("See orders"),
            Permission.ORDERS_WRITE: N_("Work on orders"),
            Permission.ORDERS_REFUND: N_("Refund orders"),
            Permission.DESK_READ: N_("See the exception desk"),
            Permission.DESK_WORK: N_("Work at the exception desk"),
            Permission.TICKETS_READ: N_("See tickets"),
            Permission.TICKETS_WRITE: N_("Answer tickets"),
            Permission.AUTOMATION_WRITE: N_("Change rules and templates"),
            Permission.BUYERS_READ: N_("See buyers"),
            Permission.BUYERS_WRITE: N_("Change buyers"),
            Permission.NOTICES_READ: N_("See notices"),
        },
    ),
    (
        N_("Goods and products"),
        {
            Permission.PRODUCTS_READ: N_("See products"),
            Permission.PRODUCTS_WRITE: N_("List and change products"),
            Permission.CARDS_WRITE: N_("Manage card stock"),
            Permission.CARDS_EXPORT: N_("Export cards in clear"),
            Permission.REPLENISH_WRITE: N_("Order replenishment"),
            Permission.GOODS_READ: N_("See goods"),
            Permission.GOODS_WRITE: N_("Change goods"),
            Permission.SUPPLIERS_READ: N_("See suppliers and offers"),
            Permission.SUPPLIERS_WRITE: N_("Change suppliers and offers"),
            Permission.PURCHASES_READ: N_("See purchases"),
            Permission.PURCHASES_WRITE: N_("Decide about purchases"),
        },
    ),
    (
        N_("Money and prices"),
        {
            Permission.LEDGER_READ: N_("See money"),
            Permission.PRICING_READ: N_("See pricing rules"),
            Permission.PRICING_WRITE: N_("Change pricing rules"),
            Permission.MARKETING_READ: N_("See coupons"),
            Permission.MARKETING_WRITE: N_("Change coupons"),
            Permission.WITHDRAWALS_READ: N_("See withdrawals"),
            Permission.WITHDRAWALS_WRITE: N_("Ask for withdrawals"),
            Permission.PAYOUTS_READ: N_("See payouts"),
            Permission.PAYOUTS_WRITE: N_("Decide about payouts"),
            Permission.CHANNELS_READ: N_("See payment channels"),
            Permission.CHANNELS_WRITE: N_("Change payment channels"),
            Permission.PLAN_READ: N_("See the plan"),
            Permission.PLAN_WRITE: N_("Change the plan"),
            Permission.TIERS_READ: N_("See tiers and prices"),
            Permission.TIERS_WRITE: N_("Change tiers and prices"),
            Permission.DEPOSITS_WRITE: N_("Book deposits"),
            Permission.PLANS_READ: N_("See plans"),
            Permission.PLANS_WRITE: N_("Change plans"),
        },
    ),
    (
        N_("The station"),
        {
            Permission.BRANDING_WRITE: N_("Change the look and the pages"),
            Permission.DOMAINS_READ: N_("See domains"),
            Permission.DOMAINS_WRITE: N_("Change domains"),
            Permission.FEATURES_READ: N_("See features"),
            Permission.FEATURES_WRITE: N_("Switch features"),
            Permission.KEYS_WRITE: N_("Manage API keys"),
            Permission.SETTINGS_WRITE: N_("Change settings"),
        },
    ),
    (
        N_("All stations"),
        {
            Permission.TENANTS_READ: N_("See stations"),
            Permission.TENANTS_WRITE: N_("Open and change stations"),
            Permission.APPLICATIONS_READ: N_("See applications"),
            Permission.APPLICATIONS_WRITE: N_("Decide about applications"),
            Permission.STATIONS_ENTER: N_("Enter a station's console"),
            Permission.POLICIES_READ: N_("See policies"),
            Permission.POLICIES_WRITE: N_("Change policies"),
        },
    ),
    (
        N_("Team and records"),
        {
            Permission.TEAM_READ: N_("See the team"),
            Permission.TEAM_WRITE: N_("Change the team"),
            Permission.IDENTITY_WRITE: N_("Change the master's team and its sign-in"),
            Permission.AUDIT_READ: N_("See the audit log"),
            Permission.SYSTEM_READ: N_("See the state of the system"),
            Permission.SYSTEM_WRITE: N_("Work on the system"),
        },
    ),
)
_ALL = {str(permission): said for _, words in WORDS for permission, said in words.items()}


class Group(Struct, frozen=True):
    """Permissions of one subject: codes and words."""

    title: str
    permissions: list[tuple[str, str]]


def groups(of: Iterable[Permission]) -> list[Group]:
    """These permissions in the reader's language, by subject."""
    wanted = frozenset(of)
    found = [
        Group(gettext(title), [(str(one), gettext(said)) for one, said in words.items() if one in wanted])
        for title, words in WORDS
    ]
    return [group for group in found if group.permissions]


def say(permission: str) -> str:
    """One permission in the reader's language; an unknown one stays as it is."""
    known = _ALL.get(permission)
    return gettext(known) if known else permission
