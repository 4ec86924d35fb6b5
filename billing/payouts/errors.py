"""What can go wrong with a withdrawal."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from billing.ledger.errors import refusals
from kameng.core.errors import Conflict, KamengError, NotFound, Refused
from kameng.infra.db import cause, sqlstate

BROKEN_TERM = "KM412"


class NoSuchPayout(NotFound):
    message = "There is no such withdrawal."


class DecidedAlready(Conflict):
    message = "This withdrawal has been decided already."


class TooLittle(Refused):
    message = "This is less than can be withdrawn at once."


class TooMuchToday(Refused):
    message = "This is more than can still be withdrawn today."


class EatenByFee(Refused):
    message = "The fee would take all of it."


BY_TERM: dict[str, type[KamengError]] = {"least": TooLittle, "daily": TooMuchToday, "fee": EatenByFee}


@contextmanager
def terms_hold() -> Iterator[None]:
    """Turns what `ask_payout` refuses into errors with words, at the field of the amount."""
    try:
        with refusals():
            yield
    except DBAPIError as error:
        said = cause(error)
        if sqlstate(error) == BROKEN_TERM and said is not None:
            raise BY_TERM[said.diag.message_primary or ""](field="amount") from error
        raise
