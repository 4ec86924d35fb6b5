"""How a station's repricing is set. Tenant session."""

from decimal import Decimal

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core.errors import Invalid
from tenants.pricing.floors import Shares
from tenants.pricing.limits import Limits
from tenants.settings import service as rooms
from tenants.settings.service import Room

HUNDRED = Decimal(100)
MOST_SHARES = Decimal(80)

# Of a channel that the master lends, what it takes now; the station's own copy is only written anew with a payment.
FEE = text(
    """
    SELECT coalesce(max(greatest(c.fee_rate, l.fee_rate)), 0) FROM payment_channels c
    LEFT JOIN lent_channels() l ON l.id = c.master_channel_id AND c.settlement = 'master' WHERE c.state = 'active'
    """
)


class Settings(Struct, frozen=True, kw_only=True):
    """Per cents, minutes, counts. `is_automatic`: whether automatic rules change prices by themselves; a roll-back
    switches it off. A run that would move more than `stop_percent` of the products under rules, and more than
    `stop_from`, is held."""

    is_automatic: bool = True
    step_percent: Decimal = Decimal(5)
    drift_percent: Decimal = Decimal(15)
    least_percent: Decimal = Decimal(1)
    cool_down_min: int = 60
    turn_min: int = 720
    stop_percent: int = 30
    stop_from: int = 5
    every_min: int = 15
    commission_percent: Decimal = Decimal(0)
    coupon_percent: Decimal = Decimal(0)

    @property
    def limits(self) -> Limits:
        return Limits(
            step=self.step_percent / HUNDRED,
            drift=self.drift_percent / HUNDRED,
            least=self.least_percent / HUNDRED,
            cool_down_min=self.cool_down_min,
            turn_min=self.turn_min,
        )

    def shares(self, fee: Decimal) -> Shares:
        """What goes off a price, with the highest fee of the channels that buyers can choose."""
        return Shares(fee, self.commission_percent / HUNDRED, self.coupon_percent / HUNDRED)

    def stops(self, moves: int, of: int) -> bool:
        return moves > self.stop_from and moves * 100 > of * self.stop_percent


async def read(session: AsyncSession) -> Settings:
    return msgspec.convert((await rooms.read(session, Room.PRICING)).settings, Settings)


async def take_turn(session: AsyncSession) -> Settings:
    """The settings; nobody else prices at this station until the commit. The first lock of whoever changes prices."""
    return msgspec.convert((await rooms.read(session, Room.PRICING, lock=True)).settings, Settings)


async def turn(session: AsyncSession) -> int:
    """The number of the chain of scheduled runs that counts."""
    return int((await rooms.read(session, Room.PRICING)).notes.get("turn", 0))


async def next_turn(session: AsyncSession) -> int:
    """Begins a new chain; the old one is followed no more."""
    number = int((await rooms.read(session, Room.PRICING, lock=True)).notes.get("turn", 0)) + 1
    await rooms.note(session, Room.PRICING, turn=number)
    return number


async def keep(session: AsyncSession, settings: Settings) -> None:
    """Raises `Invalid`."""
    if settings.commission_percent + settings.coupon_percent > MOST_SHARES:
        raise Invalid({"coupon_percent": "Commission and coupon together leave too little of the price."})
    if settings.drift_percent < settings.step_percent:
        raise Invalid({"drift_percent": "In a day at least one step must be possible."})
    await rooms.save(session, Room.PRICING, settings)


async def shares(session: AsyncSession, settings: Settings) -> Shares:
    return settings.shares((await session.execute(FEE)).scalar_one())
