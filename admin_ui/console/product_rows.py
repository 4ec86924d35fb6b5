"""The parts of a product's form that repeat: steps of the ladder, specs, variants, input fields. Each column of such a
part is sent under one name as often as there are rows; rows in which nothing is written do not count."""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any
from unicodedata import normalize

import msgspec
from msgspec import Struct

from kameng.core.errors import Invalid
from kameng.web.i18n import N_
from tenants.shop import drafts
from tenants.shop.drafts import Spec, Step, VariantDraft
from tenants.shop.fields import KINDS, InputField, Kind

Row = Mapping[str, str]

LADDER = ("ladder_from", "ladder_price")
SPECS = ("spec_name", "spec_values")
VARIANTS = ("v_values", "v_good", "v_price", "v_list", "v_ladder", "v_shown")
FIELDS = ("field_label", "field_kind", "field_required", "field_hint", "field_choices", "field_pattern")
# What stands in a row that nobody has written in.
UNTOUCHED = {"field_kind": "text", "field_required": "yes"}
BETWEEN = re.compile(r"[,，、;；\n]")
STEP = re.compile(r"^(\d{1,4})\s*[=:：]\s*(.+)$")
OWN = "own"
LONGEST_PRICE = 20
MOST_PRICE = 100_000
PLACES = 4


class Sheet(Struct, frozen=True):
    """The rows as they were written."""

    ladder: Sequence[Row] = ()
    specs: Sequence[Row] = ()
    variants: Sequence[Row] = ()
    fields: Sequence[Row] = ()


class Parts(Struct, frozen=True):
    """What the rows say."""

    ladder: list[Step]
    specs: list[Spec]
    variants: list[VariantDraft]
    fields: list[InputField]


def sheet(sent: Iterable[tuple[str, str]]) -> Sheet:
    """The rows of a form that was sent."""
    columns: dict[str, list[str]] = {}
    for name, text in sent:
        columns.setdefault(name, []).append(text.strip())
    return Sheet(_rows(columns, LADDER), _rows(columns, SPECS), _rows(columns, VARIANTS), _rows(columns, FIELDS))


def _rows(columns: Mapping[str, list[str]], names: Sequence[str]) -> list[Row]:
    count = max((len(columns.get(name, ())) for name in names), default=0)
    rows = [{name: (columns.get(name, []) + [""] * count)[at] for name in names} for at in range(count)]
    return [row for row in rows if any(text not in ("", UNTOUCHED.get(name)) for name, text in row.items())]


def of_product(product: Any, variants: Sequence[Any]) -> Sheet:
    """The rows of a product that is there."""
    return Sheet(
        ladder=[{"ladder_from": str(start), "ladder_price": plain(price)} for start, price in product.ladder],
        specs=[{"spec_name": spec["name"], "spec_values": ", ".join(spec["values"])} for spec in product.specs],
        variants=[_of_variant(one, [spec["name"] for spec in product.specs]) for one in variants],
        fields=[
            {
                "field_label": one["label"],
                "field_kind": one["kind"],
                "field_required": "yes" if one["required"] else "no",
                "field_hint": one["hint"],
                "field_choices": ", ".join(one["choices"]),
                "field_pattern": one["pattern"],
            }
            for one in product.fields
        ],
    )


def _of_variant(one: Any, specs: Sequence[str]) -> Row:
    """`specs` are their names as the product orders them; the database keeps an order of its own."""
    values = {name: one.spec_values[name] for name in specs if name in one.spec_values}
    return {
        "v_values": msgspec.json.encode(values).decode(),
        "v_good": str(one.good_id) if one.good_id is not None else OWN,
        "v_price": plain(one.price),
        "v_list": plain(one.list_price) if one.list_price is not None else "",
        "v_ladder": ", ".join(f"{start}={plain(price)}" for start, price in one.ladder),
        "v_shown": "yes" if one.state == "on_sale" else "no",
    }


def plain(price: Decimal | str) -> str:
    """`12.5000` -> `12.50`: at least two decimals, no more than it takes."""
    whole, _, places = f"{Decimal(price):.4f}".partition(".")
    return f"{whole}.{places[:2]}{places[2:].rstrip('0')}"


def title(row: Row) -> str:
    """What a variant is called: its values."""
    return " · ".join(_values(row["v_values"]).values())


def _values(text: str) -> dict[str, str]:
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except (msgspec.DecodeError, UnicodeEncodeError):
        return {}


