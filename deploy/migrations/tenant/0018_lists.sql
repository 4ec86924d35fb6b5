-- Long lists: indexes by which the back office finds orders (ADR 0030), views that people keep, and exports under way.

-- Ids of orders sort by time, so each of these gives the newest first. A sale writes to all of them: one more has to be
-- worth it.
CREATE INDEX orders_of_state ON orders (state, id);
CREATE INDEX orders_of_product ON orders (product_id, id);
CREATE INDEX orders_of_channel ON orders (pay_method, id) WHERE pay_method <> 'wallet';
CREATE INDEX orders_of_contact ON orders (lower(contact) text_pattern_ops, id);
CREATE INDEX orders_of_code ON orders (substr(no, 8) text_pattern_ops);    -- the number without its day
CREATE INDEX orders_of_amount ON orders (total_cents, id);

-- The owner's list, and the shelf in each order that an owner can choose beside his own (products_shelf, 0007).
CREATE INDEX products_listed ON products (position, id) WHERE variant_of IS NULL AND archived_at IS NULL;
CREATE INDEX products_by_sales ON products (sold DESC, position, id) WHERE state = 'on_sale' AND variant_of IS NULL;
CREATE INDEX products_by_margin ON products (margin DESC NULLS LAST, position, id)
    WHERE state = 'on_sale' AND variant_of IS NULL;
CREATE INDEX products_left ON products (sold_out, position, id) WHERE state = 'on_sale' AND variant_of IS NULL;
CREATE INDEX products_left_by_sales ON products (sold_out, sold DESC, position, id)
    WHERE state = 'on_sale' AND variant_of IS NULL;
CREATE INDEX products_left_by_margin ON products (sold_out, margin DESC NULLS LAST, position, id)
    WHERE state = 'on_sale' AND variant_of IS NULL;

-- How somebody looks at a list: its address without the page. A shared one is everybody's who may see the list.
CREATE TABLE list_views (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    list text NOT NULL,
    staff_id uuid NOT NULL,             -- who keeps it
    name text NOT NULL CHECK (name <> ''),
    query jsonb NOT NULL DEFAULT '{}',
    is_shared boolean NOT NULL DEFAULT false,
    made_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (list, staff_id, name)
);

-- An export that takes longer than a request. `after` is where the next part begins; `total` is what was there to begin with.
CREATE TABLE list_exports (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    list text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('csv', 'xlsx')),
    query jsonb NOT NULL DEFAULT '{}',
    sees_money boolean NOT NULL DEFAULT false,  -- whether it has the columns that only some may see
    staff_id uuid NOT NULL,
    made_by text NOT NULL,
    address text NOT NULL DEFAULT '',
    locale text NOT NULL,
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'cancelled')),
    total int NOT NULL,
    done int NOT NULL DEFAULT 0,
    parts int NOT NULL DEFAULT 0,
    after text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX list_exports_mine ON list_exports (staff_id, id);
CREATE INDEX list_exports_old ON list_exports (created_at);
CREATE TABLE list_export_parts (
    export_id bigint NOT NULL REFERENCES list_exports ON DELETE CASCADE,
    part int NOT NULL,
    body bytea NOT NULL,                -- rows as JSON, packed
    PRIMARY KEY (export_id, part)
);
