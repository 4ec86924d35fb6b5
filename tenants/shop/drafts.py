"""What the owner says of a product, and the rules about it that need nobody else. Prices in yuan for one unit."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise, product
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from kameng.core.errors import Invalid
from kameng.web.i18n import N_
from tenants.shop import fields
from tenants.shop.fields import InputField

MOST_SPECS, MOST_VALUES, MOST_VARIANTS, MOST_STEPS, MOST_LABELS = 3, 30, 100, 8, 10
LONGEST_LABEL = 40
MOST_LABEL_LEVELS = 3
BETWEEN_LEVELS = "/"

Count = Annotated[int, Meta(ge=1, le=1000)]
Price = Annotated[Decimal, Meta(gt=0, le=100_000)]


class Step(Struct, frozen=True):
    """From `quantity` units on, one costs `price`."""

    quantity: int
    price: Decimal


class Spec(Struct, frozen=True):
    """What variants differ in: `面值` with `50` and `100`."""

    name: str
    values: list[str]


class VariantDraft(Struct, frozen=True, kw_only=True):
    """One combination: a value for each spec. Without a good it is the station's own."""

    values: dict[str, str]
    price: Price
    good_id: int | None = None
    list_price: Decimal | None = None
    ladder: list[Step] = []
    shown: bool = True


class ProductDraft(Struct, frozen=True, kw_only=True):
    """What the owner fills in. With `specs` the product is a head: good, price and ladder are those of its variants."""

    good_id: int | None = None
    name: Annotated[str, Meta(min_length=1, max_length=80)]
    price: Price = Decimal(1)
    summary: Annotated[str, Meta(max_length=120)] = ""
    description: Annotated[str, Meta(max_length=4000)] = ""
    usage_note: Annotated[str, Meta(max_length=1000)] = ""
    min_quantity: Count = 1
    max_quantity: Count = 10
    position: Annotated[int, Meta(ge=0, le=100_000)] = 0
    state: Literal["on_sale", "hidden"] = "on_sale"
    category_id: int | None = None
    kind: Literal["cards", "topup"] = "cards"
    fulfilment: Literal["auto", "by_hand"] = "auto"
    labels: list[str] = []
    list_price: Decimal | None = None
    floor_price: Decimal | None = None
    ladder: list[Step] = []
    fields: list[InputField] = []
    max_per_buyer: int | None = None
    max_per_day: int | None = None
    min_level: int = 0
    sale_from: datetime | None = None
    sale_until: datetime | None = None
    picking: Literal["first", "random"] = "first"
    choosable: bool = False
    choice_price: Decimal = Decimal(0)
    warn_at: int | None = None
    specs: list[Spec] = []
    variants: list[VariantDraft] = []


class Unit(Struct, frozen=True):
    """Something that is sold, and where an error about it stands on the form."""

    good_id: int | None
    price: Decimal
    ladder: Sequence[Step]
    price_at: str
    good_at: str
    ladder_at: str

    @property
    def prices(self) -> list[tuple[str, Decimal]]:
        """Every price that it can be sold at, with the place on the form."""
        return [(self.price_at, self.price), *((f"{self.ladder_at}{n}", s.price) for n, s in enumerate(self.ladder))]


def units(draft: ProductDraft) -> list[Unit]:
    """The variants, or the product itself."""
    if not draft.specs:
        return [Unit(draft.good_id, draft.price, draft.ladder, "price", "good_id", "ladder-")]
    return [
        Unit(one.good_id, one.price, one.ladder, f"variant-{n}", f"variant-{n}", f"variant-{n}-")
        for n, one in enumerate(draft.variants)
    ]


def combinations(specs: Sequence[Spec]) -> list[dict[str, str]]:
    """Every combination of values, in the order of the specs."""
    names = [spec.name for spec in specs]
    return [dict(zip(names, values, strict=True)) for values in product(*(spec.values for spec in specs))]


