"""Every kind of notice there is, at a station and at the master: its title, how much it matters, whom it concerns.

The sentences stand in `admin_ui.notices`, where the words of all other codes are.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from kameng.identity.permissions import Permission
from kameng.web.i18n import N_


class Severity(StrEnum):
    """`urgent` goes out at any hour, `warning` waits for the end of quiet hours, `info` is gathered where a channel
    asks for a digest."""

    URGENT = "urgent"
    WARNING = "warning"
    INFO = "info"


class Way(StrEnum):
    """How a notice leaves the page."""

    EMAIL = "email"
    TELEGRAM = "telegram"
    WEBHOOK = "webhook"


EVERYWHERE = frozenset(Way)
BY_MACHINE = frozenset({Way.WEBHOOK})


class Kind(Struct, frozen=True):
    """`concerns` is what a person has to be allowed for the notice to be any use to him; `ways` are the channels that
    carry it unless somebody chose otherwise."""

    code: str
    title: str
    severity: Severity
    concerns: Permission
    ways: frozenset[Way] = EVERYWHERE


U, W, I = Severity.URGENT, Severity.WARNING, Severity.INFO  # noqa: E741 - the column of a table
FAILED = "channel_failed"

STATION: Sequence[Kind] = (
    Kind("order_waits", N_("An order waits"), W, Permission.ORDERS_READ),
    Kind("case_opened", N_("An order needs a person"), W, Permission.DESK_READ),
    Kind("ticket_opened", N_("A buyer asks for help"), W, Permission.TICKETS_READ),
    Kind("stock_low", N_("Own cards run low"), W, Permission.PRODUCTS_READ),
    Kind("replenish", N_("Orders wait for stock"), W, Permission.PRODUCTS_READ),
    Kind("deposit_low", N_("The deposit did not cover an order"), U, Permission.LEDGER_READ),
    Kind("deposit_short", N_("The deposit runs low"), W, Permission.LEDGER_READ),
    Kind("refund_unknown", N_("Nobody knows whether a refund was paid"), U, Permission.ORDERS_REFUND),
    Kind("refund_failed", N_("A refund failed"), U, Permission.ORDERS_REFUND),
    Kind("payout_paid", N_("A withdrawal is paid"), I, Permission.WITHDRAWALS_READ),
    Kind("payout_declined", N_("A withdrawal is declined"), W, Permission.WITHDRAWALS_READ),
    Kind("pricing_held", N_("New prices wait for you"), W, Permission.PRICING_READ),
    Kind("pricing_below_floor", N_("Products cost more than they sell for"), U, Permission.PRICING_READ),
    Kind("pricing_feed_failed", N_("A feed of prices fails"), W, Permission.PRICING_READ),
    Kind("sold_at_loss", N_("A product is sold at a loss"), W, Permission.PRODUCTS_READ),
    Kind("below_floor", N_("A product is below its minimum price"), W, Permission.PRODUCTS_READ),
    Kind("tier_raised", N_("Better wholesale prices"), I, Permission.LEDGER_READ, BY_MACHINE),
    Kind("plan_ends", N_("The plan is paid soon"), I, Permission.PLAN_READ, BY_MACHINE),
    Kind("plan_short", N_("The deposit does not cover the plan"), W, Permission.PLAN_READ),
    Kind("plan_overdue", N_("The plan is not paid"), U, Permission.PLAN_READ),
    Kind("orders_near_limit", N_("The month's orders are nearly used up"), W, Permission.PLAN_READ),
    Kind("orders_used_up", N_("The month's orders are used up"), U, Permission.PLAN_READ),
    Kind("domain_served", N_("A domain is served"), I, Permission.DOMAINS_READ, BY_MACHINE),
    Kind("domain_lapsed", N_("A domain was not proved"), W, Permission.DOMAINS_READ),
    Kind("domain_lost", N_("A domain is lost"), U, Permission.DOMAINS_READ),
    Kind("domain_strayed", N_("A domain leads elsewhere"), U, Permission.DOMAINS_READ),
    Kind(FAILED, N_("A channel of notices fails"), W, Permission.NOTICES_READ),
)
MASTER: Sequence[Kind] = (
    Kind("supplier_balance_low", N_("A balance at a supplier runs low"), U, Permission.SUPPLIERS_READ),
    Kind("payout_asked", N_("A station asks for a withdrawal"), W, Permission.PAYOUTS_READ),
    Kind("station_overdue", N_("A station's plan is not paid"), W, Permission.TENANTS_READ),
    Kind("catalogue_jump", N_("A jump of prices waits for approval"), W, Permission.GOODS_READ),
    Kind("audit_broken", N_("The audit log does not hold together"), U, Permission.AUDIT_READ),
    Kind(FAILED, N_("A channel of notices fails"), W, Permission.NOTICES_READ),
)
_BY_PLACE: Mapping[bool, Mapping[str, Kind]] = {
    True: {kind.code: kind for kind in MASTER},
    False: {kind.code: kind for kind in STATION},
}


def of_place(tenant_id: int | None) -> Mapping[str, Kind]:
    """The kinds of a station (None: the master), by their code, in the order in which pages show them."""
    return _BY_PLACE[tenant_id is None]


def concerning(kinds: Iterable[Kind], permissions: Iterable[str]) -> list[Kind]:
    """Those of `kinds` that somebody with these permissions can do something about."""
    held = frozenset(permissions)
    return [kind for kind in kinds if kind.concerns in held]
