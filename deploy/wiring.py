"""Every module that follows events or keeps time. Each process imports this one, so that all know the same followers:
an event recorded by a process that has not heard of its follower would be lost."""

from admin_ui import letters
from admin_ui.lists import tasks as lists
from admin_ui.notices import sending as notices
from admin_ui.notices import watching
from billing.payments import tasks as payments
from billing.payouts import tasks as payouts
from billing.statements import tasks as statements
from billing.wholesale import tasks as wholesale
from deploy import openings, station_tasks
from kameng.cards import tasks as cards
from kameng.identity import visits
from supplier_gateway.catalogue import tasks as catalogue
from supplier_gateway.offers import tasks as offers
from supplier_gateway.purchases import tasks as purchases
from supplier_gateway.replenishment import tasks as replenishment
from supplier_gateway.routing import tasks as routing
from supplier_gateway.suppliers import tasks as suppliers
from tenants.aftersale import tasks as aftersale
from tenants.applications import tasks as applications
from tenants.desk import tasks as desk
from tenants.domains import tasks as domains
from tenants.margins import tasks as margins
from tenants.notices import tasks as notice_facts
from tenants.openapi import callbacks
from tenants.orders import payments as order_payments
from tenants.orders import refund_tasks as order_refunds
from tenants.orders import sweeping as order_sweeping
from tenants.orders import tasks as orders
from tenants.plans import tasks as plans
from tenants.pricing import tasks as pricing
from tenants.registry import tasks as registry
from tenants.settlement import tasks as settlement
from tenants.shop import tasks as shop
from tenants.stock import replenishment_tasks as station_replenishment
from tenants.stock import tasks as stock
from tenants.tiering import tasks as tiering
from tenants.toggles import tasks as toggles

MODULES = (
    aftersale,
    applications,
    callbacks,
    cards,
    desk,
    catalogue,
    domains,
    letters,
    lists,
    margins,
    notice_facts,
    notices,
    offers,
    openings,
    order_payments,
    order_sweeping,
    order_refunds,
    orders,
    payments,
    payouts,
    plans,
    purchases,
    pricing,
    registry,
    replenishment,
    shop,
    settlement,
    statements,
    routing,
    station_tasks,
    suppliers,
    station_replenishment,
    stock,
    tiering,
    toggles,
    visits,
    watching,
    wholesale,
)
