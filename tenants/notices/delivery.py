"""From a notice to a message on a channel, once. See docs/adr/0026-notices.md.

`spread` writes a row for each channel that carries the notice. `claim` takes the next message of one channel onto the
wire and `finish` notes what became of it, each in a short transaction of its own; nothing is sent that was not claimed.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock, ids
from kameng.infra import outbox
from kameng.infra.messenger import Answer, Outcome
from kameng.infra.outbox import Event
from tenants.notices import service
from tenants.notices.channels import COLUMNS, Channel, channel_of
from tenants.notices.errors import DeliveryGone, NotToRepeat
from tenants.notices.kinds import FAILED, Kind, Way
from tenants.notices.queries import Notice

LEASE = timedelta(seconds=60)  # longer than any call may take: then whoever sent it is gone
BACKOFF_S = (10, 60, 300, 1800, 7200, 21600, 43200)
MOST_ATTEMPTS = len(BACKOFF_S) + 1
MOST_IN_ONE = 50

INSERT = text(
    "INSERT INTO notice_deliveries (id, notice_id, channel_id, held, due_at)"
    " VALUES (:id, :notice_id, :channel_id, :held, :due_at) ON CONFLICT (notice_id, channel_id) DO NOTHING RETURNING id"
)
LOCK = text(f"SELECT {COLUMNS} FROM notice_channels WHERE id = :id FOR UPDATE")  # noqa: S608 - a constant
# A webhook drops what it has had, by its id; nobody else does.
ABANDONED = text(
    """
    UPDATE notice_deliveries SET code = 'broken_off', ended_at = now(), due_at = now(),
        state = CASE WHEN :state = 'waiting' AND attempts >= :most THEN 'dead' ELSE :state END
    WHERE channel_id = :id AND state = 'sending' AND started_at <= :before
    """
)
ON_THE_WIRE = text("SELECT EXISTS (SELECT FROM notice_deliveries WHERE channel_id = :id AND state = 'sending')")
OVER = text(
    """
    UPDATE notice_deliveries d SET state = 'dropped', code = 'read', ended_at = now() FROM notices n
    WHERE n.id = d.notice_id AND n.read_at IS NOT NULL AND d.channel_id = :id AND d.state = 'waiting'
        AND d.held <> '' AND d.bundle IS NULL AND d.due_at <= :now
    """
)
DUE = text(
    """
    SELECT id, held, bundle FROM notice_deliveries
    WHERE channel_id = :id AND state = 'waiting' AND due_at <= :now ORDER BY held <> '', id LIMIT 1
    """
)
STARTED = text(
    """
    SELECT coalesce(bundle, id) AS message, max(started_at) AS at FROM notice_deliveries
    WHERE channel_id = :id AND started_at > :since GROUP BY 1 ORDER BY at DESC OFFSET :most - 1 LIMIT 1
    """
)
PUT_OFF = text(
    """
    UPDATE notice_deliveries SET held = 'cap', due_at = :at
    WHERE channel_id = :id AND state = 'waiting' AND bundle IS NULL AND attempts = 0 AND due_at <= :now
    """
)
PUT_OFF_AGAIN = text(
    "UPDATE notice_deliveries SET due_at = :at"
    " WHERE channel_id = :id AND state = 'waiting' AND (bundle IS NOT NULL OR attempts > 0) AND due_at <= :now"
)
CLAIM = """
    UPDATE notice_deliveries SET state = 'sending', started_at = :now, attempts = attempts + 1, bundle = {bundle}
    WHERE {which} RETURNING id, notice_id, attempts
