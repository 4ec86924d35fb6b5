"""Invitations: shown once, valid for a week, taken up once."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text

from billing.wholesale import service as wholesale
from kameng.core import ids
from kameng.core.errors import Invalid
from kameng.identity import invitations, staff
from kameng.identity.invitations import InvitationGone, Invited
from kameng.identity.passwords import Passwords
from kameng.identity.permissions import PERMISSIONS, Role
from kameng.identity.roles import Giver
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from tests.support.house import open_station

HEAD = Giver(None, "owner", True, PERMISSIONS[Role.OWNER])


@pytest.fixture(scope="module")
async def tenant(runtime: Runtime) -> Tenant:
    async with runtime.database.master_session() as session:
        tier = await wholesale.add_tier(session, f"tier {ids.code(8)}")
    return await open_station(runtime, tier_id=tier.id)


async def invited(runtime: Runtime, tenant: Tenant, role: str = "service") -> Invited:
    async with runtime.database.master_session() as session:
        return await invitations.invite(session, tenant_id=tenant.id, role=role, email="", name="小李", by="站长")


async def account(runtime: Runtime, tenant: Tenant) -> UUID:
    async with runtime.database.master_session() as session:
        return await staff.create_staff(
            session, ids.code(10), "小李", "long enough", tenant.id, Role.SERVICE, hasher=Passwords.cheap()
        )


async def finds(runtime: Runtime, tenant_id: int | None, token: str) -> bool:
    async with runtime.database.master_session() as session:
        try:
            await invitations.of_token(session, tenant_id, token)
        except InvitationGone:
            return False
    return True


async def test_a_link_is_valid_on_its_own_stations_host_only(runtime: Runtime, tenant: Tenant) -> None:
    made = await invited(runtime, tenant)

    assert await finds(runtime, tenant.id, made.token)
    assert not await finds(runtime, tenant.id + 1, made.token)
    assert not await finds(runtime, None, made.token)
    assert not await finds(runtime, tenant.id, made.token[:-1])


async def test_the_table_does_not_hold_the_token(runtime: Runtime, tenant: Tenant) -> None:
    made = await invited(runtime, tenant)

    async with runtime.database.master_session() as session:
        row = await session.execute(text("SELECT i::text FROM invitations i WHERE id = :id"), {"id": made.id})
        assert made.token not in row.scalar_one()


async def test_of_many_at_once_one_takes_it_up(runtime: Runtime, tenant: Tenant) -> None:
    made = await invited(runtime, tenant)
    people = [await account(runtime, tenant) for _ in range(6)]

    async def take(person: UUID) -> bool:
        try:
            async with runtime.database.master_session() as session:
                await invitations.take_up(session, made.id, person)
        except InvitationGone:
            return False
        return True

    assert sorted(await asyncio.gather(*(take(person) for person in people))) == [False] * 5 + [True]
    assert not await finds(runtime, tenant.id, made.token)


async def test_a_renewed_invitation_forgets_its_old_links(runtime: Runtime, tenant: Tenant) -> None:
    made = await invited(runtime, tenant)
    async with runtime.database.master_session() as session:
        letter = await invitations.write_letter(session, made.id)
    assert await finds(runtime, tenant.id, letter)

    async with runtime.database.master_session() as session:
        again = await invitations.renew(session, tenant.id, made.id, by="owner")

    assert [await finds(runtime, tenant.id, token) for token in (made.token, letter, again.token)] == [
        False,
        False,
        True,
    ]


async def test_revoked_or_a_week_old_it_is_worth_nothing(runtime: Runtime, tenant: Tenant) -> None:
    revoked, old = await invited(runtime, tenant), await invited(runtime, tenant)
    async with runtime.database.master_session() as session:
        await invitations.revoke(session, tenant.id, revoked.id, HEAD)
        await session.execute(
            text("UPDATE invitations SET expires_at = now() - interval '1 second' WHERE id = :id"), {"id": old.id}
        )

    assert not await finds(runtime, tenant.id, revoked.token)
    assert not await finds(runtime, tenant.id, old.token)
    with pytest.raises(InvitationGone):
        async with runtime.database.master_session() as session:
            await invitations.take_up(session, old.id, await account(runtime, tenant))


@pytest.mark.parametrize("role", ["master.operator", "custom.999999", "custom.1; DROP", "boss", ""])
async def test_only_to_a_role_of_the_station(runtime: Runtime, tenant: Tenant, role: str) -> None:
    with pytest.raises(Invalid):
        await invited(runtime, tenant, role)
