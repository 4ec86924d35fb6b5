"""The lines of a change of prices: what is priced, what it was, what it is to be."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

import msgspec
from msgspec import Struct

Kind = Literal["tier", "floor", "default", "special"]


class Value(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A price as it stands or is to stand; what does not belong to its kind is left at its default.

    tier: `price` in yuan for one unit, with the `rule` it follows (`is_default`: the tier's own rule) and the tier's
    `floor`. floor: the good's `floor`, the least resale price. default: the tier's `rule`. special: `price` from
    `starts` (None: at once) to `ends` (None: open), and a `note`.
    """

    price: Decimal | None = None
    rule: str = ""
    is_default: bool = False
    floor: Decimal | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    note: str = ""


class Line(Struct, frozen=True, kw_only=True):
    """One change. tier: a tier and a good; floor: a good; default: a tier; special: a station and a good, and the
    special price itself unless it is new. `after` None takes the price away."""

    kind: Kind
    good_id: int | None = None
    tier_id: int | None = None
    tenant_id: int | None = None
    special_id: int | None = None
    before: Value | None = None
    after: Value | None = None

    @property
    def target(self) -> tuple[object, ...]:
        """What it is about; two lines of one change are never about the same."""
        return (self.kind, self.good_id, self.tier_id, self.tenant_id, self.special_id)


def to_json(value: Value | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def of_json(kept: object) -> Value | None:
    return None if kept is None else msgspec.convert(kept, Value, strict=False)
