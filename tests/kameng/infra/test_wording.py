"""Templates that people of a shop write."""

import pytest

from kameng.infra import wording
from kameng.infra.wording import BadWording, TooMuch

KNOWN = {"order": "261122-X", "state": "Delivered", "reason": ""}


def test_names_are_filled_in_and_parts_are_left_out() -> None:
    said = wording.render("{{ order }}: {{ state | upper }}{% if reason %} ({{ reason }}){% endif %}.", KNOWN)

    assert said == "261122-X: DELIVERED."


def test_values_are_text_and_never_templates() -> None:
    said = wording.render("{{ order }}", {"order": "{{ state }} <b>&</b>"})

    assert said == "{{ state }} <b>&</b>"


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ("{{ orders }}", 1),
        ("a\n{{ order.__class__ }}", 2),
        ("{{ order['x'] }}", 1),
        ("\n\n{% for a in order %}x{% endfor %}", 3),
        ("{{ order() }}", 1),
        ("{{ 'a' * 1000000000 }}", 1),
        ("{{ 9 ** 9 ** 9 }}", 1),
        ("{{ order | attr('x') }}", 1),
        ("{{ order | default(state, *order) }}", 1),
        ("{{ order | center(100000000) }}", 1),
        ("{% set a = order %}", 1),
        ("{% include 'x' %}", 1),
        ("{% import 'x' as y %}", 1),
        ("{% macro a() %}{% endmacro %}", 1),
        ("{% raw %}{% endraw %}{{ range(9) }}", 1),
        ("{{ order ~ order }}", 1),
        ("{{ [order] }}", 1),
        ("{{ order", 1),
        ("\n{% if order %}", 2),
        ("{{ self }}", 1),
        ("{{ order is defined }}", 1),
        ("{{ order | nonsense }}", 1),
    ],
)
def test_nothing_else_can_be_done_and_the_line_is_named(template: str, line: int) -> None:
    with pytest.raises(BadWording) as refused:
        wording.render(template, KNOWN, field="body")

    assert refused.value.field == "body"
    assert refused.value.params["line"] == line


def test_what_is_deeply_nested_is_refused_and_not_recursed_into() -> None:
    with pytest.raises(BadWording):
        wording.render("{% if order %}" * 90 + "x" + "{% endif %}" * 90, KNOWN, limit=5000)
    with pytest.raises(BadWording):
        wording.render("{{ " + "(" * 900 + "order" + ")" * 900 + " }}", KNOWN)
    with pytest.raises(BadWording):
        wording.render("{{ " + "not " * 450 + "order }}", KNOWN)


def test_neither_the_template_nor_what_it_says_may_be_too_long() -> None:
    with pytest.raises(TooMuch):
        wording.render("x" * 2001, KNOWN)
    with pytest.raises(TooMuch):
        wording.render("{{ order }}" * 10, {"order": "y" * 300})
