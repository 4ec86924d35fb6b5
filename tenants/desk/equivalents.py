"""What may be offered instead of what: named by the owner. Tenant session; the caller audits."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core.errors import Invalid
from tenants.shop import queries as shop
from tenants.shop.errors import ProductGone

ADD = text(
    "UPDATE products SET equivalents = equivalents || CAST(:other_id AS bigint)"
    " WHERE id = :product_id AND NOT :other_id = ANY(equivalents)"
)
DROP = text("UPDATE products SET equivalents = array_remove(equivalents, :other_id) WHERE id = :product_id")


async def add(session: AsyncSession, product_id: int, other_id: int) -> tuple[str, str]:
    """Last among the product's equivalents; the names of both. Raises `Invalid` at the field."""
    if product_id == other_id:
        raise Invalid({"other_id": "Choose another product."})
    name, other = await _name(session, "product_id", product_id), await _name(session, "other_id", other_id)
    await session.execute(ADD, {"product_id": product_id, "other_id": other_id})
    return name, other


async def _name(session: AsyncSession, field: str, product_id: int) -> str:
    try:
        product = await shop.product(session, product_id)
    except ProductGone:
        raise Invalid({field: "This product is not there any more."}) from None
    if product.is_head:
        raise Invalid({field: "Choose one of its variants."})
    return product.name


async def drop(session: AsyncSession, product_id: int, other_id: int) -> tuple[str, str]:
    """The names of both. Raises `ProductGone`."""
    names = (await shop.product(session, product_id)).name, (await shop.product(session, other_id)).name
    await session.execute(DROP, {"product_id": product_id, "other_id": other_id})
    return names
