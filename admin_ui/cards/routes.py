"""All pages of one desk."""

from litestar import Controller

from admin_ui.cards import batches, exports, imports, stock
from admin_ui.cards.desk import Desk


def handlers(desk: Desk) -> list[type[Controller]]:
    return [made(desk) for made in (stock.controller, batches.controller, imports.controller, exports.controller)]
