"""How a line becomes a card: which part is the secret, which may be shown, and what it has to look like."""

from collections.abc import Callable
from typing import Annotated, Literal

from msgspec import Meta, Struct

from kameng.cards.patterns import LONGEST, BadPattern, Pattern
from kameng.core.errors import Invalid

MAX_SECRET_LENGTH = 4_000
LONGEST_LABEL = 80
MOST_PARTS = 9
DEFAULT_SEPARATOR = "----"

Charset = Literal["any", "digits", "letters", "alnum", "hex", "ascii"]
Place = Annotated[int, Meta(ge=0, le=MOST_PARTS)]
Length = Annotated[int, Meta(ge=1, le=MAX_SECRET_LENGTH)]
CHARSETS: dict[str, Callable[[str], bool]] = {
    "any": lambda text: True,  # noqa: ARG005 - any text is right
    "digits": lambda text: text.isascii() and text.isdigit(),
    "letters": lambda text: text.isascii() and text.isalpha(),
    "alnum": lambda text: text.isascii() and text.isalnum(),
    "hex": lambda text: all(sign in "0123456789abcdefABCDEF" for sign in text),
    "ascii": str.isascii,
}
WHY = ("control", "parts", "too_short", "too_long", "prefix", "charset", "pattern", "label")


class Rule(Struct, frozen=True, kw_only=True):
    """How lines of one item are read. With a `separator` a line is cut into parts, counted from 1: `parts` is how many
    there have to be (0: at least as many as are used), `label_part` is shown to buyers who choose (0: none),
    `secret_part` is what is checked (0: the last). The buyer is given the whole line, or with `whole` off that part
    alone. `prefix`, `charset`, lengths and `pattern` are asked of the part that is checked."""

    separator: Annotated[str, Meta(max_length=10)] = ""
    parts: Place = 0
    label_part: Place = 0
    secret_part: Place = 0
    whole: bool = True
    prefix: Annotated[str, Meta(max_length=100)] = ""
    charset: Charset = "any"
    min_length: Length | None = None
    max_length: Length | None = None
    pattern: Annotated[str, Meta(max_length=LONGEST)] = ""

    def check(self) -> None:
        """That the rule can be kept by any line. Raises `Invalid`."""
        if not self.separator and (self.parts or self.label_part or self.secret_part):
            raise Invalid({"separator": "Say what separates the parts of a line."})
        if self.parts and max(self.label_part, self.secret_part) > self.parts:
            raise Invalid({"parts": "There are fewer parts than are used."})
        if self.label_part and self.label_part == (self.secret_part or self.parts):
            raise Invalid({"label_part": "What is shown cannot be the secret itself."})
        if self.min_length and self.max_length and self.max_length < self.min_length:
            raise Invalid({"max_length": "This is less than the least length."})
        try:
            Pattern(self.pattern)
        except BadPattern as error:
            raise Invalid(
                {
                    "pattern": "The pattern is too large: repeat fewer times."
                    if error.at == 0
                    else "The pattern cannot be read. Close every bracket; \\b and look-ahead are not known."
                }
            ) from None


class Card(Struct, frozen=True):
    """A line that is right: what the buyer is given, and what may be seen before."""

    secret: str
    label: str = ""


class Reader:
    """Reads lines by one rule."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._fits = _fitting(rule.pattern) if rule.pattern else None
        self._in_charset = CHARSETS[rule.charset]

    def read(self, line: str) -> Card | str:
        """The card, or why the line is none: a word of `WHY`."""
        line = line.strip()
        rule = self.rule
        if not line.replace("\t", " ").isprintable():
            return "control"
        if len(line) > MAX_SECRET_LENGTH:
            return "too_long"
        checked, label = line, ""
        if rule.separator:
            parts = [part.strip() for part in line.split(rule.separator)]
            needed = max(rule.label_part, rule.secret_part, 2 if rule.label_part else 1)
            if len(parts) != rule.parts if rule.parts else len(parts) < needed:
                return "parts"
            checked = parts[rule.secret_part - 1]
            label = parts[rule.label_part - 1] if rule.label_part else ""
        if wrong := self._wrong(checked):
            return wrong
        if len(label) > LONGEST_LABEL or (rule.label_part and (not label or label == checked)):
            return "label"
        return Card(line if rule.whole else checked, label)

    def _wrong(self, checked: str) -> str:
        rule = self.rule
        if len(checked) < (rule.min_length or 1):
            return "too_short"
        if rule.max_length and len(checked) > rule.max_length:
            return "too_long"
        if not checked.startswith(rule.prefix):
            return "prefix"
        if not self._in_charset(checked):
            return "charset"
        if self._fits and not self._fits(checked):
            return "pattern"
        return ""


def _fitting(pattern: str) -> Callable[[str], bool]:
    """A pattern that was saved when larger ones were taken is one that nothing fits: the person sees which it is."""
    try:
        return Pattern(pattern).fits
    except BadPattern:
        return lambda text: False  # noqa: ARG005 - as above


def masked(secret: str) -> str:
    """Its first and last two signs: enough to know it again, too little to use it."""
    return f"{secret[:2]}…{secret[-2:]}" if len(secret) > 8 else "…"