"""
CLAIM_ONE = text(CLAIM.format(bundle="bundle", which="id = :message"))
CLAIM_AGAIN = text(CLAIM.format(bundle="bundle", which="channel_id = :id AND bundle = :message AND state = 'waiting'"))
CLAIM_HELD = text(
    CLAIM.format(
        bundle=":message",
        which="""id IN (SELECT id FROM notice_deliveries WHERE channel_id = :id AND state = 'waiting' AND held <> ''
            AND bundle IS NULL AND due_at <= :now ORDER BY id LIMIT :most)""",
    )
)
NOTICES = text("SELECT id, kind, subject, detail, created_at, read_at FROM notices WHERE id = ANY(:ids) ORDER BY id")
END = text(
    """
    UPDATE notice_deliveries SET state = :state, ended_at = now(), due_at = :due_at, code = :code, answer = :said
    WHERE channel_id = :id AND state = 'sending' AND (id = :message OR bundle = :message) AND started_at = :started_at
    RETURNING id
    """
)
NOTE = text(
    "UPDATE notice_channels SET last_at = now(), last_outcome = :outcome, last_code = :code,"
    " last_answer = :said WHERE id = :id"
)
RETRY = text(
    """
    UPDATE notice_deliveries SET state = 'waiting', due_at = now(), attempts = 0,
        held = CASE WHEN bundle IS NULL THEN '' ELSE held END
    WHERE channel_id = :channel_id AND state IN ('dead', 'unknown', 'dropped') AND coalesce(bundle, id) = :message
    RETURNING id
    """
)

# A person sees what went to the team, and what went to him.
FOR_WHOM = "(c.staff_id = :staff_id OR (:with_teams AND c.staff_id IS NULL))"
LINES = f"""
    SELECT d.id, d.channel_id, d.state, d.held, d.bundle, d.attempts, d.made_at, d.due_at, d.started_at, d.ended_at,
        d.code, d.answer, c.name AS channel_name, c.kind AS way, c.state AS channel_state, c.staff_id,
        n.id AS notice_id, n.kind, n.subject, n.detail, n.created_at, n.read_at
    FROM notice_deliveries d JOIN notice_channels c ON c.id = d.channel_id JOIN notices n ON n.id = d.notice_id
    WHERE {FOR_WHOM} AND (:state = '' OR d.state = :state) AND (:channel = 0 OR d.channel_id = :channel)
    ORDER BY d.id DESC
"""  # noqa: S608 - constants
ONE = text(LINES.replace("ORDER BY", "AND d.id = :id ORDER BY"))


class ChannelDue(Event, frozen=True):
    """Something is to be sent on a channel."""

    channel_id: int


class Claimed(Struct, frozen=True, kw_only=True):
    """A message that is on the wire: one notice, or several that were held for each other. Its `id` stays the same
    however often it is tried."""

    id: UUID
    channel: Channel
    notices: Sequence[Notice]
    attempts: int
    started_at: datetime


class Line(Struct, frozen=True, kw_only=True):
    """A delivery as its log shows it. A bundle's deliveries share one message."""

    id: UUID
    channel_id: int
    channel_name: str
    channel_state: str
    way: str
    staff_id: UUID | None
    state: str
    held: str
    bundle: UUID | None
    attempts: int
    made_at: datetime
    due_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    code: str
    answer: str
    notice: Notice

    @property
    def can_repeat(self) -> bool:
        return self.state in ("dead", "unknown", "dropped") and self.channel_state == "active"


async def spread(
    session: AsyncSession, notice: Notice, kind: Kind, channels: Sequence[Channel], zone: ZoneInfo
) -> None:
    """Writes what is to be sent of a notice, and when. Twice is once: a notice has one row for each channel."""
    now = clock.now()
    for channel in channels:
        if not channel.carries(kind) or (kind.code == FAILED and notice.subject == str(channel.id)):
            continue
        due_at, held = channel.rules.due(kind.severity, now, zone)
        values = {"id": ids.uuid7(), "notice_id": notice.id, "channel_id": channel.id, "held": held, "due_at": due_at}
        if (await session.execute(INSERT, values)).scalar_one_or_none() is not None:
            await wake(session, channel.id, due_at - now if held else None)


async def wake(session: AsyncSession, channel_id: int, delay: timedelta | None = None) -> None:
    """Has the channel looked at, now or later."""
    await outbox.record(session, ChannelDue(channel_id), delay=delay)


async def claim(session: AsyncSession, channel_id: int) -> Claimed | None:
    """The next message of a channel that is due, taken onto the wire; None when there is none. Whoever claims waits for
    others who do so on the same channel."""
    now = clock.now()
    row = (await session.execute(LOCK, {"id": channel_id})).mappings().one_or_none()
    if row is None or row["state"] != "active":
        return None
    channel = channel_of(row)
    here = {"id": channel_id, "now": now}
    left = "waiting" if channel.kind is Way.WEBHOOK else "unknown"
    await session.execute(ABANDONED, {"id": channel_id, "state": left, "most": MOST_ATTEMPTS, "before": now - LEASE})
    await session.execute(OVER, here)
    due = (await session.execute(DUE, here)).one_or_none()
    if due is None or await _is_put_off(session, channel, now):
        return None
    if due.bundle is not None:
        message, statement = due.bundle, CLAIM_AGAIN
    elif due.held:
        message, statement = ids.uuid7(), CLAIM_HELD
    else:
        message, statement = due.id, CLAIM_ONE
    values: dict[str, Any] = {"now": now, "message": message}
    values |= {"id": channel_id} if statement is not CLAIM_ONE else {}
    values |= {"most": MOST_IN_ONE} if statement is CLAIM_HELD else {}
    taken = (await session.execute(statement, values)).all()
    notices = await session.execute(NOTICES, {"ids": [one.notice_id for one in taken]})
    return Claimed(
        id=message,
        channel=channel,
        notices=[Notice(**one) for one in notices.mappings()],
        attempts=max(one.attempts for one in taken),
        started_at=now,
    )


