"""What tests of applications do again and again: a master that takes them, and a visitor who applies."""

import re
from collections.abc import AsyncIterator, Callable, Iterator
from html import unescape
from uuid import UUID

import httpx
import pytest
from msgspec import Struct
from sqlalchemy import text

from billing.payments import service as paying
from billing.payments.service import ChannelDraft
from billing.wholesale import service as wholesale
from kameng.core import ids
from kameng.infra.runtime import Runtime
from tenants.applications import queries, service
from tenants.applications.queries import Application
from tests.support.house import work_off
from tests.support.staff_client import StaffClient, text_of
from tests.tenants.plans.steps import add_plan
from tests.tenants.storefront.gateway import KEY, PID, Gateway, running_gateway

PAY_LINK = re.compile(r'href="(http://127\.0\.0\.1:[0-9]+/submit\.php\?[^"]+)"')
PAYMENT_NO = re.compile(r"out_trade_no=(P[0-9A-Z]+)")
NOTIFY_PATH = re.compile(r"notify_url=http%3A%2F%2F[^%]+(%2Fpay%2F[^&]+%2Fnotify)")
PASSWORD = "correct horse battery"
FEE_CENTS = 9_900
ROUNDS = 3  # a payment, the application, the station
Clients = Callable[[str], StaffClient]


class Master(Struct, frozen=True):
    """A master that takes applications."""

    runtime: Runtime
    tier_id: int
    clients: Clients

    async def set_mode(self, mode: str) -> None:
        async with self.runtime.database.master_session() as session:
            await service.change_settings(session, mode, self.tier_id)
        self.runtime.directory.forget()

    async def add_channel(self, url: str, name: str = "支付宝") -> int:
        sealer = await self.runtime.keyring.master()
        draft = ChannelDraft(provider="epay", name=name, base_url=url, merchant_id=PID, secret=KEY)
        async with self.runtime.database.master_session() as session:
            return (await paying.add_channel(session, sealer, draft)).id

    async def plan(self, fee_cents: int = FEE_CENTS, **changes: object) -> int:
        return await add_plan(self.runtime, 5_000, trial_days=7, opening_fee_cents=fee_cents, **changes)

    async def visitor(self) -> StaffClient:
        visitor = self.clients(self.runtime.settings.master_host)
        await visitor.get("/open")
        return visitor

    async def applied(self, visitor: StaffClient, plan_id: int, **changes: str) -> Application:
        """A visitor has sent the form; his application."""
        answer = await visitor.post("/open", **form(plan_id, **changes))
        assert answer.status_code == 303, text_of(answer)
        async with self.runtime.database.master_session() as session:
            return await queries.by_code(session, answer.headers["location"].rpartition("/")[2])

    async def application(self, application_id: UUID) -> Application:
        async with self.runtime.database.master_session() as session:
            return await queries.application(session, application_id)

    async def work(self) -> None:
        """What workers would do now: the letters, and those that they bring about."""
        for _ in range(ROUNDS):
            await work_off(self.runtime)

    async def ask_gateways(self) -> None:
        """As if the time had come at which a worker asks the gateways itself."""
        async with self.runtime.database.master_session() as session:
            await session.execute(text("UPDATE outbox SET due_at = now() WHERE follower LIKE '%ask_gateway'"))
        await self.work()

    async def applicants_cents(self, application_id: UUID) -> int:
        """What the ledger holds for an applicant."""
        async with self.runtime.database.master_session() as session:
            row = await session.execute(
                text(
                    "SELECT coalesce(sum(e.amount_cents), 0) FROM ledger_entries e JOIN ledger_accounts a"
                    " ON a.id = e.account_id WHERE a.kind = 'applicant' AND a.owner = :owner"
                ),
                {"owner": str(application_id)},
            )
            return int(row.scalar_one())


def form(plan_id: int, **changes: str) -> dict[str, str]:
    """An application that is right."""
    mark = ids.code(8).lower()
    return {
        "name": "晨曦卡铺",
        "slug": f"chenxi-{mark}",
        "email": f"{mark}@example.com",
        "owner_name": "陈晨",
        "owner_login": f"chen-{mark}",
        "owner_password": PASSWORD,
        "plan_id": str(plan_id),
    } | changes


def pay_links(page: httpx.Response) -> list[str]:
    return [unescape(found) for found in PAY_LINK.findall(page.text)]


async def pay(gateway: Gateway, link: str) -> dict[str, str]:
    """Pays where the link leads; what the gateway notifies."""
    return await gateway.pay(link)


async def notify(machine: StaffClient, link: str, notice: dict[str, str]) -> httpx.Response:
    """The gateway reports, at the address that it was given with the payment."""
    found = NOTIFY_PATH.search(link)
    assert found, link
    return await machine.http.get(found[1].replace("%2F", "/"), params=notice)


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with running_gateway() as started:
        yield started


@pytest.fixture
async def master(runtime: Runtime, clients: Clients) -> AsyncIterator[Master]:
    """Open for applications, automatically; closed again when the test is over, as all tests share one master."""
    async with runtime.database.master_session() as session:
        tier = await wholesale.add_tier(session, f"tier {ids.code(8)}")
    opened = Master(runtime, tier.id, clients)
    await opened.set_mode("automatic")
    yield opened
    await opened.set_mode("closed")
    async with runtime.database.master_session() as session:
        await session.execute(text("UPDATE payment_channels SET state = 'paused'"))
