"""What a buyer has to fill in, as the owner says it. It stands in `products.fields`; what the buyer sends is checked by
`tenants.orders.inputs`."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from kameng.cards.patterns import LONGEST as LONGEST_PATTERN
from kameng.cards.patterns import BadPattern, Pattern
from kameng.core.errors import Invalid
from kameng.web.i18n import N_

MOST_FIELDS, MOST_CHOICES = 10, 50
LONGEST_LABEL, LONGEST_HINT, LONGEST_CHOICE = 30, 100, 40
NOT_READ = N_("This is not a regular expression that can be kept to; look-ahead and back-references are not known.")

Kind = Literal["text", "phone", "account", "area", "number", "email", "choice"]
KINDS: Sequence[Kind] = ("text", "phone", "account", "area", "number", "email", "choice")


class InputField(Struct, frozen=True, kw_only=True):
    """One field. `choices` are for the kind `choice`; `pattern` is a regular expression that the whole text fits."""

    label: str
    kind: Kind = "text"
    required: bool = True
    hint: str = ""
    choices: list[str] = []
    pattern: str = ""


def check(fields: Sequence[InputField]) -> None:
    """Raises `Invalid` with an error at `field-<n>` for each line at fault."""
    errors = {f"field-{n}": said for n, field in enumerate(fields) if (said := _fault(field, fields[:n]))}
    if len(fields) > MOST_FIELDS:
        errors[f"field-{MOST_FIELDS}"] = N_("A product asks for at most 10 things.")
    if errors:
        raise Invalid(errors)


def stored(fields: Sequence[InputField]) -> list[dict[str, Any]]:
    """For `products.fields`."""
    return [msgspec.to_builtins(field) for field in fields]


def _fault(field: InputField, before: Sequence[InputField]) -> str:
    if not field.label or len(field.label) > LONGEST_LABEL:
        return N_("Give it a label of at most 30 characters.")
    if any(other.label == field.label for other in before):
        return N_("Another field has this label.")
    if len(field.hint) > LONGEST_HINT:
        return N_("A hint has at most 100 characters.")
    if field.kind == "choice" and not 2 <= len(set(field.choices)) <= MOST_CHOICES:
        return N_("Give from 2 to 50 different choices.")
    if any(len(choice) > LONGEST_CHOICE for choice in field.choices):
        return N_("A choice has at most 40 characters.")
    return _pattern_fault(field.pattern)


def _pattern_fault(pattern: str) -> str:
    if not pattern:
        return ""
    if len(pattern) > LONGEST_PATTERN:
        return N_("A pattern has at most 200 characters.")
    try:
        Pattern(pattern)
    except BadPattern as bad:
        return N_("This pattern is too large; write it simpler.") if not bad.at else NOT_READ
    return ""
