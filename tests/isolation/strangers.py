"""The people of station A, and how each of them asks: with everything that makes him somebody at A, at any host."""

import itertools
from collections.abc import Mapping

import httpx
from msgspec import Struct

from kameng.core import ids
from kameng.identity import staff
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from kameng.web import cookies
from kameng.web.dispatch import HostDispatch
from kameng.web.i18n.catalogues import SOURCE
from tenants.buyers import service as buyers
from tenants.buyers.service import Registration
from tenants.openapi import keys
from tests.isolation.victim import CHEAP, PASSWORD
from tests.support.house import Shop
from tests.support.machine_client import MachineClient
from tests.support.staff_client import StaffClient

_addresses = itertools.count(1)


class Stranger(Struct, frozen=True, kw_only=True):
    """Somebody of A. `jar` are his cookies, `token` his form token; a machine has a key instead."""

    name: str
    jar: Mapping[str, str]
    token: str
    machine: keys.Issued | None = None

    async def ask(
        self, door: HostDispatch, host: str, method: str, path: str, form: Mapping[str, str]
    ) -> httpx.Response:
        """One request; redirects are not followed."""
        if self.machine is not None and path.startswith("/api/"):
            shop = MachineClient(door, host, self.machine.key, self.machine.secret)
            async with shop.http:
                return await shop.ask(method, path)
        number = next(_addresses)
        address = f"10.{20 + number // 62500}.{number // 250 % 250}.{number % 250 + 1}"  # rate limits do not meet
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(door, client=(address, 1234)),
            base_url=f"http://{host}",
            cookies=dict(self.jar),
        ) as client:
            if method == "GET":
                return await client.get(path)
            data = {**form, "csrf_token": self.token}
            return await client.request(method, path, data=data, headers={"Origin": f"http://{host}"})


async def guest(door: HostDispatch, host: str) -> Stranger:
    """Somebody who has only looked at A's shop."""
    async with StaffClient(door, host) as client:
        await client.get("/")
        return Stranger(name="guest", jar=dict(client.http.cookies), token=client.token)


async def buyer(door: HostDispatch, shop: Shop) -> Stranger:
    """A member of A who is signed in."""
    login = f"a-{ids.code(8)}"
    await buyers.register(shop.tenant, CHEAP, Registration(login=login, password=PASSWORD))
    return await buyer_called(door, shop.tenant.host, login)


async def buyer_called(door: HostDispatch, host: str, login: str) -> Stranger:
    """Signs a member in."""
    async with StaffClient(door, host) as client:
        await client.get("/login")
        answer = await client.post("/login", login=login, password=PASSWORD)
        assert answer.status_code == 303
        await client.get("/account")
        return Stranger(name="buyer", jar=dict(client.http.cookies), token=client.token)


async def employee(runtime: Runtime, door: HostDispatch, shop: Shop, role: Role) -> Stranger:
    """Staff of A who is signed in at A's console."""
    login = f"{role}-{ids.code(8)}".lower()
    async with runtime.database.master_session() as session:
        await staff.create_staff(session, login, f"A's {role}", PASSWORD, shop.tenant.id, role, hasher=CHEAP)
    return await employee_called(door, shop.tenant.host, login, str(role))


async def employee_called(
    door: HostDispatch, host: str, login: str, name: str, page: str = "/console/login"
) -> Stranger:
    """Signs somebody in at a console."""
    async with StaffClient(door, host) as client:
        answer = await client.sign_in(login, PASSWORD, page)
        assert answer.status_code == 303
        return Stranger(name=name, jar=dict(client.http.cookies), token=client.token)


async def machine(runtime: Runtime, shop: Shop) -> Stranger:
    """A downstream shop with a key of A."""
    member = await buyers.register(shop.tenant, CHEAP, Registration(login=f"m-{ids.code(8)}", password=PASSWORD))
    sealer = await runtime.keyring.tenant(shop.tenant.id)
    async with shop.tenant.begin() as session:
        issued = await keys.issue(session, sealer, member.id, "A's machine")
    return Stranger(name="API key", jar={cookies.LANGUAGE: SOURCE}, token="", machine=issued)
