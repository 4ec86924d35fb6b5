"""What B has beside its trade: people, domains, pages, prices, a plan, an application, a visit, a log."""

import secrets
from collections.abc import Mapping, Sequence
from uuid import UUID

from msgspec import Struct
from sqlalchemy import text

from billing.ledger import service as ledger
from billing.ledger.service import MASTER, Line
from billing.payouts import service as payouts
from billing.payouts.service import PayoutDraft
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
    "task_id": (
        "INSERT INTO manual_tasks (supplier_id, reference, sku, quantity, max_unit_cost)"
        " VALUES ((SELECT max(id) FROM suppliers), :note, 'b', 1, 1) RETURNING id"
    ),
    "run_id": (
        "INSERT INTO sync_runs (supplier_id, state, error, finished_at)"
        " VALUES ((SELECT max(id) FROM suppliers), 'failed', :note, now()) RETURNING id"
    ),
    "import_id": "INSERT INTO station_imports (file_name, by_name) VALUES (:note, 'b') RETURNING id",
    "application_id": (
        "INSERT INTO applications (id, code, slug, name, email, owner_login, owner_name, password_hash, plan_id,"
        " fee_cents, state, tenant_id) VALUES (gen_random_uuid(), :token, :slug, :note, :email, :slug, :note, 'x',"
        " (SELECT max(id) FROM plans), 0, 'open', :tenant) RETURNING id"
    ),
}
STATION_ROWS = {
    "refund_id": (
        "INSERT INTO refunds (id, order_id, order_no, amount_cents, destination, reason, state, request_key, made_by)"
        " VALUES (gen_random_uuid(), gen_random_uuid(), :note, 1, 'wallet', :note, 'done', :token, 'b') RETURNING id"
    ),
    "replenishment_id": (
        "INSERT INTO replenishments (product_id, note) SELECT max(id), :note FROM products RETURNING id"
    ),
    "rule_id": "INSERT INTO price_rules (kind) VALUES ('leave') RETURNING id",
    "feed_id": "INSERT INTO price_feeds (name, kind, url, every_minutes) VALUES (:note, 'csv', :note, 30) RETURNING id",
    "article_id": (
        "INSERT INTO price_articles (feed_id, article, name, asked, verdict, seen_at)"
        " SELECT max(id), :note, :note, 1, 'ok', now() FROM price_feeds RETURNING id"
    ),
    "set_id": (
        "INSERT INTO price_sets (kind, state, cause, created_at) VALUES ('run', 'draft', :note, now()) RETURNING id"
    ),
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
    "case_id": (
        "INSERT INTO desk_cases (id, order_id, order_no, buyer_id, kind, has_money, person_at, due_at)"
        " SELECT gen_random_uuid(), id, no, buyer_id, 'fraud', true, now(), now() FROM orders LIMIT 1 RETURNING id"
    ),
    "desk_rule_id": (
        "INSERT INTO desk_rules (name, condition, action) VALUES (:note, '{\"kinds\": [\"fraud\"]}', 'person')"
        " RETURNING id"
    ),
    "view_id": (
        "INSERT INTO list_views (list, staff_id, name, made_by, is_shared) VALUES ('orders', :staff, :note, 'b', true)"
        " RETURNING id"
    ),
    "export_id": (
        "INSERT INTO list_exports (list, kind, staff_id, made_by, locale, state, total)"
        " VALUES ('orders', 'csv', :staff, :note, 'en', 'done', 0) RETURNING id"
    ),
    "coupon_id": (
        "INSERT INTO coupons (code, kind, amount_cents, note)"
        " VALUES ('B-' || upper(left(:token, 12)), 'fixed', 1, :note) RETURNING id"
    ),
    "reply_id": "INSERT INTO canned_replies (title, body) VALUES (:title, :note) RETURNING id",
    "category_id": "INSERT INTO categories (name, state) VALUES (:note, 'hidden') RETURNING id",
    "level_id": "INSERT INTO buyer_levels (name, rank) VALUES (:note, 5) RETURNING id",
    "template_id": (
        "UPDATE room_settings SET notes = jsonb_build_object('templates', jsonb_build_array(jsonb_build_object("
        "'id', 7, 'name', CAST(:note AS text), 'terms', CAST(:terms AS jsonb)))) WHERE room = 'listing' RETURNING 7"
    ),
    "way_id": ("INSERT INTO notice_channels (kind, name, shown) VALUES ('email', :note, :email) RETURNING id"),
    "delivery_id": (
        "INSERT INTO notice_deliveries (id, notice_id, channel_id, state, answer) SELECT gen_random_uuid(), n.id, c.id,"
        " 'dead', :note FROM notices n, notice_channels c RETURNING id"
    ),
    "line_id": "SELECT max(id) FROM audit_log",
    "item_id": "INSERT INTO products (name, price, state) VALUES (:note, 1, 'hidden') RETURNING id",
    "batch_id": (
        "INSERT INTO card_batches (item_id, supplier) SELECT max(id), :note FROM products WHERE good_id IS NULL"
        " RETURNING id"
    ),
    "job_id": (
        "INSERT INTO card_imports (item_id, batch_id, file_name, rule, total)"
        " SELECT item_id, id, :note, '{}', 1 FROM card_batches RETURNING id"
    ),
    "card_id": (
        "INSERT INTO card_pool (id, item_id, secret, fingerprint, label, batch_id)"
        " SELECT gen_random_uuid(), item_id, 'x', 'x', :note, id FROM card_batches RETURNING id"
    ),
}
# Not ids of anybody: what a route is told beside them. Answers to these alone give nothing away.
SETTINGS: Mapping[str, Sequence[str]] = {
    "field": ["logo"],
    "key": ["module.buyers"],
    "kind": ["tiers"],
    "token": ["NO-SUCH-ONE"],  # what lets a supplier call back
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
        "terms": '{"bands": [{"up_to": null, "percent": "20", "add": "0"}], "rounding": "dime"}',
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
    values["payout_id"] = [await _payout(runtime, shop, str(said["note"]))]
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


async def _payout(runtime: Runtime, shop: Shop, note: str) -> str:
    """A withdrawal that waits; its id."""
    sealer, tenant_id = await runtime.keyring.master(), shop.tenant.id
    lines = [Line(MASTER, "master_bank", "", -20_000), Line(tenant_id, "earnings", "", 20_000)]
    async with runtime.database.master_session() as session:
        await ledger.post(session, f"earn {note}", "release", note, lines, tenant_id)
    draft = PayoutDraft(amount_cents=10_000, method="bank", account=note, request_key=note.ljust(20, "x"))
    async with shop.tenant.begin() as session:
        await payouts.ask(session, sealer, draft, "b")
        return str((await session.execute(text("SELECT id FROM payouts"))).scalar_one())
