"""Nobody of one station gets at another's things: every route, every id, on both hosts. See `survey.py`."""

from collections.abc import Callable, Sequence

from kameng.infra.runtime import Runtime
from kameng.web.dispatch import HostDispatch
from tests.isolation.strangers import Stranger
from tests.isolation.survey import Survey, ask_everything, changes, covered, warm
from tests.isolation.victim import Victim
from tests.support.house import Shop

RecordProperty = Callable[[str, object], None]


async def test_on_their_own_host_as_people_get_nothing_of_bs(
    runtime: Runtime,
    door: HostDispatch,
    a: Shop,
    victim: Victim,
    people: Sequence[Stranger],
    insiders: Sequence[Stranger],
    record_property: RecordProperty,
) -> None:
    real = await warm(door, door.station, insiders, victim)
    before = await victim.rows(runtime.settings.admin_url)

    survey = await ask_everything(door, door.station, [a.tenant.host], people, victim)

    after = await victim.rows(runtime.settings.admin_url)
    _tell(record_property, "on A's host", survey)
    assert survey.leaks == []
    assert changes(before, after, may_add=False) == []
    assert real >= {"no", "product_id", "buyer_id"}
    assert survey.denied == survey.with_ids > 5 * len(covered(door.station, victim)) // 3


async def test_on_bs_host_as_people_are_strangers(
    runtime: Runtime,
    door: HostDispatch,
    victim: Victim,
    people: Sequence[Stranger],
    record_property: RecordProperty,
) -> None:
    before = await victim.rows(runtime.settings.admin_url)

    survey = await ask_everything(door, door.station, [victim.shop.tenant.host], people, victim)

    after = await victim.rows(runtime.settings.admin_url)
    _tell(record_property, "on B's host", survey)
    assert survey.leaks == []
    assert changes(before, after, may_add=True) == []
    assert survey.with_ids > 100


async def test_at_the_master_as_people_are_nobody(
    runtime: Runtime,
    door: HostDispatch,
    victim: Victim,
    people: Sequence[Stranger],
    record_property: RecordProperty,
) -> None:
    before = await victim.rows(runtime.settings.admin_url)

    survey = await ask_everything(door, door.master, [runtime.settings.master_host], people, victim)

    after = await victim.rows(runtime.settings.admin_url)
    _tell(record_property, "at the master", survey)
    assert survey.leaks == []
    assert changes(before, after, may_add=False) == []
    assert survey.denied == survey.with_ids > 50


def _tell(record_property: RecordProperty, where: str, survey: Survey) -> None:
    """For the summary of the run (tests/conftest.py)."""
    record_property("isolation", f"{where}: {survey}")
