"""The parts of a station's pages at the master: one address each, shown as a row of chips under its name."""

from collections.abc import Sequence

from msgspec import Struct

from admin_ui.frame import Chip
from kameng.identity.permissions import Permission
from kameng.web.context import Context
from kameng.web.i18n import N_, gettext


class Tab(Struct, frozen=True):
    """One part; `path` follows `/tenants/<number>`."""

    label: str
    path: str
    permission: Permission


TABS: Sequence[Tab] = (
    Tab(N_("Summary"), "", Permission.TENANTS_READ),
    Tab(N_("Plan"), "/plan", Permission.PLANS_READ),
    Tab(N_("Prices"), "/prices", Permission.TIERS_READ),
    Tab(N_("Settlement"), "/settlement", Permission.PAYOUTS_READ),
    Tab(N_("Domains"), "/domains", Permission.TENANTS_READ),
    Tab(N_("Features"), "/features", Permission.POLICIES_READ),
    Tab(N_("Team"), "/team", Permission.TENANTS_READ),
    Tab(N_("Visit"), "/visit", Permission.STATIONS_ENTER),
)


def tabs(here: Context, tenant_id: int, at: str | None = None) -> list[Chip]:
    """The parts that the viewer may open, the current one marked: that of the request's path, or `at`."""
    root, viewer = f"/tenants/{tenant_id}", here.viewer
    at = here.path.rstrip("/") if at is None else root + at
    return [
        Chip(gettext(tab.label), root + tab.path, _is_at(at.removeprefix(root), tab.path))
        for tab in TABS
        if viewer and viewer.may(tab.permission)
    ]


def _is_at(at: str, path: str) -> bool:
    """A part's own pages, such as one feature, belong to the part; what belongs to none, to the summary."""
    if path:
        return at == path or at.startswith(f"{path}/")
    return not any(at == tab.path or at.startswith(f"{tab.path}/") for tab in TABS if tab.path)
