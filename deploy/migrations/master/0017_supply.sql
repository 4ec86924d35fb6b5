-- What suppliers offer, read page by page and put in force at the end; offers that wait for a person or are gone; stock
-- asked live or kept; and cards that are ordered before anybody buys them. docs/adr/0027.

ALTER TABLE master.suppliers
    ADD COLUMN sync_minutes int NOT NULL DEFAULT 360        -- between two readings of the catalogue; 0: by hand only
        CHECK (sync_minutes BETWEEN 0 AND 10080),
    ADD COLUMN sync_next_at timestamptz NOT NULL DEFAULT now() + interval '10 minutes',
    ADD COLUMN jump_percent numeric(6, 2) NOT NULL DEFAULT 20   -- a cost that moves further waits for a person
        CHECK (jump_percent BETWEEN 0 AND 1000),
    ADD COLUMN vanish_percent int NOT NULL DEFAULT 50       -- a catalogue that lost more waits for a person
        CHECK (vanish_percent BETWEEN 1 AND 100),
    ADD COLUMN calls_a_minute int NOT NULL DEFAULT 60       -- questions for stock
        CHECK (calls_a_minute BETWEEN 1 AND 6000);

-- `hand_set` are the columns that a person has set: no supplier's word changes them.
ALTER TABLE master.goods
    ADD COLUMN hand_set text[] NOT NULL DEFAULT '{}',
    ADD COLUMN follows_supplier int REFERENCES master.suppliers,    -- whose article it was made from
    ADD COLUMN follows_sku text NOT NULL DEFAULT '';
CREATE INDEX goods_follows ON master.goods (follows_supplier, follows_sku) WHERE follows_supplier IS NOT NULL;
ALTER TABLE master.offers
    DROP CONSTRAINT offers_state_check,
    ADD CONSTRAINT offers_state_check CHECK (state IN ('active', 'paused', 'held', 'gone')),
    ADD COLUMN hand_set text[] NOT NULL DEFAULT '{}',
    ADD COLUMN held_cost numeric(14, 4) CHECK (held_cost >= 0),     -- told, too far from `cost`, and not yet decided
    ADD COLUMN held_at timestamptz,
    ADD COLUMN declined_cost numeric(14, 4),                -- the same figure is not asked about again
    ADD COLUMN mode text NOT NULL DEFAULT 'cached' CHECK (mode IN ('cached', 'live')),
    ADD COLUMN warn_at int CHECK (warn_at >= 0),
    ADD COLUMN ask_at timestamptz NOT NULL DEFAULT now();   -- when its stock is asked for next
UPDATE master.offers SET hand_set = '{cost}';
CREATE INDEX offers_article ON master.offers (supplier_id, sku);
CREATE INDEX offers_ask ON master.offers (ask_at) WHERE state = 'active';
CREATE INDEX offers_held ON master.offers (held_at) WHERE held_cost IS NOT NULL;

CREATE TABLE master.supplier_goods (
    supplier_id int NOT NULL REFERENCES master.suppliers,
    sku text NOT NULL,
    name text NOT NULL,
    cost numeric(14, 4) NOT NULL CHECK (cost >= 0),
    stock int,
    kind text NOT NULL DEFAULT 'cards' CHECK (kind IN ('cards', 'topup')),
    category text NOT NULL DEFAULT '',
    fields jsonb NOT NULL DEFAULT '[]',
    min_quantity int NOT NULL DEFAULT 1,
    max_quantity int,
    ignored boolean NOT NULL DEFAULT false,     -- a person wants to see it no more
    first_seen timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    vanished_at timestamptz,
    PRIMARY KEY (supplier_id, sku)
);
CREATE INDEX supplier_goods_new ON master.supplier_goods (first_seen DESC, supplier_id, sku);

CREATE TABLE master.sync_runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    supplier_id int NOT NULL REFERENCES master.suppliers,
    state text NOT NULL DEFAULT 'running'
        CHECK (state IN ('running', 'held', 'applied', 'declined', 'failed')),
    cursor text NOT NULL DEFAULT '',            -- of the page that comes next
    pages int NOT NULL DEFAULT 0,
    seen int NOT NULL DEFAULT 0,
    expected int NOT NULL DEFAULT 0,            -- articles that were there before
    tries int NOT NULL DEFAULT 0,               -- of the page that comes next
    fresh int NOT NULL DEFAULT 0,
    changed int NOT NULL DEFAULT 0,
    vanished int NOT NULL DEFAULT 0,
    returned int NOT NULL DEFAULT 0,
    held int NOT NULL DEFAULT 0,
    unreadable int NOT NULL DEFAULT 0,
    report jsonb NOT NULL DEFAULT '[]',         -- [[kind, sku, name, before, after], ...]
    error text NOT NULL DEFAULT '',
    made_by text NOT NULL DEFAULT '',           -- empty: by the clock
    lease_until timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE UNIQUE INDEX sync_runs_one ON master.sync_runs (supplier_id) WHERE state = 'running';
