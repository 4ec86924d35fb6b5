"""Accounts of staff: passwords, roles, signing in, and how often that may be tried."""

import pytest
from msgspec import Struct

from billing.wholesale import service as wholesale
from kameng.audit import queries as audit
from kameng.core import ids
from kameng.core.errors import Invalid, TooManyRequests
from kameng.identity import sessions, staff
from kameng.identity.passwords import Passwords
from kameng.identity.permissions import PERMISSIONS, Permission, Role, permissions_of
from kameng.identity.staff import LoginTaken, WrongPassword
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from tests.support.house import open_station

CHEAP = Passwords.cheap()
PASSWORD = "correct horse"


class Account(Struct, frozen=True):
    """An owner of a station, and the address that tries to sign in."""

    tenant: Tenant
    login: str
    address: str


@pytest.fixture(scope="module")
async def tenant(runtime: Runtime) -> Tenant:
    async with runtime.database.master_session() as session:
        tier = await wholesale.add_tier(session, f"tier {ids.code(8)}")
    return await open_station(runtime, tier_id=tier.id)


@pytest.fixture
async def owner(runtime: Runtime, tenant: Tenant) -> Account:
    login = f"owner-{ids.code(8)}"
    async with runtime.database.master_session() as session:
        await staff.create_staff(session, login, "站长", PASSWORD, tenant.id, Role.OWNER, hasher=CHEAP)
    return Account(tenant, login, f"address {ids.code(8)}")


async def enter(runtime: Runtime, owner: Account, **changes: str | int | None) -> sessions.Session:
    wanted: dict[str, str | int | None] = {
        "login": owner.login,
        "password": PASSWORD,
        "tenant_id": owner.tenant.id,
        "address": owner.address,
    }
    return await staff.sign_in(runtime, **(wanted | changes), hasher=CHEAP)  # type: ignore[arg-type]  # the names above


async def test_an_owner_signs_in_and_the_station_can_read_of_it(runtime: Runtime, owner: Account) -> None:
    session = await enter(runtime, owner, login=owner.login.upper())

    assert (session.name, session.role, session.tenant_id) == ("站长", "owner", owner.tenant.id)
    assert await sessions.load(runtime.redis, session.id, "staff", owner.tenant.id) == session
    async with owner.tenant.begin() as transaction:
        line = (await audit.recent(transaction, audit.Search(address=owner.address)))[0]
    assert (line.actor, line.action, line.subject) == ("站长", "staff.sign_in", str(session.subject))


@pytest.mark.parametrize("wrong", [{"password": "wrong"}, {"login": "nobody"}, {"tenant_id": None}])
async def test_every_reason_for_a_refusal_sounds_the_same(
    runtime: Runtime, owner: Account, wrong: dict[str, str | None]
) -> None:
    with pytest.raises(WrongPassword) as refused:
        await enter(runtime, owner, **wrong)

    assert str(refused.value) == WrongPassword.message


async def test_a_login_is_taken_in_any_case(runtime: Runtime, owner: Account) -> None:
    with pytest.raises(LoginTaken):
        async with runtime.database.master_session() as session:
            await staff.create_staff(
                session, owner.login.upper(), "x", PASSWORD, owner.tenant.id, Role.OWNER, hasher=CHEAP
            )


async def test_roles_of_the_master_and_of_stations_do_not_mix(runtime: Runtime, tenant: Tenant) -> None:
    async with runtime.database.master_session() as session:
        for tenant_id, role in ((None, Role.OWNER), (tenant.id, Role.OPERATOR)):
            with pytest.raises(Invalid):
                await staff.create_staff(session, "x", "x", PASSWORD, tenant_id, role, hasher=CHEAP)


async def test_after_ten_wrong_passwords_even_the_right_one_waits(runtime: Runtime, owner: Account) -> None:
    for _ in range(10):
        with pytest.raises(WrongPassword):
            await enter(runtime, owner, password="wrong", address=f"address {ids.code(8)}")

    with pytest.raises(TooManyRequests) as limited:
        await enter(runtime, owner)
    assert 0 < limited.value.retry_after_s <= 90


async def test_an_account_that_does_not_exist_is_limited_alike(runtime: Runtime, owner: Account) -> None:
    nobody = f"nobody {ids.code(8)}"
    for _ in range(10):
        with pytest.raises(WrongPassword):
            await enter(runtime, owner, login=nobody, address=f"address {ids.code(8)}")

    with pytest.raises(TooManyRequests):
        await enter(runtime, owner, login=nobody)


async def test_one_address_may_not_try_many_accounts(runtime: Runtime, owner: Account) -> None:
    for _ in range(30):
        with pytest.raises(WrongPassword):
            await enter(runtime, owner, login=ids.code(12))

    with pytest.raises(TooManyRequests):
        await enter(runtime, owner)


async def test_right_passwords_are_not_counted(runtime: Runtime, owner: Account) -> None:
    entered = [await enter(runtime, owner) for _ in range(35)]

    assert len({session.id for session in entered}) == 35


async def test_a_hash_of_older_parameters_is_renewed(runtime: Runtime, owner: Account) -> None:
    stronger = Passwords(memory_kib=16, passes=1)
    await staff.sign_in(runtime, owner.login, PASSWORD, owner.tenant.id, owner.address, hasher=stronger)
    again = await staff.sign_in(runtime, owner.login, PASSWORD, owner.tenant.id, owner.address, hasher=stronger)

    assert again.name == "站长"


async def test_passwords_are_right_wrong_or_nobodys() -> None:
    hashed = await CHEAP.hash(PASSWORD)

    assert hashed.startswith("$argon2id$")
    assert await CHEAP.verify(hashed, PASSWORD)
    assert not await CHEAP.verify(hashed, "wrong")
    assert not await CHEAP.verify(None, "nobody's")
    assert not await CHEAP.verify("not a hash", PASSWORD)


def test_each_role_may_what_its_work_needs() -> None:
    assert Permission.ORDERS_REFUND in permissions_of("owner")
    assert Permission.TEAM_WRITE not in permissions_of("deputy")
    assert Permission.ORDERS_REFUND not in permissions_of("service")
    assert permissions_of("no such role") == frozenset()
    assert not PERMISSIONS[Role.OWNER] & {Permission.TENANTS_READ, Permission.GOODS_WRITE}
    assert set().union(*PERMISSIONS.values()) == set(Permission)
