"""Flags in a process: answered by OpenFeature from memory, live everywhere within two seconds, there when the database
is not."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason
from prometheus_client import REGISTRY
from sqlalchemy import text

from kameng.infra.db import Database
from kameng.infra.runtime import Runtime, running
from kameng.infra.settings import Settings
from kameng.infra.tenancy import Tenant
from tenants.toggles import flags, service
from tenants.toggles import toggles as module
from tenants.toggles.decision import Mode, Policy
from tenants.toggles.flags import FLAGS, Flag
from tenants.toggles.toggles import PATIENCE_S, TTL_S, Toggles
from tests.support.house import Shop, open_shop
from tests.support.processes import free_port


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def shop(runtime: Runtime) -> Shop:
    return await open_shop(runtime, keys=["KEY"])


@pytest.fixture
async def other(settings: Settings) -> AsyncIterator[Runtime]:
    """A second process, as far as pools and connections go."""
    async with running(settings) as opened:
        yield opened


async def choose(tenant: Tenant, flag: Flag, value: Any) -> None:
    async with tenant.begin() as session:
        await service.choose(session, flag, value)


async def until(condition: Any, seconds: float = 30.0) -> None:
    """Asks again and again."""
    began = time.monotonic()
    while not await condition():
        assert time.monotonic() - began < seconds, "it never held"
        await asyncio.sleep(0.005)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A database that answers is never given up on, however busy this machine is."""
    monkeypatch.setattr(module, "PATIENCE_S", 30.0)
    return monkeypatch


def errors_of(flag: Flag) -> float:
    return REGISTRY.get_sample_value("kameng_flag_errors_total", {"flag": flag.key}) or 0


async def test_a_station_without_anything_has_the_defaults(runtime: Runtime, shop: Shop) -> None:
    toggles = Toggles(runtime)

    assert dict(await toggles.at(shop.tenant)) == {key: flag.default for key, flag in FLAGS.items()}


async def test_the_sdk_answers_with_value_variant_and_reason(runtime: Runtime, shop: Shop) -> None:
    toggles = Toggles(runtime)
    async with runtime.database.master_session() as session:
        await service.set_policy(session, flags.STOCK, Policy(Mode.LOCK, False, "because"), shop.tenant.id)
    await choose(shop.tenant, flags.PAYMENT_MINUTES, 40)
    await toggles.at(shop.tenant)

    locked = toggles.details(shop.tenant, flags.STOCK)
    chosen = toggles.details(shop.tenant, flags.PAYMENT_MINUTES)
    default = toggles.details(shop.tenant, flags.HOME_LAYOUT)

    assert (locked.value, locked.variant, locked.reason) == (False, "policy", Reason.STATIC)
    assert locked.flag_metadata == {"fixed": True, "mode": "lock", "why": "because"}
    assert (chosen.value, chosen.variant, chosen.reason) == (40, "choice", Reason.TARGETING_MATCH)
    assert (default.value, default.variant, default.reason) == ("grid", "default", Reason.DEFAULT)


async def test_a_value_of_the_wrong_type_is_an_error_that_is_counted(runtime: Runtime, shop: Shop) -> None:
    async with shop.tenant.begin() as session:
        await session.execute(text("INSERT INTO flag_choices VALUES (current_tenant(), 'shop.stock', '\"yes\"')"))
    toggles, before = Toggles(runtime), errors_of(flags.STOCK)
    values = await toggles.at(shop.tenant)

    assert values[flags.STOCK.key] is True
    assert errors_of(flags.STOCK) == before + 1
    details = toggles.details(shop.tenant, flags.STOCK)
    assert (details.reason, details.error_code) == (Reason.ERROR, ErrorCode.TYPE_MISMATCH)


async def test_the_sdk_refuses_what_it_cannot_answer_and_gives_the_callers_default(
    runtime: Runtime, shop: Shop
) -> None:
    client = Toggles(runtime).client

    unknown = client.get_boolean_details("no.such_flag", True)
    of_nobody = client.get_boolean_details(flags.STOCK.key, False)
    of_another_kind = client.get_integer_details(flags.STOCK.key, 7)
    fraction = client.get_float_details(flags.STOCK.key, 0.5)

    assert (unknown.value, unknown.error_code) == (True, ErrorCode.FLAG_NOT_FOUND)
    assert (of_nobody.value, of_nobody.error_code) == (False, ErrorCode.TARGETING_KEY_MISSING)
    assert (of_another_kind.value, of_another_kind.error_code) == (7, ErrorCode.TYPE_MISMATCH)
    assert (fraction.value, fraction.error_code) == (0.5, ErrorCode.TYPE_MISMATCH)


async def test_a_flag_that_is_not_declared_is_a_bug(runtime: Runtime, shop: Shop) -> None:
    values = await Toggles(runtime).at(shop.tenant)

    with pytest.raises(KeyError):
        values["no.such_flag"]


async def test_one_process_tells_the_others_at_once(runtime: Runtime, other: Runtime, shop: Shop) -> None:
    mine, theirs = Toggles(runtime), Toggles(other, clock=Clock())  # their time stands still: nothing grows old
    assert (await theirs.at(shop.tenant))[flags.SALES.key] is True
    await choose(shop.tenant, flags.SALES, False)

    async def told() -> bool:
        await mine.changed()  # more than once, because they may not have begun to listen
        return await _is(theirs, shop.tenant, flags.SALES, False)

    await until(told)
    assert await _is(mine, shop.tenant, flags.SALES, False)


async def _is(toggles: Toggles, tenant: Tenant, flag: Flag, value: Any) -> bool:
    return bool((await toggles.at(tenant))[flag.key] == value)


