-- Card stock: imports in the background, formats, who has seen what, and how much each product has left.

-- What a batch has given and lost. Sold is what is left of it: added less what lies in the pool, aside or held, less what
-- was thrown away for good. Ids of cards grow with time, so the two ends find its sold cards by the primary key.
ALTER TABLE card_batches
    ADD COLUMN deleted int NOT NULL DEFAULT 0 CHECK (deleted >= 0),
    ADD COLUMN first_card uuid,
    ADD COLUMN last_card uuid;
CREATE INDEX card_aside_batch ON card_aside (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX card_held_item ON card_held (item_id, id);

-- How a line of an import is read and checked (kameng.cards.formats).
CREATE TABLE card_formats (
    item_id bigint PRIMARY KEY,
    rule jsonb NOT NULL,
    changed_by text NOT NULL DEFAULT '',
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- An import: what was sent, cut into parts, and how far it is. A part's lines, its counts and its cards are one commit.
CREATE TABLE card_imports (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item_id bigint NOT NULL,
    batch_id bigint NOT NULL REFERENCES card_batches,
    file_name text NOT NULL DEFAULT '',         -- empty: pasted
    rule jsonb NOT NULL,                        -- the format as it was when the file was sent
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done', 'cancelled')),
    total int NOT NULL CHECK (total > 0),       -- lines, empty ones not counted
    added int NOT NULL DEFAULT 0,
    in_file int NOT NULL DEFAULT 0,             -- twice in this file
    in_pool int NOT NULL DEFAULT 0,             -- for sale already
    known int NOT NULL DEFAULT 0,               -- sold, held or set aside already
    bad int NOT NULL DEFAULT 0,                 -- not of the format
    by_name text NOT NULL DEFAULT '',
    by_address text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz
);
CREATE INDEX card_imports_item ON card_imports (item_id, id);
-- Both texts are sealed: lines are secrets until they are cards. `body` goes when the part is done.
CREATE TABLE card_import_parts (
    import_id bigint NOT NULL REFERENCES card_imports ON DELETE CASCADE,
    part int NOT NULL,
    body bytea,                                 -- [[line, text], ...]
    rejected bytea,                             -- [[line, why, text], ...]; of a duplicate only its ends
    PRIMARY KEY (import_id, part)
);
CREATE INDEX card_import_parts_waiting ON card_import_parts (import_id, part) WHERE body IS NOT NULL;

-- Who has seen a secret in clear. Without a card: all cards of the order. Nothing updates it.
CREATE TABLE card_reveals (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    card_id uuid,
    order_ref uuid,
    kind text NOT NULL CHECK (kind IN ('staff', 'buyer')),
    act text NOT NULL CHECK (act IN ('shown', 'file')),
    name text NOT NULL DEFAULT '',
    address text NOT NULL DEFAULT '',
    at timestamptz NOT NULL DEFAULT now(),
    CHECK (card_id IS NOT NULL OR order_ref IS NOT NULL)
);
CREATE INDEX card_reveals_card ON card_reveals (card_id, id) WHERE card_id IS NOT NULL;
CREATE INDEX card_reveals_order ON card_reveals (order_ref, id) WHERE order_ref IS NOT NULL;
-- The buyer's first look at his keys is written once, however often the page is loaded.
CREATE UNIQUE INDEX card_reveals_first ON card_reveals (order_ref)
    WHERE kind = 'buyer' AND act = 'shown' AND card_id IS NULL;

-- What each product has left, counted now and then (at most 1,000). `is_low` turns once for each crossing of `warn_at`.
CREATE TABLE stock_levels (
    product_id bigint PRIMARY KEY REFERENCES products ON DELETE CASCADE,
    units int NOT NULL,
    is_low boolean NOT NULL DEFAULT false,
    low_since timestamptz,
    counted_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX stock_levels_low ON stock_levels (is_low DESC, units, product_id);
