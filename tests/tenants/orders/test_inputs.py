"""What buyers fill in, checked by kind."""

from typing import Any

import pytest

from kameng.core.errors import Invalid
from tenants.orders.inputs import check


@pytest.mark.parametrize(
    ("field", "said", "kept"),
    [
        ({"kind": "phone"}, "138-0000 ０000", "13800000000"),
        ({"kind": "phone"}, "+85291234567", "+85291234567"),
        ({"kind": "account"}, " 张三_88 ", "张三_88"),
        ({"kind": "number"}, "１２３", "123"),
        ({"kind": "email"}, "a@b.test", "a@b.test"),
        ({"kind": "area"}, "艾欧尼亚  一区", "艾欧尼亚 一区"),
        ({"kind": "choice", "choices": ["一区", "二区"]}, "二区", "二区"),
        ({"kind": "text", "pattern": "[A-Z]{3}"}, "ABC", "ABC"),
    ],
)
def test_what_fits_is_kept_clean(field: dict[str, Any], said: str, kept: str) -> None:
    assert check([{"label": "L"} | field], {"0": said}) == {"L": kept}
    assert check([{"label": "L"} | field], {"L": said}) == {"L": kept}


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ({"kind": "phone"}, "12345"),
        ({"kind": "phone"}, "23800000000"),
        ({"kind": "account"}, "a b"),
        ({"kind": "account"}, "a"),
        ({"kind": "number"}, "12a"),
        ({"kind": "email"}, "a@b"),
        ({"kind": "choice", "choices": ["一区"]}, "三区"),
        ({"kind": "text", "pattern": "[A-Z]{3}"}, "ABCD"),
        ({"kind": "text"}, "x" * 201),
        ({"kind": "text"}, "a\u202eb"),
        ({"kind": "text"}, ""),
        ({"kind": "text"}, " \t "),
    ],
)
def test_what_does_not_fit_is_named_at_its_place(field: dict[str, Any], said: str) -> None:
    fields = [{"label": "first", "kind": "text", "required": False}, {"label": "L"} | field]

    with pytest.raises(Invalid) as refused:
        check(fields, {"1": said})

    assert list(refused.value.errors) == ["inputs.1"]


def test_a_field_that_need_not_be_filled_in_is_left_out() -> None:
    assert check([{"label": "L", "kind": "phone", "required": False}], {}) == {}


SLOW_ELSEWHERE = [
    "(a+)+b", "(a|aa)*b", ".*.*.*.*.*x", "a?" * 40 + "a{40}b", "(?:a|a|a|a)" * 10 + "b", ".{0,30}" * 6 + "b",
]  # fmt: skip


@pytest.mark.parametrize("pattern", SLOW_ELSEWHERE)
def test_no_pattern_can_stop_a_process(pattern: str) -> None:
    """Each takes a backtracking matcher from minutes to years; this test would not end."""
    with pytest.raises(Invalid):
        check([{"label": "L", "kind": "text", "pattern": pattern}], {"0": "a" * 200})


@pytest.mark.parametrize("pattern", [r"(\w+)\1", "(", "(?=a)a"])
def test_a_pattern_that_cannot_be_read_keeps_nobody_from_buying(pattern: str) -> None:
    assert check([{"label": "L", "kind": "text", "pattern": pattern}], {"0": "a" * 200}) == {"L": "a" * 200}
