"""The form that opens a station."""

from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from kameng.core.money import to_cents
from kameng.web.forms import Secret
from kameng.web.i18n import N_
from tenants.registry.provisioning import Owner
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
Login = Annotated[
    str,
    Meta(
        pattern=r"^[^\s<>]{3,60}$",
        extra={"message": N_("A login has 3 to 60 signs and no spaces.")},
    ),
]


class StationForm(Struct, frozen=True, kw_only=True):
    """`hosts`: one in a line; `deposit` in yuan."""

    slug: Slug
    name: Annotated[str, Meta(min_length=1, max_length=40)]
    tier_id: Annotated[int, Meta(ge=1, le=2**31 - 1, extra={"message": N_("Choose one of the list.")})]
    owner_login: Login
    owner_password: Secret
    hosts: Annotated[str, Meta(max_length=2000, extra={"lines": True})] = ""
    accent: Accent = "#2563eb"
    deposit: Yuan = Decimal(0)

    def draft(self, station_domain: str) -> TenantDraft:
        """Without a host the station answers at its short name under the stations' domain."""
        hosts = [line.strip().lower() for line in self.hosts.splitlines() if line.strip()]
        return TenantDraft(
            slug=self.slug,
            name=self.name,
            tier_id=self.tier_id,
            hosts=hosts or [f"{self.slug}.{station_domain}"],
            accent=self.accent.lower(),
        )

    @property
    def owner(self) -> Owner:
        return Owner(self.owner_login, self.owner_login, self.owner_password)

    @property
    def deposit_cents(self) -> int:
        return to_cents(self.deposit)
