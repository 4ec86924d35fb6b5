"""What several forms ask for."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from kameng.core.errors import Invalid
from kameng.web.i18n import N_

Login = Annotated[
    str, Meta(pattern=r"^[^\s<>]{3,60}$", extra={"message": N_("A login has 3 to 60 signs and no spaces.")})
]


class Switch(Struct, frozen=True):
    """Whether something is to be paused (suspended, withdrawn), or to go on."""

    paused: bool = False


class Confirmed(Struct, frozen=True):
    """A form of one button that has asked first."""

    confirmed: Literal["yes"]


def check_web_address(address: str, field: str) -> None:
    """That it begins with http:// or https:// and names a host. Raises `Invalid`."""
    try:
        parts = urlsplit(address)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # a port that is no number, a bracket that is not closed
        right = False
    if not right or any(sign.isspace() for sign in address):
        raise Invalid({field: "Write an address that begins with http:// or https://."})
