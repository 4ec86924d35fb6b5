"""Who buys at the station."""

from typing import Any
from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template

from admin_ui import words
from admin_ui.frame import AnyRequest, Chip, page
from admin_ui.lists import bar as list_bar
from admin_ui.lists.buyers import SOURCE
from admin_ui.vocabulary import codes
from billing.ledger import queries as ledger
from kameng.identity.permissions import Permission
from kameng.infra.tenancy import Tenant
from kameng.web import paging
from kameng.web.forms import Form
from kameng.web.guards import requires
from kameng.web.i18n import gettext
from kameng.web.paging import Page
from kameng.web.people import Staff
from tenants.buyers import levels, queries
from tenants.openapi import keys
from tenants.orders import queries as orders
from tenants.toggles import flags

LATEST = 20


class BuyerController(Controller):
    path = "/console/buyers"
    opt = flags.BUYERS.opt

    @get("/", guards=[requires(Permission.BUYERS_READ)])
    async def listed(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], staff: NamedDependency[Staff]
    ) -> Template:
        asked = paging.wanted(request)
        values = {"words": asked.search, "pattern": paging.like(asked.search), "kind": asked.get("kind")}
        async with tenant.begin() as session:
            found = await paging.of_sql(session, queries.LINES, values, asked)
            bar = await list_bar.of(session, SOURCE, staff, asked.query)
        filters = _kinds(found, asked.get("kind"))
        return page(request, "console/buyers.html", found=found, asked=asked, filters=filters, bar=bar)

    @get("/{buyer_id:uuid}", guards=[requires(Permission.BUYERS_READ)])
    async def show(self, buyer_id: FromPath[UUID], request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        return await detail(request, tenant, buyer_id)


async def detail(
    request: AnyRequest, tenant: Tenant, buyer_id: UUID, *, status: int = 200, key_form: Form | None = None
) -> Template:
    """A buyer's page, with a form that was refused. Raises `BuyerGone`."""
    async with tenant.begin() as session:
        buyer = await queries.buyer(session, buyer_id)
        latest = (await session.scalars(orders.of_buyer(buyer_id).limit(LATEST))).all()
        wallet_cents = await ledger.balance_cents(session, "wallet", str(buyer_id))
        history = await ledger.history(session, "wallet", str(buyer_id))
        held = await keys.of_buyer(session, buyer_id)
        level = await levels.of_buyer(session, buyer_id)
        offered = await levels.names(session)
    return page(
        request,
        "console/buyer.html",
        status=status,
        buyer=buyer,
        latest=latest,
        wallet_cents=wallet_cents,
        history=history,
        keys=held,
        level=level,
        levels=offered,
        key_form=key_form,
    )


def _kinds(found: Page[Any], chosen: str) -> list[Chip]:
    kinds = [Chip(words.say("buyer", kind), found.url_with(kind=kind), kind == chosen) for kind in codes.BUYERS]
    return [Chip(gettext("All"), found.url_with(kind=""), not chosen), *kinds]
