"""Orders, to take away."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui import words
from admin_ui.lists import order_filters
from admin_ui.lists.cells import Column, moment
from admin_ui.lists.source import Asked, Source
from billing.payments import queries as payments
from kameng.identity.permissions import Permission
from kameng.web.i18n import N_, gettext
from tenants.orders import finding
from tenants.orders.finding import Line

COLUMNS = (
    Column(N_("Order")),
    Column(N_("Ordered at"), "moment"),
    Column(N_("State")),
    Column(N_("Product")),
    Column(N_("Quantity"), "number"),
    Column(N_("Amount, ¥"), "cents"),
    Column(N_("Discount, ¥"), "cents"),
    Column(N_("Given back, ¥"), "cents"),
    Column(N_("You pay, ¥"), "cents", is_money=True),
    Column(N_("Profit, ¥"), "cents", is_money=True),
    Column(N_("Paid by")),
    Column(N_("Contact")),
    Column(N_("Paid at"), "moment"),
    Column(N_("Delivered at"), "moment"),
    Column(N_("Reason")),
)


async def _count(session: AsyncSession, asked: Asked, most: int) -> int:
    return await finding.count(session, await finding.ask(session, order_filters.wish(asked.query)), most)


async def _read(session: AsyncSession, asked: Asked, after: str, limit: int) -> tuple[list[list[Any]], str]:
    sought = await finding.ask(session, order_filters.wish(asked.query))
    found = await finding.lines(session, sought, after=UUID(after) if after else None, limit=limit)
    channels = {str(one.id): one.name for one in await payments.all_channels(session)}
    return [_row(one, channels) for one in found], str(found[-1].id) if len(found) == limit else ""


def _row(line: Line, channels: dict[str, str]) -> list[Any]:
    return [
        line.no,
        moment(line.created_at),
        words.badge("order", line.state).word,
        line.product_name,
        line.quantity,
        line.total_cents,
        line.discount_cents,
        line.refunded_cents,
        line.wholesale_cents - line.wholesale_back_cents,
        line.profit_cents,
        way_of(line.pay_method, channels),
        line.contact,
        moment(line.paid_at),
        moment(line.delivered_at),
        words.say("reason", line.reason) if line.reason else "",
    ]


def way_of(pay_method: str, channels: dict[str, str]) -> str:
    """How an order was paid, in words."""
    return channels.get(pay_method, pay_method) if pay_method != "wallet" else gettext("Wallet")


SOURCE = Source(
    key="orders",
    path="/console/orders",
    title=N_("Orders"),
    permission=Permission.ORDERS_READ,
    filters=order_filters.NAMES,
    columns=COLUMNS,
    count=_count,
    read=_read,
)
