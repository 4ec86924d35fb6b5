"""When a letter comes again: soon after a death, however often its follower has said *later* before."""

from sqlalchemy import text

from kameng.core import ids
from kameng.infra import outbox
from kameng.infra.runtime import Runtime

WAITED = 8  # times that the follower has said *later*
LETTER = text("INSERT INTO outbox (id, follower, payload, trace_id, due_at) VALUES (:id, 'nobody', '{}', '', now())")
COMES_IN_S = text("SELECT extract(epoch FROM due_at - now()) FROM outbox WHERE id = :id")
DUE = text("UPDATE outbox SET due_at = now() WHERE id = :id")


async def test_a_follower_that_waited_often_and_then_died_comes_again_within_seconds(runtime: Runtime) -> None:
    letter = ids.uuid7()
    async with runtime.database.master_session() as session:
        await session.execute(LETTER, {"id": letter})
        for _ in range(WAITED):
            assert letter in {one.id for one in await outbox.claim_due(session)}
            await outbox.postpone(session, letter, 30, "not yet")
            await session.execute(DUE, {"id": letter})

        await outbox.claim_due(session)  # sent to a worker that dies

        comes_in_s = (await session.execute(COMES_IN_S, {"id": letter})).scalar_one()
        await outbox.done(session, [letter])
    assert comes_in_s <= outbox.RESEND_AFTER.total_seconds()


async def test_a_letter_that_nobody_could_follow_comes_ever_later(runtime: Runtime) -> None:
    letter = ids.uuid7()
    async with runtime.database.master_session() as session:
        await session.execute(LETTER, {"id": letter})
        for _ in range(WAITED):
            await outbox.claim_due(session)
            await session.execute(DUE, {"id": letter})

        await outbox.claim_due(session)

        comes_in_s = (await session.execute(COMES_IN_S, {"id": letter})).scalar_one()
        await outbox.done(session, [letter])
    assert comes_in_s > 60
