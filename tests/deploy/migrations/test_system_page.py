"""The master's page "System": where the stations stand, who failed, trying again, and the canary."""

from collections.abc import AsyncIterator

import pytest
from msgspec import structs

from billing.wholesale import service as wholesale
from deploy.asgi import compose
from deploy.migrations import history
from deploy.migrations.at_once import one_by_one
from deploy.provisioning import provisioner
from kameng.core import ids
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tenants.registry.service import TenantDraft
from tests.admin_ui.conftest import PASSWORD, audited, person
from tests.deploy.migrations.conftest import Deployment
from tests.support.staff_client import StaffClient, error_at, text_of


async def operator_at(runtime: Runtime) -> StaffClient:
    client = StaffClient(compose(runtime), runtime.settings.master_host)
    answer = await client.sign_in(await person(runtime, None, Role.OPERATOR), PASSWORD, "/login")
    assert answer.status_code == 303
    return client


@pytest.fixture
async def operator(deployment: Deployment) -> AsyncIterator[StaffClient]:
    async with await operator_at(deployment.runtime) as client:
        yield client


async def open_behind(deployment: Deployment) -> int:
    """A station that stands one version below this program's."""
    maker = provisioner(deployment.settings)
    async with deployment.runtime.database.master_session() as session:
        tier = await wholesale.add_tier(session, ids.code(8))
    draft = TenantDraft(slug="behind", name="Behind & Co", tier_id=tier.id, hosts=["behind.localhost"])
    script = one_by_one(maker.roles, history.load("tenant")[:-1])
    return await structs.replace(maker, script=script).open(draft)


FAILURE = (
    "INSERT INTO master.migration_failures (tenant_id, version, migration, error) VALUES ({}, 1, 'f', 'no <room>')"
)


async def test_a_station_that_failed_is_shown_and_tried_again_from_the_page(
    deployment: Deployment, operator: StaffClient
) -> None:
    number = await open_behind(deployment)
    await deployment.as_owner(FAILURE.format(number))

    shown = text_of(await operator.get("/system"))
    assert ("Stations that failed" in shown, "no <room>" in shown) == (True, True)
    assert "1 station stands below what this program serves" in shown
    begun = await operator.post("/system/migrations", retry="yes")
    assert begun.status_code == 303
    async with deployment.holding_the_lock():  # had as soon as the run has ended
        pass
    after = text_of(await operator.get("/system"))
    assert ("Stations that failed" in after, "no <room>" in after) == (False, False)
    assert "Finished" in after
    assert await audited(deployment.runtime, "migrations.retry", "") != []


async def test_a_process_without_the_administrators_address_says_so(deployment: Deployment) -> None:
    await open_behind(deployment)
    alone = structs.replace(deployment.runtime, settings=structs.replace(deployment.settings, admin_url=""))
    async with await operator_at(alone) as operator:
        shown = text_of(await operator.get("/system"))
        told = await operator.follow(await operator.post("/system/migrations"))

    assert "no administrator's connection, so it cannot migrate" in shown
    assert "Bring all stations up" not in shown
    assert "This process has no administrator's connection." in told.text.replace("&#39;", "'")
    assert (await deployment.status()).behind == 1


async def test_the_canary_is_chosen_by_its_short_name(deployment: Deployment, operator: StaffClient) -> None:
    await deployment.stations(1)
    number = await open_behind(deployment)
    await operator.get("/system")

    wrong = await operator.post("/system/canary", canary="no-such-one")
    right = await operator.post("/system/canary", canary="behind")

    assert (wrong.status_code, error_at(wrong, "canary")) == (422, "There is no such station.")
    assert right.status_code == 303
    canary = (await deployment.status()).canary
    assert canary is not None
    assert (canary.id, canary.is_chosen) == (number, True)
    await operator.post("/system/canary", canary="")
    canary = (await deployment.status()).canary
    assert canary is not None
    assert not canary.is_chosen


async def test_a_run_that_is_under_way_is_shown_with_its_number(deployment: Deployment, operator: StaffClient) -> None:
    await deployment.as_owner("INSERT INTO master.migration_runs (target, wanted, done) VALUES (9, 40, 12)")

    broken = text_of(await operator.get("/system"))
    async with deployment.holding_the_lock():
        page = await operator.get("/system")
        refused = await operator.follow(await operator.post("/system/migrations"))

    assert "Broken off" in broken
    assert "12 of 40" in text_of(page)
    assert 'hx-trigger="every 2s"' in page.text
    assert "A migration is under way already." in refused.text
