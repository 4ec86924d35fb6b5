"""The statements that write a sale and move an order, and the one place where its deadline is kept.

What one sale writes is one statement that ends in `charge_sale`, which takes the contended locks (wallet, deposit) last
and holds them only until the commit that follows. They go to the driver directly: SQLAlchemy's share of a statement was
as large as PostgreSQL's. Only these statements change an order's state.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from kameng.cards.service import Fresh
from kameng.core import clock
from kameng.infra import outbox
from kameng.infra.driver import driver
from tenants.orders.events import OrderMoved
from tenants.orders.states import FINAL, State, sources_of

LOOK_AFTER = timedelta(minutes=1)  # a charged order should be on its way by then

INSERT_ORDER = """
    INSERT INTO orders (id, no, buyer_id, request_key, product_id, good_id, product_name, kind, usage_note, contact,
                        inputs, quantity, unit_price, total_cents, discount_cents, coupon_id, choice_cents, card_id,
                        fee_cents, settlement, wholesale_price, wholesale_cents, quote, cost_cents, pay_method,
                        basket_no, lookup_hash, state, expires_at, paid_at, delivered_at, delivered_quantity, due_at,
                        flags)
    VALUES (%(id)s, %(no)s, %(buyer_id)s, %(request_key)s, %(product_id)s, %(good_id)s, %(product_name)s, %(kind)s,
            %(usage_note)s, %(contact)s, %(inputs)s, %(quantity)s, %(unit_price)s, %(total_cents)s, %(discount_cents)s,
            %(coupon_id)s, %(choice_cents)s, %(card_id)s, %(fee_cents)s, %(settlement)s, %(wholesale_price)s,
            %(wholesale_cents)s, %(quote)s, %(cost_cents)s, %(pay_method)s, %(basket_no)s, %(lookup_hash)s, %(state)s,
            %(expires_at)s, %(paid_at)s, %(delivered_at)s, %(delivered_quantity)s, %(due_at)s, %(flags)s)
"""
UPDATE_UNPAID = """
    UPDATE orders SET state = %(state)s, paid_at = %(paid_at)s, delivered_at = %(delivered_at)s, expires_at = NULL,
           delivered_quantity = %(delivered_quantity)s, due_at = %(due_at)s, cost_cents = %(cost_cents)s,
           wholesale_price = %(wholesale_price)s, wholesale_cents = %(wholesale_cents)s, quote = %(quote)s
    WHERE id = %(id)s AND state = 'unpaid'
"""
INSERT_CARDS = """
    INSERT INTO card_issued (id, item_id, secret, fingerprint, order_ref)
    SELECT card.id, %(product_id)s, card.secret, card.fingerprint, %(id)s
    FROM unnest(CAST(%(card_ids)s AS uuid[]), CAST(%(card_secrets)s AS bytea[]), CAST(%(card_fingerprints)s AS bytea[]))
         AS card (id, secret, fingerprint)
"""
# A row for every order that is not final, and for no other.
DEADLINE = """
    INSERT INTO order_deadlines (order_ref, state, due_at, look_at)
    VALUES (%(id)s, %(state)s, %(due_at)s, %(look_at)s)
    ON CONFLICT (order_ref) DO UPDATE SET state = excluded.state, due_at = excluded.due_at, look_at = excluded.look_at
"""
NO_DEADLINE = "DELETE FROM order_deadlines WHERE order_ref = %(id)s"
CHARGE = """
    SELECT charge_sale(%(id)s, CAST(%(buyer_id)s AS text), %(good_id)s, %(quantity)s, %(total_cents)s,
                       %(wholesale_cents)s, %(settlement)s)
