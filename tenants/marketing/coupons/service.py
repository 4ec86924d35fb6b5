"""Making and stopping coupons. Tenant session; the caller opens the transaction, nothing here commits."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import ids
from kameng.core.errors import Invalid
from tenants.marketing.coupons import queries
from tenants.marketing.coupons.errors import CouponTaken
from tenants.marketing.coupons.queries import CODE, Kept
from tenants.marketing.coupons.worth import Kind, Scope

MOST_AT_ONCE = 1000
SIGNS_OF_BATCH = 10
LONGEST_PREFIX = 16

INSERT = text(
    """
    INSERT INTO coupons (code, kind, amount_cents, percent, cap_cents, least_cents, scope, scope_ids, most,
                         most_per_buyer, members_only, starts_at, ends_at, note, batch, made_by)
    SELECT code, :kind, CAST(:amount_cents AS bigint), CAST(:percent AS int), CAST(:cap_cents AS bigint), :least_cents,
           :scope, CAST(:scope_ids AS bigint[]), CAST(:most AS int), CAST(:most_per_buyer AS int), :members_only,
           CAST(:starts_at AS timestamptz), CAST(:ends_at AS timestamptz), :note, :batch, :made_by
    FROM unnest(CAST(:codes AS text[])) AS code RETURNING id
    """
)
# What it takes off stays as it was promised; how often and how long may change.
CHANGE = text(
    """
    UPDATE coupons SET most = CAST(:most AS int), most_per_buyer = CAST(:most_per_buyer AS int), note = :note,
           starts_at = CAST(:starts_at AS timestamptz), ends_at = CAST(:ends_at AS timestamptz)
    WHERE id = :id AND taken <= coalesce(CAST(:most AS int), taken) RETURNING id
    """
)
SWITCH = text("UPDATE coupons SET state = :state WHERE id = :id RETURNING id")
STOP_BATCH = text("UPDATE coupons SET state = 'stopped' WHERE batch = :batch AND state = 'active' RETURNING id")


class Limits(Struct, frozen=True, kw_only=True):
    """How often and how long a coupon counts; None: no end."""

    most: int | None = None
    most_per_buyer: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    note: str = ""

    def check(self) -> None:
        """Raises `Invalid`."""
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise Invalid({"ends_at": "It has to end after it begins."})
        if self.most is not None and self.most_per_buyer is not None and self.most_per_buyer > self.most:
            raise Invalid({"most_per_buyer": "One buyer cannot use it more often than all together."})


class CouponDraft(Struct, frozen=True, kw_only=True):
    """What a coupon takes off, and for what; in cents. `percent` counts of a percentage, else `amount_cents`."""

    kind: Kind
    amount_cents: int | None = None
    percent: int | None = None
    cap_cents: int | None = None
    least_cents: int = 0
    scope: Scope = "all"
    scope_ids: list[int] = []
    members_only: bool = False
    limits: Limits = Limits()

    def check(self) -> None:
        """Raises `Invalid` at the field."""
        errors: dict[str, str] = {}
        if self.kind == "percent" and not 1 <= (self.percent or 0) <= 99:
            errors["percent"] = "Write a percentage between 1 and 99."
        if self.kind != "percent" and (self.amount_cents or 0) < 1:
            errors["amount"] = "Write an amount of at least ¥0.01."
        if self.kind == "threshold" and self.least_cents < max(1, self.amount_cents or 0):
            errors["least"] = "It has to be at least what is taken off."
        if self.least_cents < 0:
            errors["least"] = "Write an amount of at least ¥0.01."
        if self.cap_cents is not None and self.cap_cents < 1:
            errors["cap"] = "Write an amount of at least ¥0.01."
        if self.scope != "all" and not self.scope_ids:
            errors[self.scope] = "Choose at least one."
        if errors:
            raise Invalid(errors)
        self.limits.check()


async def add(session: AsyncSession, code: str, draft: CouponDraft, by: str) -> int:
    """A coupon with a code of the owner's own choice; its number. Raises `Invalid`, `CouponTaken`."""
    written = code.strip().upper()
    if not CODE.fullmatch(written):
        raise Invalid({"code": "Write 3 to 32 letters, digits or dashes."})
    return (await _insert(session, [written], draft, by, ""))[0]


async def add_many(session: AsyncSession, count: int, prefix: str, draft: CouponDraft, by: str) -> str:
    """So many coupons of the same terms with codes of ours; what they are called together. Raises `Invalid`."""
    if not 1 <= count <= MOST_AT_ONCE:
        raise Invalid({"count": "Write a whole number between 1 and 1,000."})
    start = prefix.strip().upper()
    if start and (len(start) > LONGEST_PREFIX or not CODE.fullmatch(start + "AAA")):
        raise Invalid({"prefix": "Write up to 16 letters, digits or dashes."})
    batch = f"{start or 'C'}-{ids.code(6)}"
    await _insert(session, [f"{start}{ids.code(SIGNS_OF_BATCH)}" for _ in range(count)], draft, by, batch)
    return batch


async def _insert(session: AsyncSession, codes: list[str], draft: CouponDraft, by: str, batch: str) -> list[int]:
    draft.check()
    is_percent = draft.kind == "percent"
    values = {
        "codes": codes,
        "kind": draft.kind,
        "amount_cents": None if is_percent else draft.amount_cents,
        "percent": draft.percent if is_percent else None,
        "cap_cents": draft.cap_cents if is_percent else None,
        "least_cents": draft.least_cents,
        "scope": draft.scope,
        "scope_ids": [] if draft.scope == "all" else draft.scope_ids,
        "most": draft.limits.most,
        "most_per_buyer": draft.limits.most_per_buyer,
        "members_only": draft.members_only,
        "starts_at": draft.limits.starts_at,
        "ends_at": draft.limits.ends_at,
        "note": draft.limits.note,
        "batch": batch,
        "made_by": by,
    }
    try:
        return list((await session.execute(INSERT, values)).scalars())
    except IntegrityError as error:
        if "coupons_code" in str(error.orig):
            raise CouponTaken(field="code") from None
        raise


async def change(session: AsyncSession, coupon_id: int, limits: Limits) -> Kept:
    """Sets how often and how long it counts; how it was before. Raises `CouponGone`, `Invalid`: it is never less often
    than it was taken."""
    before = await queries.coupon(session, coupon_id)
    limits.check()
    values = {
        "id": coupon_id, "most": limits.most, "most_per_buyer": limits.most_per_buyer, "note": limits.note,
        "starts_at": limits.starts_at, "ends_at": limits.ends_at,
    }  # fmt: skip
    if (await session.execute(CHANGE, values)).one_or_none() is None:
        raise Invalid({"most": "It has been taken more often than that already."})
    return before


async def switch(session: AsyncSession, coupon_id: int, *, stopped: bool) -> Kept:
    """Stops a coupon, or lets it count again; orders that have it reserved keep it. Raises `CouponGone`."""
    state = "stopped" if stopped else "active"
    await session.execute(SWITCH, {"id": coupon_id, "state": state})
    return await queries.coupon(session, coupon_id)


async def stop_batch(session: AsyncSession, batch: str) -> int:
    """Stops all codes that were made together; how many of them counted."""
    return len((await session.execute(STOP_BATCH, {"batch": batch})).all()) if batch else 0
