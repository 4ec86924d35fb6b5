"""The protocol's own example, and what is near it."""

from tenants.openapi import signing

BODY = b'{"sku_id":1,"quantity":1}'
ORDERS = "/api/v1/upstream/orders"


def test_the_published_example_has_its_signature() -> None:
    expected = "36bfcd8a1315d6d81859431884669c6c4e5b19fe90ee2e835ed053c642ee8ce0"

    assert signing.sign("SECRET", "POST", ORDERS, "1700000000", BODY) == expected


def test_each_part_changes_the_signature() -> None:
    signatures = {
        signing.sign("SECRET", "POST", ORDERS, "1700000000", BODY),
        signing.sign("OTHER", "POST", ORDERS, "1700000000", BODY),
        signing.sign("SECRET", "GET", ORDERS, "1700000000", BODY),
        signing.sign("SECRET", "POST", "/api/v1/upstream/ping", "1700000000", BODY),
        signing.sign("SECRET", "POST", ORDERS, "1700000001", BODY),
        signing.sign("SECRET", "POST", ORDERS, "1700000000", b""),
    }

    assert len(signatures) == 6


def test_a_request_is_fresh_for_a_minute_either_way() -> None:
    now = 1_700_000_000.0

    assert [signing.is_fresh(str(1_700_000_000 + skew), now) for skew in (-61, -60, 0, 60, 61)] == [
        False, True, True, True, False,
    ]  # fmt: skip
    assert not any(signing.is_fresh(text, now) for text in ("", "now", "-1", "1e9", "１７００００００００", "9" * 40))