async def is_on_the_wire(session: AsyncSession, channel_id: int) -> bool:
    """Whether somebody is sending on the channel at this moment, or was and is gone."""
    return bool((await session.execute(ON_THE_WIRE, {"id": channel_id})).scalar_one())


async def _is_put_off(session: AsyncSession, channel: Channel, now: datetime) -> bool:
    """Puts off what is due when the channel has had its messages of this hour: all of it then goes in one."""
    hour = timedelta(hours=1)
    values = {"id": channel.id, "since": now - hour, "most": channel.rules.most_an_hour}
    full = (await session.execute(STARTED, values)).one_or_none()
    if full is None:
        return False
    at = full.at + hour
    for statement in (PUT_OFF, PUT_OFF_AGAIN):
        await session.execute(statement, {"id": channel.id, "now": now, "at": at})
    await wake(session, channel.id, at - now)
    return True


async def finish(session: AsyncSession, sent: Claimed, answer: Answer) -> None:
    """Notes what became of a message, and when it is tried again. Of one that is given up the people are told."""
    state, delay_s = _next(sent, answer)
    values = {
        "id": sent.channel.id,
        "message": sent.id,
        "state": state,
        "started_at": sent.started_at,
        "due_at": clock.now() + timedelta(seconds=delay_s),
        "code": answer.code,
        "said": answer.said,
    }
    if not (await session.execute(END, values)).all():
        return  # it took longer than its lease, and somebody has noted that
    outcome = {"waiting": "again"}.get(state, state)
    await _note(session, sent.channel.id, outcome, answer)
    if state == "waiting":
        await wake(session, sent.channel.id, timedelta(seconds=delay_s))
    if state == "dead" and any(notice.kind != FAILED for notice in sent.notices):
        await service.tell(session, FAILED, str(sent.channel.id), name=sent.channel.name, code=answer.code)


def _next(sent: Claimed, answer: Answer) -> tuple[str, float]:
    """The state that follows, and after how many seconds."""
    if answer.outcome is Outcome.SENT:
        return "sent", 0.0
    if answer.outcome is Outcome.UNKNOWN:
        return "unknown", 0.0
    if answer.outcome is Outcome.REFUSED or sent.attempts >= MOST_ATTEMPTS:
        return "dead", 0.0
    return "waiting", max(float(BACKOFF_S[sent.attempts - 1]), answer.after_s)


async def note_test(session: AsyncSession, channel_id: int, answer: Answer) -> None:
    """What became of a message that somebody sent to try the channel."""
    await _note(session, channel_id, answer.outcome, answer)


async def _note(session: AsyncSession, channel_id: int, outcome: str, answer: Answer) -> None:
    values = {"id": channel_id, "outcome": str(outcome), "code": answer.code, "said": answer.said}
    await session.execute(NOTE, values)


async def line(session: AsyncSession, delivery_id: UUID, staff_id: UUID, *, with_teams: bool) -> Line:
    """One delivery, if it went to the team or to this person. Raises `DeliveryGone`."""
    values = {"id": delivery_id, "staff_id": staff_id, "with_teams": with_teams, "state": "", "channel": 0}
    row = (await session.execute(ONE, values)).mappings().one_or_none()
    if row is None:
        raise DeliveryGone
    return line_of(row)


def line_of(row: Mapping[Any, Any]) -> Line:
    """A row of `LINES`."""
    values = {str(name): value for name, value in row.items()}
    notice = Notice(
        id=values.pop("notice_id"),
        kind=values.pop("kind"),
        subject=values.pop("subject"),
        detail=values.pop("detail"),
        created_at=values.pop("created_at"),
        read_at=values.pop("read_at"),
    )
    return Line(notice=notice, **values)


async def repeat(session: AsyncSession, one: Line) -> None:
    """Has a message sent again that was given up, or of which nobody knows. Raises `NotToRepeat`."""
    values = {"channel_id": one.channel_id, "message": one.bundle or one.id}
    if not one.can_repeat or not (await session.execute(RETRY, values)).all():
        raise NotToRepeat
    await wake(session, one.channel_id)
