"""An article of an acg-faka shop as offers: one for each category (`race`) and each choice of its options."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import islice, product
from typing import Any

from kameng.infra.http import BadAnswer
from supplier_gateway.adapters.acg import config
from supplier_gateway.adapters.acg.article import Article
from supplier_gateway.adapters.acg.protocol import listed, text_of
from supplier_gateway.port import GoodField, SupplierGood

MOST_VARIANTS = 200  # of one article; options multiply
MANUAL = "1"
FIELD_KINDS = {"text": "text", "number": "number", "password": "text", "textarea": "text", "select": "text"}


def goods(category: str, item: Mapping[str, Any]) -> Iterator[SupplierGood]:
    """The offers of one article. Nothing of an article that has no code or whose prices cannot be read."""
    data = dict(item)
    code, name = text_of(data, "code"), text_of(data, "name")
    try:
        sections = sections_of(data)
    except config.BadConfig:
        return
    if not code:
        return
    asked = fields(data)
    by_hand = text_of(data, "delivery_way") == MANUAL
    for article, cost, steps in islice(_variants(code, data, sections), MOST_VARIANTS):
        yield SupplierGood(
            str(article),
            f"{name} {article.variant}".strip(),
            cost,
            _count(text_of(data, "stock")),
            kind="topup" if by_hand and asked else "cards",
            category=category,
            item=code,
            variant=article.variant,
            fields=asked,
            min_quantity=_count(text_of(data, "minimum")) or 1,
            max_quantity=_count(text_of(data, "maximum")) or None,
            ladder=steps,
        )


def sections_of(item: Mapping[str, Any]) -> dict[str, config.Tree]:
    """The article's configuration, which some versions send as an object. Raises `config.BadConfig`."""
    written = item.get("config")
    if isinstance(written, dict):
        return {name: tree for name, tree in written.items() if isinstance(tree, dict)}
    return config.read(written) if isinstance(written, str) else {}


def fields(item: Mapping[str, Any]) -> tuple[GoodField, ...]:
    """What the buyer fills in: the `widget`s, by the label that people see."""
    return tuple(
        GoodField(
            label,
            FIELD_KINDS.get(str(widget.get("type")), "text"),
            pattern=str(widget.get("regex") or ""),
            hint=str(widget.get("placeholder") or ""),
        )
        for widget in widgets(item)
        if (label := label_of(widget))
    )


def widgets(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [widget for widget in listed(item.get("widget")) if isinstance(widget, dict)]


def label_of(widget: Mapping[str, Any]) -> str:
    return str(widget.get("cn") or widget.get("title") or widget.get("name") or "")[:80]


def _variants(
    code: str, item: dict[str, Any], sections: Mapping[str, config.Tree]
) -> Iterator[tuple[Article, Decimal, tuple[tuple[int, Decimal], ...]]]:
    """Each variant with its cost and ladder. `category_factory` and `factory_price` are what we pay where the shop says
    so; a category's price stands for the article's; an option's is added to it."""
    races = sections.get("category") or {"": None}
    factory = sections.get("category_factory", {})
    options = {name: choices for name, choices in sections.get("sku", {}).items() if isinstance(choices, dict)}
    for race, choice in product(races, product(*(list(choices.items()) for choices in options.values()))):
        base = _first(factory.get(race), races[race]) if race else _base(item)
        extra = [config.yuan(price) or Decimal(0) for _, price in choice]
        if base is None:
            continue
        wholesale = sections.get("category_wholesale", {}).get(race) if race else sections.get("wholesale")
        added = sum(extra, Decimal(0))
        steps = config.ladder(wholesale) if isinstance(wholesale, dict) else ()
        chosen = tuple((name, value) for name, (value, _) in zip(options, choice, strict=True))
        yield Article(code, race, chosen), base + added, tuple((count, price + added) for count, price in steps)


def _base(item: Mapping[str, Any]) -> Decimal | None:
    factory = config.yuan(item.get("factory_price"))
    return factory or _first(item.get("user_price"), item.get("price"))


def _first(*values: object) -> Decimal | None:
    return next((price for value in values if (price := config.yuan(value)) is not None), None)


def _count(text: str) -> int | None:
    """A count, or None where the shop does not tell (it writes words then)."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def one(data: Any) -> dict[str, Any]:
    """The article of an answer: alone, or in its category, as older versions send it. Raises `BadAnswer`."""
    if isinstance(data, list) and data and isinstance(data[0], dict):
        children = listed(data[0].get("children"))
        data = children[0] if children else None
    if not isinstance(data, dict):
        raise BadAnswer("no article")
    return data
