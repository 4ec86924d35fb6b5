"""The master's plans, and the limits that they set. Master session, unless it says otherwise."""

from typing import Any

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from tenants.plans import queries
from tenants.plans.errors import (
    OrdersDoNotFit,
    PlanGone,
    PlanNameTaken,
    ProductsDoNotFit,
    StaffDoNotFit,
    TooManyProducts,
    TooManyStaff,
)
from tenants.plans.queries import Plan, Usage

ADD = text(
    """
    INSERT INTO plans (name, price_cents, period_months, trial_days, opening_fee_cents, max_products, max_staff,
                       max_orders_month, is_offered)
    VALUES (:name, :price_cents, :period_months, :trial_days, :opening_fee_cents, :max_products, :max_staff,
            :max_orders_month, :is_offered)
    RETURNING id
    """
)
CHANGE = text(
    """
    UPDATE plans SET name = :name, price_cents = :price_cents, period_months = :period_months,
           trial_days = :trial_days, opening_fee_cents = :opening_fee_cents, max_products = :max_products,
           max_staff = :max_staff, max_orders_month = :max_orders_month, is_offered = :is_offered
    WHERE id = :id RETURNING id
    """
)
RETIRE = text("UPDATE plans SET state = :state WHERE id = :id RETURNING name")
COUNT_AGAIN = text(
    "UPDATE plan_usage SET next_at = now() WHERE tenant_id IN (SELECT id FROM tenants WHERE plan_id = :id)"
)
# One of a station's additions at a time, so that two of them do not both find the last free place.
IN_TURN = text("SELECT pg_advisory_xact_lock(hashtextextended(:what, CAST(:tenant_id AS bigint)))")
IN_TURN_HERE = text("SELECT pg_advisory_xact_lock(hashtextextended('plan products', current_tenant()))")


class PlanDraft(Struct, frozen=True, kw_only=True):
    """What the operator fills in. The price is for `period_months`; a limit of None is none."""

    name: str
    price_cents: int
    period_months: int = 1
    trial_days: int = 0
    opening_fee_cents: int = 0
    max_products: int | None = None
    max_staff: int | None = None
    max_orders_month: int | None = None
    is_offered: bool = False

    def values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__struct_fields__}


async def add(session: AsyncSession, draft: PlanDraft) -> int:
    """A new plan; its number. Raises `PlanNameTaken`."""
    try:
        async with session.begin_nested():
            return int((await session.execute(ADD, draft.values())).scalar_one())
    except IntegrityError as error:  # the checks are the form's too; the name is the only thing left to meet
        raise PlanNameTaken(field="name") from error


async def change(session: AsyncSession, plan_id: int, draft: PlanDraft) -> None:
    """Stations that have it pay the new price from their next period on; limits hold at once.

    Raises `PlanGone`, `PlanNameTaken`.
    """
    try:
        async with session.begin_nested():
            found = (await session.execute(CHANGE, {"id": plan_id, **draft.values()})).one_or_none()
    except IntegrityError as error:
        raise PlanNameTaken(field="name") from error
    if found is None:
        raise PlanGone
    await session.execute(COUNT_AGAIN, {"id": plan_id})


async def retire(session: AsyncSession, plan_id: int, *, retired: bool) -> str:
    """Nobody can choose it any more, and who has it keeps it; or takes that back. Returns its name.

    Raises `PlanGone`.
    """
    values = {"id": plan_id, "state": "retired" if retired else "active"}
    name = (await session.execute(RETIRE, values)).scalar_one_or_none()
    if name is None:
        raise PlanGone
    return str(name)


async def check_products(session: AsyncSession, more: int = 1) -> None:
    """Whether so many `more` products may be put on sale. Tenant session; nobody else adds one until it ends.

    Raises `TooManyProducts`.
    """
    most = (await queries.limits(session)).max_products
    if most is None or not more:
        return
    await session.execute(IN_TURN_HERE)
    if await queries.on_sale_count(session) + more > most:
        raise TooManyProducts(field="shown", most=most)


async def check_staff(session: AsyncSession, tenant_id: int) -> None:
    """Whether one more person may work at the station; nobody else is added until the session ends.

    Raises `TooManyStaff`.
    """
    subscription = await queries.subscription(session, tenant_id)
    if subscription.plan_id is None:
        return
    most = (await queries.plan(session, subscription.plan_id)).max_staff
    if most is None:
        return
    await session.execute(IN_TURN, {"what": "plan staff", "tenant_id": tenant_id})
    if await queries.staff_count(session, tenant_id) >= most:
        raise TooManyStaff(most=most)


def check_fits(plan: Plan, usage: Usage, *, at_once: bool) -> None:
    """Whether a plan is large enough for what a station uses. A plan that begins with the next period is not asked
    about this month's orders. Raises `PlanTooSmall`."""
    if plan.max_products is not None and usage.products > plan.max_products:
        raise ProductsDoNotFit(field="plan_id", used=usage.products, most=plan.max_products)
    if plan.max_staff is not None and usage.staff > plan.max_staff:
        raise StaffDoNotFit(field="plan_id", used=usage.staff, most=plan.max_staff)
    if at_once and plan.max_orders_month is not None and usage.orders > plan.max_orders_month:
        raise OrdersDoNotFit(field="plan_id", used=usage.orders, most=plan.max_orders_month)