def check(draft: ProductDraft) -> None:
    """Raises `Invalid` with an error at each place at fault."""
    errors = _window_faults(draft) | _limit_faults(draft) | spec_faults(draft.specs) | _variant_faults(draft)
    if any(not _is_label(label) for label in draft.labels) or len(draft.labels) > MOST_LABELS:
        errors["labels"] = N_("At most 10 labels of 40 characters, with at most two strokes in each.")
    for unit in units(draft):
        errors |= _ladder_faults(unit)
    if draft.fulfilment == "by_hand" and any(unit.good_id is not None for unit in units(draft)):
        errors["fulfilment"] = N_("Goods of the master are delivered by themselves.")
    if draft.list_price is not None and draft.list_price <= draft.price and not draft.specs:
        errors["list_price"] = N_("This is not above the price.")
    try:
        fields.check(draft.fields)
    except Invalid as wrong:
        errors |= wrong.errors
    if errors:
        raise Invalid(errors)


def _window_faults(draft: ProductDraft) -> dict[str, str]:
    if draft.sale_from and draft.sale_until and draft.sale_until <= draft.sale_from:
        return {"sale_until": N_("This is before the beginning.")}
    return {}


def _limit_faults(draft: ProductDraft) -> dict[str, str]:
    return {
        name: N_("This is less than the least quantity.")
        for name in ("max_per_buyer", "max_per_day")
        if (most := getattr(draft, name)) is not None and most < draft.min_quantity
    }


def _is_label(label: str) -> bool:
    levels = label.split(BETWEEN_LEVELS)
    return len(label) <= LONGEST_LABEL and len(levels) <= MOST_LABEL_LEVELS and all(level.strip() for level in levels)


def spec_faults(specs: Sequence[Spec]) -> dict[str, str]:
    """Errors at `spec-<n>`."""
    errors: dict[str, str] = {}
    for n, spec in enumerate(specs):
        if not spec.name or len(spec.name) > LONGEST_LABEL:
            errors[f"spec-{n}"] = N_("Give it a name of at most 40 characters.")
        elif any(other.name == spec.name for other in specs[:n]):
            errors[f"spec-{n}"] = N_("Another row has this name.")
        elif not spec.values or len(spec.values) > MOST_VALUES:
            errors[f"spec-{n}"] = N_("Give from 1 to 30 values.")
        elif len(set(spec.values)) < len(spec.values) or any(len(value) > LONGEST_LABEL for value in spec.values):
            errors[f"spec-{n}"] = N_("Values differ from each other and have at most 40 characters.")
    if len(specs) > MOST_SPECS:
        errors[f"spec-{MOST_SPECS}"] = N_("Variants differ in at most three things.")
    if not errors and specs and len(combinations(specs)) > MOST_VARIANTS:
        errors["spec-0"] = N_("This makes more than 100 variants. Take values away.")
    return errors


def _variant_faults(draft: ProductDraft) -> dict[str, str]:
    if not draft.specs:
        return {}
    if not draft.variants:
        return {"spec-0": N_("Make the variants and give them prices.")}
    possible = combinations(draft.specs)
    errors: dict[str, str] = {}
    for n, variant in enumerate(draft.variants):
        if variant.values not in possible:
            errors[f"variant-{n}"] = N_("This variant does not fit the values above. Make the variants again.")
        elif variant.values in [other.values for other in draft.variants[:n]]:
            errors[f"variant-{n}"] = N_("This variant stands here twice.")
        elif variant.list_price is not None and variant.list_price <= variant.price:
            errors[f"variant-{n}"] = N_("The price struck through is not above the price.")
    return errors


def _ladder_faults(unit: Unit) -> dict[str, str]:
    errors: dict[str, str] = {}
    steps = [Step(1, unit.price), *unit.ladder]
    for n, (lower, upper) in enumerate(pairwise(steps)):
        if upper.quantity <= lower.quantity:
            errors[f"{unit.ladder_at}{n}"] = N_("Each step begins at a larger quantity than the one before.")
        elif upper.price > lower.price:  # repricing makes them equal where a floor holds both up
            errors[f"{unit.ladder_at}{n}"] = N_("No step is dearer than the one before.")
    if len(unit.ladder) > MOST_STEPS:
        errors[f"{unit.ladder_at}{MOST_STEPS}"] = N_("At most 8 steps.")
    return errors


def as_json(steps: Sequence[Step]) -> list[Any]:
    """For `products.ladder`."""
    return [[step.quantity, str(step.price)] for step in steps]
