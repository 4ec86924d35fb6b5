"""What the list of stations is narrowed to and ordered by, read from its address."""

from msgspec import Struct

from kameng.web import paging
from kameng.web.i18n import N_, gettext
from kameng.web.paging import Wanted
from tenants.registry import queries

SORTS = {
    "newest": N_("Newest first"),
    "name": N_("By name"),
    "deposit": N_("Lowest deposit first"),
    "changed": N_("Latest change of state first"),
    "due": N_("Plan due first"),
}


class Filters(Struct, frozen=True):
    """Nonsense in the address counts as absent; 0 stands for all tiers or plans."""

    words: str
    state: str
    tier_id: int
    plan_id: int
    sort: str

    @property
    def sql(self) -> str:
        return queries.LINES + queries.ORDERS[self.sort]

    @property
    def values(self) -> dict[str, object]:
        return {
            "words": self.words,
            "pattern": paging.like(self.words),
            "state": self.state,
            "tier_id": self.tier_id,
            "plan_id": self.plan_id,
        }


def read(asked: Wanted) -> Filters:
    sort = asked.get("sort")
    return Filters(
        words=asked.search,
        state=asked.get("state"),
        tier_id=_number(asked.get("tier")),
        plan_id=_number(asked.get("plan")),
        sort=sort if sort in SORTS else "newest",
    )


def sorts() -> list[tuple[str, str]]:
    """The orders of the list, for a select."""
    return [(code, gettext(word)) for code, word in SORTS.items()]


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