async def test_a_change_is_live_within_two_seconds_when_the_message_is_lost(
    settings: Settings, runtime: Runtime, shop: Shop
) -> None:
    deaf = msgspec.structs.replace(settings, redis_url=f"redis://127.0.0.1:{free_port()}/0")
    async with running(deaf) as alone:
        clock = Clock()
        toggles = Toggles(alone, clock=clock)
        assert (await toggles.at(shop.tenant))[flags.SALES.key] is True

        await choose(shop.tenant, flags.SALES, False)
        clock.now += 2

        assert (await toggles.at(shop.tenant))[flags.SALES.key] is False


async def test_what_is_remembered_is_asked_for_again_when_it_is_old_and_not_before(
    runtime: Runtime, shop: Shop
) -> None:
    clock = Clock()
    toggles = Toggles(runtime, clock=clock)
    await toggles.at(shop.tenant)
    await choose(shop.tenant, flags.SALES, False)

    clock.now += TTL_S - 0.01
    young = (await toggles.at(shop.tenant))[flags.SALES.key]
    clock.now += 0.01
    old = (await toggles.at(shop.tenant))[flags.SALES.key]

    assert (young, old) == (True, False)


async def test_a_change_while_a_reading_is_under_way_is_seen_by_whoever_asks_after_it(
    runtime: Runtime, shop: Shop
) -> None:
    toggles = Toggles(runtime, clock=Clock())
    reading = asyncio.create_task(toggles.at(shop.tenant))
    await asyncio.sleep(0)
    await choose(shop.tenant, flags.SALES, False)
    await toggles.changed()

    assert (await toggles.at(shop.tenant))[flags.SALES.key] is False
    await reading


async def test_many_requests_wait_for_one_reading(runtime: Runtime, shop: Shop) -> None:
    toggles = Toggles(runtime)

    answers = await asyncio.gather(*(toggles.at(shop.tenant) for _ in range(50)))

    assert len({id(one) for one in answers}) == 1


async def test_while_the_database_is_away_the_last_known_goes_on_and_the_kill_switch_counts(
    runtime: Runtime, settings: Settings, shop: Shop, tmp_path: Path
) -> None:
    file = tmp_path / "flags.toml"
    file.write_text("")
    dead = Database(
        msgspec.structs.replace(settings, database_url=f"postgresql://kameng_app@127.0.0.1:{free_port()}/kameng")
    )
    switched = msgspec.structs.replace(
        runtime, settings=msgspec.structs.replace(settings, flags_file=str(file)), database=Switchable(runtime.database)
    )
    clock = Clock()
    toggles = Toggles(switched, clock=clock)
    await choose(shop.tenant, flags.PAYMENT_MINUTES, 33)
    await toggles.at(shop.tenant)

    switched.database.turn_to(dead)  # type: ignore[attr-defined]  # a Switchable
    clock.now += 60
    stale = (await toggles.at(shop.tenant))[flags.PAYMENT_MINUTES.key]
    file.write_text('"shop.guest_checkout" = false\n')
    clock.now += 1
    killed = (await toggles.at(shop.tenant))[flags.GUEST_CHECKOUT.key]
    switched.database.turn_to(runtime.database)  # type: ignore[attr-defined]  # a Switchable
    await choose(shop.tenant, flags.PAYMENT_MINUTES, 44)
    clock.now += TTL_S
    back = (await toggles.at(shop.tenant))[flags.PAYMENT_MINUTES.key]

    assert (stale, killed, back) == (33, False, 44)
    assert toggles.details(shop.tenant, flags.GUEST_CHECKOUT).reason == Reason.DISABLED
    await dead.close()


class Switchable(Database):
    """A database that can be taken away."""

    def __init__(self, real: Database) -> None:
        self.turn_to(real)

    def turn_to(self, real: Database) -> None:
        self.roles, self.dispatch = real.roles, real.dispatch
        self.connections, self.recycle_after = real.connections, real.recycle_after


async def test_a_database_that_is_too_busy_is_not_waited_for(
    settings: Settings, shop: Shop, patience: pytest.MonkeyPatch
) -> None:
    patience.setattr(module, "PATIENCE_S", PATIENCE_S)
    async with running(msgspec.structs.replace(settings, pool_size=1)) as busy:
        clock = Clock()
        toggles = Toggles(busy, clock=clock)
        await toggles.at(shop.tenant)
        await choose(shop.tenant, flags.SALES, False)
        clock.now += TTL_S

        async with busy.database.master_session():  # the only connection
            began = time.monotonic()
            stale = (await toggles.at(shop.tenant))[flags.SALES.key]
            took = time.monotonic() - began
        clock.now += TTL_S
        patience.setattr(module, "PATIENCE_S", 30.0)

        assert stale is True
        assert PATIENCE_S * 0.9 < took < PATIENCE_S + 8  # the pool itself would wait for ten
        assert (await toggles.at(shop.tenant))[flags.SALES.key] is False


async def test_a_station_that_was_never_seen_needs_the_database(settings: Settings, shop: Shop) -> None:
    away = msgspec.structs.replace(settings, database_url=f"postgresql://kameng_app@127.0.0.1:{free_port()}/kameng")
    async with running(away) as alone:
        toggles = Toggles(alone)
        with pytest.raises(Exception, match=r"(?i)connection"):
            await toggles.at(shop.tenant)

        assert toggles.known(shop.tenant)[flags.STOCK.key] is True


async def test_a_warm_answer_costs_microseconds(runtime: Runtime, shop: Shop) -> None:
    toggles = Toggles(runtime)
    values = await toggles.at(shop.tenant)
    values[flags.BUYERS.key]

    began = time.process_time()
    for _ in range(1_000):
        (await toggles.at(shop.tenant))[flags.BUYERS.key]
    assert (time.process_time() - began) / 1_000 < 0.000_1
