-- By which offer an order is bought: how offers are weighed, what was decided and how it went, pins, and what closes a
-- breaker by hand. A decision has the id of the purchase it led to.

ALTER TABLE master.offers ADD COLUMN priced_at timestamptz;     -- when the supplier last told its cost; NULL: set by hand

CREATE TABLE master.routing_rules (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    cost_weight numeric(5, 3) NOT NULL DEFAULT 0.5          -- points of success that one percent of cost is worth
        CHECK (cost_weight BETWEEN 0 AND 10),
    latency_weight numeric(5, 3) NOT NULL DEFAULT 1         -- points of success that one second is worth
        CHECK (latency_weight BETWEEN 0 AND 20),
    explore_percent numeric(4, 2) NOT NULL DEFAULT 1        -- of the orders: by another offer than the best known
        CHECK (explore_percent BETWEEN 0 AND 20),
    least_margin_percent numeric(5, 2) NOT NULL DEFAULT 0   -- of the wholesale price; negative: a loss is allowed
        CHECK (least_margin_percent BETWEEN -100 AND 90),
    fresh_hours int NOT NULL DEFAULT 48 CHECK (fresh_hours BETWEEN 1 AND 8760),     -- how long a told cost is believed
    budget_ms int NOT NULL DEFAULT 3000 CHECK (budget_ms BETWEEN 500 AND 60000),
    person_after_minutes int NOT NULL DEFAULT 10 CHECK (person_after_minutes BETWEEN 1 AND 1440),
    keep_days int NOT NULL DEFAULT 30 CHECK (keep_days BETWEEN 1 AND 730)
);
INSERT INTO master.routing_rules DEFAULT VALUES;

CREATE TABLE master.routing_pins (
    good_id bigint PRIMARY KEY REFERENCES master.goods,
    supplier_id int NOT NULL REFERENCES master.suppliers,
    alone boolean NOT NULL DEFAULT false,       -- nobody else is asked when it fails
    note text NOT NULL DEFAULT '',
    made_by text NOT NULL DEFAULT '',
    made_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE master.routing_resets (
    scope text NOT NULL CHECK (scope IN ('offer', 'supplier')),
    subject bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),      -- what was learnt before does not count
    PRIMARY KEY (scope, subject)
);

CREATE TABLE master.supplier_balances (
    supplier_id int PRIMARY KEY REFERENCES master.suppliers,
    balance_cents bigint NOT NULL,              -- of ours, as the supplier last told
    told_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE master.routing_decisions (
    id uuid PRIMARY KEY,
    order_ref uuid NOT NULL,
    attempt int NOT NULL,
    good_id bigint NOT NULL,
    offer_id bigint,                            -- NULL: nobody could be asked
    supplier_id int,
    reason text NOT NULL,
    candidates jsonb NOT NULL,                  -- best first: offer, supplier, success, latency_ms, cost, score
    left_out jsonb NOT NULL,                    -- offer, supplier, why
    at timestamptz NOT NULL DEFAULT now(),
    outcome text NOT NULL DEFAULT '',           -- the first that was known
    fault text NOT NULL DEFAULT '',
    took_ms int,
    answered_at timestamptz
);
CREATE INDEX routing_decisions_order ON master.routing_decisions (order_ref, attempt);
CREATE UNIQUE INDEX routing_decisions_nobody ON master.routing_decisions (order_ref) WHERE offer_id IS NULL;
CREATE INDEX routing_decisions_answered ON master.routing_decisions (answered_at) WHERE answered_at IS NOT NULL;
CREATE INDEX routing_decisions_at ON master.routing_decisions (at);
CREATE INDEX purchases_stuck ON master.purchases (created_at) WHERE state IN ('submitted', 'unknown');

GRANT SELECT, UPDATE ON master.routing_rules TO @{master};
GRANT SELECT, INSERT, UPDATE, DELETE ON master.routing_pins, master.routing_resets, master.supplier_balances,
    master.routing_decisions TO @{master};
