"""What every console page shares: its frame, its navigation, its words."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response
from litestar.params import PathParameter
from litestar.response import Template
from msgspec import Struct

from admin_ui import words
from kameng.core.errors import Forbidden
from kameng.identity.permissions import Permission
from kameng.web import answers, context, paging
from kameng.web.context import Context
from kameng.web.i18n import N_, gettext
from kameng.web.paging import Wanted
from tenants.toggles import flags

AnyRequest = Request[Any, Any, Any]
PathId = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]
PathUuid = Annotated[UUID, PathParameter()]
PathNo = Annotated[str, PathParameter(pattern=r"^[A-Za-z0-9-]{1,64}$")]

LAYOUT, DRAWER = "layout/console.html", "admin/drawer.html"


class Entry(Struct, frozen=True):
    """One line of the navigation. `section` is a heading that begins there; `flag` hides the line while it is off."""

    label: str
    path: str
    icon: str
    permission: Permission
    section: str = ""
    flag: str = ""


STATION: Sequence[Entry] = (
    Entry(N_("Overview"), "", "layout-dashboard", Permission.OVERVIEW_READ),
    Entry(N_("Orders"), "/orders", "receipt", Permission.ORDERS_READ),
    Entry(N_("Exception desk"), "/desk", "alert-triangle", Permission.DESK_READ, flag=flags.DESK.key),
    Entry(N_("Tickets"), "/tickets", "headset", Permission.TICKETS_READ, flag=flags.TICKETS.key),
    Entry(N_("Products"), "/products", "package", Permission.PRODUCTS_READ),
    Entry(N_("Categories"), "/categories", "list-details", Permission.PRODUCTS_READ, flag=flags.CATEGORIES.key),
    Entry(N_("Repricing"), "/pricing", "arrow-up-right", Permission.PRICING_READ, flag=flags.PRICING.key),
    Entry(N_("Stock"), "/stock", "key", Permission.PRODUCTS_READ, flag=flags.STOCK_ROOM.key),
    Entry(N_("Replenishment"), "/replenish", "truck-delivery", Permission.PRODUCTS_READ, flag=flags.REPLENISHMENT.key),
    Entry(N_("Buyers"), "/buyers", "users", Permission.BUYERS_READ, flag=flags.BUYERS.key),
    Entry(N_("Levels of buyers"), "/levels", "stack-2", Permission.BUYERS_READ, flag=flags.LEVELS.key),
    Entry(N_("Coupons"), "/coupons", "ticket", Permission.MARKETING_READ, N_("Marketing"), flags.MARKETING.key),
    Entry(N_("Money"), "/money", "coin", Permission.LEDGER_READ, N_("Finance")),
    Entry(
        N_("Earnings and withdrawals"),
        "/withdrawals",
        "wallet",
        Permission.WITHDRAWALS_READ,
        flag=flags.WITHDRAWALS.key,
    ),
    Entry(N_("Statement"), "/statements", "list-details", Permission.LEDGER_READ, flag=flags.STATEMENTS.key),
    Entry(N_("My prices"), "/prices", "tag", Permission.LEDGER_READ),
    Entry(N_("Payment channels"), "/channels", "credit-card", Permission.CHANNELS_READ, flag=flags.CHANNELS.key),
    Entry(N_("Plan"), "/plan", "ticket", Permission.PLAN_READ),
    Entry(N_("Branding"), "/branding", "building-store", Permission.BRANDING_WRITE, N_("Shop front")),
    Entry(N_("Shop pages"), "/pages", "list-details", Permission.BRANDING_WRITE, flag=flags.PAGES.key),
    Entry(N_("Domains"), "/domains", "world", Permission.DOMAINS_READ, flag=flags.DOMAINS.key),
    Entry(N_("Team"), "/team", "users", Permission.TEAM_READ, N_("This station")),
    Entry(N_("Roles"), "/roles", "shield-check", Permission.TEAM_WRITE),
    Entry(N_("Notices"), "/notices", "bell", Permission.NOTICES_READ),
    Entry(N_("Features"), "/features", "adjustments", Permission.FEATURES_READ, flag=flags.FEATURES.key),
    Entry(N_("Audit log"), "/audit", "history", Permission.AUDIT_READ, flag=flags.AUDIT.key),
)
MASTER: Sequence[Entry] = (
    Entry(N_("Overview"), "", "layout-dashboard", Permission.TENANTS_READ),
    Entry(N_("Stations"), "/tenants", "building-store", Permission.TENANTS_READ),
    Entry(N_("Applications"), "/applications", "inbox", Permission.APPLICATIONS_READ),
    Entry(N_("Goods"), "/goods", "package", Permission.GOODS_READ, N_("Supply")),
    Entry(N_("Catalogue of suppliers"), "/catalogue", "list-details", Permission.SUPPLIERS_READ),
    Entry(N_("Replenishment"), "/replenishments", "bolt", Permission.PURCHASES_READ),
    Entry(N_("Purchases"), "/purchases", "truck-delivery", Permission.PURCHASES_READ),
    Entry(N_("Deliver by hand"), "/manual-tasks", "user", Permission.PURCHASES_READ),
    Entry(N_("Suppliers"), "/suppliers", "server", Permission.SUPPLIERS_READ),
    Entry(N_("Choice of suppliers"), "/routing", "adjustments", Permission.SUPPLIERS_READ),
    Entry(N_("Tiers"), "/tiers", "stack-2", Permission.TIERS_READ, N_("Prices")),
    Entry(N_("Special prices"), "/special-prices", "tag", Permission.TIERS_READ),
    Entry(N_("Changes of prices"), "/price-changes", "clock", Permission.TIERS_READ),
    Entry(N_("Moves between tiers"), "/tier-moves", "arrow-up-right", Permission.TIERS_READ),
    Entry(N_("Withdrawals"), "/payouts", "wallet", Permission.PAYOUTS_READ, N_("Settlement")),
    Entry(N_("Payment channels"), "/channels", "credit-card", Permission.PAYOUTS_READ),
    Entry(N_("Plans"), "/plans", "ticket", Permission.PLANS_READ, N_("Govern")),
    Entry(N_("Features"), "/flags", "adjustments", Permission.POLICIES_READ),
    Entry(N_("Team"), "/team", "users", Permission.IDENTITY_WRITE, N_("People")),
    Entry(N_("Roles"), "/roles", "shield-check", Permission.IDENTITY_WRITE),
    Entry(N_("Sign-in provider"), "/identity", "key", Permission.IDENTITY_WRITE),
    Entry(N_("Notices"), "/notices", "bell", Permission.NOTICES_READ, N_("Records")),
    Entry(N_("Audit log"), "/audit", "history", Permission.AUDIT_READ),
    Entry(N_("System"), "/system", "database", Permission.SYSTEM_READ),
)
ENTRIES = {"station": STATION, "master": MASTER}


class Chip(Struct, frozen=True):
    """One filter of a list."""

    label: str
    href: str
    active: bool
    count: int | None = None


def page(request: AnyRequest, template: str, /, *, status: int = 200, **values: Any) -> Template:
    """A page of a console. A template that extends `frame` is drawn inside the drawer where htmx asked."""
    here = context.of(request.scope)
    return answers.render(
        template,
        status=status,
        nav=navigation(here),
        frame=DRAWER if here.is_htmx else LAYOUT,
        badge=words.badge,
        say=words.say,
        banner=banner(here),
        bell=bell(here),
        **values,
    )


class Banner(Struct, frozen=True):
    """What stands above every page of a console while it lasts; `href` leads to where it can be mended."""

    text: str
    href: str


def banner(here: Context) -> Banner | None:
    """Why the shop takes no new orders, for staff who are signed in."""
    if here.tenant is None or here.viewer is None:
        return None
    href = f"{here.base}/plan" if here.viewer.may(Permission.PLAN_READ) else ""
    if here.tenant.state == "overdue":
        return Banner(gettext("The plan is not paid: the shop takes no new orders until the deposit covers it."), href)
    if here.tenant.orders_used_up and here.tenant.is_open:
        return Banner(gettext("This month's orders are used up: the shop takes no new ones."), href)
    return None


def bell(here: Context) -> str:
    """Where the notices are, for whoever may see them."""
    return f"{here.base}/notices" if here.viewer and here.viewer.may(Permission.NOTICES_READ) else ""


def navigation(here: Context) -> list[dict[str, Any]]:
    """The entries that the viewer may open, the current one marked."""
    viewer = here.viewer
    entries = [
        one
        for one in ENTRIES[here.kit.face]
        if viewer and viewer.may(one.permission) and (not one.flag or here.flags[one.flag])
    ]
    shown: list[dict[str, Any]] = []
    section = ""
    for entry in entries:
        section = entry.section or section
        is_first = section and all(one["group"] != section for one in shown)
        shown.append(
            {
                "label": gettext(entry.label),
                "href": (here.base + entry.path) or "/",
                "icon": entry.icon,
                "active": _is_at(here, entry.path),
                "section": gettext(section) if is_first else "",
                "group": section,
            }
        )
    return shown


def to_first_room(request: AnyRequest, _error: Forbidden) -> Response[bytes]:
    """What answers at the door of a console to somebody who may not see its overview: the first page that he may open,
    or his own account. For `exception_handlers` of the overview."""
    here = context.of(request.scope)
    rooms = navigation(here)
    return answers.redirect(request, rooms[0]["href"] if rooms else f"{here.base}/account")


def chips(asked: Wanted, family: str, counts: dict[str, int] | None = None) -> list[Chip]:
    """The filters of a list by state; `counts` for the states that have one."""
    kept = paging.Page[None](items=[], total=0, page=1, size=1, path=asked.path, query=asked.query)
    chosen = asked.get("state")
    everything = Chip(gettext("All"), kept.url_with(state=""), not chosen)
    return [
        everything,
        *(
            Chip(
                words.badge(family, code).word,
                kept.url_with(state=code),
                code == chosen,
                (counts or {}).get(code),
            )
            for code in words.states(family)
        ),
    ]


def _is_at(here: Context, path: str) -> bool:
    at = here.path.removeprefix(here.base).rstrip("/")
    return at == path if not path else at == path or at.startswith(f"{path}/")
