-- Repricing: rules, what competitors ask, changes of prices that are prepared, and what every product once cost.

-- Of a product, a category with all below it, or (neither) the whole shop; the nearest one counts. `leave`: prices there are
-- left alone; a product may have that beside its own rule, which counts again afterwards.
CREATE TABLE price_rules (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    category_id bigint REFERENCES categories ON DELETE CASCADE,
    product_id bigint REFERENCES products ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('cost_plus', 'follow', 'keep_margin', 'leave')),
    terms jsonb NOT NULL DEFAULT '{}',          -- tenants.pricing.rules.Terms
    is_automatic boolean NOT NULL DEFAULT false,
    is_paused boolean NOT NULL DEFAULT false,
    changed_at timestamptz NOT NULL DEFAULT now(),
    CHECK (category_id IS NULL OR product_id IS NULL)
);
CREATE UNIQUE INDEX price_rules_one ON price_rules
    (coalesce(product_id, 0), coalesce(category_id, 0), (kind = 'leave' AND product_id IS NOT NULL));

-- Where competitors' prices come from. `turn` numbers the chain of captures: a message of an older turn is not followed.
CREATE TABLE price_feeds (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (name <> ''),
    kind text NOT NULL CHECK (kind IN ('acg', 'csv', 'json')),
    url text NOT NULL,
    options jsonb NOT NULL DEFAULT '{}',        -- tenants.pricing.readers.Options
    every_minutes int NOT NULL CHECK (every_minutes BETWEEN 5 AND 1440),
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused')),
    turn int NOT NULL DEFAULT 0,
    asked_at timestamptz,
    answered_at timestamptz,
    due_at timestamptz,
    failures int NOT NULL DEFAULT 0,
    error text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now()
);

-- What a feed lists, as it was last seen; `price` is the last one that was believed.
CREATE TABLE price_articles (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed_id bigint NOT NULL REFERENCES price_feeds ON DELETE CASCADE,
    article text NOT NULL,                      -- the feed's own key
    name text NOT NULL,
    product_id bigint REFERENCES products ON DELETE SET NULL,
    asked numeric(14, 4) NOT NULL,
    verdict text NOT NULL,
    price numeric(14, 4),
    believed_at timestamptz,
    seen_at timestamptz NOT NULL,
    trusted_from timestamptz,                   -- a person believed what was rejected: older captures count no more
    UNIQUE (feed_id, article)
);
CREATE INDEX price_articles_product ON price_articles (product_id) WHERE product_id IS NOT NULL;
CREATE INDEX price_articles_feed ON price_articles (feed_id, (product_id IS NULL), name);

-- What matched articles cost when: one row for as long as a price and what was thought of it stayed the same.
CREATE TABLE price_captures (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    article_id bigint NOT NULL REFERENCES price_articles ON DELETE CASCADE,
    price numeric(14, 4) NOT NULL,
    verdict text NOT NULL,
    times int NOT NULL DEFAULT 1,
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL
);
CREATE INDEX price_captures_article ON price_captures (article_id, last_at DESC);
CREATE INDEX price_captures_old ON price_captures (last_at);

-- Prices that change together. Of drafts and held ones there is at most one each.
CREATE TABLE price_sets (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('run', 'rollback')),
    state text NOT NULL CHECK (state IN ('draft', 'held', 'applied', 'discarded')),
    cause text NOT NULL,                        -- what set it off: schedule, capture, cost, hand, rollback
    lines jsonb NOT NULL DEFAULT '[]',          -- tenants.pricing.sets.Line
    line_count int NOT NULL DEFAULT 0,
    of_count int NOT NULL DEFAULT 0,            -- products that rules govern: what a share of the catalogue is a share of
    simulation jsonb,
    made_by text NOT NULL DEFAULT '',
    decided_by text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    decided_at timestamptz,
    undoes bigint
);
CREATE UNIQUE INDEX price_sets_open ON price_sets (state) WHERE state IN ('draft', 'held');
CREATE INDEX price_sets_when ON price_sets (created_at DESC);

CREATE TABLE product_prices (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product_id bigint NOT NULL,                 -- no foreign key: the past outlives the product
    at timestamptz NOT NULL,
    old_price numeric(14, 4),                   -- NULL: it was listed
    new_price numeric(14, 4) NOT NULL,
    source text NOT NULL CHECK (source IN ('listing', 'hand', 'rule', 'rollback')),
    set_id bigint REFERENCES price_sets,
    reason jsonb NOT NULL DEFAULT '{}',         -- tenants.pricing.sets.Reason
    actor text NOT NULL DEFAULT ''
);
CREATE INDEX product_prices_product ON product_prices (product_id, at DESC, id DESC);
CREATE INDEX product_prices_set ON product_prices (set_id) WHERE set_id IS NOT NULL;
CREATE INDEX product_prices_when ON product_prices (at);

CREATE TABLE pricing_settings (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    kept jsonb NOT NULL DEFAULT '{}',           -- tenants.pricing.settings.Settings
    turn int NOT NULL DEFAULT 0                 -- numbers the chain of scheduled runs
);
INSERT INTO pricing_settings DEFAULT VALUES;

-- Whoever changes a price leaves a line, whichever room it happens in. Repricing writes its own, with the reason.
CREATE FUNCTION remember_product_price() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('kameng.repricing', true), '') = '' THEN
        EXECUTE format('INSERT INTO %I.product_prices (product_id, at, old_price, new_price, source)'
                       ' VALUES ($1, now(), $2, $3, $4)', TG_TABLE_SCHEMA)
            USING NEW.id, CASE WHEN TG_OP = 'UPDATE' THEN OLD.price END, NEW.price,
                  CASE WHEN TG_OP = 'UPDATE' THEN 'hand' ELSE 'listing' END;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER product_price_listed AFTER INSERT ON products
    FOR EACH ROW EXECUTE FUNCTION remember_product_price();
CREATE TRIGGER product_price_changed AFTER UPDATE OF price ON products
    FOR EACH ROW WHEN (OLD.price <> NEW.price) EXECUTE FUNCTION remember_product_price();