"""
PLACE_UNPAID = f"WITH placed AS ({INSERT_ORDER}) {DEADLINE}"
# The hot one: from the master's stock, delivered at once.
PLACE_SOLD = f"WITH placed AS ({INSERT_ORDER}), cards AS ({INSERT_CARDS}) {CHARGE}"
PLACE_SOLD_OWN = f"WITH placed AS ({INSERT_ORDER}) {CHARGE}"  # its cards were issued as they were claimed
PLACE_PAID = f"WITH placed AS ({INSERT_ORDER}), deadline AS ({DEADLINE}) {CHARGE}"
CHARGE_SOLD = f"WITH sold AS ({UPDATE_UNPAID}), cards AS ({INSERT_CARDS}), done AS ({NO_DEADLINE}) {CHARGE}"
CHARGE_SOLD_OWN = f"WITH sold AS ({UPDATE_UNPAID}), done AS ({NO_DEADLINE}) {CHARGE}"
CHARGE_PAID = f"WITH sold AS ({UPDATE_UNPAID}), deadline AS ({DEADLINE}) {CHARGE}"

TAKE_OWN = (
    "SELECT units, cost_cents FROM take_own_cards(%(id)s, %(item)s, %(quantity)s, %(random)s, %(card_id)s, %(hold)s)"
)
TAKE_HELD_OWN = """
    WITH freed AS (DELETE FROM card_held WHERE order_ref = %(id)s RETURNING *), issued AS (
        INSERT INTO card_issued (id, item_id, secret, fingerprint, cost_cents, batch_id, label, order_ref)
        SELECT id, item_id, secret, fingerprint, cost_cents, batch_id, label, order_ref FROM freed
    ) SELECT count(*), coalesce(sum(cost_cents), 0)::bigint FROM freed
"""
RELEASE = """
    WITH freed AS (DELETE FROM card_held WHERE order_ref = %(id)s RETURNING *), back AS (
        INSERT INTO card_pool (id, item_id, secret, fingerprint, cost_cents, batch_id, label)
        SELECT id, item_id, secret, fingerprint, cost_cents, batch_id, label FROM freed
        ON CONFLICT (item_id, fingerprint) DO NOTHING
    ) SELECT release_held(%(id)s), o.coupon_id, coalesce(nullif(o.basket_no, ''), o.no)
      FROM orders o WHERE o.id = %(id)s
"""
MOVED = """
    WITH moved AS (
        UPDATE orders SET state = %(state)s, reason = %(reason)s, due_at = %(due_at)s,
               delivered_at = CASE WHEN %(state)s IN ('delivered', 'partial') THEN clock_timestamp()
                                   ELSE delivered_at END,
               refunded_cents = refunded_cents + %(retail_cents)s,
               wholesale_back_cents = wholesale_back_cents + %(wholesale_cents)s
        WHERE id = %(id)s AND state = ANY(%(sources)s) RETURNING id, watched
    ), happened AS (
        INSERT INTO order_events (order_id, state, note, actor) SELECT id, %(state)s, %(reason)s, %(actor)s FROM moved
        WHERE %(state)s <> 'delivered' OR %(actor)s <> ''
    )
"""
MOVE = f"{MOVED} SELECT watched FROM moved"  # noqa: S608 - of constants
# With the order's deadline, for a state that has none.
MOVE_FINAL = f"""
    {MOVED}, done AS (DELETE FROM order_deadlines WHERE order_ref IN (SELECT id FROM moved)) SELECT watched FROM moved
"""  # noqa: S608 - of constants
# Units that have come. A card that the order holds already is not taken twice, nor a delivery with a source it knows.
ADD_UNITS = """
    WITH fresh AS (
        INSERT INTO card_issued (id, item_id, secret, fingerprint, order_ref)
        SELECT card.id, %(product_id)s, card.secret, card.fingerprint, %(id)s
        FROM unnest(CAST(%(card_ids)s AS uuid[]), CAST(%(card_secrets)s AS bytea[]),
                    CAST(%(card_fingerprints)s AS bytea[])) AS card (id, secret, fingerprint)
        WHERE NOT EXISTS (SELECT 1 FROM card_issued i WHERE i.order_ref = %(id)s AND i.fingerprint = card.fingerprint)
        RETURNING id
    ) UPDATE orders SET
        delivered_quantity =
            least(quantity, delivered_quantity + coalesce(%(units)s, (SELECT count(*) FROM fresh))::int),
        message = CASE WHEN %(message)s = '' OR message = %(message)s THEN message
                       ELSE concat_ws(chr(10), nullif(message, ''), %(message)s) END
    WHERE id = %(id)s RETURNING delivered_quantity
