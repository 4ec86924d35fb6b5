"""What stands in an offer's article number for these shops: the code, and which variant of it.

`A1B2C3`, or `A1B2C3?race=月卡&颜色=红`: `race` is the shop's category of the article, `card_id` a card chosen by
number, every other name an option of its `sku`. The signs
`& = % + # ?` and spaces in a name or value are percent-encoded.
"""

from urllib.parse import parse_qsl, quote

from msgspec import Struct

RACE, CARD = "race", "card_id"


class Article(Struct, frozen=True):
    """`options` by name, in the shop's order. An empty `race`, no `card_id`: the article has none."""

    code: str
    race: str = ""
    options: tuple[tuple[str, str], ...] = ()
    card_id: int = 0

    def __str__(self) -> str:
        chosen = [(RACE, self.race)] if self.race else []
        chosen += self.options
        chosen += [(CARD, str(self.card_id))] if self.card_id else []
        query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in chosen)
        return f"{self.code}?{query}" if chosen else self.code

    @property
    def variant(self) -> str:
        """What a person reads of it."""
        return " ".join(part for part in (self.race, *(value for _, value in self.options)) if part)


def read(sku: str) -> Article:
    """Raises `ValueError`."""
    code, _, query = sku.partition("?")
    chosen = dict(parse_qsl(query, strict_parsing=True)) if query else {}
    race, card = chosen.pop(RACE, ""), chosen.pop(CARD, "0")
    if not code:
        raise ValueError("no code")
    return Article(code, race, tuple(chosen.items()), int(card))


def _quoted(text: str) -> str:
    """Only what would be read as something else is encoded: people read and write these."""
    return "".join(quote(sign, safe="") if ord(sign) < 128 else sign for sign in text)
