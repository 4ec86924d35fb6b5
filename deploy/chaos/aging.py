"""Time that passes for single orders: what would take minutes or hours is set back in the database, and the product's
own letters and sweepers find it so."""

from sqlalchemy import TextClause, text

from deploy.chaos.patience import persist
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant

UNPAID = text("UPDATE orders SET expires_at = now(), due_at = now() WHERE state = 'unpaid'"
              " AND (:all OR no = :no OR basket_no = :no)"
              " RETURNING id")  # fmt: skip
WAITING = text("UPDATE orders SET due_at = now() WHERE state IN ('paid', 'waiting') RETURNING id")
DEADLINES = text("UPDATE order_deadlines SET due_at = now(), look_at = now() WHERE order_ref = ANY(:ids)")
LETTERS = text("UPDATE outbox SET due_at = now() WHERE tenant_id = :tenant AND payload->>'order_id' = ANY(:ids)")
# What the master collects is asked for by a letter of the master's own.
PAYMENTS = text("UPDATE outbox SET due_at = now() WHERE payload->>'payment_no' = ANY(:nos)"
                " AND (tenant_id = :tenant OR tenant_id IS NULL)"
                " AND due_at > now() + interval '5 seconds'")  # fmt: skip
# Only a call that can be on its way no more: the person sees what stays true.
PURCHASES = text(
    "UPDATE purchases SET created_at = created_at - make_interval(mins => :minutes)"
    " WHERE reference = :reference AND state IN ('submitted', 'unknown') AND lease_until < now()"
)


async def payment_time_is_over(runtime: Runtime, tenant: Tenant, no: str = "") -> None:
    """The minutes to pay of an unpaid order or basket, or of all, have gone by."""
    await persist(lambda: _over(runtime, tenant, UNPAID, {"all": not no, "no": no}))


async def patience_is_over(runtime: Runtime, tenant: Tenant) -> None:
    """The hours that a charged order may wait have gone by, for all that wait."""
    await persist(lambda: _over(runtime, tenant, WAITING, {}))


async def _over(runtime: Runtime, tenant: Tenant, orders: TextClause, said: dict[str, object]) -> None:
    async with tenant.begin() as session:
        found = [row.id for row in await session.execute(orders, said)]
        await session.execute(DEADLINES, {"ids": found})
    async with runtime.database.master_session() as session:
        await session.execute(LETTERS, {"tenant": tenant.id, "ids": [str(one) for one in found]})


async def gateway_is_asked_now(runtime: Runtime, tenant: Tenant, nos: list[str]) -> None:
    """The minutes until the gateway is asked again about these payments have gone by."""
    async with runtime.database.master_session() as session:
        await session.execute(PAYMENTS, {"tenant": tenant.id, "nos": nos})


async def purchase_is_old(runtime: Runtime, reference: str, minutes: int) -> None:
    """A purchase without a clear answer is as old as one that a person may settle."""
    async with runtime.database.master_session() as session:
        await session.execute(PURCHASES, {"reference": reference, "minutes": minutes})
