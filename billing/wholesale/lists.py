"""Price lists: a tier's prices, or a station's special prices, as a table that people work on elsewhere.

Every line of an imported table is checked before anything is made of it; what is wrong is named by line and column.
What the table does not mention stays as it is. Only what differs from the prices that hold becomes a line of the
change.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from unicodedata import normalize
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from billing.wholesale import change_queries, changes, queries, rules
from billing.wholesale.change_lines import Line, Value
from billing.wholesale.rules import BadRule
from billing.wholesale.sheets import Cell, SheetLine
from kameng.core import clock
from kameng.web.i18n import N_, gettext

GOOD, NAME, COST, PRICE, FLOOR, LOSS = "good", "name", "cost", "price", "floor", "loss"
FROM, UNTIL, NOTE = "from", "until", "note"
HEADS = {
    GOOD: N_("Good no."),
    NAME: N_("Good"),
    COST: N_("Cost, ¥"),
    PRICE: N_("Price or rule"),
    FLOOR: N_("Minimum resale, ¥"),
    LOSS: N_("Sell below cost"),
    FROM: N_("Valid from"),
    UNTIL: N_("Valid until"),
    NOTE: N_("Note"),
}
OF_TIER = (GOOD, NAME, COST, PRICE, FLOOR, LOSS)
OF_STATION = (GOOD, NAME, COST, PRICE, FROM, UNTIL, NOTE, LOSS)
NEEDED = (GOOD, PRICE)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
DEFAULT = "default"
YES = frozenset({"yes", "y", "1", "true", "x", "是", "√"})
TIMES = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S")
DAYS = ("%Y-%m-%d", "%Y/%m/%d")
MOST_MISTAKES = 200
BELOW_COST = N_("Below the cost of ¥%(cost)s. Write yes under “Sell below cost” to sell at a loss.")


class Mistake(Struct, frozen=True):
    """What is wrong in a table: the line's number there (0: the whole), the column's head, a sentence."""

    line: int
    column: str
    text: str


class Read(Struct, frozen=True):
    """A table that was read: lines of a change, or mistakes. `allows_loss`: each price below cost is confirmed in its
    line; `checked` lines were looked at, also those that change nothing."""

    lines: list[Line]
    mistakes: list[Mistake]
    checked: int
    allows_loss: bool


class Wrong(Exception):
    """A cell that cannot be used: its column and a sentence."""

    def __init__(self, column: str, text: str) -> None:
        super().__init__(text)
        self.column = column
        self.text = text


class Period(Struct, frozen=True):
    """The time for which a line (0: none of the table) prices a good."""

    line: int
    starts: datetime
    ends: datetime


class Row(Struct, frozen=True):
    """A line of the table by column."""

    number: int
    cells: dict[str, str]

    def get(self, column: str) -> str:
        return self.cells.get(column, "")


def heads(columns: Sequence[str]) -> list[str]:
    """The first line of a table, in the reader's language."""
    return [gettext(HEADS[column]) for column in columns]


async def tier_table(session: AsyncSession, tier_id: int) -> list[list[Cell]]:
    """A tier's list: every good, those without a price too. Master session."""
    return [
        [line.good_id, line.name, _short(line.cost), price_text(line), _short(line.floor), ""]
        for line in await queries.tier_lines(session, tier_id)
    ]


def price_text(line: queries.TierLine) -> str:
    """As a person writes it: a price, a rule, `default`, or nothing."""
    if line.price is None:
        return ""
    return DEFAULT if line.is_default else line.rule or _plain(line.price)


async def station_table(session: AsyncSession, tenant_id: int, zone: ZoneInfo) -> list[list[Cell]]:
    """A station's special prices that hold or will hold. Master session."""
    kept = await change_queries.specials_of(session, tenant_id)
    costs = await queries.costs(session, [line.good_id or 0 for line in kept])
    names = await queries.good_names(session, [line.good_id or 0 for line in kept])
    return [
        [
            line.good_id,
            names.get(line.good_id or 0, ""),
            _short(costs.get(line.good_id or 0)),
            _plain(line.after.price),
            _time(line.after.starts, zone),
            _time(line.after.ends, zone),
            line.after.note,
            "",
        ]
        for line in kept
        if line.after and line.after.price is not None
    ]


