"""The signature of acg-faka, and the text in which it keeps variants and prices."""

from decimal import Decimal

import pytest

from supplier_gateway.adapters.acg import article, config
from supplier_gateway.adapters.acg.article import Article
from supplier_gateway.adapters.acg.signing import Form, flat, nested, sign


def test_the_vector_that_was_run_on_php() -> None:
    form: Form = {
        "num": 1, "contact": "a b+c", "shared_code": "ABC", "sku": {"颜色": "红"}, "card_id": 0, "app_key": "KEY123",
        "app_id": 7, "race": "", "sign": "is not signed itself",
    }  # fmt: skip

    assert sign(form, "KEY123") == "dab7c78bc26937c482d1ee41c124fc54"


@pytest.mark.parametrize(
    ("form", "same"),
    [
        ({"a": "1", "b": None}, {"a": "1"}),
        ({"a": "1", "b": []}, {"a": "1"}),
        ({"a": "1", "b": ""}, {"a": "1"}),
        ({"a": True, "b": False}, {"a": "1", "b": "0"}),
        ({"10": "x", "9": "y", "b": "z"}, {"9": "y", "10": "x", "b": "z"}),
        ({"a": {"x": "1", "y": {"z": "2"}}}, {"a[x]": "1", "a[y][z]": "2"}),
        ({"a": "0"}, {"a": 0}),
    ],
)
def test_what_php_makes_of_values(form: dict[str, object], same: dict[str, object]) -> None:
    assert sign(form, "k") == sign(same, "k")  # type: ignore[arg-type]  # any JSON is a form


def test_a_zero_is_signed_and_an_empty_key_signs_nothing() -> None:
    assert sign({"a": "0"}, "k") != sign({}, "k")
    with pytest.raises(ValueError, match="empty key"):
        sign({"a": "1"}, "")


def test_posted_fields_become_the_form_that_was_signed() -> None:
    form: Form = {"sku": {"颜色": "红", "尺寸": "大"}, "num": "2", "race": ""}

    assert nested(dict(flat(form))) == form
    assert nested({"a": "1", "a[b]": "2"}) == {"a": {"b": "2"}}


def test_the_sections_are_read_as_the_shop_reads_them() -> None:
    text = (
        "\ufeff[category]\r\n月卡=10\r\n月卡=99\n年卡=98.5\n\n[sku]\n颜色.红=0\n颜色.蓝=1.5\n"
        "[category_wholesale]\n月卡.10=9\n月卡.5=9.5"
    )

    sections = config.read(text)

    assert sections["category"] == {"月卡": "10", "年卡": "98.5"}  # the first of two counts
    assert sections["sku"] == {"颜色": {"红": "0", "蓝": "1.5"}}
    assert config.ladder(sections["category_wholesale"]["月卡"]) == ((5, Decimal("9.5")), (10, Decimal(9)))
    assert config.read(config.write(sections)) == sections


@pytest.mark.parametrize("text", ["月卡=10", "[a]\nno value", "[a]\nb=1=2", "x" * 300_000])
def test_a_text_that_the_shop_could_not_read_is_no_configuration(text: str) -> None:
    with pytest.raises(config.BadConfig):
        config.read(text)


@pytest.mark.parametrize("value", ["NaN", "-1", "Infinity", "1e9", "", "abc", None, True, [], {}, "10000000"])
def test_what_is_no_amount(value: object) -> None:
    assert config.yuan(value) is None


def test_an_amount_is_a_text_or_a_number() -> None:
    assert [config.yuan(value) for value in ("9.50", 9.5, 9, " 9 ")] == [
        Decimal("9.50"), Decimal("9.5"), Decimal(9), Decimal(9),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sku", "meant"),
    [
        ("A1", Article("A1")),
        ("A1?race=月卡", Article("A1", "月卡")),
        ("A1?race=月卡&颜色=深 红&card_id=7".replace(" ", "%20"), Article("A1", "月卡", (("颜色", "深 红"),), 7)),
        ("A1?50%25=a%26b%3Dc", Article("A1", "", (("50%", "a&b=c"),))),
    ],
)
def test_an_article_number_says_which_variant(sku: str, meant: Article) -> None:
    assert article.read(sku) == meant
    assert str(meant) == sku


@pytest.mark.parametrize("sku", ["", "?race=a", "A1?card_id=x", "A1?race"])
def test_what_is_no_article_number(sku: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        article.read(sku)
