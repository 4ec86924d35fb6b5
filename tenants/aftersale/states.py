"""What tickets are about, and how they stand."""

from enum import StrEnum


class Kind(StrEnum):
    NOT_RECEIVED = "not_received"
    KEY_INVALID = "key_invalid"
    WRONG_ACCOUNT = "wrong_account"
    OTHER = "other"


class State(StrEnum):
    OPEN = "open"  # the buyer has written last: the shop is to answer, until a deadline
    ANSWERED = "answered"  # the shop has; closes by itself if nobody writes again
    WAITING = "waiting"  # the shop has asked the buyer something
    CLOSED = "closed"  # a message of the buyer opens it again


class Author(StrEnum):
    BUYER = "buyer"
    STAFF = "staff"
    AUTOMATIC = "automatic"
    NOTE = "note"  # only the shop reads it
