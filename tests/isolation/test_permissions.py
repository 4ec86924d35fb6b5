"""A role with one permission opens the routes that ask for it, and none of the others: each permission against each
route, at a station and at the master."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from kameng.core import ids
from kameng.identity import roles, staff, standing
from kameng.identity.permissions import Permission
from kameng.infra.runtime import Runtime
from kameng.web.dispatch import HostDispatch
from tests.isolation.strangers import Stranger, employee_called
from tests.isolation.victim import CHEAP, PASSWORD
from tests.support.house import Shop
from tests.support.routes import Route, table

RecordProperty = Callable[[str, object], None]

COMPOSE = text("INSERT INTO roles (tenant_id, name, permissions) VALUES (:tenant_id, :name, :permissions) RETURNING id")
HOMES = ("/", "/console")  # lead whoever may not see the overview to the first room that he may
RECOMPOSE = text("UPDATE roles SET permissions = :permissions WHERE id = :id")


async def hire(runtime: Runtime, tenant_id: int | None) -> tuple[str, int]:
    """Somebody with a composed role of his own; returns his login and the role's number."""
    login = f"one-{ids.code(8)}".lower()
    async with runtime.database.master_session() as session:
        some = [str(next(iter(roles.grantable(tenant_id))))]
        made = await session.execute(COMPOSE, {"tenant_id": tenant_id, "name": login, "permissions": some})
        role_id = int(made.scalar_one())
        staff_id = await staff.create_account(session, login, "One", PASSWORD, hasher=CHEAP)
        await staff.join(session, staff_id, tenant_id, f"{roles.CUSTOM}{role_id}")
    return login, role_id


async def may_only(runtime: Runtime, role_id: int, permission: Permission) -> None:
    async with runtime.database.master_session() as session:
        await session.execute(RECOMPOSE, {"id": role_id, "permissions": [str(permission)]})
    standing.forget()


async def wrongs(
    door: HostDispatch, app: Any, host: str, who: Stranger, permission: Permission
) -> tuple[int, int, list[str]]:
    """How many routes were refused and opened, and those with which it was the other way round."""
    refused, opened, wrong = 0, 0, []
    for route in guarded(app):
        status = (await who.ask(door, host, route.method, route.nowhere, {})).status_code
        if route.asks == {permission}:
            opened += 1
            if status in (401, 403, 500):
                wrong.append(f"{permission} does not open {route.method} {route.path}: {status}")
        else:
            refused += 1
            if status != 403 and not (status == 303 and route.path in HOMES):
                wrong.append(f"{permission} opens {route.method} {route.path}: {status}")
    return refused, opened, wrong


def guarded(app: Any) -> list[Route]:
    return [route for route in table(app) if route.asks]


@pytest.mark.parametrize("place", ["station", "master"])
async def test_each_permission_opens_what_asks_for_it_and_nothing_else(
    runtime: Runtime, door: HostDispatch, a: Shop, place: str, record_property: RecordProperty
) -> None:
    tenant_id, host, app, page = (
        (a.tenant.id, a.tenant.host, door.station, "/console/login")
        if place == "station"
        else (None, runtime.settings.master_host, door.master, "/login")
    )
    login, role_id = await hire(runtime, tenant_id)
    who = await employee_called(door, host, login, "one permission", page)
    refusals, openings, wrong = 0, 0, list[str]()

    for permission in sorted(roles.grantable(tenant_id)):
        await may_only(runtime, role_id, permission)
        refused, opened, found = await wrongs(door, app, host, who, permission)
        refusals, openings, wrong = refusals + refused, openings + opened, wrong + found

    count = f"{len(roles.grantable(tenant_id))} permissions against {len(guarded(app))} routes"
    record_property("isolation", f"at the {place}: {count}: {refusals} refused, {openings} opened, {len(wrong)} wrong")
    assert wrong == []
    assert openings == len(guarded(app))
    assert refusals > 20 * openings / 2
