"""Features as the master governs them: policies, plans, roll-outs, any station's value with its reason."""

from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from admin_ui import features
from kameng.core import ids
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tenants.toggles import flags, queries, tasks
from tenants.toggles.decision import is_reached
from tenants.toggles.flags import Flag
from tests.admin_ui.conftest import SignIn
from tests.support.house import Shop, open_shop
from tests.support.staff_client import StaffClient, error_at, text_of

SOON = features.today().replace(year=features.today().year + 1).isoformat()


@pytest.fixture(autouse=True)
async def nothing_for_all(runtime: Runtime) -> None:
    """Policies for all and roll-outs hold at the stations of other tests too, so each test begins without."""
    async with runtime.database.master_session() as session:
        await session.execute(text("DELETE FROM flag_policies WHERE tenant_id IS NULL"))
        await session.execute(text("DELETE FROM flag_rollouts"))


async def send(operator: StaffClient, path: str, **fields: Any) -> Any:
    """Sends a form from a page of the features."""
    await operator.get("/flags")
    return await operator.post(path, **fields)


async def tell(operator: StaffClient, shop: Shop, flag: Flag, **fields: Any) -> None:
    """A policy for one station."""
    answer = await send(operator, f"/tenants/{shop.tenant.id}/features/{flag.key}", **fields)
    assert answer.status_code == 303, text_of(answer)


async def plan_of(runtime: Runtime, shop: Shop) -> tuple[int, str]:
    """A plan of its own that the station is on."""
    name = f"plan {ids.code(6)}"
    async with runtime.database.master_session() as session:
        row = await session.execute(
            text("INSERT INTO plans (name, price_cents) VALUES (:name, 9900) RETURNING id"), {"name": name}
        )
        plan_id = int(row.scalar_one())
        await session.execute(
            text("UPDATE tenants SET plan_id = :plan, paid_until = now() WHERE id = :id"),
            {"plan": plan_id, "id": shop.tenant.id},
        )
    return plan_id, name


async def test_a_locked_feature_is_locked_at_once_and_the_owner_reads_why(
    shop: Shop, operator: StaffClient, owner: StaffClient
) -> None:
    await owner.get("/console/features")
    await owner.post(f"/console/features/{flags.STOCK.key}", value="off")

    await tell(operator, shop, flags.STOCK, mode="lock", value="on", reason="buyers asked for it")
    page = await owner.get("/console/features")
    refused = await owner.post(f"/console/features/{flags.STOCK.key}", value="off")

    assert "Locked by the master: buyers asked for it" in text_of(page)
    assert refused.status_code == 422
    assert "The master has fixed this feature, so it was not changed." in text_of(refused)


async def test_what_the_owner_chose_comes_back_when_the_lock_ends(
    shop: Shop, operator: StaffClient, owner: StaffClient
) -> None:
    await owner.get("/console/features")
    await owner.post(f"/console/features/{flags.AUDIT.key}", value="off")
    seen = [(await owner.get("/console/audit")).status_code]

    await tell(operator, shop, flags.AUDIT, mode="force", value="on")
    seen.append((await owner.get("/console/audit")).status_code)
    await send(operator, f"/tenants/{shop.tenant.id}/features/{flags.AUDIT.key}/drop")
    seen.append((await owner.get("/console/audit")).status_code)

    assert seen == [404, 200, 404]


async def test_a_stations_page_tells_every_value_and_its_reason(
    runtime: Runtime, shop: Shop, operator: StaffClient, owner: StaffClient
) -> None:
    plan_id, plan = await plan_of(runtime, shop)
    await send(operator, f"/plans/{plan_id}/features/{flags.SALES.key}", plan_value="off")
    await tell(operator, shop, flags.STOCK, mode="lock", value="off", reason="being counted")
    await owner.get("/console/features")
    await owner.post(f"/console/features/{flags.PAYMENT_MINUTES.key}", value="30")

    page = text_of(await operator.get(f"/tenants/{shop.tenant.id}/features"))

    assert f"shop.sales Off By the plan {plan}" in page
    assert "shop.stock Off Set by the master · Locked Policy for this station alone being counted" in page
    assert "shop.payment_minutes 30 Chosen by the station" in page
    assert "shop.topup On Default" in page
    assert all(key in page for key in flags.FLAGS)
    assert f"On the plan {plan}." in page


