"""What a competitor's page may answer to break whoever reads it."""

from decimal import Decimal

import pytest

from tenants.pricing import readers
from tenants.pricing.errors import FeedUnreadable
from tenants.pricing.readers import Article, Options

DEEP = b"[" * 100_000 + b"]" * 100_000
DIGITS = b"9" * 5_000


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("acg", b'{"code":200,"data":' + DEEP + b"}"),
        ("acg", b'{"code":200,"data":[{"id":' + DIGITS + b',"name":"x","price":1}]}'),
        ("acg", b'{"code":' + DIGITS + b',"data":[]}'),
        ("json", DEEP),
        ("json", b'[{"id":1,"name":"x","price":' + DIGITS + b"}]"),
        ("json", b'[{"id":1,"name":"x","price":"sNaN"}]'),
        ("json", b'[{"id":1,"name":"x","price":"-1"}]'),
        ("json", b'[{"id":1,"name":"x","price":"1e999999"}]'),
        ("json", b'[{"id":"\\ud800","name":"x","price":1}]'),
        ("csv", b'id,name,price\n1,"' + b"a" * 200_000 + b'",2\n'),
        ("csv", b"id,name,price\n1\n"),
    ],
)
def test_an_answer_that_is_no_list_of_prices_is_a_failure_of_the_feed_and_of_nothing_else(
    kind: str, body: bytes
) -> None:
    with pytest.raises(FeedUnreadable):
        readers.read(kind, body, Options())


def test_a_table_of_very_many_columns_costs_what_its_lines_hold() -> None:
    """A hundred thousand columns, and as many lines of three: a column for each line was two days of work."""
    body = b"id,name,price" + b",a" * 100_000 + b"\n" + b"1,n,2\n" * 100_000

    (article,) = readers.read("csv", body, Options()).values()

    assert article == Article("1", "n", Decimal(2))


@pytest.mark.parametrize("short", [b"", b"2", b"2,b"])
def test_a_line_that_is_too_short_is_left_out_and_the_others_are_read(short: bytes) -> None:
    assert list(readers.read("csv", b"id,name,price\n" + short + b"\n3,c,4\n", Options())) == ["3"]


def test_a_way_of_many_digits_leads_nowhere() -> None:
    with pytest.raises(FeedUnreadable):
        readers.read("json", b"[[1]]", Options(items="9" * 5_000))


def test_names_and_keys_are_plain_text_of_one_line() -> None:
    body = b'id,name,price\n1,"a\x00b\xe2\x80\xae\nc",2\n'

    (article,) = readers.read("csv", body, Options()).values()

    assert article.name == "a b c"
