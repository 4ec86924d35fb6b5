"""Telling a buyer something of his order: on its page at once; by e-mail and webhook by followers."""

from collections.abc import Sequence
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock, ids
from kameng.core.money import format_cents
from kameng.infra import outbox, wording
from kameng.infra.tenancy import Tenant
from kameng.infra.wording import BadWording
from kameng.web.i18n import gettext
from tenants.aftersale import facts
from tenants.buyers import queries as buyers
from tenants.buyers.errors import BuyerGone
from tenants.desk import rule_book, settings, texts
from tenants.desk.events import Hooked, MessageWritten
from tenants.desk.models import Case, Rule
from tenants.desk.states import Action
from tenants.orders.service import Order

log = structlog.get_logger()

INSERT = text(
    """
    INSERT INTO order_messages (id, order_id, kind, body, automatic, made_by, key)
    VALUES (:id, :order_id, :kind, :body, :automatic, :by, :key)
    ON CONFLICT (order_id, key) WHERE key <> '' DO NOTHING RETURNING id
    """
)
MAILED = text("UPDATE order_messages SET channel = 'email', failure = '' WHERE id = :id")
NOT_MAILED = text("UPDATE order_messages SET failure = :failure WHERE id = :id")


async def variables(
    session: AsyncSession,
    tenant: Tenant,
    base_url: str,
    order: Order,
    *,
    has_money: bool,
    offer: str = "",
    cents: int = 0,
) -> dict[str, str]:
    """A value for each of `texts.VARIABLES`; never a price of the master or a supplier."""
    try:
        buyer = await buyers.buyer(session, order.buyer_id)
        name = buyer.name or buyer.login or ""
    except BuyerGone:
        name = ""
    known = dict.fromkeys(texts.VARIABLES, "") | await facts.of_order(session, order.no)
    return known | {
        "shop": tenant.name,
        "buyer": name or gettext("customer"),
        "money": "yes" if has_money else "",
        "offer": offer,
        "price": format_cents(cents) if cents else "",
        "link": f"{base_url}/orders/{order.no}",
    }


def sample(tenant: Tenant) -> dict[str, str]:
    """What a template is tried out with."""
    known = facts.sample(tenant)
    return {name: known.get(name, "") for name in texts.VARIABLES} | {
        "money": "yes",
        "offer": gettext("Another product"),
        "price": format_cents(900),
        "link": f"https://{tenant.host}/orders/{known['order']}",
    }


async def ready(
    session: AsyncSession, tenant: Tenant, base_url: str, order: Order, case: Case, rules: Sequence[Rule]
) -> list[tuple[str, str]]:
    """`(name, text)` of what these rules would say to the buyer about a case of its kind, filled in for this order."""
    speaking = [
        rule for rule in rules if rule.action == Action.MESSAGE and case.kind in rule_book.condition_of(rule).kinds
    ]
    values = await variables(session, tenant, base_url, order, has_money=case.has_money) if speaking else {}
    filled = [(texts.name_of(rule), filled_in(texts.template_of(rule), values, order.no)) for rule in speaking]
    return [(name, said) for name, said in filled if said]


def filled_in(template: str, values: dict[str, str], no: str) -> str:
    """The template in words, or nothing where it cannot be: it was tried out when it was saved, but a very long name
    may still break its limit."""
    try:
        return wording.render(template, values, limit=2 * texts.LONGEST)
    except BadWording as bad:
        log.warning("desk_message_failed", order=no, error=str(bad))
        return ""


async def write(
    session: AsyncSession, order: Order, kind: str, body: str, *, by: str = "", key: str = ""
) -> UUID | None:
    """Puts a message on the order's page. None when one with this `key` stands there. Tell the open pages after the
    commit."""
    values = {
        "id": ids.uuid7(),
        "order_id": order.id,
        "kind": kind,
        "body": body,
        "automatic": not by,
        "by": by,
        "key": key,
    }
    message_id: UUID | None = (await session.execute(INSERT, values)).scalar_one_or_none()
    if message_id is not None:
        await outbox.record(session, MessageWritten(message_id))
        await hook(session, "message", order.no, body)
    return message_id


async def hook(session: AsyncSession, kind: str, order_no: str, said: str) -> None:
    """Has the station's own address told, where there is one."""
    if (await settings.read(session)).hook_url:
        await outbox.record(session, Hooked(kind, order_no, said, clock.now()))


async def mailed(session: AsyncSession, message_id: UUID, failure: str = "") -> None:
    """What became of the e-mail."""
    if failure:
        await session.execute(NOT_MAILED, {"id": message_id, "failure": failure[:200]})
    else:
        await session.execute(MAILED, {"id": message_id})
