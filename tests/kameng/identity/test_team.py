"""The rules of a team that no page can break: the last head stays, and a role that somebody has stays."""

import asyncio

import pytest
from sqlalchemy import text

from billing.wholesale import service as wholesale
from kameng.core import ids
from kameng.core.errors import Forbidden
from kameng.identity import delegations, invitations, roles, staff, team
from kameng.identity.passwords import Passwords
from kameng.identity.permissions import Permission, Role
from kameng.identity.roles import RoleInUse
from kameng.identity.team import LastOwner
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from tests.support.house import open_station

CHEAP = Passwords.cheap()


@pytest.fixture
async def tenant(runtime: Runtime) -> Tenant:
    async with runtime.database.master_session() as session:
        tier = await wholesale.add_tier(session, f"tier {ids.code(8)}")
    return await open_station(runtime, tier_id=tier.id)


async def test_whoever_acts_the_last_owner_stays(runtime: Runtime, tenant: Tenant) -> None:
    async with runtime.database.master_session() as session:
        owner = await staff.create_staff(
            session, ids.code(10), "站长", "long enough", tenant.id, Role.OWNER, hasher=CHEAP
        )

    with pytest.raises(LastOwner):
        async with runtime.database.master_session() as session:
            await team.remove(session, tenant.id, owner, roles.MASTER)
    with pytest.raises(LastOwner):
        async with runtime.database.master_session() as session:
            await team.disable(session, tenant.id, owner, roles.MASTER, disabled=True)
    with pytest.raises(LastOwner):
        async with runtime.database.master_session() as session:
            await team.change_role(session, tenant.id, owner, "deputy", roles.MASTER)


async def test_a_role_that_is_given_while_it_is_deleted_is_given_or_deleted(runtime: Runtime, tenant: Tenant) -> None:
    """Never both: nobody is left with a role that is not there."""
    async with runtime.database.master_session() as session:
        person = await staff.create_staff(
            session, ids.code(10), "客服", "long enough", tenant.id, Role.SERVICE, hasher=CHEAP
        )
    for _ in range(5):
        async with runtime.database.master_session() as session:
            role_id = await roles.add(session, tenant.id, ids.code(10), [Permission.ORDERS_READ], roles.MASTER)

        async def give(code: str) -> bool:
            try:
                async with runtime.database.master_session() as session:
                    await team.change_role(session, tenant.id, person, code, roles.MASTER)
            except Exception:  # noqa: BLE001 - refused by the rule or by the key behind it
                return False
            return True

        async def delete(number: int) -> bool:
            try:
                async with runtime.database.master_session() as session:
                    await roles.remove(session, tenant.id, number, roles.MASTER)
            except RoleInUse:
                return False
            return True

        given, deleted = await asyncio.gather(give(f"custom.{role_id}"), delete(role_id))

        assert given != deleted
        async with runtime.database.master_session() as session:
            left = await session.execute(
                text("SELECT count(*) FROM memberships m WHERE m.role_id IS NOT NULL"
                     " AND NOT EXISTS (SELECT 1 FROM roles r WHERE r.id = m.role_id)")
            )  # fmt: skip
            assert left.scalar_one() == 0


async def test_who_has_left_gives_nothing(runtime: Runtime, tenant: Tenant) -> None:
    with pytest.raises(Forbidden):
        async with runtime.database.master_session() as session:
            await roles.giver(session, tenant.id, ids.uuid7())


async def test_a_removed_person_leaves_neither_invitations_nor_loans(runtime: Runtime, tenant: Tenant) -> None:
    async with runtime.database.master_session() as session:
        first, second = [
            await staff.create_staff(session, ids.code(10), "站长", "long enough", tenant.id, Role.OWNER, hasher=CHEAP)
            for _ in range(2)
        ]
        helper = await staff.create_staff(
            session, ids.code(10), "客服", "long enough", tenant.id, Role.SERVICE, hasher=CHEAP
        )
    async with runtime.database.master_session() as session:
        by = await roles.giver(session, tenant.id, first)
        made = await invitations.invite(
            session, tenant_id=tenant.id, role="owner", email="", name="x", by=by.name, by_id=by.id
        )
        ends_at = made.expires_at
        await delegations.lend(session, tenant.id, helper, Permission.LEDGER_READ, ends_at, "", by)
    async with runtime.database.master_session() as session:
        by = await roles.giver(session, tenant.id, second)
        await team.remove(session, tenant.id, first, by)

    async with runtime.database.master_session() as session:
        assert await invitations.pending(session, tenant.id) == []
        assert await delegations.current(session, tenant.id) == []
