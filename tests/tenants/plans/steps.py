"""What tests of plans do again and again: a plan, a station that has it, and the time that passes."""

from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import text

from billing.ledger import queries as ledger
from kameng.core import clock, ids
from kameng.infra.runtime import Runtime
from kameng.infra.tenancy import Tenant
from tenants.notices import queries as notices
from tenants.plans import queries, service, subscriptions, tasks
from tenants.plans.queries import Period, Subscription, Usage
from tenants.plans.renewal import Renewal
from tenants.plans.service import PlanDraft
from tests.support.house import Shop, work_off

PASS = text("UPDATE tenants SET paid_until = paid_until - CAST(:time AS interval) WHERE id = :id")
PASS_IN_PERIODS = text(
    """
    UPDATE plan_periods SET began = began - CAST(:time AS interval), until = until - CAST(:time AS interval),
           anchor = anchor - CAST(:time AS interval)
    WHERE tenant_id = :id
    """
)
NOTHING_USED = Usage(products=0, staff=0, orders=0)


class Station(Struct, frozen=True):
    """A shop whose plan a test is about."""

    shop: Shop

    @property
    def id(self) -> int:
        return self.shop.tenant.id

    @property
    def runtime(self) -> Runtime:
        return self.shop.runtime

    async def give(self, plan_id: int) -> None:
        async with self.runtime.database.master_session() as session:
            await subscriptions.give(session, self.id, plan_id)

    async def renew(self) -> Renewal | None:
        return await tasks.renew_one(self.runtime, self.id)

    async def change(self, plan_id: int, usage: Usage = NOTHING_USED, at_once: bool | None = None) -> None:
        async with self.runtime.database.master_session() as session:
            await subscriptions.change(session, self.id, plan_id, usage, by_owner=True, at_once=at_once)

    async def subscription(self) -> Subscription:
        async with self.runtime.database.master_session() as session:
            return await queries.subscription(session, self.id)

    async def periods(self) -> list[Period]:
        async with self.runtime.database.master_session() as session:
            return list(await queries.history(session, self.id))

    async def charged_cents(self) -> int:
        """What plans have taken from the deposit."""
        async with self.runtime.database.master_session() as session:
            entries = await ledger.history_of(session, self.id, "deposit")
        return -sum(entry.amount_cents for entry in entries if entry.transfer == "plan")

    async def time_passes(self, time: timedelta) -> None:
        """As if it were so much later: all dates of the plan move into the past."""
        async with self.runtime.database.master_session() as session:
            for statement in (PASS, PASS_IN_PERIODS):
                await session.execute(statement, {"id": self.id, "time": time})

    async def set_state(self, state: str) -> None:
        async with self.runtime.database.master_session() as session:
            await session.execute(
                text(
                    "UPDATE tenants SET state = CAST(:state AS text), closing_until ="
                    " CASE WHEN :state = 'closing' THEN now() + interval '9 days' END WHERE id = :id"
                ),
                {"state": state, "id": self.id},
            )

    async def tenant(self) -> Tenant:
        self.runtime.directory.forget()
        return await self.runtime.directory.tenant(self.id)

    async def told(self) -> list[str]:
        """The kinds of what the owner was told, oldest first."""
        await work_off(self.runtime)
        async with self.shop.tenant.begin() as session:
            return [one.kind for one in reversed(await notices.unread(session))]


async def add_plan(runtime: Runtime, price_cents: int, **changes: Any) -> int:
    draft = PlanDraft(name=f"plan {ids.code(8)}", price_cents=price_cents, **{"is_offered": True} | changes)
    async with runtime.database.master_session() as session:
        return await service.add(session, draft)


def about(moment: datetime | None, expected: timedelta) -> bool:
    """Whether `moment` is `expected` from now, give or take a minute."""
    return moment is not None and abs(moment - clock.now() - expected) < timedelta(minutes=1)
