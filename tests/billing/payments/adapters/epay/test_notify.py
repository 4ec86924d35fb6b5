"""Which notices are believed, and which field is named when one is not."""

from collections.abc import AsyncIterator

import pytest

from billing.payments.adapters.epay.client import Channel, EpayProvider
from billing.payments.adapters.epay.signing import EmptyKeyError, sign, signed
from billing.payments.adapters.port import Notice, NotifyRefused, PaymentProvider
from kameng.infra.http import Outbound

KEY = "merchant-key"
GOOD = {
    "pid": "1001",
    "trade_no": "2026112214000000001",
    "out_trade_no": "A1",
    "type": "alipay",
    "name": "VIP会员",
    "money": "1.00",
    "trade_status": "TRADE_SUCCESS",
}


@pytest.fixture
async def provider() -> AsyncIterator[PaymentProvider]:
    outbound = Outbound()
    yield EpayProvider(Channel("https://pay.example", "1001", KEY), outbound)
    await outbound.aclose()


def refused(provider: PaymentProvider, params: dict[str, str]) -> str:
    with pytest.raises(NotifyRefused) as caught:
        provider.read_notify(params).check("A1", 100)
    return caught.value.reason


def test_a_right_notice_is_believed(provider: PaymentProvider) -> None:
    notice = provider.read_notify(signed(GOOD, KEY))
    notice.check("A1", 100)
    assert notice == Notice("A1", "2026112214000000001", 100, "alipay")


def test_fields_nobody_knows_are_part_of_the_signature(provider: PaymentProvider) -> None:
    more = {**GOOD, "param": "x", "buyer": "u-7"}
    provider.read_notify(signed(more, KEY)).check("A1", 100)
    assert refused(provider, {**signed(GOOD, KEY), "buyer": "u-7"}) == "sign"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"pid": "1002"}, "pid"),
        ({"pid": ""}, "pid"),
        ({"trade_status": "TRADE_CLOSED"}, "trade_status"),
        ({"trade_status": "WAIT_BUYER_PAY"}, "trade_status"),
        ({"trade_status": ""}, "trade_status"),
        ({"money": "1.001"}, "money"),
        ({"money": ""}, "money"),
        ({"money": "1e0"}, "money"),
        ({"money": "-1.00"}, "money"),
        ({"money": "0.01"}, "amount"),
        ({"money": "0"}, "amount"),
        ({"money": "100.00"}, "amount"),
        ({"out_trade_no": "A2"}, "payment_no"),
        ({"out_trade_no": ""}, "out_trade_no"),
        ({"out_trade_no": "A1 "}, "out_trade_no"),
        ({"trade_no": ""}, "trade_no"),
        ({"param": "&pid=1001"}, "param"),
    ],
)
def test_a_rightly_signed_notice_about_something_else_is_refused(
    provider: PaymentProvider, change: dict[str, str], reason: str
) -> None:
    assert refused(provider, signed({**GOOD, **change}, KEY)) == reason


@pytest.mark.parametrize("missing", ["pid", "trade_status", "money", "out_trade_no", "trade_no"])
def test_a_missing_field_is_refused(provider: PaymentProvider, missing: str) -> None:
    assert refused(provider, signed({k: v for k, v in GOOD.items() if k != missing}, KEY)) == missing


@pytest.mark.parametrize("forged", ["", "0" * 32, "签名", "\ud800", sign(GOOD, KEY).upper(), sign(GOOD, "other-key")])
def test_a_wrong_signature_is_refused(provider: PaymentProvider, forged: str) -> None:
    assert refused(provider, {**GOOD, "sign": forged, "sign_type": "MD5"}) == "sign"


def test_a_missing_signature_is_refused(provider: PaymentProvider) -> None:
    assert refused(provider, {**GOOD, "sign_type": "MD5"}) == "sign"
    assert refused(provider, {}) == "sign_type"


@pytest.mark.parametrize("kind", ["", "RSA", "md5", "NONE"])
def test_another_kind_of_signature_is_refused(provider: PaymentProvider, kind: str) -> None:
    assert refused(provider, {**signed(GOOD, KEY), "sign_type": kind}) == "sign_type"


def test_a_field_cut_out_of_a_product_name_is_refused(provider: PaymentProvider) -> None:
    """`name=x&out_trade_no=...` signs alike whether it is one field or two."""
    true = {**GOOD, "name": "x&out_trade_no=A1&param=", "out_trade_no": "CHEAP"}
    whole = signed(true, KEY)
    cut = {**whole, "name": "x", "out_trade_no": "A1", "param": "&out_trade_no=CHEAP"}
    assert sign(cut, KEY) == whole["sign"]
    assert refused(provider, cut) == "param"


@pytest.mark.parametrize("key", ["", "  "])
def test_a_channel_without_a_key_cannot_be_made(key: str) -> None:
    with pytest.raises(EmptyKeyError):
        Channel("https://pay.example", "1001", key)


@pytest.mark.parametrize(("base_url", "pid"), [("ftp://pay.example", "1"), ("pay.example", "1"), ("https://x", " ")])
def test_a_channel_needs_an_address_and_a_merchant(base_url: str, pid: str) -> None:
    with pytest.raises(ValueError, match="needs"):
        Channel(base_url, pid, KEY)
