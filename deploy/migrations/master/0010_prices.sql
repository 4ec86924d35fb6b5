-- Prices by rule, special prices, minimum resale, change sets, history, moves between tiers.

-- `default_rule` prices goods that have no price of their own in the tier; `upgrade_cents` is the turnover of a month that
-- brings a station into it. A rule is written as billing.wholesale.rules does: 'cost+5% up 0.1'. The lowest rank is the best tier.
ALTER TABLE master.tiers
    ADD COLUMN default_rule text NOT NULL DEFAULT '',
    ADD COLUMN upgrade_cents bigint CHECK (upgrade_cents > 0);

-- `price` is always the figure that sales use; a rule is kept beside it, and the figure follows the good's cost.
-- Without a price the good is kept from the tier although its default rule would price it.
ALTER TABLE master.tier_prices
    ALTER COLUMN price DROP NOT NULL,
    ADD COLUMN rule text NOT NULL DEFAULT '',
    ADD COLUMN is_default boolean NOT NULL DEFAULT false,               -- the rule is the tier's, not its own
    ADD COLUMN min_resale numeric(14, 4) CHECK (min_resale > 0);        -- instead of the good's, for this tier
CREATE INDEX tier_prices_ruled ON master.tier_prices (good_id) WHERE rule <> '';

-- No station may sell one unit for less, in yuan.
ALTER TABLE master.goods ADD COLUMN min_resale numeric(14, 4) CHECK (min_resale > 0);

ALTER TABLE master.tenants
    ADD COLUMN tier_since timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN auto_tier boolean NOT NULL DEFAULT true;
CREATE INDEX tenants_tier ON master.tenants (tier_id);

-- One price for one tenant and one good, ahead of the tier's, from valid_from until just before valid_until. The three
-- ranges make the exclusion one of PostgreSQL's own operator class: btree_gist is not on every server.
CREATE TABLE master.special_prices (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL REFERENCES master.tenants,
    good_id bigint NOT NULL REFERENCES master.goods,
    price numeric(14, 4) NOT NULL CHECK (price > 0),    -- yuan for one unit
    valid_from timestamptz NOT NULL,
    valid_until timestamptz,                            -- NULL: until it is ended
    note text NOT NULL DEFAULT '',
    made_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT special_prices_period CHECK (valid_until > valid_from),
    CONSTRAINT special_prices_no_overlap EXCLUDE USING gist (
        int4range(tenant_id, tenant_id, '[]') WITH &&,
        int8range(good_id, good_id, '[]') WITH &&,
        tstzrange(valid_from, valid_until) WITH &&)
);
CREATE INDEX special_prices_of ON master.special_prices (tenant_id, good_id, valid_from);

-- A change set: prices that are changed together, with who and why, looked at before they hold.
CREATE TABLE master.price_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state text NOT NULL DEFAULT 'draft'
        CHECK (state IN ('draft', 'scheduled', 'applied', 'discarded', 'cancelled', 'failed')),
    source text NOT NULL,               -- form, list, special, default, revert
    reason text NOT NULL CHECK (reason <> ''),
    made_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    allows_loss boolean NOT NULL DEFAULT false,     -- somebody has confirmed prices below cost
    apply_at timestamptz,
    ended_by text NOT NULL DEFAULT '',  -- who applied, cancelled or discarded it
    ended_at timestamptz,
    error text NOT NULL DEFAULT '',     -- why a scheduled one could not be applied
    reverts bigint REFERENCES master.price_changes,
    stations_total int NOT NULL DEFAULT 0,          -- of the preview
    stations_done int NOT NULL DEFAULT 0,
    products_seen int NOT NULL DEFAULT 0,
    previewed_at timestamptz,
    CONSTRAINT scheduled_has_a_time CHECK (state <> 'scheduled' OR apply_at IS NOT NULL)
);
CREATE INDEX price_changes_due ON master.price_changes (apply_at) WHERE state = 'scheduled';

CREATE TABLE master.price_change_lines (
    change_id bigint NOT NULL REFERENCES master.price_changes ON DELETE CASCADE,
    line int NOT NULL,
    kind text NOT NULL CHECK (kind IN ('tier', 'floor', 'default', 'special')),
    good_id bigint,
    tier_id int,
    tenant_id int,
    special_id bigint,
    before jsonb,                       -- billing.wholesale.changes.Value; NULL: none
    after jsonb,
    PRIMARY KEY (change_id, line)
);

