"""Features as the owner has them: seen with who decided, switched, taken back; what is off is not there."""

from typing import Any

import pytest
from sqlalchemy import text

from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from kameng.web.dispatch import HostDispatch
from tenants.toggles import flags
from tests.admin_ui.conftest import SignIn, audited
from tests.support.house import Shop, open_shop
from tests.support.staff_client import StaffClient, error_at, text_of

ROOMS = [("buyers", flags.BUYERS), ("channels", flags.CHANNELS), ("audit", flags.AUDIT)]


async def switch(client: StaffClient, flag: flags.Flag, value: str) -> Any:
    await client.get("/console/features")
    return await client.post(f"/console/features/{flag.key}", value=value)


@pytest.mark.parametrize(("room", "flag"), ROOMS)
async def test_a_room_that_is_switched_off_is_gone_from_the_menu_and_answers_404(
    shop: Shop, owner: StaffClient, sign_in: SignIn, room: str, flag: flags.Flag
) -> None:
    deputy = await sign_in(shop.tenant, Role.DEPUTY)
    assert f'href="/console/{room}"' in (await owner.get("/console")).text

    await switch(owner, flag, "off")

    for client in (owner, deputy):
        assert f'href="/console/{room}"' not in (await client.get("/console")).text
        assert (await client.get(f"/console/{room}")).status_code == 404
        assert (await client.post(f"/console/{room}/1/pause")).status_code == 404
    await switch(owner, flag, "on")
    assert (await owner.get(f"/console/{room}")).status_code == 200


async def test_the_gate_stands_before_every_page_and_act_of_a_room(
    shop: Shop, owner: StaffClient, sign_in: SignIn
) -> None:
    placed = await shop.buy(await shop.buyer(wallet_cents=1_000))
    service_desk = await sign_in(shop.tenant, Role.SERVICE)
    assert "/console/buyers/" in (await owner.get(f"/console/orders/{placed.no}")).text

    await switch(owner, flags.BUYERS, "off")
    await switch(owner, flags.CHANNELS, "off")

    assert "/console/buyers/" not in (await owner.get(f"/console/orders/{placed.no}")).text
    assert (await owner.post("/console/channels", name="x")).status_code == 404
    assert (await owner.get("/console/channels/new")).status_code == 404
    assert (await service_desk.get("/console/channels")).status_code == 404, "not 403: it is not there for anybody"


async def test_what_is_off_at_one_station_is_on_at_another(
    shop: Shop, owner: StaffClient, runtime: Runtime, sign_in: SignIn
) -> None:
    other = await sign_in((await open_shop(runtime)).tenant, Role.OWNER)

    await switch(owner, flags.BUYERS, "off")

    assert (await other.get("/console/buyers")).status_code == 200


async def test_a_change_is_in_the_audit_log_and_can_be_taken_back(
    shop: Shop, owner: StaffClient, runtime: Runtime
) -> None:
    page = await owner.follow(await switch(owner, flags.SALES, "off"))
    assert "Chosen by the station" in text_of(page)
    assert "Back to On" in text_of(page)

    page = await owner.follow(await owner.post(f"/console/features/{flags.SALES.key}/undo"))

    assert "Sales count: On." in page.text
    assert "Chosen by the station" not in text_of(page)
    assert len(await audited(runtime, "features.choose", flags.SALES.key)) >= 1
    async with shop.tenant.begin() as session:
        rows = await session.execute(
            text("SELECT action, detail FROM audit_log WHERE action LIKE 'features.%' ORDER BY id")
        )
        assert [tuple(row) for row in rows] == [
            ("features.choose", {"from": "", "to": "off"}),
            ("features.undo", {"from": "off"}),
        ]


@pytest.mark.parametrize("value", ["4", "121", "fifteen", "-15", "15.5", "９９９９９９９９９９"])
async def test_a_number_out_of_its_bounds_is_refused_at_its_field(owner: StaffClient, value: str) -> None:
    answer = await switch(owner, flags.PAYMENT_MINUTES, value)

    assert answer.status_code == 422
    assert error_at(answer, "value") == "Write a whole number between 5 and 120."
    assert f'value="{value}"' in answer.text


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("shop.home_layout", "pyramid", 422),
        ("shop.stock", "perhaps", 422),
        ("shop.stock", "", 422),
        ("no.such_flag", "on", 404),
        ("module.features", "off", 404),
    ],
)
async def test_what_is_no_value_or_no_flag_of_the_owners_changes_nothing(
    shop: Shop, owner: StaffClient, key: str, value: str, status: int
) -> None:
    await owner.get("/console/features")
    answer = await owner.post(f"/console/features/{key}", value=value)

    assert answer.status_code == status
    async with shop.tenant.begin() as session:
        assert (await session.execute(text("SELECT count(*) FROM flag_choices"))).scalar_one() == 0


async def test_a_deputy_sees_features_and_has_no_switches(shop: Shop, sign_in: SignIn) -> None:
    deputy = await sign_in(shop.tenant, Role.DEPUTY)

    page = await deputy.get("/console/features")

    assert "Sales count" in page.text
    assert "Switch off" not in page.text


async def test_features_are_searched(owner: StaffClient) -> None:
    found = await owner.get("/console/features?q=minutes")
    missed = await owner.get("/console/features?q=zzz")

    assert "Minutes to pay" in text_of(found)
    assert "Sales count" not in text_of(found)
    assert "No feature is called that" in text_of(missed)


async def test_every_flag_of_a_route_is_declared_and_every_room_has_routes(door: HostDispatch) -> None:
    named = {
        handler.opt.get("flag")
        for route in door.station.routes  # type: ignore[attr-defined]  # a Litestar application
        for handler in route.route_handlers
    } - {None}

    assert named <= set(flags.FLAGS)
    assert {flag.key for flag in flags.FLAGS.values() if flag.is_module} <= named
