"""The station's money: deposit, revenue, what gateways hold, payments."""

from collections.abc import Sequence
from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.response import Template

from admin_ui import days, ledger
from admin_ui.console.deposit import outlook
from admin_ui.frame import AnyRequest, PathNo, chips, page
from billing.ledger import queries as ledger_queries
from billing.ledger.queries import Entry
from billing.payments import queries as payments
from kameng.identity.permissions import Permission
from kameng.infra.tenancy import Tenant
from kameng.web import paging
from kameng.web.guards import requires
from tenants.orders import queries as orders

LATEST = 20
OF_SALES = ("sale", "reversal")


class MoneyController(Controller):
    path = "/console/money"

    @get("/", guards=[requires(Permission.LEDGER_READ)])
    async def show(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        asked = paging.wanted(request)
        async with tenant.begin() as session:
            deposit_cents = await ledger_queries.balance_cents(session, "deposit")
            week_cents = await orders.wholesale_since(session, days.today(days_ago=7))
            income = await ledger_queries.income(session, days.today(days_ago=29), days.today())
            found = await paging.of_select(session, payments.search(asked.search, asked.get("state")), asked)
            channels = {channel.id: channel for channel in await payments.all_channels(session)}
            history = await ledger_queries.history(session, "deposit", "", LATEST)
            numbers = await orders.numbers(session, _orders(history))
        return page(
            request,
            "console/money.html",
            deposit_cents=deposit_cents,
            outlook=outlook(deposit_cents, week_cents),
            revenue=next((one for one in income if one.kind == "revenue"), None),
            gateways=[(channels.get(int(one.owner)), one) for one in income if one.owner.isdecimal()],
            found=found,
            channels=channels,
            filters=chips(asked, "payment"),
            asked=asked,
            history=history,
            numbers=numbers,
        )

    @get("/payments/{no:str}", guards=[requires(Permission.LEDGER_READ)])
    async def payment(self, no: PathNo, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Template:
        async with tenant.begin() as session:
            payment = await payments.payment(session, no)
            channel = await payments.channel(session, payment.channel_id)
            notices = await payments.notices_of(session, no)
            entries = await ledger_queries.entries_of(session, no)
        return page(
            request,
            "console/payment.html",
            payment=payment,
            channel=channel,
            notices=notices,
            transfers_of_payment=ledger.transfers(entries),
        )


def _orders(history: Sequence[Entry]) -> list[UUID]:
    """The orders that lines of the deposit belong to; a line's `owner` is its transfer's reference."""
    return [UUID(entry.owner) for entry in history if entry.transfer in OF_SALES]
