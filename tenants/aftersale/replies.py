"""Canned replies: texts with places that staff put into an answer. Tenant session."""

from typing import Annotated

from msgspec import Meta, Struct
from sqlalchemy import delete as delete_from
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from kameng.core import clock
from kameng.infra import wording
from tenants.aftersale import facts, queries
from tenants.aftersale.errors import TooManyReplies
from tenants.aftersale.models import CannedReply

MOST = 100
LONGEST = 2000


class Draft(Struct, frozen=True, kw_only=True):
    """The form of a canned reply."""

    title: Annotated[str, Meta(min_length=1, max_length=60)]
    body: Annotated[str, Meta(min_length=1, max_length=LONGEST, extra={"lines": True})]
    position: Annotated[int, Meta(ge=0, le=1000)] = 0


async def add(session: AsyncSession, draft: Draft) -> int:
    """Raises `BadWording`, `TooManyReplies`."""
    _check(draft)
    if (await session.execute(select(func.count()).select_from(CannedReply))).scalar_one() >= MOST:
        raise TooManyReplies(most=MOST)
    reply = CannedReply(title=draft.title, body=draft.body, position=draft.position)
    session.add(reply)
    await session.flush()
    return reply.id


async def change(session: AsyncSession, reply_id: int, draft: Draft) -> Draft:
    """Returns what it was. Raises `ReplyGone`, `BadWording`."""
    _check(draft)
    reply = await queries.canned(session, reply_id)
    before = Draft(title=reply.title, body=reply.body, position=reply.position)
    reply.title, reply.body, reply.position = draft.title, draft.body, draft.position
    reply.changed_at = clock.now()
    await session.flush()
    return before


async def delete(session: AsyncSession, reply_id: int) -> Draft:
    """Returns what it was. Raises `ReplyGone`."""
    reply = await queries.canned(session, reply_id)
    await session.execute(delete_from(CannedReply).where(CannedReply.id == reply_id))
    return Draft(title=reply.title, body=reply.body, position=reply.position)


async def count_use(session: AsyncSession, reply_id: int) -> None:
    await session.execute(update(CannedReply).where(CannedReply.id == reply_id).values(used=CannedReply.used + 1))


def _check(draft: Draft) -> None:
    wording.check(draft.body, facts.VARIABLES.keys(), limit=LONGEST, field="body")