"""
NOTE = """
    INSERT INTO order_events (order_id, state, note, actor, detail)
    VALUES (%(id)s, %(state)s, %(note)s, %(actor)s, CAST(%(detail)s AS jsonb))
"""
KNOWN_SOURCE = "SELECT count(*) FROM order_events WHERE order_id = %(id)s AND detail->>'source' = %(source)s"
REASON = "UPDATE orders SET reason = %(reason)s, due_at = %(due_at)s WHERE id = %(id)s AND state = 'waiting'"


WATCH = "UPDATE orders SET watched = true WHERE id = %(id)s RETURNING state"


def of_sale(*, is_new: bool, is_own: bool, is_here: bool) -> LiteralString:
    """The statement that charges a sale: of an order that is placed with it or was before, of the station's own cards
    or the master's, delivered at once or on its way."""
    if not is_here:
        return PLACE_PAID if is_new else CHARGE_PAID
    if is_own:
        return PLACE_SOLD_OWN if is_new else CHARGE_SOLD_OWN
    return PLACE_SOLD if is_new else CHARGE_SOLD


async def write(session: AsyncSession, statement: LiteralString, values: Mapping[str, Any]) -> Any:
    """Runs one of the statements above and returns its single value, if it has one. Errors are psycopg's."""
    row = await write_row(session, statement, values)
    return row[0] if row else None


async def write_row(session: AsyncSession, statement: LiteralString, values: Mapping[str, Any]) -> Any:
    """The same with the whole row."""
    done = await driver(session).execute(statement, values)
    return None if done.description is None else await done.fetchone()


async def move(
    session: AsyncSession,
    order_id: UUID,
    state: State,
    reason: str,
    *,
    actor: str = "",
    due_at: datetime | None = None,
    retail_cents: int = 0,
    wholesale_cents: int = 0,
) -> bool:
    """Takes an order along an edge of the table of states, and keeps its deadline; `retail_cents` and `wholesale_cents`
    went back with it. False when there is no such edge from where it is: then nothing is changed."""
    values = {
        "id": order_id,
        "state": str(state),
        "reason": reason,
        "actor": actor,
        "due_at": due_at,
        "sources": sources_of(state),
        "retail_cents": retail_cents,
        "wholesale_cents": wholesale_cents,
    }
    ends = state in FINAL or due_at is None
    moved = await write_row(session, MOVE_FINAL if ends else MOVE, values)
    if moved is None:
        return False
    if moved[0]:
        await outbox.record(session, OrderMoved(order_id, clock.now()))
    if not ends:
        await keep_deadline(session, order_id, state, due_at)
    return True


async def keep_deadline(
    session: AsyncSession, order_id: UUID, state: State, due_at: datetime | None, look_at: datetime | None = None
) -> None:
    """When the order is given up and when it is looked at before; none for one that is final."""
    if state in FINAL or due_at is None:
        await write(session, NO_DEADLINE, {"id": order_id})
        return
    soon = min(due_at, clock.now() + LOOK_AFTER)
    values = {"id": order_id, "state": str(state), "due_at": due_at, "look_at": look_at or soon}
    await write(session, DEADLINE, values)


def card_values(fresh: Fresh) -> dict[str, Any]:
    """As the statements above take them: arrays in PostgreSQL's own writing, which costs a tenth of what the driver
    takes to find out how a list is written."""
    return {
        "card_ids": f"{{{','.join(map(str, fresh.ids))}}}",
        "card_secrets": _array(fresh.secrets),
        "card_fingerprints": _array(fresh.fingerprints),
    }


def _array(values: Sequence[bytes]) -> str:
    signs = ",".join(rf'"\\x{value.hex()}"' for value in values)
    return f"{{{signs}}}"
