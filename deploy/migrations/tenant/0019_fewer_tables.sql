-- Fewer tables: what is little and never searched lies with what it belongs to. What went where, and why: ADR 31.
-- contract: no sale, payment, delivery or lookup reads the tables that go. Buyers' tickets read one of them, which stays as a
-- view until a later release. Pages of the back office and tasks that need the others fail in processes of an older program
-- until these are replaced; the tasks are then done.

-- Nobody writes to them between copying and dropping.
LOCK TABLE pricing_settings, aftersale_settings, desk_settings, desk_limits, listing_templates, product_equivalents,
    replenishment_sources, replenishment_imports IN ACCESS EXCLUSIVE MODE;

-- One row for each room (tenants.settings). `settings` are the owner's; `notes` are what the room keeps beside them.
CREATE TABLE room_settings (
    room text PRIMARY KEY,
    settings jsonb NOT NULL DEFAULT '{}',
    notes jsonb NOT NULL DEFAULT '{}'
);
INSERT INTO room_settings (room, settings, notes)
SELECT 'pricing', kept, jsonb_build_object('turn', turn) FROM pricing_settings
UNION ALL
SELECT 'aftersale', settings, jsonb_build_object('heat', heat, 'heat_at', heat_at) FROM aftersale_settings
UNION ALL
SELECT 'desk', settings, jsonb_build_object('limits', (
    SELECT coalesce(jsonb_agg(to_jsonb(l) ORDER BY l.given_at), '[]') FROM desk_limits l)) FROM desk_settings
UNION ALL
SELECT 'listing', '{}', jsonb_build_object('templates', (
    SELECT coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'name', t.name, 'terms', t.terms) ORDER BY t.id), '[]')
    FROM listing_templates t));
DROP TABLE pricing_settings, aftersale_settings, desk_settings, desk_limits, listing_templates;
CREATE VIEW aftersale_settings AS
SELECT settings, notes->'heat' AS heat, (notes->>'heat_at')::timestamptz AS heat_at FROM room_settings
WHERE room = 'aftersale';

ALTER TABLE products
    ADD COLUMN equivalents bigint[] NOT NULL DEFAULT '{}',  -- what may be offered in its place when it has sold out, best first
    ADD COLUMN source jsonb NOT NULL DEFAULT '{}',          -- who is asked for its cards (tenants.stock.replenishment_queries)
    ADD CONSTRAINT products_equivalents CHECK (NOT id = ANY (equivalents));
UPDATE products p SET equivalents = e.others
FROM (SELECT product_id, array_agg(other_id ORDER BY position, other_id) AS others FROM product_equivalents GROUP BY 1) e
WHERE p.id = e.product_id;
UPDATE products p SET source = jsonb_build_object('supplier', s.supplier, 'lead_days', s.lead_days)
FROM replenishment_sources s WHERE p.id = s.product_id;
DROP TABLE product_equivalents, replenishment_sources;

ALTER TABLE replenishments ADD COLUMN imports jsonb NOT NULL DEFAULT '{}';  -- {import: cards}: what has come of it, each once
UPDATE replenishments r SET imports = i.imports
FROM (SELECT replenishment_id, jsonb_object_agg(import_id::text, added) AS imports FROM replenishment_imports GROUP BY 1) i
WHERE r.id = i.replenishment_id;
DROP TABLE replenishment_imports;

-- Indexes of tables that stay within a page or two, or that no query can use: PostgreSQL reads the rows or another index.
DROP INDEX pages_order, desk_rules_order, notice_channels_in_use, card_import_parts_waiting, stock_levels_low, products_shown;
