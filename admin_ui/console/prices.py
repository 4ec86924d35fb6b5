"""What the station pays: its own wholesale prices, special prices, minimums, what has changed and what will."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Struct

from admin_ui.frame import AnyRequest, page
from billing.wholesale import queries as wholesale
from billing.wholesale.queries import OwnSpecial, Quote
from kameng.core import clock
from kameng.identity.permissions import Permission
from kameng.infra.tenancy import Tenant
from kameng.web import paging
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from tenants.shop import queries as shop

DAYS = 30
MOST_CHANGES = 50


class Priced(Struct, frozen=True):
    """A good with what the station pays and sells it for. `retail` is the lowest price among its products on sale."""

    good_id: int
    name: str
    quote: Quote
    special: OwnSpecial | None
    retail: Decimal | None

    @property
    def margin(self) -> Decimal | None:
        return None if self.retail is None else self.retail - self.quote.wholesale_price

    @property
    def is_below_floor(self) -> bool:
        floor = self.quote.min_resale
        return self.retail is not None and floor is not None and self.retail < floor


class PriceController(Controller):
    path = "/console/prices"

    @get("/", guards=[requires(Permission.LEDGER_READ)])
    async def show(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        asked = paging.wanted(request)
        async with tenant.begin() as session:
            found = await paging.of_sql(
                session, wholesale.OFFERED, {"words": asked.search, "pattern": paging.like(asked.search)}, asked
            )
            numbers = [row.id for row in found.items]
            quotes = await wholesale.quotes(session, numbers)
            specials = await wholesale.own_specials(session)
            retail = await shop.lowest_prices(session, numbers)
            changes = await wholesale.own_changes(session, clock.now() - timedelta(days=DAYS), MOST_CHANGES)
            named = [change.good_id for change in changes] + [one.good_id for one in specials]
            names = await wholesale.good_names(session, named)
        valid = _valid(specials)
        lines = [
            Priced(row.id, row.name, quotes[row.id], valid.get(row.id), retail.get(row.id))
            for row in found.items
            if row.id in quotes
        ]
        return page(
            request,
            "console/prices.html",
            found=found,
            lines=lines,
            asked=asked,
            coming=[one for one in specials if one.valid_from > clock.now()],
            changes=changes,
            names=names,
            moved=_moved,
            percent=_percent,
        )


def _valid(specials: Sequence[OwnSpecial]) -> dict[int, OwnSpecial]:
    now = clock.now()
    return {one.good_id: one for one in specials if one.valid_from <= now}


def _moved(old: Decimal | None, new: Decimal | None) -> str:
    """How much dearer or cheaper: `+5.0%`."""
    if old is None or new is None or not old:
        return gettext("New") if new is not None else gettext("Not offered any more")
    return f"{(new - old) / old:+.1%}"


def _percent(part: Any, whole: Any) -> str:
    return f"{part / whole:.1%}".removesuffix("%") if whole else ""