-- The products that a change set touches so that their stations should know: sold at a loss, below the minimum, not offered
-- any more.
CREATE TABLE master.price_preview_lines (
    change_id bigint NOT NULL REFERENCES master.price_changes ON DELETE CASCADE,
    tenant_id int NOT NULL,
    product_id bigint NOT NULL,
    good_id bigint NOT NULL,
    product text NOT NULL,
    retail numeric(14, 4) NOT NULL,
    old_price numeric(14, 4),
    new_price numeric(14, 4),
    floor numeric(14, 4),
    effect text NOT NULL CHECK (effect IN ('loss', 'floor', 'gone')),
    is_new boolean NOT NULL,            -- it is not so already
    PRIMARY KEY (change_id, tenant_id, product_id)
);

-- What every price was, what it became, who did it, why, and by which change set.
CREATE TABLE master.price_history (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    change_id bigint,                   -- NULL: the cost changed, or it was set by the program
    kind text NOT NULL,
    good_id bigint,
    tier_id int,
    tenant_id int,
    special_id bigint,
    before jsonb,
    after jsonb,
    actor text NOT NULL,
    reason text NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX price_history_good ON master.price_history (good_id, id DESC);
CREATE INDEX price_history_tier ON master.price_history (tier_id, id DESC) WHERE tier_id IS NOT NULL;
CREATE INDEX price_history_tenant ON master.price_history (tenant_id, id DESC) WHERE tenant_id IS NOT NULL;
CREATE INDEX price_history_change ON master.price_history (change_id) WHERE change_id IS NOT NULL;
CREATE TRIGGER price_history_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON master.price_history
    FOR EACH STATEMENT EXECUTE FUNCTION master.refuse_change();

-- Whether stations are moved up by their turnover, for all: one row.
CREATE TABLE master.tier_policy (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    upgrades boolean NOT NULL DEFAULT false
);
INSERT INTO master.tier_policy DEFAULT VALUES;

-- Each station's turnover of each month is judged once. Equal tiers: it stayed where it was.
CREATE TABLE master.tier_reviews (
    tenant_id int NOT NULL REFERENCES master.tenants,
    month date NOT NULL,
    turnover_cents bigint NOT NULL,
    from_tier int NOT NULL,
    to_tier int NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, month)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON
    master.special_prices, master.price_changes, master.price_change_lines, master.price_preview_lines TO @{master};
GRANT SELECT, INSERT ON master.price_history, master.tier_reviews TO @{master};
GRANT SELECT, UPDATE ON master.tier_policy TO @{master};

-- What one unit of a good costs a tenant at this moment, and the least it may be sold for: the one place that says so, for
-- quotes and for sales. No row: the good is not for this tenant. `basis` is kept on the order. Plain SQL without rights of
-- its own, so that PostgreSQL draws it into the statements of its callers.
CREATE FUNCTION master.price_of(p_tenant int, p_good bigint)
RETURNS TABLE (price numeric, min_resale numeric, basis text, sells boolean)
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT coalesce(s.price, p.price), coalesce(p.min_resale, g.min_resale),
           CASE WHEN s.id IS NULL THEN 'tier:' || t.tier_id ELSE 'special:' || s.id END,
           t.state IN ('trial', 'active')
    FROM master.tenants t
    JOIN master.goods g ON g.id = p_good AND g.state = 'active'
    LEFT JOIN master.tier_prices p ON p.tier_id = t.tier_id AND p.good_id = p_good
    LEFT JOIN master.special_prices s ON s.tenant_id = p_tenant AND s.good_id = p_good
        AND s.valid_from <= now() AND (s.valid_until IS NULL OR s.valid_until > now())
    WHERE t.id = p_tenant AND (p.price IS NOT NULL OR s.price IS NOT NULL)
$$;

-- As in 0003, with the least resale price and the basis.
DROP FUNCTION master.quote(bigint[]);
CREATE FUNCTION master.quote(p_goods bigint[]) RETURNS TABLE (
    good_id bigint, wholesale_price numeric, in_pool int, available int, min_resale numeric, basis text)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
    SELECT wanted.id, p.price, pool.units,
           least(1000, pool.units + (SELECT coalesce(sum(coalesce(o.stock, 1000)), 0)
                FROM master.offers o JOIN master.suppliers s ON s.id = o.supplier_id
                WHERE o.good_id = wanted.id AND o.state = 'active' AND s.state = 'active' AND s.protocol <> 'stock'))::int,
           p.min_resale, p.basis
    FROM (SELECT DISTINCT unnest(p_goods) AS id) wanted
    CROSS JOIN LATERAL master.price_of(master.current_tenant(), wanted.id) p
    CROSS JOIN LATERAL (SELECT count(*)::int AS units FROM (
        SELECT 1 FROM master.card_pool c WHERE c.item_id = wanted.id
        AND EXISTS (SELECT 1 FROM master.offers o JOIN master.suppliers s ON s.id = o.supplier_id
                    WHERE o.good_id = wanted.id AND o.state = 'active' AND s.state = 'active' AND s.protocol = 'stock')
        LIMIT 1000) counted) pool
$$;

-- As in 0003: the special price goes before the tier's, a station sells only while its state allows it, and the sale learns
-- the least resale price and the basis of its price.
DROP FUNCTION master.open_sale(uuid, bigint, int, text, boolean);
CREATE FUNCTION master.open_sale(
    p_order uuid, p_good bigint, p_quantity int, p_buyer text, p_claim boolean,
    OUT wholesale_price numeric, OUT in_pool boolean, OUT upstream boolean,
    OUT wallet_cents bigint, OUT deposit_cents bigint, OUT card_ids uuid[], OUT card_secrets bytea[],
    OUT min_resale numeric, OUT basis text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me int := master.current_tenant();
BEGIN
    SELECT p.price, p.min_resale, p.basis,
           coalesce(bool_or(s.protocol = 'stock'), false),
           coalesce(bool_or(s.protocol <> 'stock' AND (o.stock IS NULL OR o.stock >= p_quantity)), false)
        INTO wholesale_price, min_resale, basis, in_pool, upstream
        FROM master.price_of(me, p_good) p
        LEFT JOIN (master.offers o JOIN master.suppliers s ON s.id = o.supplier_id AND s.state = 'active')
            ON o.good_id = p_good AND o.state = 'active'
        WHERE p.sells GROUP BY p.price, p.min_resale, p.basis;
    SELECT coalesce(sum(balance_cents) FILTER (WHERE kind = 'wallet'), 0),
           coalesce(sum(balance_cents) FILTER (WHERE kind = 'deposit'), 0)
        INTO wallet_cents, deposit_cents
        FROM master.ledger_accounts
        WHERE tenant_id = me AND (kind = 'wallet' AND owner = p_buyer OR kind = 'deposit' AND owner = '');
    IF in_pool AND p_claim THEN
        SELECT array_agg(c.id), array_agg(c.secret) INTO card_ids, card_secrets
            FROM master.claim_cards(p_order, p_good, p_quantity) c;
        in_pool := card_ids IS NOT NULL;
    ELSIF in_pool THEN
        in_pool := EXISTS (SELECT 1 FROM master.card_pool c WHERE c.item_id = p_good OFFSET p_quantity - 1);
    END IF;
END $$;

-- As in 0003; the price is what price_of says at this moment.
CREATE OR REPLACE FUNCTION master.post_sale(
    p_order uuid, p_buyer text, p_good bigint, p_quantity int, p_retail_cents bigint, p_wholesale_cents bigint
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me int := master.current_tenant();
    v_price numeric;
    v_cost bigint;
    v_cards int;
    v_fitting int;
    v_replayed boolean;
BEGIN
    -- Written so that a NULL is refused too: every comparison below would let it pass.
    IF (p_quantity >= 1 AND p_retail_cents >= 0 AND p_wholesale_cents >= 0) IS NOT TRUE THEN
        RAISE EXCEPTION 'a sale of % for % and % cents', p_quantity, p_retail_cents, p_wholesale_cents
            USING ERRCODE = '22023';
    END IF;
    SELECT p.price INTO v_price FROM master.price_of(me, p_good) p;
    IF v_price IS NULL OR round(v_price * p_quantity * 100) <> p_wholesale_cents THEN
        RAISE EXCEPTION 'the wholesale price has changed' USING ERRCODE = 'KM410';
    END IF;
    SELECT coalesce(sum(cost_cents), 0), count(*), count(*) FILTER (WHERE item_id = p_good AND tenant_id = me)
        INTO v_cost, v_cards, v_fitting FROM master.card_issued WHERE order_ref = p_order;
    IF v_cards NOT IN (0, p_quantity) OR v_fitting <> v_cards THEN
        RAISE EXCEPTION 'order % holds other cards than are paid for', p_order USING ERRCODE = '22023';
    END IF;
    SELECT replayed INTO v_replayed FROM master.ledger_post(
        me, 'sale:' || p_order, 'sale', p_order::text,
        ARRAY[me, me, 0, 0, 0, me],
        ARRAY['wallet', 'revenue', 'card_stock', 'supplier_cost', 'master_revenue', 'deposit'],
        ARRAY[p_buyer, '', '', '', '', ''],
        ARRAY[-p_retail_cents, p_retail_cents, -v_cost, v_cost, p_wholesale_cents, -p_wholesale_cents]);
    IF v_replayed THEN
        RAISE EXCEPTION 'order % has been charged before', p_order USING ERRCODE = 'KM411';
    END IF;
END $$;

-- The goods that a tenant can have now.
CREATE FUNCTION master.own_goods() RETURNS TABLE (good_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 500 SET search_path = pg_catalog, pg_temp AS $$
    SELECT g.id FROM master.goods g JOIN master.tenants t ON t.id = master.current_tenant()
    WHERE g.state = 'active' AND (
        EXISTS (SELECT 1 FROM master.tier_prices p
                WHERE p.tier_id = t.tier_id AND p.good_id = g.id AND p.price IS NOT NULL)
        OR EXISTS (SELECT 1 FROM master.special_prices s WHERE s.tenant_id = t.id AND s.good_id = g.id
                   AND s.valid_from <= now() AND (s.valid_until IS NULL OR s.valid_until > now())))
$$;

-- A tenant's special prices that hold or will hold. What the tier pays stands in the quote when they do not.
CREATE FUNCTION master.own_special_prices() RETURNS TABLE (
    good_id bigint, price numeric, tier_price numeric, valid_from timestamptz, valid_until timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 20 SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.good_id, s.price, p.price, s.valid_from, s.valid_until
    FROM master.special_prices s JOIN master.tenants t ON t.id = s.tenant_id
    LEFT JOIN master.tier_prices p ON p.tier_id = t.tier_id AND p.good_id = s.good_id
    WHERE s.tenant_id = master.current_tenant() AND (s.valid_until IS NULL OR s.valid_until > now())
    ORDER BY s.good_id, s.valid_from
$$;

-- What has changed for a tenant since `p_since`, and what is announced: figures only, never a rule, a reason or a cost. The
-- tier's changes count from the day on which the tenant came into it.
CREATE FUNCTION master.own_price_changes(p_since timestamptz, p_limit int) RETURNS TABLE (
    good_id bigint, kind text, is_announced boolean, at timestamptz,
    old_price numeric, new_price numeric, old_floor numeric, new_floor numeric)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 50 SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM (
        SELECT l.good_id, l.kind, true, c.apply_at,
               (l.before->>'price')::numeric, (l.after->>'price')::numeric,
               (l.before->>'floor')::numeric, (l.after->>'floor')::numeric
        FROM master.price_changes c
        JOIN master.price_change_lines l ON l.change_id = c.id
        JOIN master.tenants t ON t.id = master.current_tenant()
        WHERE c.state = 'scheduled' AND (l.kind = 'tier' AND l.tier_id = t.tier_id OR l.kind = 'special' AND l.tenant_id = t.id
            OR l.kind = 'floor' AND EXISTS (SELECT 1 FROM master.price_of(t.id, l.good_id)))
        UNION ALL
        SELECT h.good_id, h.kind, false, h.at,
               (h.before->>'price')::numeric, (h.after->>'price')::numeric,
               (h.before->>'floor')::numeric, (h.after->>'floor')::numeric
        FROM master.price_history h JOIN master.tenants t ON t.id = master.current_tenant()
        WHERE h.at >= p_since
            AND (h.kind = 'tier' AND h.tier_id = t.tier_id AND h.at >= t.tier_since
                OR h.kind = 'special' AND h.tenant_id = t.id
                OR h.kind = 'floor' AND EXISTS (SELECT 1 FROM master.price_of(t.id, h.good_id)))
    ) AS told (good_id, kind, is_announced, at, old_price, new_price, old_floor, new_floor)
    WHERE old_price IS DISTINCT FROM new_price OR old_floor IS DISTINCT FROM new_floor
    ORDER BY is_announced DESC, at DESC LIMIT p_limit
$$;

REVOKE ALL ON FUNCTION master.price_of, master.quote, master.open_sale, master.post_sale, master.own_goods,
    master.own_special_prices, master.own_price_changes FROM PUBLIC;
GRANT EXECUTE ON FUNCTION master.quote, master.open_sale, master.post_sale, master.own_goods,
    master.own_special_prices, master.own_price_changes TO @{tenants};
GRANT EXECUTE ON FUNCTION master.price_of TO @{master};
