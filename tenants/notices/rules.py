"""When a notice may go out on a channel: quiet hours, digests, and how many messages an hour. Pure functions."""

from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from tenants.notices.kinds import Severity

Held = Literal["", "quiet", "digest", "cap"]
Digest = Literal["off", "hour", "day"]
DIGEST_HOUR = 9  # of a digest once a day
MOST_AN_HOUR = 20


class Rules(Struct, frozen=True, kw_only=True):
    """`quiet_from` and `quiet_to` are hours of the clock; equal ones mean that no hour is quiet. `digest` is how often
    what is merely information goes out. `most_an_hour`: beyond it messages are gathered into one."""

    quiet_from: int = 0
    quiet_to: int = 0
    digest: Digest = "off"
    most_an_hour: int = MOST_AN_HOUR

    def is_quiet(self, local: datetime) -> bool:
        """Whether it is quiet at this time of the place's clock."""
        if self.quiet_from <= self.quiet_to:
            return self.quiet_from <= local.hour < self.quiet_to
        return local.hour >= self.quiet_from or local.hour < self.quiet_to

    def due(self, severity: Severity, now: datetime, zone: ZoneInfo) -> tuple[datetime, Held]:
        """When a notice of this severity goes out, and why not at once. What is urgent always goes at once."""
        if severity is Severity.URGENT:
            return now, ""
        local = now.astimezone(zone)
        at, held = local, ""
        if severity is Severity.INFO and self.digest == "hour":
            at, held = _on_the_hour(local) + timedelta(hours=1), "digest"
        elif severity is Severity.INFO and self.digest == "day":
            at, held = local.replace(hour=DIGEST_HOUR, minute=0, second=0, microsecond=0), "digest"
            at = at if at > local else at + timedelta(days=1)
        if self.is_quiet(at):
            end = _on_the_hour(at).replace(hour=self.quiet_to % 24)
            at, held = end if end > at else end + timedelta(days=1), held or "quiet"
        return (now, "") if not held else (at.astimezone(now.tzinfo), held)  # type: ignore[return-value]  # of the four


def _on_the_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
