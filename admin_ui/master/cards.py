"""The master's own card stock, by good."""

from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.cards import routes
from admin_ui.cards.desk import Desk, Item
from kameng.identity.permissions import Permission
from kameng.web.i18n import N_
from supplier_gateway.goods import queries


async def _item(session: AsyncSession, good_id: int) -> Item:
    good = await queries.good(session, good_id)
    return Item(good.id, good.name, f"/goods/{good.id}")


DESK = Desk(
    root="/stock",
    title=N_("Goods"),
    read=Permission.GOODS_READ,
    write=Permission.GOODS_WRITE,
    export=Permission.GOODS_WRITE,  # the master's roles know no export of their own; the password is asked for here too
    item=_item,
    others=queries.key_goods,
    has_warning=False,
)
HANDLERS = routes.handlers(DESK)
