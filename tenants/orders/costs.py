"""What suppliers charged, booked in the master's ledger: many purchases in one commit."""

from collections.abc import Mapping, Sequence
from functools import partial
from weakref import WeakKeyDictionary, proxy

from billing.ledger import service as ledger
from billing.ledger.service import MASTER, Line
from kameng.infra.db import Database
from kameng.infra.runtime import Runtime
from kameng.infra.together import Together
from supplier_gateway.purchases import queries as purchases

PAUSE_S = 0.2  # between two commits; nobody waits for these figures

Posting = Together[str, None]
_postings: WeakKeyDictionary[Database, Posting] = WeakKeyDictionary()


class NeverDelivered(Exception):
    """A letter tells of a delivery that there is no record of: a forgery."""


def posting_of(runtime: Runtime) -> Posting:
    """Asked by the reference of a purchase that has delivered, it returns when the cost is in the books: from our
    balance at the supplier to the cost of sales, once, by the purchase's key. Raises `NeverDelivered`."""
    posting = _postings.get(runtime.database)
    if posting is None:
        post = partial(_post, proxy(runtime.database))
        posting = _postings[runtime.database] = Together(post, pause_s=PAUSE_S, apart_on_failure=True)
    return posting


async def _post(database: Database, references: Sequence[str]) -> Mapping[str, None]:
    """The purchases are read and the letters not believed: tenants may write letters too, and these are the master's
    books. Accounts are touched in one order."""
    async with database.master_session() as session:
        found = {one.reference: one for one in await purchases.costs(session, references)}
        if missing := set(references) - found.keys():
            raise NeverDelivered(min(missing))
        for one in sorted(found.values(), key=lambda purchase: (purchase.supplier_id, purchase.reference)):
            supplier = str(one.supplier_id)
            lines = [
                Line(MASTER, "supplier_wallet", supplier, -one.cost_cents),
                Line(MASTER, "supplier_cost", supplier, one.cost_cents),
            ]
            await ledger.post(session, f"purchase:{one.id}", "purchase", one.reference, lines)
    return {}
