"""Prices of single products: how they came about, what competitors ask, and whether they are left alone."""

from collections import defaultdict
from datetime import timedelta
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Struct

from admin_ui import charts
from admin_ui.console import pricing_words
from admin_ui.frame import AnyRequest, PathId, page
from kameng.audit import service as audit
from kameng.core import clock
from kameng.identity.permissions import Permission
from kameng.infra.tenancy import Tenant
from kameng.web import answers, forms, paging
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.people import Staff
from tenants.pricing import proposals, queries, rule_book, settings
from tenants.pricing.outliers import BELIEVED
from tenants.pricing.queries import Captured, Entry
from tenants.shop import queries as shop
from tenants.toggles import flags

PAGE = "/console/pricing/products"
DAYS = 30
MOST_RIVALS = 5  # a chart has at most six lines


class Pin(Struct, frozen=True):
    """Whether a price is left alone."""

    pinned: bool = False


class PricingProductController(Controller):
    path = PAGE
    opt = flags.PRICING.opt

    @get("/", guards=[requires(Permission.PRICING_READ)])
    async def listed(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        asked = paging.wanted(request)
        values = {"words": asked.search, "pattern": paging.like(asked.search)}
        async with tenant.begin() as session:
            found = await paging.of_sql(session, queries.CHOICES, values, asked)
            set_to = await settings.read(session)
            numbers = [row.id for row in found.items]
            ruled = {
                one.product.id: one
                for one in await proposals.of_products(session, set_to, clock.now(), products=numbers)
            }
        return page(
            request,
            "console/pricing_products.html",
            found=found,
            asked=asked,
            ruled=ruled,
            said=pricing_words.rule,
            next_price=pricing_words.stays,
        )

    @get("/{product_id:int}", guards=[requires(Permission.PRICING_READ)])
    async def show(self, product_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        now = clock.now()
        since = now - timedelta(days=DAYS)
        asked = paging.wanted(request)
        async with tenant.begin() as session:
            product = await shop.product(session, product_id)
            found = await paging.of_sql(session, queries.HISTORY, {"product": product_id}, asked)
            history = await queries.history(session, product_id, since)
            captured = await queries.competitors(session, product_id, since)
            set_to = await settings.read(session)
            proposal = next(
                iter(await proposals.of_products(session, set_to, now, products=[product_id])), None
            )  # fmt: skip
            rivals = (await queries.asked(session, [product_id])).get(product_id, [])
            book = await queries.book(session)
            own = next((one for one in await queries.rules(session) if one.product_id == product_id and
                        one.kind != "leave"), None)  # fmt: skip
        return page(
            request,
            "console/pricing_product.html",
            product=product,
            found=found.map(lambda row: Entry(*list(row))),
            why=pricing_words.why,
            proposal=proposal,
            said=pricing_words.rule(proposal.rule) if proposal else "",
            next_price=pricing_words.stays(proposal) if proposal else "",
            rivals=[(one, one.is_stale(now)) for one in rivals],
            pinned=book.is_pinned(product_id, product.variant_of),
            own=own,
            chart_option=charts.prices(
                [(entry.at, entry.new_price) for entry in reversed(history)],
                since,
                now,
                product.price if not history else history[-1].old_price or history[-1].new_price,
                _lines(captured),
                gettext("Your price"),
            ),
        )

    @post("/{product_id:int}/pin", guards=[requires(Permission.PRICING_WRITE)])
    async def pin(
        self, product_id: PathId, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Response[Any]:
        wanted = (await forms.parse(request, Pin)).pinned
        async with tenant.begin() as session:
            product = await shop.product(session, product_id)
            await rule_book.pin(session, product_id, pinned=wanted)
            action = "pricing.pin" if wanted else "pricing.unpin"
            await audit.record(session, staff.name, action, str(product_id), {"name": product.name}, staff.address)
        answers.toast(request, gettext("The price is left alone.") if wanted else gettext("Rules price it again."))
        return answers.redirect(request, f"{PAGE}/{product_id}")


def _lines(captured: list[Captured] | Any) -> dict[str, list[tuple[Any, Any, Any]]]:
    """What each competitor asked, without what was not believed; of the most that a chart can show."""
    found: dict[str, list[tuple[Any, Any, Any]]] = defaultdict(list)
    for one in captured:
        if one.verdict == BELIEVED:
            found[one.feed].append((one.first_at, one.last_at, one.price))
    return dict(list(found.items())[:MOST_RIVALS])