async def test_the_tabs_lead_there(shop: Shop, operator: StaffClient) -> None:
    page = await operator.get(f"/tenants/{shop.tenant.id}")

    assert f'href="/tenants/{shop.tenant.id}/features"' in page.text
    assert (await operator.get(f"/tenants/{shop.tenant.id}/features?q=payment_minutes")).text.count("<tr>") == 2
    assert (await operator.get("/tenants/2000000000/features")).status_code == 404


async def test_a_policy_for_all_holds_everywhere_but_where_a_station_has_its_own(
    runtime: Runtime, shop: Shop, operator: StaffClient, owner: StaffClient, sign_in: SignIn
) -> None:
    free = await open_shop(runtime)
    free_owner = await sign_in(free.tenant, Role.OWNER)
    await tell(operator, free, flags.CHANNELS, mode="allow")

    await send(operator, f"/flags/{flags.CHANNELS.key}/policy", mode="force", value="off", reason="fees are checked")

    assert (await owner.get("/console/channels")).status_code == 404
    assert (await free_owner.get("/console/channels")).status_code == 200
    page = text_of(await operator.get(f"/flags/{flags.CHANNELS.key}"))
    assert "For all stations: Forced · Off · fees are checked" in page
    assert f"{free.tenant.name} The station may choose" in page

    await send(operator, f"/flags/{flags.CHANNELS.key}/policy/drop")
    assert (await owner.get("/console/channels")).status_code == 200


async def test_a_policy_is_given_to_a_station_by_its_short_name(
    shop: Shop, operator: StaffClient, owner: StaffClient
) -> None:
    path = f"/flags/{flags.BUYERS.key}/policy"

    unknown = await send(operator, path, mode="force", value="off", station="no-such-shop")
    known = await send(operator, path, mode="force", value="off", station=shop.tenant.slug)

    assert unknown.status_code == 422
    assert error_at(unknown, "station") == "There is no such station."
    assert known.status_code == 303
    assert (await owner.get("/console/buyers")).status_code == 404


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"mode": "force"}, "value", "A value that is forced has to be given."),
        ({"mode": "lock", "value": "on"}, "reason", "Say why: the owner reads it."),
        ({"mode": "allow", "value": "maybe"}, "value", "Choose one of the list."),
        ({"mode": "abolish", "value": "on"}, "mode", "Choose one of the list."),
        ({"mode": "force", "value": "on", "reason": "x" * 201}, "reason", "Write at most 200 characters."),
    ],
)
async def test_a_policy_that_cannot_be_is_refused_at_its_field(
    runtime: Runtime, shop: Shop, operator: StaffClient, fields: dict[str, str], field: str, said: str
) -> None:
    for path in (f"/flags/{flags.TOPUP.key}/policy", f"/tenants/{shop.tenant.id}/features/{flags.TOPUP.key}"):
        answer = await send(operator, path, **fields)
        assert answer.status_code == 422
        assert error_at(answer, field) == said

    async with runtime.database.master_session() as session:
        assert await queries.policy(session, flags.TOPUP.key) is None
        assert await queries.policy(session, flags.TOPUP.key, shop.tenant.id) is None


