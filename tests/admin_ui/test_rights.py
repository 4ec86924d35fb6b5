"""Every route of the consoles against every role."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kameng.identity.permissions import PERMISSIONS, STATION_ROLES, Permission, Role
from kameng.infra.runtime import Runtime
from kameng.web.dispatch import HostDispatch
from tests.admin_ui.conftest import SignIn
from tests.support.house import Shop
from tests.support.routes import table
from tests.support.staff_client import StaffClient

OF_ANYBODY = ("/login", "/logout", "/enter", "/oidc", "/join", "/join/new", "/join/own")
PUBLIC = {*OF_ANYBODY, *(f"/console{path}" for path in OF_ANYBODY), "/oidc/callback"}
OPENING = {"/open", "/open/slug", "/open/NO-SUCH-ONE", "/open/NO-SUCH-ONE/status", "/open/NO-SUCH-ONE/mend"}
PUBLIC |= OPENING | {"/pay/2147483646/NO-SUCH-ONE/notify", "/supplier-callbacks/2147483646/NO-SUCH-ONE"}


def routes(app: Any, begins: str) -> Iterator[tuple[str, str, frozenset[Permission]]]:
    """Method, path with made-up parameters, and what the route asks for."""
    for route in table(app):
        if route.path.startswith(begins):
            yield route.method, route.nowhere, route.asks


def is_own(path: str) -> bool:
    """Pages about the person himself, for everybody who is signed in."""
    return path.removeprefix("/console").startswith(("/account", "/switch", "/visits/leave"))


async def ask(client: StaffClient, method: str, path: str) -> int:
    answer = await (client.get(path) if method == "GET" else client.post(path))
    return answer.status_code


@pytest.mark.parametrize("role", STATION_ROLES)
async def test_a_role_opens_what_its_permissions_allow_and_nothing_else(
    door: HostDispatch, shop: Shop, sign_in: SignIn, role: Role
) -> None:
    client = await sign_in(shop.tenant, role)
    seen = 0

    for method, path, asked in routes(door.station, "/console"):
        if path in PUBLIC:
            continue
        status = await ask(client, method, path)
        if asked <= PERMISSIONS[role]:
            assert status not in (401, 403, 500), f"{role} {method} {path}: {status}"
        else:
            assert status == 403, f"{role} {method} {path}: {status}"
        seen += 1

    assert seen > 20


async def test_every_route_asks_for_a_permission_and_a_stranger_is_sent_to_sign_in(
    door: HostDispatch, runtime: Runtime, shop: Shop, clients: Callable[[str], StaffClient]
) -> None:
    places = (
        (door.station, "/console", shop.tenant.host, "/console/login"),
        (door.master, "/", runtime.settings.master_host, "/login"),
    )
    for app, begins, host, login in places:
        stranger = clients(host)
        await stranger.get(login)
        for method, path, asked in routes(app, begins):
            if path in PUBLIC or path == "/theme.css":
                continue
            assert len(asked) == 1 or is_own(path), f"{method} {path} asks for {asked}"
            answer = await (stranger.get(path) if method == "GET" else stranger.post(path))
            assert answer.status_code == 303, f"{method} {path}: {answer.status_code}"
            assert answer.headers["location"].startswith(login)


async def test_the_operator_opens_everything_at_the_master(door: HostDispatch, operator: StaffClient) -> None:
    for method, path, asked in routes(door.master, "/"):
        if path in PUBLIC or path == "/theme.css":
            continue
        assert asked <= PERMISSIONS[Role.OPERATOR]
        status = await ask(operator, method, path)
        assert status not in (401, 403, 500), f"{method} {path}: {status}"


@pytest.mark.parametrize(
    ("role", "hidden", "shown"),
    [
        (Role.SERVICE, ["/console/money", "/console/channels", "/console/audit"], ["/console/buyers"]),
        (Role.FINANCE, ["/console/buyers", "/console/audit"], ["/console/money", "/console/channels"]),
        (Role.DEPUTY, [], ["/console/money", "/console/channels", "/console/audit"]),
    ],
)
async def test_the_navigation_shows_only_what_can_be_opened(
    shop: Shop, sign_in: SignIn, role: Role, hidden: list[str], shown: list[str]
) -> None:
    page = (await (await sign_in(shop.tenant, role)).get("/console")).text

    assert [path for path in hidden if f'href="{path}"' in page] == []
    assert [path for path in shown if f'href="{path}"' not in page] == []


async def test_customer_service_sees_neither_cost_nor_profit(shop: Shop, sign_in: SignIn) -> None:
    placed = await shop.buy(await shop.buyer(wallet_cents=1_000))
    service = await sign_in(shop.tenant, Role.SERVICE)

    for path in ("", "/orders", f"/orders/{placed.no}", "/products", f"/products/{shop.product_id}"):
        page = (await service.get(f"/console{path}")).text
        assert "8.00" not in page, path
        assert "Profit" not in page, path
