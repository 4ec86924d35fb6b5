"""The form that opens a station; a line of an import is read by it too."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct
from sqlalchemy.ext.asyncio import AsyncSession

from admin_ui.fields import Login
from kameng.core.errors import Invalid
from kameng.core.money import to_cents
from kameng.infra.settings import Settings
from kameng.web import forms
from kameng.web.forms import Secret
from kameng.web.i18n import N_, of_error
from tenants.branding import looks
from tenants.branding.errors import WeakAccent
from tenants.registry import provisioning
from tenants.registry.provisioning import Invitee, Owner
from tenants.registry.service import TenantDraft

Yuan = Annotated[Decimal, Meta(extra={"ge": "0", "le": "100000000", "places": 2})]
Slug = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$",
        extra={"message": N_("A short name has 1 to 40 small letters, digits and hyphens.")},
    ),
]
Accent = Annotated[str, Meta(pattern=r"^#[0-9a-fA-F]{6}$", extra={"message": N_("Write a colour such as #2563eb.")})]
Chosen = Annotated[int, Meta(ge=1, le=2**31 - 1, extra={"message": N_("Choose one of the list.")})]
Percent = Annotated[Decimal, Meta(extra={"ge": "0", "le": "1000", "places": 2})]
Lines = Annotated[str, Meta(max_length=2000, extra={"lines": True})]
Pairs = Sequence[tuple[str, str]]

# What stands in for a required field that is wrong, so that the others can be looked at too.
STAND_INS = {"slug": "a", "name": "a", "tier_id": "1"}


class StationForm(Struct, frozen=True, kw_only=True):
    """`hosts` and `domains`: one in a line; `deposit` in yuan; `markup` in percent, of use with `catalogue` "all". The
    `owner` is invited, or has an account already made, or is yet to be found.
    """

    slug: Slug
    name: Annotated[str, Meta(min_length=1, max_length=40)]
    tier_id: Chosen
    plan_id: Chosen | None = None
    hosts: Lines = ""
    domains: Lines = ""
    owner: Literal["invite", "account", "none"] = "invite"
    owner_email: Annotated[str, Meta(max_length=200)] = ""
    owner_login: Login = ""
    owner_name: Annotated[str, Meta(max_length=40)] = ""
    owner_password: Secret = ""
    accent: Accent = "#2563eb"
    theme: Literal["classic", "market", "night"] = "classic"
    notice: Annotated[str, Meta(max_length=500)] = ""
    contact: Annotated[str, Meta(max_length=200)] = ""
    deposit: Yuan = Decimal(0)
    catalogue: Literal["none", "all"] = "none"
    markup: Percent = Decimal(10)

    def draft(self, station_domain: str) -> TenantDraft:
        """Without a host the station answers at its short name under the stations' domain."""
        return TenantDraft(
            slug=self.slug,
            name=self.name,
            tier_id=self.tier_id,
            plan_id=self.plan_id,
            hosts=_names(self.hosts) or [f"{self.slug}.{station_domain}"],
            domains=_names(self.domains),
            accent=self.accent.lower(),
            theme=self.theme,
            notice=self.notice,
            contact=self.contact,
            markup_percent=self.markup if self.catalogue == "all" else None,
        )

    @property
    def invitee(self) -> Invitee | None:
        return Invitee(self.owner_name, self.owner_email) if self.owner == "invite" else None

    @property
    def first_owner(self) -> Owner | Invitee | None:
        if self.owner == "account":
            return Owner(self.owner_login, self.owner_name or self.owner_login, self.owner_password)
        return self.invitee

    @property
    def deposit_cents(self) -> int:
        return to_cents(self.deposit)


async def checked(session: AsyncSession, settings: Settings, sent: Pairs) -> StationForm:
    """The form, if a station can be opened from it now. Raises `Invalid` with every field at fault: those that cannot
    be read, and those that name what somebody else has. Master session.
    """
    malformed: dict[str, str] = {}
    try:
        form = forms.read(list(sent), StationForm)
    except Invalid as error:
        malformed = error.errors
        kept = [(name, text) for name, text in sent if name not in malformed]
        form = forms.read([*kept, *((name, STAND_INS[name]) for name in STAND_INS if name in malformed)], StationForm)
    taken: dict[str, str] = {}
    try:
        await provisioning.check(session, settings, form.draft(settings.station_domain), form.first_owner)
    except Invalid as error:
        taken = dict(error.errors)
    try:
        looks.check_accent(form.accent.lower())
    except WeakAccent as weak:
        taken["accent"] = of_error(weak)
    if "slug" in malformed and not form.hosts:
        taken.pop("hosts", None)  # it is the stand-in's
    if malformed or taken:
        raise Invalid({**taken, **malformed})
    return form


def _names(text: str) -> list[str]:
    return [line.strip().lower() for line in text.splitlines() if line.strip()]
