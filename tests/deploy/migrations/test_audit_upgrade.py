"""An audit log from before the chain is chained when its deployment is migrated."""

from pathlib import Path
from shutil import copytree

import pytest
from sqlalchemy import text

from deploy.migrations import history, runner
from deploy.migrations.schemas import StepFailed
from kameng.audit import chain, service
from kameng.infra.admin import admin_connection, become_owner
from kameng.infra.db import roles_of
from kameng.infra.runtime import running
from kameng.infra.settings import Settings

CHAINED_BY = "0012_audit_chain.sql"
OLD = """
INSERT INTO master.audit_log (tenant_id, actor, action, subject, detail)
SELECT nullif(n % 3, 0), '张三', 'products.hide', n::text, jsonb_build_object('name', '月卡', 'n', n, 'x', 1.50)
FROM generate_series(1, 30) AS n
"""


async def test_lines_from_before_are_chained_in_their_order(own_settings: Settings, tmp_path: Path) -> None:
    before = copytree(history.HERE, tmp_path / "before")
    (before / "master" / CHAINED_BY).write_text("SELECT 1 / 0;", encoding="utf-8")
    with pytest.raises(StepFailed):  # so it stands just before
        await runner.migrate(own_settings, folder=before)
    async with admin_connection(own_settings) as connection, connection.transaction():
        await become_owner(connection, roles_of(own_settings))
        await connection.execute(OLD, prepare=False)

    await runner.migrate(own_settings)

    async with running(own_settings) as runtime:
        async with runtime.database.master_session() as session:
            await service.record(session, "李四", "tiers.add", "31")
        async with runtime.database.master_session() as session:
            verdict = await chain.verify(session)
        async with runtime.database.master_session() as session:
            rows = await session.execute(text("SELECT subject FROM audit_log WHERE tenant_id IS NULL ORDER BY seq"))
            subjects = [int(row.subject) for row in rows]
    async with admin_connection(own_settings) as connection:
        await connection.execute("DROP SCHEMA master CASCADE")

    assert (verdict.is_sound, verdict.lines) == (True, 31)
    assert [(head.chain, head.seq) for head in verdict.heads] == [(0, 11), (1, 10), (2, 10)]
    assert subjects == [*range(3, 31, 3), 31]
