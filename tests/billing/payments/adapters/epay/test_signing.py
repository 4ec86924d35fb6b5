"""epay's signature: the computed vector of the protocol page, and what holds for every set of fields."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from billing.payments.adapters.epay.signing import EmptyKeyError, sign, signed, verify

KEY = "KEY123"
VECTOR = {
    "money": "1.00",
    "name": "VIP会员",
    "notify_url": "https://s.example/n",
    "out_trade_no": "A1",
    "pid": "1001",
    "return_url": "https://s.example/r",
    "type": "alipay",
}
names = st.text(min_size=1, max_size=12)
fields = st.dictionaries(names, st.text(max_size=20), max_size=8)
keys = st.text(min_size=1, max_size=32).filter(lambda key: bool(key.strip()))


def test_the_vector_of_the_protocol() -> None:
    assert sign(VECTOR, KEY) == "1ec284bb323558c91ea6af7fb217036e"


def test_sign_sign_type_and_empty_values_are_left_out_but_zero_is_kept() -> None:
    more = {**VECTOR, "sign": "x", "sign_type": "MD5", "param": ""}
    assert sign(more, KEY) == sign(VECTOR, KEY)
    assert sign({**VECTOR, "param": "0"}, KEY) != sign(VECTOR, KEY)


@pytest.mark.parametrize("key", ["", " ", "\t\n"])
def test_an_empty_key_neither_signs_nor_verifies(key: str) -> None:
    with pytest.raises(EmptyKeyError):
        sign(VECTOR, key)
    with pytest.raises(EmptyKeyError):
        verify({**VECTOR, "sign": "1ec284bb323558c91ea6af7fb217036e"}, key)


@given(fields, keys)
def test_what_was_signed_verifies_in_any_order(params: dict[str, str], key: str) -> None:
    whole = signed(params, key)
    assert verify(whole, key)
    assert verify(dict(reversed(whole.items())), key)


# `=` and `&` are not escaped in the signed text: only without them does a text stand for one set of fields.
plain = st.text(st.characters(exclude_characters="&=", codec="utf-8"), min_size=1, max_size=12)


@given(st.dictionaries(plain, plain, max_size=8), keys, plain, plain)
def test_any_changed_or_added_field_breaks_it(params: dict[str, str], key: str, name: str, value: str) -> None:
    whole = signed(params, key)
    assume(name not in ("sign", "sign_type") and whole.get(name) != value)
    assert not verify({**whole, name: value}, key)


@given(fields, keys, st.text(max_size=40))
def test_a_guessed_signature_is_refused(params: dict[str, str], key: str, guess: str) -> None:
    assert verify({**params, "sign": guess}, key) is (guess == sign(params, key))


@given(fields, keys, keys)
def test_another_key_does_not_verify(params: dict[str, str], key: str, other: str) -> None:
    assume(not key.endswith(other) and not other.endswith(key))
    assert not verify(signed(params, key), other)
