"""Fills the showroom's shop as its owner, his staff and his buyers would have."""

from collections.abc import Sequence

from deploy.asgi import compose
from deploy.seeds.demo import Login, Sandboxes
from kameng.infra.runtime import Runtime
from tests.support.showroom import money, prices, shelf, talk, trade
from tests.support.showroom.room import SHOP, Room, sit_down
from tests.support.staff_client import StaffClient


async def fill(runtime: Runtime, logins: Sequence[Login], sandboxes: Sandboxes) -> None:
    """Everything, in an order in which each part finds what it needs."""
    tenant = await runtime.directory.at_host(f"{SHOP}.localhost")
    if tenant is None:
        raise LookupError("the demo shop is not there")
    door = compose(runtime)
    async with (
        StaffClient(door, f"{SHOP}.localhost") as owner,
        StaffClient(door, runtime.settings.master_host) as operator,
    ):
        await sit_down(owner, logins, f"//{SHOP}.", "/console/login")
        await sit_down(operator, logins, "//master.", "/login")
        room = Room(runtime, tenant, owner, operator, sandboxes)
        for part in (shelf, trade, talk, prices, money):
            await part.fill(room)
        await shelf.leave_one_at_work(room)
