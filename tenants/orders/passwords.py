"""The query password of an order: whoever knows it, the order's number and its contact may open the order anywhere.

Kept as an HMAC under the station's own key (docs/adr/0023).
"""

from collections.abc import Iterable

from kameng.core.errors import Invalid
from kameng.infra.crypto import Sealer
from kameng.web.i18n import N_
from tenants.orders.drafts import OrderDraft

SHORTEST = 6
NEEDS_CONTACT = N_("With a query password we need a contact too: the order is opened with both.")
TOO_SHORT = N_("A query password has 6 signs or more.")


def check(drafts: Iterable[OrderDraft]) -> None:
    """Raises `Invalid` for a password that nobody could use, or anybody guess."""
    for draft in drafts:
        password = draft.query_password.strip()
        if password and len(password) < SHORTEST:
            raise Invalid({"query_password": TOO_SHORT})
        if password and not draft.contact.strip():
            raise Invalid({"contact": NEEDS_CONTACT})


def hash_of(sealer: Sealer, order_no: str, password: str) -> str:
    """What `orders.lookup_hash` keeps of a query password; some microseconds. `sealer` is the station's own. Equal
    passwords of two orders have different hashes."""
    return sealer.fingerprint(f"lookup\n{order_no}\n{password.strip()}").hex()


def kept(sealer: Sealer, order_no: str, draft: OrderDraft) -> str | None:
    """What the order keeps of its draft's password; None without one."""
    return hash_of(sealer, order_no, draft.query_password) if draft.query_password.strip() else None
