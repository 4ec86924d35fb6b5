"""The people and things of the showroom's shop, and how they act: through the pages wherever there is one."""

from collections.abc import Sequence
from typing import Any

import httpx
import msgspec
from msgspec import Struct
from sqlalchemy import text

from deploy.seeds.demo import Login, Sandboxes
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from tests.support.house import Shop
from tests.support.staff_client import StaffClient, text_of

SHOP = "xingchen"


class Room(Struct, frozen=True):
    """One shop, with its owner and the master's operator signed in."""

    runtime: Runtime
    tenant: Tenant
    owner: StaffClient
    operator: StaffClient
    sandboxes: Sandboxes

    async def page(self, path: str) -> httpx.Response:
        """A page of the console, as its owner sees it."""
        return _well(await self.owner.get(f"/console{path}"))

    async def send(self, path: str, /, **fields: Any) -> httpx.Response:
        """A form that the owner sends; the page that follows it."""
        return await sent(self.owner, f"/console{path}", fields)

    async def rows(self, statement: str, **values: Any) -> Sequence[Any]:
        """Of the shop's tables; also what changes them."""
        async with self.tenant.begin() as session:
            found = await session.execute(text(statement), values)
            return found.all() if found.returns_rows else ()  # type: ignore[attr-defined]  # a cursor's

    async def product(self, name: str) -> int:
        """The number of the product, or variant, whose name begins like this."""
        found = await self.rows("SELECT id FROM products WHERE starts_with(name, :name) ORDER BY id", name=name)
        return int(found[0].id)

    async def places(self) -> dict[str, str]:
        """The numbers of the categories, as forms send them."""
        return {row.name: str(row.id) for row in await self.rows("SELECT id, name FROM categories")}

    async def at(self, name: str) -> Shop:
        """The shop, to buy this product in."""
        product_id = await self.product(name)
        (row,) = await self.rows("SELECT good_id FROM products WHERE id = :id", id=product_id)
        return Shop(runtime=self.runtime, tenant=self.tenant, good_id=row.good_id or 0, product_id=product_id)


async def sit_down(client: StaffClient, logins: Sequence[Login], where: str, page: str) -> None:
    """Signs somebody in."""
    login = next(one for one in logins if where in one.where)
    answer = await client.sign_in(login.login, login.password, page)
    if answer.status_code != 303:
        raise ValueError(f"{login.login} cannot sign in: {answer.status_code}")


async def sent(client: StaffClient, path: str, fields: dict[str, Any]) -> httpx.Response:
    """A form that was sent, and the page that it leads to."""
    answer = _well(await client.post(path, **fields))
    return await client.follow(answer) if answer.status_code == 303 else answer


def number_of(answer: httpx.Response) -> int:
    """The number at the end of a page's address."""
    return int(answer.url.path.rpartition("/")[2])


def values(**chosen: str) -> str:
    """A combination of specs, as the form of a product sends it."""
    return msgspec.json.encode(chosen).decode()


def _well(answer: httpx.Response) -> httpx.Response:
    if answer.status_code >= 400:
        raise ValueError(f"{answer.request.url.path}: {answer.status_code}: {text_of(answer)[:1500]}")
    return answer
