"""What a competitor's page may answer to break whoever reads it."""

import pytest

from tenants.pricing import readers
from tenants.pricing.errors import FeedUnreadable
from tenants.pricing.readers import Options

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


def test_a_way_of_many_digits_leads_nowhere() -> None:
    with pytest.raises(FeedUnreadable):
        readers.read("json", b"[[1]]", Options(items="9" * 5_000))


def test_names_and_keys_are_plain_text_of_one_line() -> None:
    body = b'id,name,price\n1,"a\x00b\xe2\x80\xae\nc",2\n'

    (article,) = readers.read("csv", body, Options()).values()

    assert article.name == "a b c"