def _time(moment: datetime | None, zone: ZoneInfo) -> str:
    return "" if moment is None else moment.astimezone(zone).strftime(TIMES[0])


def _short(price: Decimal | None) -> Decimal | None:
    return None if price is None else price.normalize()


def _plain(price: Decimal) -> str:
    places = max(2, -int(price.normalize().as_tuple().exponent))
    return f"{price:.{places}f}"


async def read_tier(session: AsyncSession, tier_id: int, sheet: Sequence[SheetLine]) -> Read:
    """What a table would change in a tier. Master session. Raises `TierGone`."""
    tier = await queries.tier(session, tier_id)

    def line(row: Row, good_id: int) -> Line:
        value = tier_value(row, tier.default_rule)
        return Line(kind="tier", tier_id=tier_id, good_id=good_id, after=value)

    return await _read(session, sheet, OF_TIER, line, {})


def tier_value(row: Row, default_rule: str) -> Value | None:
    """What a person has written as a tier's price (column `PRICE`) and its floor (`FLOOR`). Raises `Wrong`."""
    written = normalize("NFKC", row.get(PRICE))
    floor = yuan_of(row, FLOOR) if row.get(FLOOR) else None
    if not written:
        return None
    if written.lower() in (DEFAULT, "默认"):
        if not default_rule:
            raise Wrong(PRICE, gettext("The tier has no rule of its own."))
        return Value(rule=default_rule, is_default=True, floor=floor)
    if "+" in written:
        try:
            return Value(rule=rules.canonical(written), floor=floor)
        except BadRule as error:
            raise Wrong(PRICE, gettext(error.message)) from None
    return Value(price=yuan_of(row, PRICE), floor=floor)


async def read_station(session: AsyncSession, tenant_id: int, sheet: Sequence[SheetLine], zone: ZoneInfo) -> Read:
    """What a table would change in a station's special prices: each line is one; a line that stands there already
    changes nothing. Times without a zone are `zone`'s. Master session."""
    kept = await change_queries.specials_of(session, tenant_id)
    known = {(one.good_id, one.after.price, _time(one.after.ends, zone)) for one in kept if one.after}

    def line(row: Row, good_id: int) -> Line | None:
        ends = _moment(row, UNTIL, zone)
        value = Value(price=yuan_of(row, PRICE), starts=_moment(row, FROM, zone), ends=ends, note=row.get(NOTE)[:200])
        if ends is not None and ends <= (value.starts or clock.now()):
            raise Wrong(UNTIL, gettext("This is before it begins."))
        if (good_id, value.price, _time(ends, zone)) in known:
            return None
        return Line(kind="special", tenant_id=tenant_id, good_id=good_id, after=value)

    taken: dict[int, list[Period]] = {}
    for one in kept:
        if one.after and one.good_id:
            taken.setdefault(one.good_id, []).append(Period(0, one.after.starts or FIRST, one.after.ends or LAST))
    return await _read(session, sheet, OF_STATION, line, taken)


async def _read(
    session: AsyncSession,
    sheet: Sequence[SheetLine],
    columns: Sequence[str],
    make: Callable[[Row, int], Line | None],
    taken: dict[int, list[Period]],
) -> Read:
    head, missing = _head(sheet[0], columns)
    if missing:
        return Read([], missing, 0, allows_loss=False)
    rows = [Row(line.number, {name: _cell(line, at) for name, at in head.items()}) for line in sheet[1:]]
    numbers = [number for row in rows if (number := _good(row)) is not None]
    names = await queries.good_names(session, numbers)
    costs = await queries.costs(session, numbers)
    lines: list[Line] = []
    mistakes: list[Mistake] = []
    at: list[Row] = []
    for row in rows:
        try:
            good_id = _known(row, names)
            made = make(row, good_id)
            if made is None:
                continue
            _take(taken, good_id, row.number, made.after)
            _check_supply(made, costs)
            lines.append(made)
            at.append(row)
        except Wrong as wrong:
            mistakes.append(Mistake(row.number, gettext(HEADS[wrong.column]), wrong.text))
    ready = await changes.resolved(session, lines)
    losing = {loss.line: loss for loss in await changes.losses(session, ready)}
    for number, loss in losing.items():
        if at[number].get(LOSS).lower() not in YES:
            said = gettext(BELOW_COST, cost=_plain(loss.cost))
            mistakes.append(Mistake(at[number].number, gettext(HEADS[PRICE]), said))
    mistakes.sort(key=lambda mistake: mistake.line)
    changing = [line for line in ready if line.after != line.before]
    return Read(changing, mistakes[:MOST_MISTAKES], len(rows), allows_loss=bool(losing))


