"""Patterns that a station's owner or a supplier writes, run by workers and web processes that serve all stations."""

import re
from random import Random

import pytest

from kameng.cards.formats import Reader, Rule
from kameng.cards.patterns import BadPattern, Pattern
from kameng.core.errors import Invalid
from tenants.orders import inputs
from tenants.shop import fields
from tenants.shop.fields import InputField

# Each sign of a text led to a set of states that nobody had seen: half a millisecond a sign, three hours a file.
ENDLESS = ["[ab]*a[ab]{240}", "(a|b|ab|ba|aab)*a.{200}", "(.*a.{9}){9}", ".*[0-9].{15}[a-z]"]
USUAL = [
    "[A-Z0-9]{16}", "[A-Z0-9]{4,200}", "[A-Za-z0-9_-]{1,240}", r"(\d{4}-?){4}", r".*\d{16}.*", ".*(a|b|c).{8}",
    r"([A-Z]{5}-){4}[A-Z0-9]{5}|\d{18}|https?://[^ ]+", r"[a-z0-9.]+@[a-z0-9-]+(\.[a-z]+)+",
]  # fmt: skip
PIECES = ["a", "b", "[ab]", "[^a]", ".", r"\d", "[a-c0-3]", r"\w", r"\S", "卡"]
REPEATS = ["*", "+", "?", "{2}", "{1,3}", "{2,}"]


@pytest.mark.parametrize("pattern", ENDLESS)
def test_a_pattern_that_would_take_for_ever_is_refused_where_it_is_written(pattern: str) -> None:
    with pytest.raises(Invalid):
        Rule(pattern=pattern).check()
    with pytest.raises(Invalid):
        fields.check([InputField(label="QQ", pattern=pattern)])


@pytest.mark.parametrize("pattern", ENDLESS)
def test_one_that_came_another_way_stops_no_import_and_no_buyer(pattern: str) -> None:
    """From a supplier's catalogue, or from before there was a limit."""
    assert Reader(Rule(pattern=pattern)).read("ab" * 500) == "pattern"
    assert inputs.check([{"label": "QQ", "kind": "text", "pattern": pattern}], {"0": "ab" * 90}) == {"QQ": "ab" * 90}


@pytest.mark.parametrize("pattern", USUAL)
def test_what_people_write_is_taken(pattern: str) -> None:
    Rule(pattern=pattern).check()


def test_a_pattern_means_what_it_means_elsewhere() -> None:
    random = Random(5)  # noqa: S311 - no secret
    for source in (_made(random) for _ in range(400)):
        pattern = Pattern(source)
        for text in ("".join(random.choices("ab1c9_卡 é", k=random.randrange(8))) for _ in range(20)):
            assert pattern.fits(text) == bool(re.fullmatch(source, text, re.ASCII | re.DOTALL)), (source, text)


def _made(random: Random, depth: int = 0) -> str:
    kind = random.random()
    if depth > 3 or kind < 0.35:
        return random.choice(PIECES)
    if kind < 0.5:
        return f"({_made(random, depth + 1)}|{_made(random, depth + 1)})"
    if kind < 0.75:
        return _made(random, depth + 1) + _made(random, depth + 1)
    return f"(?:{_made(random, depth + 1)}){random.choice(REPEATS)}"


@pytest.mark.parametrize("source", ["(ab", "a{2", "[a", "*a", "a{9999}", r"\b"])
def test_what_cannot_be_read_is_told(source: str) -> None:
    with pytest.raises(BadPattern):
        Pattern(source)