async def test_a_plan_gives_its_stations_a_value_and_takes_it_back(
    runtime: Runtime, shop: Shop, operator: StaffClient, owner: StaffClient
) -> None:
    plan_id, plan = await plan_of(runtime, shop)

    wrong = await send(operator, f"/flags/{flags.PAYMENT_MINUTES.key}/plans", plan_id=plan_id, plan_value="500")
    await send(operator, f"/flags/{flags.PAYMENT_MINUTES.key}/plans", plan_id=plan_id, plan_value="45")
    given = text_of(await owner.get("/console/features?q=minutes"))
    await send(operator, f"/plans/{plan_id}/features/{flags.PAYMENT_MINUTES.key}", plan_value="")
    taken = text_of(await owner.get("/console/features?q=minutes"))

    assert wrong.status_code == 422
    assert "between 5 and 120" in text_of(wrong)
    assert f"45 By the plan {plan}" in given
    assert "15 Default" in taken


async def test_a_roll_out_reaches_the_same_stations_and_more_as_it_grows(
    runtime: Runtime, operator: StaffClient, clients: Callable[[str], StaffClient]
) -> None:
    shops = [await open_shop(runtime) for _ in range(4)]
    key = flags.HOME_LAYOUT.key

    async def with_lines(share: str) -> set[int]:
        form = {"rollout_value": "list", "share": share, "remind_on": SOON}
        assert (await send(operator, f"/flags/{key}/rollout", **form)).status_code == 303
        pages = [(shop.tenant.id, await clients(shop.tenant.host).get("/")) for shop in shops]
        return {number for number, page in pages if "goods-lines" in page.text}

    none, some, everybody = await with_lines("0"), await with_lines("50"), await with_lines("100")

    assert none == set()
    assert some == {shop.tenant.id for shop in shops if is_reached(key, shop.tenant.id, 5_000)}
    assert everybody == {shop.tenant.id for shop in shops}

    await send(operator, f"/flags/{key}/rollout/stop")
    assert "goods-lines" not in (await clients(shops[0].tenant.host).get("/")).text


@pytest.mark.parametrize("share", [0, 1, 137, 2_500, 5_000, 9_999, 10_000])
async def test_the_number_of_stations_that_a_share_means_is_that_of_the_roll_out(
    runtime: Runtime, shop: Shop, share: int
) -> None:
    async with runtime.database.master_session() as session:
        rows = await session.execute(text("SELECT id FROM tenants WHERE state <> 'closed'"))
        stations = [row.id for row in rows]
        reach = await queries.reach(session, flags.SALES.key, share)

    reached = [number for number in stations if is_reached(flags.SALES.key, number, share)]
    assert (reach.reached, reach.stations) == (len(reached), len(stations))


async def test_the_slider_says_what_a_share_means(operator: StaffClient, shop: Shop) -> None:
    said = {
        share: (await operator.get(f"/flags/{flags.SALES.key}/reach?share={share}")).text
        for share in ("0", "12.5", "100", "abc", "-3", "1e999", "NaN")
    }

    assert "0 %: 0 of" in said["0"]
    assert "12.5 %: " in said["12.5"]
    assert "100 %: " in said["100"]
    assert said["abc"] == said["-3"] == said["NaN"] == said["0"]
    assert said["1e999"] == said["100"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"share": "100.5"}, "share"),
        ({"share": "12.345"}, "share"),
        ({"rollout_value": "pyramid"}, "rollout_value"),
        ({"remind_on": "2020-01-01"}, "remind_on"),
        ({"remind_on": "9999-01-01"}, "remind_on"),
        ({"remind_on": "soon"}, "remind_on"),
    ],
)
async def test_a_roll_out_that_cannot_be_is_refused_at_its_field(
    runtime: Runtime, operator: StaffClient, changes: dict[str, str], field: str
) -> None:
    form = {"rollout_value": "list", "share": "10", "remind_on": SOON} | changes

    answer = await send(operator, f"/flags/{flags.HOME_LAYOUT.key}/rollout", **form)

    assert answer.status_code == 422
    assert error_at(answer, field)
    async with runtime.database.master_session() as session:
        assert await queries.rollouts(session) == {}


