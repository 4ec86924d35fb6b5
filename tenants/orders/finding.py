"""Finding orders among a million: by words, state, product, buyer, channel, amount and day, the newest first.

Each thing that may be asked for has an index whose second column is the id, and ids sort by time. Words are looked for
in one index after the other (the beginning of a number, of its part after the day, of a contact, a login, the name of
a product), never in all at once, so no search reads the table. See docs/adr/0030-lists.md.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import ids

FEW_PRODUCTS = 200  # each is looked up by itself; more of them are a filter
SKEW = timedelta(hours=1)  # by which the clock that makes ids may differ from the one that writes `created_at`
COLUMNS = """
    o.id, o.no, o.product_id, o.product_name, o.buyer_id, o.contact, o.state, o.quantity, o.total_cents,
    o.refunded_cents, o.wholesale_cents, o.wholesale_back_cents, o.cost_cents, o.discount_cents, o.fee_cents,
    o.pay_method, o.reason, o.created_at, o.paid_at, o.delivered_at
"""
# A plan for values that are not known yet cannot tell a rare state from a common one.
PLAN = text("SET LOCAL plan_cache_mode = force_custom_plan")
PRODUCTS = text("SELECT id FROM products WHERE name ILIKE :pattern ORDER BY id")
NUMBER = re.compile(r"\d{1,6}|\d{6}-[0-9A-Z]{0,10}")
CODE = re.compile(f"[{ids.ALPHABET}]{{4,10}}")
LAST = "Z" * 20  # sorts after every order number, in every collation


class Wish(Struct, frozen=True, kw_only=True):
    """What is looked for; all of it at once. Amounts in cents, `until` is the first moment that is out."""

    words: str = ""
    state: str = ""
    product_id: int | None = None
    buyer_id: UUID | None = None
    channel: str = ""
    least_cents: int | None = None
    most_cents: int | None = None
    since: datetime | None = None
    until: datetime | None = None


class Line(Struct, frozen=True, kw_only=True):
    """An order as lists and exports show it."""

    id: UUID
    no: str
    product_id: int
    product_name: str
    buyer_id: UUID
    contact: str
    state: str
    quantity: int
    total_cents: int
    refunded_cents: int
    wholesale_cents: int
    wholesale_back_cents: int
    cost_cents: int
    discount_cents: int
    fee_cents: int
    pay_method: str
    reason: str
    created_at: datetime
    paid_at: datetime | None
    delivered_at: datetime | None

    @property
    def profit_cents(self) -> int | None:
        """What the station has of it; None where nothing was earned, or it went back."""
        if self.paid_at is None or self.state == "refunded":
            return None
        kept = self.total_cents - self.refunded_cents
        return kept - self.wholesale_cents + self.wholesale_back_cents - self.cost_cents


class Asked(Struct, frozen=True):
    """A condition in parts: each of `branches` is looked for by itself, with `filters` beside it."""

    filters: Sequence[str]
    branches: Sequence[str]
    values: dict[str, Any]
    products: Sequence[int]  # of the branch that names them, when there are few


async def ask(session: AsyncSession, wish: Wish) -> Asked:
    """What to look for, for `lines` and `count`: the names of products are read here, once."""
    filters: list[str] = []
    values: dict[str, Any] = {}

    def add(condition: str, **named: Any) -> None:
        filters.append(condition)
        values.update(named)

    if wish.state:
        add("o.state = :state", state=wish.state)
    if wish.product_id is not None:
        add("o.product_id = :product", product=wish.product_id)
    if wish.buyer_id is not None:
        add("o.buyer_id = :buyer", buyer=wish.buyer_id)
    if wish.channel:
        add("o.pay_method = :channel", channel=wish.channel)
    if wish.least_cents is not None:
        add("o.total_cents >= :least", least=wish.least_cents)
    if wish.most_cents is not None:
        add("o.total_cents <= :most_cents", most_cents=wish.most_cents)
    if wish.since is not None:
        add("o.id >= :first AND o.created_at >= :since", first=ids.first_of(wish.since - SKEW), since=wish.since)
    if wish.until is not None:
        add("o.id < :end AND o.created_at < :until", end=ids.first_of(wish.until + SKEW), until=wish.until)
    branches, products = await _words(session, wish.words, values) if wish.words else ([], [])
    return Asked(filters, branches, values, products)


async def _words(session: AsyncSession, words: str, values: dict[str, Any]) -> tuple[list[str], Sequence[int]]:
    """Where the words may stand. A contact's beginning is always among it, so there is at least one place."""
    low, high = words.lower(), words.upper()
    branches = [
        "lower(o.contact) LIKE :contact",
        "o.buyer_id = (SELECT b.id FROM buyers b WHERE lower(b.login) = :login)",
    ]
    values |= {"contact": f"{_plain(low)}%", "login": low}
    if NUMBER.fullmatch(high):
        branches.append("o.no BETWEEN :number AND :number_end AND starts_with(o.no, :number)")
        values |= {"number": high, "number_end": high + LAST}
    if CODE.fullmatch(high):
        branches.append("substr(o.no, 8) LIKE :code")
        values |= {"code": f"{high}%"}
    products = list((await session.execute(PRODUCTS, {"pattern": f"%{_plain(words)}%"})).scalars())
    if products:
        branches.append("o.product_id = ANY(:products)")
        values |= {"products": products}
    return branches, products


