"""Where a cart is kept: with the buyer, or in the cookie of a browser that is nobody's yet.

The cookie holds what is in the cart (`12.2.990_15.1.1000`: product, units, cents for one), or for a buyer only how many
products (`n2`), so that no page has to ask for the figure on the cart. What it says is checked like any input.
"""

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from kameng.web import context
from kameng.web.context import Context
from tenants.cart import service as cart
from tenants.cart.service import Line

CART = "kameng_cart"
DRAWN = "drawn " + CART  # what this answer leaves; no name of a cookie holds a space
KEPT_S = 30 * 24 * 3600
WRITTEN = re.compile(r"([1-9][0-9]{0,17})\.([1-9][0-9]{0,3})\.([0-9]{1,12})")
COUNTED = re.compile(r"n([0-9]{1,2})")


def count(request: Any) -> int:
    """How many products are in the cart, for the figure on it; a function of the templates."""
    here = context.of(request.scope)
    said = _written(here)
    if here.viewer is not None and (counted := COUNTED.fullmatch(said)):
        return int(counted[1])
    return len(read(said))


async def lines_of(session: AsyncSession, here: Context) -> list[Line]:
    """What is in the cart. What a browser held before its buyer was known goes to the buyer."""
    buyer_id, held = here.visitor.buyer_id, read(_written(here))
    if buyer_id is None:
        return held
    kept = await cart.lines_of(session, buyer_id)
    if held:
        together = cart.merged(kept, held)
        await cart.keep(session, buyer_id, kept, together)
        kept = together
    if _written(here) != _counted(kept):
        _set(here, _counted(kept))
    return kept


async def keep(session: AsyncSession, here: Context, before: Sequence[Line], lines: Sequence[Line]) -> None:
    """Makes the cart, which was `before`, these lines."""
    buyer_id = here.visitor.buyer_id
    if buyer_id is None:
        _set(here, written(lines))
        return
    await cart.keep(session, buyer_id, before, lines)
    _set(here, _counted(lines))


def bought(here: Context, left: Sequence[Line], *, is_new: bool) -> None:
    """What is left in the cart of whoever has just bought; `is_new`: he was nobody before, and his cookie held it."""
    _set(here, written(left) if is_new else _counted(left))


def _counted(lines: Sequence[Line]) -> str:
    return f"n{len(lines)}" if lines else ""


def _set(here: Context, value: str) -> None:
    here.cookies[DRAWN] = value
    if value:
        here.set_cookie(CART, value, KEPT_S)
    else:
        here.drop_cookie(CART)


def _written(here: Context) -> str:
    return here.cookies[DRAWN] if DRAWN in here.cookies else here.cookie(CART) or ""


def written(lines: Sequence[Line]) -> str:
    """Lines as a cookie or a form carries them."""
    return "_".join(f"{line.product_id}.{line.quantity}.{line.seen_cents}" for line in lines)


def read(said: str) -> list[Line]:
    """What a cookie says; nonsense is left out."""
    lines: dict[int, Line] = {}
    for part in said.split("_")[: cart.MOST_LINES]:
        if found := WRITTEN.fullmatch(part):
            product_id, quantity, cents = (int(one) for one in found.groups())
            lines[product_id] = Line(product_id, min(quantity, cart.MOST_UNITS), cents)
    return list(lines.values())
