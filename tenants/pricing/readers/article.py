"""What every reader makes of an answer."""

from decimal import Decimal, InvalidOperation
from unicodedata import normalize

from msgspec import Struct

MOST_ARTICLES = 5_000
LONGEST_KEY, LONGEST_NAME = 100, 200
LARGEST = Decimal(10) ** 9


class Options(Struct, frozen=True, kw_only=True):
    """Where things stand in an answer. `items` is the way to the list in JSON, steps with points between; `article`,
    `name` and `price` are columns of a table or ways inside an item. `in_cents`: prices are fen. `member`: of an
    acg-faka shop, what its members pay instead of what guests do."""

    items: str = ""
    article: str = "id"
    name: str = "name"
    price: str = "price"
    in_cents: bool = False
    member: bool = False


class Article(Struct, frozen=True):
    """One thing that a competitor sells; `price` in yuan."""

    article: str
    name: str
    price: Decimal


def made(article: object, name: object, price: object, *, in_cents: bool = False) -> Article | None:
    """None for a line without a key, a name or a price."""
    key, title, asked = _plain(article)[:LONGEST_KEY], _plain(name)[:LONGEST_NAME], yuan_of(price)
    if not key or not title or asked is None:
        return None
    return Article(key, title, round(asked / 100 if in_cents else asked, 4))


def yuan_of(price: object) -> Decimal | None:
    """`12.5`, `"12.50"`, `"¥1,200"`; None for what is no number, or none that a price can be."""
    try:
        value = Decimal(normalize("NFKC", str(price)).strip().removeprefix("¥").removesuffix("元").replace(",", ""))
    except InvalidOperation:
        return None
    return value if value.is_finite() and 0 <= value < LARGEST else None


def _plain(value: object) -> str:
    """Text on one line, without what is no text: it stands on pages and in tables."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in str(value or "")).split())