async def test_a_roll_out_past_its_day_is_told_on_the_pages_and_by_the_hourly_look(
    runtime: Runtime, operator: StaffClient
) -> None:
    form = {"rollout_value": "on", "share": "10", "remind_on": SOON}
    await send(operator, f"/flags/{flags.NOTICE.key}/rollout", **form)
    await tasks.remind(runtime)
    before = REGISTRY.get_sample_value("kameng_flags_past")
    async with runtime.database.master_session() as session:
        await session.execute(text("UPDATE flag_rollouts SET remind_on = current_date - 2"))

    await tasks.remind(runtime)

    assert REGISTRY.get_sample_value("kameng_flags_past") == (before or 0) + 1
    assert "past its date" in text_of(await operator.get("/"))
    listed = text_of(await operator.get("/flags?state=past"))
    assert "make them everybody's default or end them: Notice of the shop" in listed
    assert "This feature is past its date." in text_of(await operator.get(f"/flags/{flags.NOTICE.key}"))


async def test_the_history_of_a_feature_has_what_was_before_and_after(
    shop: Shop, operator: StaffClient, owner: StaffClient
) -> None:
    await tell(operator, shop, flags.NOTICE, mode="lock", value="off", reason="not yet")
    await tell(operator, shop, flags.NOTICE, mode="allow")

    page = text_of(await operator.get(f"/flags/{flags.NOTICE.key}"))

    history = page[page.index("History") :]
    assert history.index("lock off → allow") < history.index("– → lock off")
    assert "reason not yet" in history


async def test_a_value_of_a_type_that_has_changed_is_told_and_the_default_holds(
    runtime: Runtime, shop: Shop, operator: StaffClient, sign_in: SignIn
) -> None:
    async with shop.tenant.begin() as session:
        await session.execute(
            text("INSERT INTO flag_choices VALUES (current_tenant(), 'shop.payment_minutes', '\"a while\"')")
        )

    listed = text_of(await operator.get("/flags"))
    here = text_of(await operator.get(f"/tenants/{shop.tenant.id}/features"))

    assert 'shop.payment_minutes Chosen by the station "a while" 1' in listed
    assert "shop.payment_minutes 15 A value that does not fit is kept here" in here
    assert "15 A value that does not fit" in text_of(
        await (await sign_in(shop.tenant, Role.OWNER)).get("/console/features")
    )


async def test_what_is_kept_of_a_flag_that_is_gone_can_be_deleted(
    runtime: Runtime, shop: Shop, operator: StaffClient
) -> None:
    async with shop.tenant.begin() as session:
        await session.execute(text("INSERT INTO flag_choices VALUES (current_tenant(), 'shop.gone', 'true')"))
    assert "shop.gone" in text_of(await operator.get("/flags"))

    declared = await send(operator, f"/flags/{flags.STOCK.key}/forget")
    gone = await send(operator, "/flags/shop.gone/forget")

    assert (declared.status_code, gone.status_code) == (404, 303)
    assert "shop.gone" not in text_of(await operator.get("/flags"))


async def test_the_list_is_searched_and_filtered(shop: Shop, operator: StaffClient) -> None:
    await tell(operator, shop, flags.TOPUP, mode="force", value="off")

    found = text_of(await operator.get("/flags?q=wallet"))
    governed = text_of(await operator.get("/flags?state=governed"))
    missed = text_of(await operator.get("/flags?q=zzz&state=nonsense"))

    assert "shop.topup" in found
    assert "shop.stock" not in found
    assert "Left over" not in found
    assert "shop.topup" in governed
    assert "No feature fits" in missed


async def test_text_of_people_comes_out_as_text(shop: Shop, operator: StaffClient, owner: StaffClient) -> None:
    evil = "<b onmouseover=x>'); DROP TABLE orders;--"
    await tell(operator, shop, flags.STOCK, mode="lock", reason=evil)

    for page in (
        await operator.get(f"/tenants/{shop.tenant.id}/features"),
        await operator.get(f"/flags/{flags.STOCK.key}?q={evil}"),
        await operator.get(f"/flags?q={evil}%00&state={evil}"),
        await owner.get("/console/features"),
    ):
        assert page.status_code == 200
        assert evil not in page.text