def _take(taken: dict[int, list[Period]], good_id: int, number: int, value: Value | None) -> None:
    """Notes the time for which a line prices a good: all of it, unless it is a special price with a period."""
    starts, ends = (value.starts, value.ends) if value else (None, None)
    period = Period(number, starts or (clock.now() if ends else FIRST), ends or LAST)
    for other in taken.setdefault(good_id, []):
        if period.starts < other.ends and other.starts < period.ends:
            if other.line:
                raise Wrong(GOOD, gettext("This good stands in line %(line)s already.", line=other.line))
            raise Wrong(FROM, gettext("The station has another special price for it at that time."))
    taken[good_id].append(period)


def _head(line: SheetLine, columns: Sequence[str]) -> tuple[dict[str, int], list[Mistake]]:
    """Where each column stands; by the English head or the reader's."""
    written = [cell.casefold() for cell in line.cells]
    found: dict[str, int] = {}
    for column in columns:
        for name in (HEADS[column], gettext(HEADS[column])):
            if name.casefold() in written:
                found[column] = written.index(name.casefold())
                break
    text = gettext("The column is missing. The first line has to name it.")
    return found, [Mistake(line.number, gettext(HEADS[one]), text) for one in NEEDED if one not in found]


def _cell(line: SheetLine, at: int) -> str:
    return line.cells[at] if at < len(line.cells) else ""


def _good(row: Row) -> int | None:
    written = normalize("NFKC", row.get(GOOD))
    return int(written) if written.isascii() and written.isdigit() and len(written) < 16 else None


def _known(row: Row, names: dict[int, str]) -> int:
    good_id = _good(row)
    if good_id is None:
        raise Wrong(GOOD, gettext("Write a whole number."))
    if good_id not in names:
        raise Wrong(GOOD, gettext("There is no good with this number."))
    return good_id


def _check_supply(line: Line, costs: dict[int, Decimal]) -> None:
    if line.kind == "tier" and line.after and line.after.rule and (line.good_id or 0) not in costs:
        raise Wrong(PRICE, gettext("Nobody supplies this good now, so a rule makes no price. Write a price."))


def yuan_of(row: Row, column: str) -> Decimal:
    """A price that a person has written. Raises `Wrong`."""
    written = normalize("NFKC", row.get(column)).removeprefix("¥").replace(",", "")
    try:
        price = Decimal(written) if len(written) < 30 else Decimal("NaN")
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite() or not 0 < price <= rules.MOST_PRICE or price != round(price, 4):
        raise Wrong(column, gettext("Write a price such as 8.00, with at most four decimals."))
    return price


def _moment(row: Row, column: str, zone: ZoneInfo) -> datetime | None:
    return moment(row.get(column), zone, column)


def moment(text: str, zone: ZoneInfo, column: str = FROM) -> datetime | None:
    """What a person has written as a time on `zone`'s clocks; None for nothing. A day alone means its beginning; in
    the column `UNTIL`, its end. Raises `Wrong`."""
    written = normalize("NFKC", text)
    if not written:
        return None
    try:
        found = _time_of(written, zone) or _day_of(written, zone, is_end=column == UNTIL)
    except OverflowError:  # 9999-12-31 is how some write "for ever"; its end is in no calendar
        found = None
    if found is None:
        raise Wrong(column, gettext("Write a time such as 2026-12-31 18:00."))
    return found


def _time_of(written: str, zone: ZoneInfo) -> datetime | None:
    for form in TIMES:
        try:
            return datetime.strptime(written, form).replace(tzinfo=zone).astimezone(UTC)
        except ValueError:
            continue
    return None


def _day_of(written: str, zone: ZoneInfo, *, is_end: bool) -> datetime | None:
    for form in DAYS:
        try:
            day = datetime.strptime(written, form).replace(tzinfo=zone).date() + timedelta(days=is_end)
        except ValueError:
            continue
        return _midnight(day, zone)
    return None


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
