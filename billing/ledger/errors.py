"""What the ledger refuses."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.exc import DBAPIError

from kameng.core.errors import Conflict, KamengError, Refused
from kameng.infra.db import cause, sqlstate


class WalletTooLow(Refused):
    message = "Your balance does not cover this. Top up first."


class DepositTooLow(Refused):
    """The station cannot pay the master. The buyer is told no more than that the shop is busy."""

    message = "The shop cannot take this order right now. You have not been charged; the owner has been told."


class CollectedTooLow(Refused):
    """Of a sale or a refund that the master is to pay out of what it holds for the station."""

    message = "What the master holds for the shop does not cover this."


class EarningsTooLow(Refused):
    message = "Your earnings do not cover this."


class PayoutGone(Conflict):
    message = "This withdrawal has been decided already."


class PriceChanged(Conflict):
    message = "The price has just changed. Look at it once more before you pay."


class NeverCharged(Conflict):
    message = "This order was never charged."


class UnderWay(Conflict):
    message = "A delivery is under way. It cannot be refunded now."


class KeyReused(Conflict):
    message = "This reference has been used for something else."


BY_KIND: dict[str, type[KamengError]] = {
    "wallet": WalletTooLow,
    "deposit": DepositTooLow,
    "collected": CollectedTooLow,
    "earnings": EarningsTooLow,
    "payout": PayoutGone,
}
BY_STATE: dict[str, type[KamengError]] = {
    "KM404": NeverCharged,
    "KM409": UnderWay,
    "KM410": PriceChanged,
    "KM411": KeyReused,
}


@contextmanager
def refusals() -> Iterator[None]:
    """Turns what the ledger's functions raise into errors with words. The transaction is over then."""
    try:
        yield
    except (DBAPIError, psycopg.Error) as error:
        state, said = sqlstate(error), cause(error)
        if state == "KM402" and said is not None:
            raise BY_KIND[said.diag.message_primary or ""]() from error
        if state in BY_STATE:
            raise BY_STATE[state]() from error
        raise