def with_variants(written: Sheet) -> Sheet:
    """The same with a row for each combination of the specs; what was written for one stays. Raises `Invalid`."""
    specs = _specs(written.specs)
    if faults := drafts.spec_faults(specs):
        raise Invalid(faults)
    known = {tuple(sorted(_values(row["v_values"]).items())): row for row in written.variants}
    like = next(iter(written.variants), {"v_good": "", "v_price": ""})
    rows = []
    for values in drafts.combinations(specs) if specs else []:
        fresh = {
            "v_values": msgspec.json.encode(values).decode(),
            "v_good": like["v_good"],
            "v_price": like["v_price"],
            "v_list": "",
            "v_ladder": "",
            "v_shown": "yes",
        }
        rows.append(known.get(tuple(sorted(values.items())), fresh))
    return Sheet(written.ladder, written.specs, rows, written.fields)


def parts(written: Sheet) -> Parts:
    """Raises `Invalid` with an error for each row at fault."""
    errors: dict[str, str] = {}
    ladder = [_step(row, n, errors) for n, row in enumerate(written.ladder)]
    variants = [_variant(row, n, errors) for n, row in enumerate(written.variants)]
    fields = [_field(row) for row in written.fields]
    if errors:
        raise Invalid(errors)
    return Parts(
        [step for step in ladder if step], _specs(written.specs), [one for one in variants if one], list(fields)
    )


def _step(row: Row, n: int, errors: dict[str, str]) -> Step | None:
    quantity, price = normalize("NFKC", row["ladder_from"]), _price(row["ladder_price"])
    if not re.fullmatch(r"[0-9]{1,4}", quantity) or price is None:
        errors[f"ladder-{n}"] = N_("Write a quantity and the price for one.")
        return None
    return Step(int(quantity), price)


def _specs(rows: Sequence[Row]) -> list[Spec]:
    return [Spec(row["spec_name"], words(row["spec_values"])) for row in rows]


def words(text: str) -> list[str]:
    """`50, 100` -> `["50", "100"]`."""
    return [word.strip() for word in BETWEEN.split(text) if word.strip()]


def _variant(row: Row, n: int, errors: dict[str, str]) -> VariantDraft | None:
    price, struck, good = _price(row["v_price"]), _price(row["v_list"]), row["v_good"]
    ladder = _steps(row["v_ladder"])
    if price is None:
        errors[f"variant-{n}"] = N_("Write the price of this variant.")
    elif good != OWN and not re.fullmatch(r"[0-9]{1,9}", good):
        errors[f"variant-{n}"] = N_("Choose what is delivered.")
    elif row["v_list"] and struck is None:
        errors[f"variant-{n}"] = N_("The price struck through is not a price.")
    elif ladder is None:
        errors[f"variant-{n}"] = N_("Write the steps as 10=9.50, 50=9.00.")
    else:
        return VariantDraft(
            values=_values(row["v_values"]),
            price=price,
            good_id=None if good == OWN else int(good),
            list_price=struck,
            ladder=ladder,
            shown=row["v_shown"] != "no",
        )
    return None


def _steps(text: str) -> list[Step] | None:
    """None for what cannot be read."""
    found: list[Step] = []
    for word in words(normalize("NFKC", text)):
        matched = STEP.match(word)
        price = _price(matched[2]) if matched else None
        if matched is None or price is None:
            return None
        found.append(Step(int(matched[1]), price))
    return found


def _field(row: Row) -> InputField:
    kind = _kind(row["field_kind"])
    return InputField(
        label=row["field_label"],
        kind=kind,
        required=row["field_required"] != "no",
        hint=row["field_hint"],
        choices=words(row["field_choices"]) if kind == "choice" else [],
        pattern=row["field_pattern"],
    )


def _kind(written: str) -> Kind:
    for kind in KINDS:
        if kind == written:
            return kind
    return "text"


def _price(text: str) -> Decimal | None:
    """Yuan with at most four decimals; None for what is no price."""
    text = normalize("NFKC", text).strip().removeprefix("¥").replace(",", "")
    try:
        value = Decimal(text) if 0 < len(text) <= LONGEST_PRICE else None
    except InvalidOperation:
        return None
    if value is None or not value.is_finite() or not 0 < value <= MOST_PRICE or value != round(value, PLACES):
        return None
    return value
