"""Every module that follows events or keeps time. Each process imports this one, so that all know the same followers:
an event recorded by a process that has not heard of its follower would be lost."""

from admin_ui import letters
from admin_ui.notices import sending as notices
from admin_ui.notices import watching
from billing.payments import tasks as payments
from billing.wholesale import tasks as wholesale
from deploy import openings, station_tasks
from kameng.identity import visits
from supplier_gateway.offers import tasks as offers
from tenants.aftersale import tasks as aftersale
from tenants.applications import tasks as applications
from tenants.domains import tasks as domains
from tenants.margins import tasks as margins
from tenants.orders import payments as order_payments
from tenants.orders import sweeping as order_sweeping
from tenants.orders import tasks as orders
from tenants.plans import tasks as plans
from tenants.registry import tasks as registry
from tenants.tiering import tasks as tiering
from tenants.toggles import tasks as toggles

MODULES = (
    aftersale,
    applications,
    domains,
    letters,
    margins,
    notices,
    offers,
    openings,
    order_payments,
    order_sweeping,
    orders,
    payments,
    plans,
    registry,
    station_tasks,
    tiering,
    toggles,
    visits,
    watching,
    wholesale,
)
