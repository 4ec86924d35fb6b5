"""A channel of the master's that a station offers, and what the master then holds for it."""

from sqlalchemy import text

from billing.payments import service as payments
from billing.payments.service import ChannelDraft
from kameng.core import ids
from kameng.infra.runtime import Runtime
from tests.support.house import Shop
from tests.tenants.storefront.gateway import KEY, PID

BALANCES = text(
    "SELECT kind, balance_cents FROM ledger_accounts WHERE tenant_id = :id AND owner = ''"
    " AND kind IN ('collected', 'earnings', 'payout', 'deposit')"
)


async def lend_channel(runtime: Runtime, url: str, *, fee_rate: str = "0") -> int:
    """A channel of the master's that stations may offer; its number at the master."""
    sealer = await runtime.keyring.master()
    draft = ChannelDraft(provider="epay", name=f"主站代收 {ids.code(6)}", base_url=url, merchant_id=PID, secret=KEY)
    async with runtime.database.master_session() as session:
        channel = await payments.add_channel(session, sealer, draft)
        await payments.lend_channel(session, channel.id, lent=True)
        await session.execute(
            text("UPDATE payment_channels SET fee_rate = CAST(:rate AS numeric) WHERE id = :id"),
            {"id": channel.id, "rate": fee_rate},
        )
    return channel.id


async def offer(shop: Shop, master_channel: int) -> int:
    """The station's own number of a channel that it is lent."""
    async with shop.tenant.begin() as session:
        return (await payments.offer_lent(session, master_channel)).id


async def held(shop: Shop) -> dict[str, int]:
    """What the master holds for the station, in cents by account."""
    async with shop.runtime.database.master_session() as session:
        rows = await session.execute(BALANCES, {"id": shop.tenant.id})
        found = {row.kind: row.balance_cents for row in rows}
    return {kind: found.get(kind, 0) for kind in ("collected", "earnings", "payout", "deposit")}