async def lines(
    session: AsyncSession, asked: Asked, *, after: UUID | None = None, backwards: bool = False, limit: int
) -> list[Line]:
    """At most `limit` orders, those older than `after`, newest first; `backwards` those newer, oldest first."""
    await session.execute(PLAN)
    sign, order = (">", "ASC") if backwards else ("<", "DESC")
    filters = [*asked.filters, *([f"o.id {sign} :after"] if after else [])]
    found = " UNION ".join(_branch(one, filters, asked, order) for one in asked.branches)
    statement = text(
        f"SELECT {COLUMNS} FROM orders o JOIN ({found}) found ON found.id = o.id ORDER BY o.id {order} LIMIT :limit"  # noqa: S608
        if asked.branches
        else f"SELECT {COLUMNS} FROM orders o{_where(filters)} ORDER BY o.id {order} LIMIT :limit"  # noqa: S608 - our own
    )
    rows = await session.execute(statement, asked.values | {"limit": limit} | ({"after": after} if after else {}))
    return [Line(**row) for row in rows.mappings()]


async def count(session: AsyncSession, asked: Asked, most: int) -> int:
    """How many there are, counted up to `most`."""
    await session.execute(PLAN)
    if asked.branches:
        each = [f"(SELECT o.id FROM orders o{_where([*asked.filters, one])} LIMIT :most)" for one in asked.branches]  # noqa: S608
        counted = " UNION ".join(each)
    else:
        counted = f"SELECT 1 FROM orders o{_where(asked.filters)}"  # noqa: S608 - our own conditions
    statement = text(f"SELECT count(*) FROM (SELECT 1 FROM ({counted}) met LIMIT :most) counted")  # noqa: S608
    return int((await session.execute(statement, asked.values | {"most": most})).scalar_one())


def _branch(condition: str, filters: Sequence[str], asked: Asked, order: str) -> str:
    """The first `limit` ids that fit. Of few products, each one's own first ones: an index gives them in order."""
    if "ANY(:products)" in condition and len(asked.products) <= FEW_PRODUCTS:
        of_one = (
            f"SELECT o.id FROM orders o{_where([*filters, 'o.product_id = p.id'])} ORDER BY o.id {order} LIMIT :limit"  # noqa: S608
        )
        return f"(SELECT met.id FROM unnest(CAST(:products AS bigint[])) p (id) CROSS JOIN LATERAL ({of_one}) met)"  # noqa: S608
    return f"(SELECT o.id FROM orders o{_where([*filters, condition])} ORDER BY o.id {order} LIMIT :limit)"  # noqa: S608


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _plain(words: str) -> str:
    """Words with the signs of a pattern taken as they are."""
    return re.sub(r"([\\%_])", r"\\\1", words)
