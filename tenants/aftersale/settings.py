"""When and how the shop answers: deadlines, working hours, peak hours, and the templates for them. Tenant session."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock
from kameng.web.i18n import gettext
from tenants.aftersale import hours
from tenants.aftersale.hours import Hours
from tenants.settings import service as rooms
from tenants.settings.service import Room

Peaks = Literal["off", "detected", "by_hand"]

NO_DAYS = ("",) * hours.DAYS
HEAT_LASTS = timedelta(hours=24)
NAMES = ("buyer", "ticket", "order", "product", "state", "reason", "expected")
PLACES = {name: f"{{{{ {name} }}}}" for name in NAMES}

# Tickets count thrice: an order is mostly served by nobody, a ticket always by somebody.
COUNT_HEAT = text(
    """
    WITH happened AS (
        SELECT paid_at AT TIME ZONE :zone AS at, 1 AS weight FROM orders
        WHERE paid_at >= now() - make_interval(weeks => :weeks)
        UNION ALL
        SELECT opened_at AT TIME ZONE :zone, 3 FROM tickets WHERE opened_at >= now() - make_interval(weeks => :weeks)
    )
    SELECT (extract(isodow FROM at)::int - 1) * 24 + extract(hour FROM at)::int AS hour, sum(weight)::int AS load
    FROM happened GROUP BY 1 ORDER BY 1
    """
)


class Answering(Struct, frozen=True, kw_only=True):
    """`answer_minutes`: until the shop is to answer, counted in working hours where there are any. `close_days`: after
    so many days without a word an answered ticket closes. Days are written as `hours.read` takes them."""

    answer_minutes: int = 240
    close_days: int = 7
    peaks: Peaks = "off"
    peak_days: Sequence[str] = NO_DAYS
    peak_text: str = ""
    work_days: Sequence[str] = NO_DAYS
    off_hours: bool = False
    off_text: str = ""

    @property
    def work_hours(self) -> Hours:
        """Nothing means: always."""
        return hours.read(self.work_days, "work")


class Window(Struct, frozen=True):
    """A stretch of hours in which a template answers. `key` tells it from the next one like it."""

    kind: Literal["peak", "off"]
    key: str
    text: str


class Schedule(Struct, frozen=True):
    """The settings with what was counted of the last weeks: `heat` is `(hour of the week, load)` where any was."""

    answering: Answering
    heat: Sequence[tuple[int, int]] = ()
    heat_at: datetime | None = None

    @property
    def peak_hours(self) -> Hours:
        if self.answering.peaks == "detected":
            return hours.peaks(dict(self.heat))
        return hours.read(self.answering.peak_days, "peak") if self.answering.peaks == "by_hand" else frozenset()

    def window(self, moment: datetime, zone: ZoneInfo) -> Window | None:
        """Which template answers at this moment, if any: that of closed doors goes before that of a crowd."""
        said, working = self.answering, self.answering.work_hours
        if said.off_hours and working:
            away = frozenset(range(hours.WEEK_HOURS)) - working
            if key := hours.stretch(moment, zone, away):
                return Window("off", f"off {key}", said.off_text)
        if key := hours.stretch(moment, zone, self.peak_hours):
            return Window("peak", f"peak {key}", said.peak_text)
        return None

    def due(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """Until when a message of this moment is to be answered."""
        return hours.deadline(moment, self.answering.answer_minutes, zone, self.answering.work_hours)

    def is_stale(self, now: datetime) -> bool:
        """Whether the peaks rest on what has not been counted for a day."""
        return self.answering.peaks == "detected" and (self.heat_at is None or now - self.heat_at > HEAT_LASTS)


def first_peak_text() -> str:
    """What an owner is offered for peak hours, in the reader's language."""
    said = gettext(
        "Hello %(buyer)s, many people are writing to us right now, so a person will answer a little later. Your message"
        " is kept as ticket %(ticket)s.",
        **PLACES,
    )
    return f"{said}\n{_about_the_order()}"


def first_off_text() -> str:
    """And for hours in which nobody is there."""
    said = gettext(
        "Hello %(buyer)s, nobody is here at this hour. Your message is kept as ticket %(ticket)s and is answered as"
        " soon as we are back.",
        **PLACES,
    )
    return f"{said}\n{_about_the_order()}"


def _about_the_order() -> str:
    order = gettext("Your order %(order)s (%(product)s): %(state)s. %(reason)s", **PLACES)
    expected = gettext("Expected: %(expected)s.", **PLACES)
    return f"{{% if order %}}\n{order}\n{{% endif %}}\n{{% if expected %}}\n{expected}\n{{% endif %}}"


async def schedule(session: AsyncSession, *, lock: bool = False) -> Schedule:
    kept = await rooms.read(session, Room.AFTERSALE, lock=lock)
    return msgspec.convert({"answering": kept.settings, **kept.notes}, Schedule)


async def save(session: AsyncSession, answering: Answering) -> None:
    await rooms.save(session, Room.AFTERSALE, answering)


async def count_heat(session: AsyncSession, zone: str) -> Mapping[int, int]:
    """Counts orders and tickets of the last four weeks by the hour of the week, and keeps that."""
    found = await session.execute(COUNT_HEAT, {"zone": zone, "weeks": hours.WEEKS})
    heat = [(row.hour, row.load) for row in found]
    await rooms.note(session, Room.AFTERSALE, heat=heat, heat_at=clock.now())
    return dict(heat)
