"""Keys for buyers' machines, as the owner gives and takes them."""

import re

from kameng.infra.runtime import Runtime
from kameng.web.dispatch import HostDispatch
from tests.admin_ui.conftest import audited
from tests.support.house import Shop
from tests.support.machine_client import MachineClient
from tests.support.staff_client import StaffClient, error_at, text_of
from tests.tenants.openapi.conftest import member


async def test_an_owner_issues_a_key_sees_its_secret_once_and_revokes_it(
    runtime: Runtime, door: HostDispatch, shop: Shop, owner: StaffClient
) -> None:
    buyer = await member(shop)
    page = f"/console/buyers/{buyer}"
    await owner.get(page)

    shown = text_of(await owner.post(f"{page}/keys", key_name="我的商城"))
    key, secret = re.search(r"km_[0-9a-f]{24}", shown), re.search(r"[0-9a-f]{64}", shown)
    assert key is not None
    assert secret is not None
    later = await owner.get(page)
    machine = MachineClient(door, shop.tenant.host, key[0], secret[0])
    before = (await machine.post("/ping")).status_code
    revoke = re.search(rf"{page}/keys/[0-9a-f-]+/revoke", later.text)
    assert revoke is not None
    await owner.follow(await owner.post(revoke[0]))
    after = (await machine.post("/ping")).status_code
    await machine.http.aclose()

    assert key[0] in later.text
    assert secret[0] not in later.text
    assert (before, after) == (200, 401)
    assert len(await audited(runtime, "keys.issue", str(buyer))) == 1
    assert len(await audited(runtime, "keys.revoke", str(buyer))) == 1


async def test_a_key_needs_a_name_and_a_member(shop: Shop, owner: StaffClient) -> None:
    buyer, guest = await member(shop), await shop.buyer()
    await owner.get(f"/console/buyers/{buyer}")

    nameless = await owner.post(f"/console/buyers/{buyer}/keys", key_name="")
    for_guest = await owner.post(f"/console/buyers/{guest}/keys", key_name="x")

    assert nameless.status_code == 422
    assert error_at(nameless, "key_name") != ""
    assert for_guest.status_code == 422
