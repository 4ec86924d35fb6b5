"""The pages of a station's console, to look at: a name, an address, and links to follow from there, each the first that
fits."""

from msgspec import Struct

PAGES = r"""
overview /
products /products
products-bin /products?state=archived
product-new /products/new
product /products?q=原神》 /products/\d+$
product-edit /products?q=原神》 /products/\d+$ /edit$
product-variants /products?q=通行证 /products/\d+$
product-variants-edit /products?q=通行证 /products/\d+$ /edit$
categories /categories
category /categories /categories/\d+$
listing /listing
levels /levels
stock /stock
cards /stock /stock/\d+$
cards-frozen /stock /stock/\d+$ state=frozen
cards-bin /stock /stock/\d+$ state=recycled
card /stock /stock/\d+$ /cards/[0-9a-f-]{36}$
batches /stock /stock/\d+$ /batches$
batch /stock /stock/\d+$ /batches$ /batches/\d+$
imports /stock /stock/\d+$ /imports$
import /stock /stock/\d+$ /imports$ /imports/\d+$
import-new /stock /stock/\d+$ /imports/new
format /stock /stock/\d+$ /format$
cards-export /stock /stock/\d+$ /export\?
pricing /pricing
pricing-rule-new /pricing/rules/new
pricing-rule /pricing /rules/\d+$
pricing-products /pricing/products
pricing-product /pricing/products /pricing/products/\d+$
feeds /pricing/feeds
feed /pricing/feeds /feeds/\d+$
feed-new /pricing/feeds/new
pricing-sets /pricing/sets
pricing-set /pricing/sets /sets/\d+$
pricing-set-applied /pricing/sets?state=applied /sets/\d+$
pricing-settings /pricing/settings
orders /orders
orders-none /orders?q=xyz
orders-exports /orders/exports
order /orders?state=delivered /orders/\d{6}-
order-waiting /orders?state=waiting /orders/\d{6}-
order-unpaid /orders?state=unpaid /orders/\d{6}-
order-refunded /orders?q=原神》 /orders/\d{6}-
order-cards /orders?state=delivered /orders/\d{6}- /cards$
desk /desk
desk-all /desk?show=all
desk-case /desk /cases/
desk-rules /desk/rules
desk-rule-new /desk/rules/new
desk-rule /desk/rules /rules/\d+$
desk-trial /desk/rules /trial$
desk-settings /desk/settings
desk-limits /desk/limits
desk-figures /desk/figures
tickets /tickets
tickets-all /tickets?show=closed
ticket /tickets /tickets/T\d{6}-
ticket-figures /tickets/figures
replies /replies
reply-new /replies/new
peak-hours /peak-hours
coupons /coupons
coupon /coupons /coupons/\d+$
coupon-used /coupons?q=DOUBLE12 /coupons/\d+$
coupon-new /coupons/new
channels /channels
channel /channels /channels/\d+$
channel-new /channels/new
money /money
payment /money /payments/
withdrawals /withdrawals
withdrawal /withdrawals /withdrawals/[0-9a-f-]{36}
withdrawal-new /withdrawals/new
statement /statements
prices /prices
notices /notices
notice-settings /notices/settings
notice-channel-new /notices/mine/new
deliveries /notices/deliveries
delivery /notices/deliveries /deliveries/[0-9a-f-]{36}$
replenish /replenish
replenishment /replenish?state=wanted /replenish/\d+$
replenishment-ordered /replenish?state=ordered /replenish/\d+$
buyers /buyers
buyer /buyers /buyers/[0-9a-f-]{36}
"""


class Sight(Struct, frozen=True):
    """A page to look at: its address at the console, or what the links lead to from there."""

    name: str
    path: str
    links: tuple[str, ...]


def all_sights() -> list[Sight]:
    """In the order of the console's rooms."""
    rows = [line.split() for line in PAGES.strip().splitlines()]
    return [Sight(name, path.rstrip("/"), tuple(links)) for name, path, *links in rows]
