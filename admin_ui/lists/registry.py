"""The lists of a station's console that can be kept as views and taken away."""

from admin_ui.lists import buyers, orders, products, stock, tickets
from admin_ui.lists.source import Source

SOURCES: dict[str, Source] = {
    one.key: one for one in (orders.SOURCE, products.SOURCE, stock.SOURCE, buyers.SOURCE, tickets.SOURCE)
}
