"""Every module that follows events or keeps time. Each process imports this one, so that all know the same followers:
an event recorded by a process that has not heard of its follower would be lost."""

from billing.payments import tasks as payments
from deploy import station_tasks
from supplier_gateway.offers import tasks as offers
from tenants.orders import payments as order_payments
from tenants.orders import tasks as orders
from tenants.registry import tasks as registry

MODULES = (payments, offers, order_payments, orders, registry, station_tasks)
