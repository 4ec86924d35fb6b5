"""From texts to values."""

from decimal import Decimal
from enum import Enum
from typing import Annotated, Literal
from uuid import UUID

import pytest
from msgspec import Meta, Struct

from kameng.core.errors import Invalid
from kameng.web import forms, i18n
from kameng.web.forms import Line, Secret, Text

ID = "019abcde-0000-7000-8000-000000000001"


class State(Enum):
    ON = "on_sale"
    OFF = "hidden"


class Product(Struct):
    name: Annotated[str, Meta(min_length=2, max_length=5)]
    price: Annotated[Decimal, Meta(extra={"ge": "0.01", "le": "1000", "places": 2})] = Decimal(1)
    state: State = State.ON
    kind: Literal["card", "topup"] = "card"
    owner: UUID | None = None
    tags: list[int] = []
    shown: bool = False
    note: Text = ""
    contact: Line = ""
    password: Secret = ""
    slug: Annotated[str, Meta(pattern="^[a-z]+$", extra={"message": "Only small letters."})] = "a"


def read(**sent: str | list[str]) -> Product:
    pairs = [(name, one) for name, said in sent.items() for one in ([said] if isinstance(said, str) else said)]
    return forms.read(pairs, Product)


def wrong(**sent: str) -> str:
    i18n.use("en", "UTC")
    with pytest.raises(Invalid) as invalid:
        read(**{"name": "abc", **sent})
    assert len(invalid.value.errors) == 1
    return next(iter(invalid.value.errors.values()))


def test_every_kind_of_field_is_read() -> None:
    product = read(
        name="  月卡  ",
        price="¥１2.30",
        state="hidden",
        kind="topup",
        owner=ID,
        tags=["1", "2"],
        shown="yes",
        note="one\r\ntwo",
        password=" a ",
        slug="abc",
        unknown="x",
    )

    assert product == Product(
        name="月卡",
        price=Decimal("12.30"),
        state=State.OFF,
        kind="topup",
        owner=UUID(ID),
        tags=[1, 2],
        shown=True,
        note="one\ntwo",
        password=" a ",
        slug="abc",
    )


def test_what_is_empty_takes_its_default() -> None:
    assert read(name="abc", price=" ", owner="", tags=[], contact="") == Product(name="abc")


@pytest.mark.parametrize(
    ("field", "text", "told"),
    [
        ("name", "", "Fill this in."),
        ("name", "a", "Write at least 2 characters."),
        ("name", "abcdef", "Write at most 5 characters."),
        ("price", "0", "Write a number between 0.01 and 1000."),
        ("price", "1e999999", "Write a number between 0.01 and 1000."),
        ("price", "Infinity", "Write a number between 0.01 and 1000."),
        ("price", "ten", "Write a number between 0.01 and 1000."),
        ("price", "0.015", "Write at most 2 decimals."),
        ("state", "sold", "Choose one of the list."),
        ("kind", "coupon", "Choose one of the list."),
        ("owner", "1", "This is not in the right form."),
        ("tags", "a", "Write a whole number."),
        ("note", "a\x00", "This holds signs that are not text."),
        ("contact", "a\nb", "This holds signs that are not text."),
        ("slug", "ABC", "Only small letters."),
    ],
)
def test_each_mistake_has_its_sentence(field: str, text: str, told: str) -> None:
    assert wrong(**{field: text}) == told


def test_secrets_are_not_kept_for_showing() -> None:
    with pytest.raises(Invalid) as invalid:
        read(name="", password="hunter2", contact="138")

    assert invalid.value.values == {"name": "", "contact": "138"}
