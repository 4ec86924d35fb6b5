"""What B has beside its trade: people, domains, pages, prices, a plan, an application, a visit, a log."""

import secrets
from collections.abc import Mapping, Sequence
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text

from kameng.identity import invitations, sessions, visits
from kameng.identity.permissions import Role
from kameng.infra.runtime import Runtime
from tests.support.house import Shop

# One statement for each thing; all are B's, and each answers with its id.
MASTER_ROWS = {
    "claim_id": "INSERT INTO host_claims (tenant_id, host, token) VALUES (:tenant, :domain, :token) RETURNING id",
    "role_id": (
        "INSERT INTO roles (tenant_id, name, permissions) VALUES (:tenant, :role, ARRAY['orders.read']) RETURNING id"
    ),
    "delegation_id": (
        "INSERT INTO delegations (id, tenant_id, staff_id, permission, note, given_by, given_by_id, ends_at)"
        " VALUES (gen_random_uuid(), :tenant, :staff, 'orders.refund', :note, 'b', :staff, now() + interval '1 day')"
        " RETURNING id"
    ),
    "plan_id": "INSERT INTO plans (name, price_cents) VALUES (:plan, 100) RETURNING id",
    "special_id": (
        "INSERT INTO special_prices (tenant_id, good_id, price, valid_from, valid_until, note, made_by)"
        " VALUES (:tenant, :good, 7, now() + interval '1 year', now() + interval '2 years', :note, 'b') RETURNING id"
    ),
    "change_id": "INSERT INTO price_changes (source, reason, made_by) VALUES ('form', :note, 'b') RETURNING id",
    "import_id": "INSERT INTO station_imports (file_name, by_name) VALUES (:note, 'b') RETURNING id",
    "application_id": (
        "INSERT INTO applications (id, code, slug, name, email, owner_login, owner_name, password_hash, plan_id,"
        " fee_cents, state, tenant_id) VALUES (gen_random_uuid(), :token, :slug, :note, :email, :slug, :note, 'x',"
        " (SELECT max(id) FROM plans), 0, 'open', :tenant) RETURNING id"
    ),
}
STATION_ROWS = {
    "page_id": "INSERT INTO pages (path, title, body) VALUES (:path, :title, :note) RETURNING id",
    "name": (
        "INSERT INTO pictures (name, kind, width, height, body) VALUES (:picture, 'page', 1, 1, 'x') RETURNING name"
    ),
    "ticket_no": (
        "INSERT INTO tickets (id, no, buyer_id, kind, subject, contact, due_at) VALUES (gen_random_uuid(),"
        " 'T261122-' || upper(left(:token, 8)), gen_random_uuid(), 'other', :note, :email, now()) RETURNING no"
    ),
    "picture": (
        "INSERT INTO ticket_pictures (ticket_id, name, body) SELECT id, :picture, 'x' FROM tickets RETURNING name"
    ),
    "reply_id": "INSERT INTO canned_replies (title, body) VALUES (:title, :note) RETURNING id",
    "way_id": ("INSERT INTO notice_channels (kind, name, shown) VALUES ('email', :note, :email) RETURNING id"),
    "delivery_id": (
        "INSERT INTO notice_deliveries (id, notice_id, channel_id, state, answer) SELECT gen_random_uuid(), n.id, c.id,"
        " 'dead', :note FROM notices n, notice_channels c RETURNING id"
    ),
    "line_id": "SELECT max(id) FROM audit_log",
}
# Not ids of anybody: what a route is told beside them. Answers to these alone give nothing away.
SETTINGS: Mapping[str, Sequence[str]] = {
    "field": ["logo"],
    "key": ["module.buyers"],
    "kind": ["tiers"],
    "code": ["NO-SUCH-ONE"],  # the secret of an application is what lets its applicant in
}


class Belongings(Struct, frozen=True):
    """Ids by the names that routes give them, and words that are only B's."""

    values: Mapping[str, Sequence[str]]
    private: Sequence[str]


async def give(runtime: Runtime, shop: Shop, owner_id: UUID, mark: str) -> Belongings:
    """Makes a row of each."""
    tenant = shop.tenant
    low = mark.lower()
    said = {
        "tenant": tenant.id, "staff": owner_id, "good": shop.good_id, "domain": f"{low}.b-domain.test",
        "token": secrets.token_hex(16), "role": f"B-role-{mark}", "note": f"B-note-{mark}", "plan": f"B-plan-{mark}",
        "slug": f"b-{low}", "email": f"{low}@b-mail.test", "path": f"b-{low}", "title": f"B-title-{mark}",
        "picture": f"{secrets.token_hex(32)}.png",
    }  # fmt: skip
    values: dict[str, Sequence[str]] = dict(SETTINGS)
    async with tenant.begin() as session:
        visit = await visits.begin(session, owner_id, "operator", str(said["note"]), "view", "")
    async with runtime.database.master_session() as session:
        for name, statement in MASTER_ROWS.items():
            values[name] = [str((await session.execute(text(statement), said)).scalar_one())]
        invited = await invitations.invite(
            session, tenant_id=tenant.id, role=str(Role.DEPUTY), email=str(said["email"]), name="", by="b"
        )
    async with tenant.begin() as session:
        for name, statement in STATION_ROWS.items():
            values[name] = [str((await session.execute(text(statement), said)).scalar_one())]
    signed_in = await sessions.create(
        runtime.redis, "staff", subject=owner_id, name="b", tenant_id=tenant.id, role=str(Role.OWNER)
    )
    values |= {
        "invitation_id": [str(invited.id)],
        "visit_id": [str(visit.id)],
        "mark": [sessions.mark_of(signed_in)],
        "host": [tenant.host, str(said["domain"])],
        "path": [str(said["path"])],
    }
    words = ("domain", "token", "role", "note", "plan", "email", "title", "picture")
    return Belongings(values, [*(str(said[word]) for word in words), invited.token, signed_in.id])
