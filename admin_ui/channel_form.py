"""How a payment channel is offered, as both consoles ask for it."""

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct

from admin_ui import words
from billing.payments.service import Terms
from kameng.core.errors import Invalid
from kameng.core.money import to_cents, to_yuan
from kameng.web.forms import Form, Secret

DEVICES = ("all", "phone", "desktop")
Yuan = Annotated[Decimal, Meta(extra={"ge": "0.01", "le": "50000", "places": 2})]


class TermsForm(Struct, frozen=True, kw_only=True):
    """Amounts in yuan, the gateway's share in percent."""

    name: Annotated[str, Meta(min_length=1, max_length=40)]
    fee_percent: Annotated[Decimal, Meta(extra={"ge": "0", "le": "50", "places": 3})] = Decimal(0)
    min: Yuan = Decimal("0.01")
    max: Yuan = Decimal(50_000)
    devices: Literal["all", "phone", "desktop"] = "all"
    position: Annotated[int, Meta(ge=0, le=999)] = 0

    def terms(self) -> Terms:
        """Raises `Invalid`."""
        if self.min > self.max:
            raise Invalid({"max": "This is less than the least amount."})
        return Terms(
            name=self.name,
            fee_rate=self.fee_percent / 100,
            min_cents=to_cents(self.min),
            max_cents=to_cents(self.max),
            devices=self.devices,
            position=self.position,
        )


class KeyForm(Struct, frozen=True):
    """Another key of the same merchant account, which no page draws back."""

    key_password: Secret


def filled(terms: Terms) -> Form:
    """A channel's terms as the form shows them."""
    return Form(
        values={
            "name": terms.name,
            "fee_percent": percent(terms.fee_rate),
            "min": str(to_yuan(terms.min_cents)),
            "max": str(to_yuan(terms.max_cents)),
            "devices": terms.devices,
            "position": str(terms.position),
        }
    )


def percent(rate: Decimal) -> str:
    """`0.006` is `0.6`."""
    text = f"{rate * 100:.3f}".rstrip("0").rstrip(".")
    return text or "0"


def devices() -> list[tuple[str, str]]:
    return [(code, words.say("device", code)) for code in DEVICES]


def told(terms: Terms) -> dict[str, object]:
    """Terms as the audit log keeps them."""
    return {
        "name": terms.name,
        "fee_rate": str(terms.fee_rate.normalize()),
        "min_cents": terms.min_cents,
        "max_cents": terms.max_cents,
        "devices": terms.devices,
        "position": terms.position,
    }