CREATE INDEX sync_runs_supplier ON master.sync_runs (supplier_id, id DESC);
CREATE INDEX sync_runs_held ON master.sync_runs (id) WHERE state = 'held';
-- What a run has read so far. An article that cannot be read has no cost: it is there, and nothing follows from it.
CREATE TABLE master.sync_lines (
    run_id bigint NOT NULL REFERENCES master.sync_runs ON DELETE CASCADE,
    sku text NOT NULL,
    name text NOT NULL DEFAULT '',
    cost numeric(14, 4),
    stock int,
    kind text NOT NULL DEFAULT 'cards',
    category text NOT NULL DEFAULT '',
    fields jsonb NOT NULL DEFAULT '[]',
    min_quantity int NOT NULL DEFAULT 1,
    max_quantity int,
    PRIMARY KEY (run_id, sku)
);

-- Cards for the master's stock: wanted, then ordered under the rules of purchases.
CREATE TABLE master.replenishments (
    id uuid PRIMARY KEY,
    reference text NOT NULL UNIQUE,
    good_id bigint NOT NULL REFERENCES master.goods,
    state text NOT NULL DEFAULT 'wanted'
        CHECK (state IN ('wanted', 'submitted', 'unknown', 'received', 'partial', 'failed', 'dismissed')),
    cause text NOT NULL DEFAULT '',             -- why it is wanted
    suggested int NOT NULL DEFAULT 0,
    offer_id bigint REFERENCES master.offers,
    supplier_id int REFERENCES master.suppliers,
    sku text NOT NULL DEFAULT '',
    quantity int NOT NULL DEFAULT 0 CHECK (quantity >= 0),
    max_unit_cost numeric(14, 4) NOT NULL DEFAULT 0,
    fault text NOT NULL DEFAULT '',
    detail text NOT NULL DEFAULT '',
    supplier_order_no text NOT NULL DEFAULT '',
    cost_cents bigint NOT NULL DEFAULT 0,
    received int NOT NULL DEFAULT 0,
    orders jsonb NOT NULL DEFAULT '{}',         -- {number: units}: who asked for it
    batch_id bigint,                            -- where its cards went
    sent_at timestamptz,                        -- from then on its supplier may have heard of it
    made_by text NOT NULL DEFAULT '',           -- empty: by itself
    lease_until timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    submitted_at timestamptz,
    settled_at timestamptz,
    CHECK (state IN ('wanted', 'dismissed') OR quantity > 0 AND offer_id IS NOT NULL AND submitted_at IS NOT NULL)
);
CREATE UNIQUE INDEX replenishments_wanted ON master.replenishments (good_id) WHERE state = 'wanted';
CREATE UNIQUE INDEX replenishments_alive ON master.replenishments (good_id) WHERE state IN ('submitted', 'unknown');
CREATE INDEX replenishments_when ON master.replenishments (created_at DESC);
CREATE INDEX replenishments_spent ON master.replenishments (submitted_at) WHERE submitted_at IS NOT NULL;
CREATE TABLE master.replenish_rules (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    order_cents bigint NOT NULL DEFAULT 500000 CHECK (order_cents > 0),     -- what one order may cost
    day_cents bigint NOT NULL DEFAULT 2000000 CHECK (day_cents > 0),        -- and all of 24 hours
    lead_days int NOT NULL DEFAULT 1 CHECK (lead_days BETWEEN 0 AND 60),
    cover_days int NOT NULL DEFAULT 7 CHECK (cover_days BETWEEN 1 AND 90)   -- how long an order is to last
);
INSERT INTO master.replenish_rules DEFAULT VALUES;
CREATE TABLE master.replenish_goods (
    good_id bigint PRIMARY KEY REFERENCES master.goods,
    warn_at int CHECK (warn_at >= 0),           -- own cards left at which more are wanted
    auto_units int NOT NULL DEFAULT 0 CHECK (auto_units BETWEEN 0 AND 10000),   -- ordered without a person; 0: none
    changed_by text NOT NULL DEFAULT '',
    changed_at timestamptz NOT NULL DEFAULT now()
);

GRANT SELECT, INSERT, UPDATE, DELETE ON master.supplier_goods, master.sync_runs, master.sync_lines,
    master.replenishments, master.replenish_goods TO @{master};
GRANT SELECT, UPDATE ON master.replenish_rules TO @{master};

-- Since when the oldest figure holds that a good's stock is made of; no row: nobody has told one. A station learns no more.
CREATE FUNCTION master.stock_told(p_goods bigint[]) RETURNS TABLE (good_id bigint, told_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.good_id, min(o.checked_at)
    FROM master.offers o JOIN master.suppliers s ON s.id = o.supplier_id
    WHERE o.good_id = ANY (p_goods) AND o.state = 'active' AND s.state = 'active' AND s.protocol <> 'stock'
      AND o.stock > 0 AND o.checked_at IS NOT NULL
    GROUP BY o.good_id
$$;
REVOKE ALL ON FUNCTION master.stock_told FROM PUBLIC;
GRANT EXECUTE ON FUNCTION master.stock_told TO @{tenants};
-- How fast a good is bought says how often its offers are asked.
CREATE INDEX purchases_good ON master.purchases (good_id, created_at DESC);
