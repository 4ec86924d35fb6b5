"""Every module that follows events or keeps time. Each process imports this one, so that all know the same followers:
an event recorded by a process that has not heard of its follower would be lost."""

from admin_ui import letters
from billing.payments import tasks as payments
from kameng.identity import visits
from supplier_gateway.offers import tasks as offers
from tenants.domains import tasks as domains
from tenants.orders import payments as order_payments
from tenants.orders import tasks as orders
from tenants.toggles import tasks as toggles

MODULES = (payments, offers, domains, order_payments, orders)
MODULES = (payments, offers, order_payments, orders, letters, visits)
MODULES = (payments, offers, order_payments, orders, toggles)
from billing.wholesale import tasks as wholesale
from supplier_gateway.offers import tasks as offers
from tenants.margins import tasks as margins
from tenants.orders import payments as order_payments
from tenants.orders import tasks as orders
from tenants.tiering import tasks as tiering

MODULES = (payments, wholesale, offers, margins, order_payments, orders, tiering)
