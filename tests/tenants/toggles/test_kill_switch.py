"""The kill switch: a file that goes before everything, read again when it changes, kept when it is bad."""

from pathlib import Path

import pytest

from kameng.core import ids
from tenants.toggles import kill_switch
from tenants.toggles.errors import FlagsFileWrong
from tenants.toggles.kill_switch import LOOK_EVERY_S, KillSwitch
from tests.tenants.toggles.test_toggles import Clock


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / f"{ids.code(4)}.toml"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def switch(file: Path, clock: Clock) -> KillSwitch:
    return KillSwitch(str(file), clock=clock)


def test_without_a_file_nothing_is_killed(switch: KillSwitch) -> None:
    assert dict(switch.values) == {}
    assert switch.problem == ""
    assert dict(KillSwitch("").values) == {}


@pytest.mark.parametrize(
    "said",
    [
        '"module.buyers" = false\n"shop.payment_minutes" = 20',
        "module.buyers = false\nshop.payment_minutes = 20",
        "[module]\nbuyers = false\n[shop]\npayment_minutes = 20",
    ],
)
def test_keys_may_be_written_in_every_way_that_toml_has(file: Path, switch: KillSwitch, said: str) -> None:
    file.write_text(said)

    assert dict(switch.values) == {"module.buyers": False, "shop.payment_minutes": 20}


def test_json_is_read_where_the_name_says_so(tmp_path: Path) -> None:
    file = tmp_path / "flags.json"
    file.write_text('{"shop.home_layout": "list"}')

    assert dict(KillSwitch(str(file)).values) == {"shop.home_layout": "list"}


def test_a_change_is_seen_after_a_second_and_the_file_is_not_looked_at_before(
    file: Path, switch: KillSwitch, clock: Clock
) -> None:
    assert dict(switch.values) == {}
    file.write_text('"shop.stock" = false')
    clock.now += LOOK_EVERY_S / 2
    too_soon = dict(switch.values)
    clock.now += LOOK_EVERY_S / 2
    seen = dict(switch.values)
    file.unlink()
    clock.now += LOOK_EVERY_S

    assert (too_soon, seen, dict(switch.values)) == ({}, {"shop.stock": False}, {})


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ('"shop.stock" = no', "Invalid value"),
        ('"shop.stock" = "off"', "shop.stock cannot be 'off'"),
        ('"shop.payment_minutes" = 100000', "shop.payment_minutes cannot be 100000"),
        ('"shop.sales" = true\n"shop.stock" = 1', "shop.stock cannot be 1"),
        ("\xff", "Invalid"),
    ],
)
def test_a_bad_file_is_told_and_the_last_good_one_goes_on(
    file: Path, switch: KillSwitch, clock: Clock, said: str, problem: str
) -> None:
    file.write_text('"shop.stock" = false')
    assert dict(switch.values) == {"shop.stock": False}

    file.write_text(said)
    clock.now += LOOK_EVERY_S

    assert dict(switch.values) == {"shop.stock": False}
    assert problem in switch.problem
    file.write_text('"shop.sales" = false')
    clock.now += LOOK_EVERY_S
    assert dict(switch.values) == {"shop.sales": False}
    assert switch.problem == ""


def test_a_key_of_another_version_is_told_and_the_others_count(file: Path, switch: KillSwitch) -> None:
    file.write_text('"shop.stock" = false\n"shop.tomorrow" = true')

    assert dict(switch.values) == {"shop.stock": False}
    assert switch.strange == ["shop.tomorrow"]


@pytest.mark.parametrize("name", ["flags.toml", "flags.json"])
def test_what_is_written_is_read(tmp_path: Path, name: str) -> None:
    file = tmp_path / "folder" / name
    values = {"shop.stock": False, "shop.payment_minutes": 20, "shop.home_layout": "list"}

    kill_switch.write(file, values)

    assert kill_switch.read(file) == values
    assert [one.name for one in file.parent.iterdir()] == [name]


def test_a_file_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(FlagsFileWrong, match="not in order"):
        kill_switch.write(tmp_path / "file" / "flags.toml", {})
