-- Card stock, as in the schemas of the stations (tenant/0008).

-- What a batch has given and lost. Sold is what is left of it: added less what lies in the pool, aside or held, less what
-- was thrown away for good. Ids of cards grow with time, so the two ends find its sold cards by the primary key.
ALTER TABLE master.card_batches
    ADD COLUMN deleted int NOT NULL DEFAULT 0 CHECK (deleted >= 0),
    ADD COLUMN first_card uuid,
    ADD COLUMN last_card uuid;
CREATE INDEX card_aside_batch ON master.card_aside (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX card_held_item ON master.card_held (item_id, id);

-- How a line of an import is read and checked (kameng.cards.formats).
CREATE TABLE master.card_formats (
    item_id bigint PRIMARY KEY,
    rule jsonb NOT NULL,
    changed_by text NOT NULL DEFAULT '',
    changed_at timestamptz NOT NULL DEFAULT now()
);

-- An import: what was sent, cut into parts, and how far it is. A part's lines, its counts and its cards are one commit.
CREATE TABLE master.card_imports (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item_id bigint NOT NULL,
    batch_id bigint NOT NULL REFERENCES master.card_batches,
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
CREATE INDEX card_imports_item ON master.card_imports (item_id, id);
-- Both texts are sealed: lines are secrets until they are cards. `body` goes when the part is done.
CREATE TABLE master.card_import_parts (
    import_id bigint NOT NULL REFERENCES master.card_imports ON DELETE CASCADE,
    part int NOT NULL,
    body bytea,                                 -- [[line, text], ...]
    rejected bytea,                             -- [[line, why, text], ...]; of a duplicate only its ends
    PRIMARY KEY (import_id, part)
);
CREATE INDEX card_import_parts_waiting ON master.card_import_parts (import_id, part) WHERE body IS NOT NULL;

-- Who has seen a secret in clear. Without a card: all cards of the order. Nothing updates it.
CREATE TABLE master.card_reveals (
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
CREATE INDEX card_reveals_card ON master.card_reveals (card_id, id) WHERE card_id IS NOT NULL;
CREATE INDEX card_reveals_order ON master.card_reveals (order_ref, id) WHERE order_ref IS NOT NULL;
-- The buyer's first look at his keys is written once, however often the page is loaded.
CREATE UNIQUE INDEX card_reveals_first ON master.card_reveals (order_ref)
    WHERE kind = 'buyer' AND act = 'shown' AND card_id IS NULL;
CREATE INDEX card_pool_label ON master.card_pool (item_id, label) WHERE label <> '';

GRANT SELECT, INSERT, UPDATE, DELETE ON master.card_formats, master.card_imports, master.card_import_parts TO @{master};
GRANT SELECT, INSERT ON master.card_reveals TO @{master};

-- What buyers of a station may choose from: the open parts of cards of a good that the station can have, and whose product
-- there is on sale and says that it is chosen from. Nothing else of a card is shown.
CREATE FUNCTION master.card_choices(p_product bigint, p_words text, p_limit int, p_offset int)
RETURNS TABLE (id uuid, label text)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 30 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me int := master.current_tenant();
    v_good bigint;
BEGIN
    EXECUTE format(
        'SELECT good_id FROM %I.products WHERE id = $1 AND choosable AND state = ''on_sale'' AND archived_at IS NULL',
        'tenant_' || me) INTO v_good USING p_product;
    IF v_good IS NULL
        OR NOT EXISTS (SELECT 1 FROM master.price_of(me, v_good) p WHERE p.sells)
        OR NOT EXISTS (SELECT 1 FROM master.offers o JOIN master.suppliers s ON s.id = o.supplier_id
                       WHERE o.good_id = v_good AND o.state = 'active' AND s.state = 'active'
                       AND s.protocol = 'stock') THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT c.id, c.label FROM master.card_pool c
        WHERE c.item_id = v_good AND c.label <> ''
        AND (p_words = '' OR strpos(lower(c.label), lower(p_words)) > 0)
        ORDER BY c.label, c.id LIMIT least(p_limit, 100) OFFSET p_offset;
END $$;
REVOKE ALL ON FUNCTION master.card_choices FROM PUBLIC;
GRANT EXECUTE ON FUNCTION master.card_choices TO @{tenants};
