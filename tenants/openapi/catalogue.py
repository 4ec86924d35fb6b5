"""What can be bought, as the protocol shows it. A product without variants has one sku of the
same number; with variants, each is a sku."""

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
from tenants.shop import categories as shelves
from tenants.shop import queries as shop
from tenants.shop import shelf
from tenants.shop.categories import Node
from tenants.shop.errors import ProductGone
from tenants.shop.shelf import Asked, Family, ShelfItem

LANGUAGE = "zh-CN"
MOST_PER_PAGE, USUAL_PER_PAGE, LAST_PAGE = 100, 20, 100_000
TOP = 0  # the protocol's number for no category
TYPES = {"phone": "phone", "number": "number", "email": "email", "choice": "select"}
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
    async def categories(self, tenant: NamedDependency[Tenant]) -> Response[dict[str, Any]]:
        """Those that buyers see, each after the one that it stands in."""
        async with tenant.begin() as session:
            tree = await shelves.tree(session)
        seen = [node for node in tree.nodes if not node.hidden]
        return ok(categories=[_category(node, place) for place, node in enumerate(seen, 1)])

    @get("/products")
    async def listed(
        self, request: AnyRequest, tenant: NamedDependency[Tenant], machine: NamedDependency[Machine]
    ) -> Response[dict[str, Any]]:
        page = _whole(request.query_params, "page", 1, LAST_PAGE)
        size = _whole(request.query_params, "page_size", USUAL_PER_PAGE, MOST_PER_PAGE)
        async with tenant.begin() as session:
            hidden = (await shelves.tree(session)).hidden
            asked = Asked(
                hidden=hidden, buyer_id=machine.buyer_id, limit=size, offset=(page - 1) * size, most=shelf.MOST
            )
            found = await shop.page_of_shelf(session, asked)
            total = await shop.count_on_sale(session, hidden, machine.buyer_id)
        return ok(items=[described(one) for one in found], total=total, page=page, page_size=size)

    @get("/products/{product_id:int}")
    async def show(
        self, product_id: FromPath[int], tenant: NamedDependency[Tenant], machine: NamedDependency[Machine]
    ) -> Response[dict[str, Any]]:
        async with tenant.begin() as session:
            found = await shop.family(session, product_id)
            if found.first.min_level > await shelf.rank_of(session, machine.buyer_id):
                raise ProductGone
        return ok(product=described(found))


def _category(node: Node, place: int) -> dict[str, Any]:
    return {
        "id": node.id,
        "parent_id": node.parent_id or TOP,
        "slug": str(node.id),
        "name": {LANGUAGE: node.name},
        "icon": node.icon,
        "sort_order": place,
    }


def described(family: Family) -> dict[str, Any]:
    """A product in the protocol's words; prices in yuan with two decimals."""
    item = family.cheapest
    return {
        "id": item.head_id,
        "slug": str(item.head_id),
        "title": {LANGUAGE: item.head_name},
        "description": {LANGUAGE: item.summary},
        "content": {LANGUAGE: item.description},
        "seo_meta": {},
        "images": [],
        "tags": item.labels,
        "price_amount": _amount(item),
        "fulfillment_type": "manual" if item.fulfilment == "by_hand" else "auto",
        "manual_form_schema": {"fields": [_asked(field) for field in item.fields]} if item.fields else None,
        "is_active": True,
        "category_id": item.category_id or TOP,
        "skus": [_sku(one) for one in family.units],
    }


def _sku(item: ShelfItem) -> dict[str, Any]:
    return {
        "id": item.id,
        "sku_code": str(item.id) if item.specs else "DEFAULT",
        "spec_values": item.spec_values,
        "price_amount": _amount(item),
        "stock_status": _stock(item),
        "stock_quantity": item.available,
        "is_active": True,
    }


def _asked(field: Mapping[str, Any]) -> dict[str, Any]:
    """What the buyer fills in. A machine sends it under the label."""
    asked = {
        "key": field["label"],
        "type": TYPES.get(field["kind"], "text"),
        "label": {LANGUAGE: field["label"]},
        "required": field["required"],
    }
    return asked | ({"options": field["choices"]} if field["choices"] else {})


def _amount(item: ShelfItem) -> str:
    return str(to_yuan(total_cents(item.price, 1)))


def _stock(item: ShelfItem) -> str:
    if not item.on_hand:
        return "out_of_stock"
    return "in_stock" if item.available > LOW_STOCK else "low_stock"


def _whole(query: Mapping[str, str], name: str, usual: int, most: int) -> int:
    """A number of the query from 1 to `most`; what is no such number is as if it were not there."""
    sent = query.get(name, "")
    number = int(sent) if sent.isascii() and sent.isdigit() and len(sent) < 9 else usual
    return min(max(number, 1), most)
