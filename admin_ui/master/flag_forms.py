"""The forms by which the master governs a feature."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from admin_ui import features
from kameng.core.errors import Invalid
from kameng.web.i18n import N_
from tenants.toggles.decision import Mode, Policy
from tenants.toggles.flags import Flag, Value

Code = Annotated[str, Meta(max_length=40)]
Percent = Annotated[Decimal, Meta(extra={"ge": "0", "le": "100", "places": 2})]
USUAL_DAYS = 90
LATEST_DAYS = 730


class PolicyForm(Struct, frozen=True, kw_only=True):
    """`value` as `Flag.write` writes it; empty, the plan's or the default counts. `station` is a short name: empty, the
    policy is for all."""

    mode: Mode
    value: Code = ""
    reason: Annotated[str, Meta(max_length=200)] = ""
    station: Code = ""

    def policy(self, flag: Flag) -> Policy:
        """Raises `Invalid`."""
        wrong: dict[str, str] = {}
        value: Value | None = None
        try:
            value = flag.read(self.value) if self.value else None
        except Invalid as error:
            wrong |= error.errors
        if self.mode is Mode.FORCE and not self.value:
            wrong["value"] = N_("A value that is forced has to be given.")
        if self.mode is Mode.LOCK and not self.reason:
            wrong["reason"] = N_("Say why: the owner reads it.")
        if wrong:
            raise Invalid(wrong)
        return Policy(self.mode, value, self.reason)


class DropForm(Struct, frozen=True):
    """Whose policy is taken back: a station's by its number, or the one for all."""

    tenant_id: Annotated[int, Meta(ge=1, le=2**31 - 1)] | None = None


class PlanForm(Struct, frozen=True):
    """What a plan says; nothing takes its word back."""

    plan_id: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    plan_value: Code = ""


class RolloutForm(Struct, frozen=True, kw_only=True):
    """`share` in percent."""

    rollout_value: Annotated[str, Meta(min_length=1, max_length=40)]
    share: Percent
    remind_on: date

    @property
    def buckets(self) -> int:
        return int(self.share * 100)

    def check(self) -> None:
        """Raises `Invalid` for a reminder that would never come, or has come."""
        if not features.today() < self.remind_on <= features.today() + timedelta(days=LATEST_DAYS):
            raise Invalid({"remind_on": N_("Choose a day within the next two years.")})


def usual_reminder() -> date:
    return features.today() + timedelta(days=USUAL_DAYS)
