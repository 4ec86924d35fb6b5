"""Identifiers sort by time and cannot be guessed."""

from datetime import UTC, datetime
from uuid import RFC_4122

from kameng.core import ids


def test_ids_come_in_order_and_are_of_version_seven() -> None:
    made = [ids.uuid7() for _ in range(2_000)]

    assert len(set(made)) == len(made)
    assert [one.int >> 64 for one in made] == sorted(one.int >> 64 for one in made)
    assert {one.version for one in made} == {7}
    assert {one.variant for one in made} == {RFC_4122}


def test_order_numbers_show_the_day_and_differ() -> None:
    made = {ids.order_no(datetime(2026, 11, 22, tzinfo=UTC)) for _ in range(2_000)}

    assert len(made) == 2_000
    assert {number[:7] for number in made} == {"261122-"}
    assert {len(number) for number in made} == {17}
    assert set("".join(number[7:] for number in made)) == set(ids.ALPHABET)
