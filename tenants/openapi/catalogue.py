"""What can be bought, as the protocol shows it. A product of ours is a product with one sku of the same number."""

from collections.abc import Mapping
from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from billing.ledger import queries as ledger
from kameng.core.money import to_yuan, total_cents
from kameng.infra.tenancy import Tenant
from kameng.web.answers import AnyRequest
from tenants.openapi.door import DOOR
from tenants.openapi.envelope import ok
from tenants.openapi.machines import Machine
from tenants.shop import queries as shop
from tenants.shop.queries import ShelfItem

LANGUAGE = "zh-CN"
MOST_PER_PAGE, USUAL_PER_PAGE, LAST_PAGE = 100, 20, 100_000
LOW_STOCK = 20  # the protocol's own bound


class CatalogueController(Controller):
    path = "/api/v1/upstream"
    guards, opt, dependencies, exception_handlers = DOOR.guards, DOOR.opt, DOOR.dependencies, DOOR.exception_handlers

    @post("/ping", status_code=200)
    async def ping(
        self, tenant: NamedDependency[Tenant], machine: NamedDependency[Machine]
    ) -> Response[dict[str, Any]]:
        async with tenant.begin() as session:
            cents = await ledger.balance_cents(session, "wallet", str(machine.buyer_id))
        return ok(
            site_name=tenant.name,
            protocol_version="1.0",
            user_id=str(machine.buyer_id),
            balance=str(to_yuan(cents)),
            currency="CNY",
            member_level=None,
        )

    @get("/categories")
    async def categories(self) -> Response[dict[str, Any]]:
        """None yet: the shelf of a station is one list."""
        return ok(categories=[])

    @get("/products")
    async def listed(self, request: AnyRequest, tenant: NamedDependency[Tenant]) -> Response[dict[str, Any]]:
        page = _whole(request.query_params, "page", 1, LAST_PAGE)
        size = _whole(request.query_params, "page_size", USUAL_PER_PAGE, MOST_PER_PAGE)
        async with tenant.begin() as session:
            items = await shop.shelf(session, limit=size, offset=(page - 1) * size)
            total = await shop.count_on_sale(session)
        return ok(items=[described(item) for item in items], total=total, page=page, page_size=size)

    @get("/products/{product_id:int}")
    async def show(self, product_id: FromPath[int], tenant: NamedDependency[Tenant]) -> Response[dict[str, Any]]:
        async with tenant.begin() as session:
            return ok(product=described(await shop.on_sale(session, product_id)))


def described(item: ShelfItem) -> dict[str, Any]:
    """A product in the protocol's words; prices in yuan with two decimals."""
    price = str(to_yuan(total_cents(item.price, 1)))
    return {
        "id": item.id,
        "slug": str(item.id),
        "title": {LANGUAGE: item.name},
        "description": {LANGUAGE: item.summary},
        "content": {LANGUAGE: item.description},
        "seo_meta": {},
        "images": [],
        "tags": [],
        "price_amount": price,
        "fulfillment_type": "auto",
        "manual_form_schema": None,
        "is_active": True,
        "category_id": 0,
        "skus": [
            {
                "id": item.id,
                "sku_code": "DEFAULT",
                "spec_values": {},
                "price_amount": price,
                "stock_status": _stock(item),
                "stock_quantity": item.available,
                "is_active": True,
            }
        ],
    }


def _stock(item: ShelfItem) -> str:
    if not item.on_hand:
        return "out_of_stock"
    return "in_stock" if item.available > LOW_STOCK else "low_stock"


def _whole(query: Mapping[str, str], name: str, usual: int, most: int) -> int:
    """A number of the query from 1 to `most`; what is no such number is as if it were not there."""
    sent = query.get(name, "")
    number = int(sent) if sent.isascii() and sent.isdigit() and len(sent) < 9 else usual
    return min(max(number, 1), most)
