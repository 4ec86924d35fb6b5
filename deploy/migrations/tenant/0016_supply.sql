-- More of the station's own cards: what is wanted, from whom, and what of it has come.

CREATE TABLE replenishments (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product_id bigint NOT NULL REFERENCES products,
    state text NOT NULL DEFAULT 'wanted' CHECK (state IN ('wanted', 'ordered', 'partial', 'received', 'dismissed')),
    cause text NOT NULL DEFAULT '',
    orders jsonb NOT NULL DEFAULT '{}',         -- {number: units}: who asked for it
    suggested int NOT NULL DEFAULT 0,
    quantity int NOT NULL DEFAULT 0 CHECK (quantity >= 0),
    supplier text NOT NULL DEFAULT '',
    note text NOT NULL DEFAULT '',
    received int NOT NULL DEFAULT 0,
    made_by text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    ordered_at timestamptz,
    settled_at timestamptz
);
CREATE UNIQUE INDEX replenishments_wanted ON replenishments (product_id) WHERE state = 'wanted';
CREATE INDEX replenishments_open ON replenishments (product_id, id) WHERE state IN ('ordered', 'partial');
CREATE TABLE replenishment_imports (
    import_id bigint PRIMARY KEY,
    replenishment_id bigint NOT NULL REFERENCES replenishments,
    added int NOT NULL DEFAULT 0
);
-- Who is asked for a product's cards, and how.
CREATE TABLE replenishment_sources (
    product_id bigint PRIMARY KEY REFERENCES products ON DELETE CASCADE,
    supplier text NOT NULL DEFAULT '',
    lead_days int NOT NULL DEFAULT 1 CHECK (lead_days BETWEEN 0 AND 60)
);
