"""What people do on the team's pages."""

import re
from collections.abc import Callable
from html import unescape

import httpx
from sqlalchemy import text

from kameng.identity import standing
from kameng.infra.runtime import Runtime
from tests.support.staff_client import StaffClient, text_of

Clients = Callable[[str], StaffClient]
NEW_PASSWORD = "a fresh password"
LINK = re.compile(r'data-copy="([^"]+)"')


async def invite(inviter: StaffClient, role: str, *, email: str = "", base: str = "/console") -> str:
    """Makes an invitation; returns the path of its link."""
    await inviter.get(f"{base}/team/invite")
    answer = await inviter.post(f"{base}/team/invitations", name="小李", role=role, email=email)
    assert answer.status_code in (200, 201), text_of(answer)
    return link_in(answer)


def link_in(answer: httpx.Response) -> str:
    """The path of the link that is shown once."""
    found = LINK.search(answer.text)
    assert found, text_of(answer)
    return "/" + unescape(found[1]).split("/", 3)[3]


async def accept(guest: StaffClient, link: str, login: str, name: str = "小李") -> httpx.Response:
    """Takes the invitation up with a new account."""
    await guest.get(link)
    return await guest.post(
        link.partition("?")[0] + "/new",
        token=link.partition("token=")[2],
        login=login,
        name=name,
        password=NEW_PASSWORD,
    )


async def id_of(runtime: Runtime, login: str) -> str:
    async with runtime.database.master_session() as session:
        row = await session.execute(text("SELECT id FROM staff WHERE login = :login"), {"login": login})
        return str(row.scalar_one())


async def log_of(runtime: Runtime, tenant_id: int | None, action: str) -> list[tuple[str, str, dict[str, object]]]:
    """Actor, subject and detail of each such line in one place's log."""
    async with runtime.database.master_session() as session:
        rows = await session.execute(
            text(
                "SELECT actor, subject, detail FROM audit_log"
                " WHERE action = :action AND tenant_id IS NOT DISTINCT FROM CAST(:tenant_id AS int) ORDER BY id"
            ),
            {"action": action, "tenant_id": tenant_id},
        )
        return [(row.actor, row.subject, row.detail) for row in rows]


def two_seconds_later() -> None:
    """What this process remembers of people's rights is over by then."""
    standing.forget()
