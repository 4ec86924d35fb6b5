"""What a buyer has to fill in for a product: an account, an area, a phone number. Checked by kind; pure.

A field is as products keep it: `{"label", "kind", "required", "hint", "choices", "pattern"}`, of which only `label` and
`kind` must be there. A `pattern` is the owner's own regular expression and has to fit the whole of what is written.
It is run as an automaton, in linear time (`kameng.cards.patterns`): `a?a?a?aaa` or `.{0,50}.{0,50}b` would keep `re`
busy for longer than anybody waits, and one process serves all stations.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any
from unicodedata import category, normalize

from kameng.cards.patterns import BadPattern, Pattern
from kameng.core.errors import Invalid
from kameng.web.i18n import N_

LONGEST = 200
KINDS = ("text", "phone", "account", "area", "number", "email", "choice")

MISSING = N_("Fill this in.")
# A mobile number of China (Ministry of Industry and Information Technology: eleven digits, 13 to 19), or one with a
# country code (E.164: at most fifteen digits).
PHONE = re.compile(r"1[3-9]\d{9}|\+\d{7,15}")
ACCOUNT = re.compile(r"\S{2,64}")
NUMBER = re.compile(r"\d{1,20}")
EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(?:\.[^@\s.]+)+")
RULES: Mapping[str, tuple[re.Pattern[str], str]] = {
    "phone": (PHONE, N_("Write a mobile number of 11 digits, or one with its country code.")),
    "account": (ACCOUNT, N_("Write the account without spaces, with at least 2 signs.")),
    "number": (NUMBER, N_("Write digits only.")),
    "email": (EMAIL, N_("Write an e-mail address.")),
}
AS_TYPED = frozenset({"text", "area", "choice"})  # spaces inside belong to it


def check(fields: Sequence[Any], inputs: Mapping[str, str]) -> dict[str, str]:
    """What was filled in, cleaned, by the field's label; fields left empty are not in it.

    `inputs` has it by the field's place in `fields`, counted from "0", as forms send it, or by its label, as machines
    do. Raises `Invalid` with `inputs.<place>` for every field at fault.
    """
    found: dict[str, str] = {}
    errors: dict[str, str] = {}
    for place, field in enumerate(fields):
        label = str(field["label"])
        said = _clean(inputs.get(str(place), inputs.get(label, "")), str(field["kind"]))
        if complaint := _complaint(field, said):
            errors[f"inputs.{place}"] = complaint
        elif said:
            found[label] = said
    if errors:
        raise Invalid(errors)
    return found


def _clean(said: str, kind: str) -> str:
    """As it is kept: an input method's full-width digits become plain ones, and a phone number loses its dashes."""
    said = " ".join(said.split())
    if kind in AS_TYPED:
        return said
    said = normalize("NFKC", said)
    return re.sub(r"[\s()-]", "", said) if kind == "phone" else said


def _complaint(field: Mapping[str, Any], said: str) -> str:
    """Why it cannot be taken; nothing when it can."""
    if not said:
        return MISSING if field.get("required", True) else ""
    if len(said) > LONGEST:
        return N_("This is too long.")
    if any(category(sign) in ("Cc", "Cf", "Cs", "Co") for sign in said):
        return N_("This holds signs that are not text.")
    kind = str(field["kind"])
    if kind == "choice" and said not in [str(choice) for choice in field.get("choices") or ()]:
        return N_("Choose one of the list.")
    if kind in RULES and not RULES[kind][0].fullmatch(said):
        return RULES[kind][1]
    pattern = str(field.get("pattern") or "")
    if pattern and not _fits(pattern, said):
        return str(field.get("hint") or N_("This does not look right. Please check it."))
    return ""


def _fits(pattern: str, said: str) -> bool:
    """Whether it fits the whole pattern; one that cannot be read keeps nobody from buying."""
    known = _read(pattern)
    return known is None or known.fits(said)


@lru_cache(maxsize=256)
def _read(pattern: str) -> Pattern | None:
    try:
        return Pattern(pattern)
    except BadPattern:
        return None
