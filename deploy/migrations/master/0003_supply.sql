-- What the gateway can deliver, from whom, at what price for whom; the master's own card stock; purchases.

CREATE TABLE master.goods (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> ''),
    description text NOT NULL DEFAULT '',
    usage_note text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'withdrawn')),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE master.tier_prices (
    tier_id int NOT NULL REFERENCES master.tiers,
    good_id bigint NOT NULL REFERENCES master.goods,
    price numeric(14, 4) NOT NULL CHECK (price > 0),    -- yuan for one unit
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tier_id, good_id)
);

CREATE TABLE master.suppliers (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> ''),
    protocol text NOT NULL,             -- a key of supplier_gateway.adapters; 'stock' is the master's own cards
    base_url text NOT NULL DEFAULT '',
    account text NOT NULL DEFAULT '',
    secret bytea,                       -- sealed
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused')),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE master.offers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    good_id bigint NOT NULL REFERENCES master.goods,
    supplier_id int NOT NULL REFERENCES master.suppliers,
    sku text NOT NULL DEFAULT '',
    cost numeric(14, 4) NOT NULL CHECK (cost >= 0),     -- yuan for one unit
    stock int CHECK (stock >= 0),       -- NULL: not told
    priority int NOT NULL DEFAULT 0,    -- lower is asked first
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused')),
    checked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (good_id, supplier_id, sku)
);

-- Card keys: one row a unit. To sell, a row leaves the pool and stands among the issued; both under the master's key.
CREATE TABLE master.card_pool (
    id uuid PRIMARY KEY,
    item_id bigint NOT NULL,
    secret bytea NOT NULL,
    fingerprint bytea NOT NULL,
    cost_cents bigint NOT NULL DEFAULT 0 CHECK (cost_cents >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (item_id, fingerprint)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
CREATE INDEX card_pool_item ON master.card_pool (item_id, id);
CREATE TABLE master.card_issued (
    id uuid PRIMARY KEY,
    item_id bigint NOT NULL,
    secret bytea NOT NULL,
    fingerprint bytea NOT NULL,
    cost_cents bigint NOT NULL DEFAULT 0,
    tenant_id int,
    order_ref uuid NOT NULL,
    issued_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (item_id, fingerprint)
);
CREATE INDEX card_issued_order ON master.card_issued (order_ref);

-- A card that has left the pool was paid for: at the commit its tenant's sale is on the ledger, whoever claimed it.
CREATE FUNCTION master.card_is_paid_for() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM master.ledger_transfers
                   WHERE key = 'sale:' || NEW.order_ref AND tenant_id = NEW.tenant_id) THEN
        RAISE EXCEPTION 'order % takes cards and is not charged', NEW.order_ref USING ERRCODE = 'KM500';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER card_issued_paid_for AFTER INSERT ON master.card_issued
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION master.card_is_paid_for();

-- One buying from one supplier for one order. At most one of an order may be under way or delivered: the index says so.
CREATE TABLE master.purchases (
    id uuid PRIMARY KEY,
    reference text NOT NULL UNIQUE,     -- ours; the supplier is asked by it; kept for ever
    tenant_id int NOT NULL,
    order_ref uuid NOT NULL,
    order_no text NOT NULL,
    good_id bigint NOT NULL REFERENCES master.goods,
    offer_id bigint NOT NULL REFERENCES master.offers,
    supplier_id int NOT NULL REFERENCES master.suppliers,
    sku text NOT NULL,
    quantity int NOT NULL CHECK (quantity > 0),
    max_unit_cost numeric(14, 4) NOT NULL,
    state text NOT NULL CHECK (state IN ('submitted', 'unknown', 'delivered', 'failed')),
    fault text NOT NULL DEFAULT '',
    detail text NOT NULL DEFAULT '',
    supplier_order_no text NOT NULL DEFAULT '',
    cost_cents bigint NOT NULL DEFAULT 0,
    cards bytea[] NOT NULL DEFAULT '{}',    -- sealed under the master's key
    lease_until timestamptz NOT NULL,   -- until then one worker is at it
    created_at timestamptz NOT NULL DEFAULT now(),
    settled_at timestamptz
);
CREATE UNIQUE INDEX purchases_one_alive ON master.purchases (order_ref) WHERE state <> 'failed';
CREATE INDEX purchases_order ON master.purchases (order_ref, created_at);
CREATE INDEX purchases_open ON master.purchases (lease_until) WHERE state IN ('submitted', 'unknown');

GRANT SELECT, INSERT, UPDATE, DELETE ON
    master.goods, master.tier_prices, master.suppliers, master.offers, master.card_pool TO @{master};
GRANT SELECT, INSERT, UPDATE ON master.card_issued, master.purchases TO @{master};
GRANT SELECT ON master.goods TO @{tenants};

-- What a tenant may know of goods: its own wholesale price in yuan, and how many can be had (at most 1,000 are counted).
-- A tenant never sees an offer, a supplier, a cost, or another tier.
CREATE FUNCTION master.quote(p_goods bigint[]) RETURNS TABLE (good_id bigint, wholesale_price numeric, in_pool int, available int)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 10 AS $$
    SELECT p.good_id, p.price, pool.units,
           least(1000, pool.units + (SELECT coalesce(sum(coalesce(o.stock, 1000)), 0)
                FROM master.offers o JOIN master.suppliers s ON s.id = o.supplier_id
                WHERE o.good_id = p.good_id AND o.state = 'active' AND s.state = 'active' AND s.protocol <> 'stock'))::int
    FROM master.tenants t
    JOIN master.tier_prices p ON p.tier_id = t.tier_id AND p.good_id = ANY (p_goods)
    JOIN master.goods g ON g.id = p.good_id AND g.state = 'active'
    CROSS JOIN LATERAL (SELECT count(*)::int AS units FROM (
        SELECT 1 FROM master.card_pool c WHERE c.item_id = p.good_id
        AND EXISTS (SELECT 1 FROM master.offers o JOIN master.suppliers s ON s.id = o.supplier_id
                    WHERE o.good_id = p.good_id AND o.state = 'active' AND s.state = 'active' AND s.protocol = 'stock')
        LIMIT 1000) counted) pool
    WHERE t.id = master.current_tenant()
$$;

-- Takes `p_quantity` cards of the master's stock for an order, or none. Rows that another sale holds are passed over.
CREATE FUNCTION master.claim_cards(p_order uuid, p_good bigint, p_quantity int) RETURNS TABLE (id uuid, secret bytea)
LANGUAGE plpgsql SECURITY DEFINER ROWS 1 AS $$
DECLARE
    v_held uuid[];
BEGIN
    IF p_quantity IS NULL OR p_quantity < 1 THEN  -- LIMIT NULL would be the whole pool
        RAISE EXCEPTION 'a claim of % cards', p_quantity USING ERRCODE = '22023';
    END IF;
    v_held := ARRAY(SELECT c.id FROM master.card_pool c WHERE c.item_id = p_good ORDER BY c.id
                    LIMIT p_quantity FOR UPDATE SKIP LOCKED);
    IF cardinality(v_held) < p_quantity THEN
        RETURN;
    END IF;
    RETURN QUERY
        WITH taken AS (DELETE FROM master.card_pool c WHERE c.id = ANY (v_held) RETURNING c.*)
        INSERT INTO master.card_issued AS issued
            (id, item_id, secret, fingerprint, cost_cents, tenant_id, order_ref)
        SELECT t.id, t.item_id, t.secret, t.fingerprint, t.cost_cents, master.current_tenant(), p_order FROM taken t
        RETURNING issued.id, issued.secret;
END $$;

-- All that one sale of `p_quantity` units needs of the master, in one call: the wholesale price, the balances of buyer and
-- tenant, whether a supplier can deliver, and, with `p_claim`, the cards themselves if the master's stock has them. No
-- price means that the good is not for this tenant. plpgsql, like all that stands in a sale's way: it keeps its plans.
CREATE FUNCTION master.open_sale(
    p_order uuid, p_good bigint, p_quantity int, p_buyer text, p_claim boolean,
    OUT wholesale_price numeric, OUT in_pool boolean, OUT upstream boolean,
    OUT wallet_cents bigint, OUT deposit_cents bigint, OUT card_ids uuid[], OUT card_secrets bytea[])
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    me int := master.current_tenant();
BEGIN
    SELECT p.price,
           coalesce(bool_or(s.protocol = 'stock'), false),
           coalesce(bool_or(s.protocol <> 'stock' AND (o.stock IS NULL OR o.stock >= p_quantity)), false)
        INTO wholesale_price, in_pool, upstream
        FROM master.tenants t
        JOIN master.tier_prices p ON p.tier_id = t.tier_id AND p.good_id = p_good
        JOIN master.goods g ON g.id = p.good_id AND g.state = 'active'
        LEFT JOIN (master.offers o JOIN master.suppliers s ON s.id = o.supplier_id AND s.state = 'active')
            ON o.good_id = p.good_id AND o.state = 'active'
        WHERE t.id = me GROUP BY p.price;
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

-- Cards of the stock for an order that has been charged and waits: not while a purchase for it is under way, and not twice. The
-- lock keeps this apart from the opening of a purchase (supplier_gateway.purchases) and from the reversal of the sale.
CREATE FUNCTION master.order_lock(p_order uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER AS $$ SELECT pg_advisory_xact_lock(hashtextextended(p_order::text, 7)) $$;
CREATE FUNCTION master.claim_cards_late(p_order uuid, p_good bigint, p_quantity int) RETURNS TABLE (id uuid, secret bytea)
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM master.order_lock(p_order);
    IF NOT EXISTS (SELECT 1 FROM master.ledger_transfers t
                   WHERE t.key = 'sale:' || p_order AND t.tenant_id = master.current_tenant())
       OR EXISTS (SELECT 1 FROM master.purchases p WHERE p.order_ref = p_order AND p.state <> 'failed')
       OR EXISTS (SELECT 1 FROM master.card_issued c WHERE c.order_ref = p_order)
       OR EXISTS (SELECT 1 FROM master.ledger_transfers t WHERE t.key = 'reversal:' || p_order)
       OR NOT EXISTS (SELECT 1 FROM master.offers o JOIN master.suppliers s ON s.id = o.supplier_id
                      WHERE o.good_id = p_good AND o.state = 'active' AND s.state = 'active' AND s.protocol = 'stock')
    THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT c.id, c.secret FROM master.claim_cards(p_order, p_good, p_quantity) c;
END $$;

-- The cost of cards claimed for an order that had been charged before: what post_sale does for a sale from stock.
CREATE FUNCTION master.post_card_cost(p_order uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    v_cost bigint;
BEGIN
    SELECT coalesce(sum(cost_cents), 0) INTO v_cost FROM master.card_issued
        WHERE order_ref = p_order AND tenant_id = master.current_tenant();
    IF v_cost = 0 THEN  -- a transfer without lines would use up the key
        RETURN;
    END IF;
    PERFORM master.ledger_post(
        0, 'card_cost:' || p_order, 'card_cost', p_order::text,
        ARRAY[0, 0], ARRAY['card_stock', 'supplier_cost'], ARRAY['', ''], ARRAY[-v_cost, v_cost]);
END $$;

-- Charges one sale: the buyer's wallet the retail price, the tenant's deposit the wholesale price, in one transfer. The
-- wholesale price is the master's to say: `p_wholesale_cents` is what the tenant was quoted, and KM410 is raised when it
-- no longer holds. Cards already claimed for the order bring their cost, and are all that was ordered, no more and no less.
-- An order is charged once: KM411. KM402: see ledger_post.
CREATE FUNCTION master.post_sale(
    p_order uuid, p_buyer text, p_good bigint, p_quantity int, p_retail_cents bigint, p_wholesale_cents bigint
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
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
    SELECT p.price INTO v_price FROM master.tenants t JOIN master.tier_prices p ON p.tier_id = t.tier_id
        WHERE t.id = me AND p.good_id = p_good;
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

-- Gives back a whole sale that was not delivered: every line but the cost of cards, once.
CREATE FUNCTION master.reverse_sale(p_order uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    me int := master.current_tenant();
    v_sale bigint;
    v_replayed boolean;
    v_tenants int[]; v_kinds text[]; v_owners text[]; v_amounts bigint[];
BEGIN
    PERFORM master.order_lock(p_order);
    SELECT id INTO v_sale FROM master.ledger_transfers WHERE key = 'sale:' || p_order AND tenant_id = me;
    IF v_sale IS NULL THEN
        RAISE EXCEPTION 'order % was never charged', p_order USING ERRCODE = 'KM404';
    END IF;
    IF EXISTS (SELECT 1 FROM master.purchases WHERE order_ref = p_order AND state <> 'failed')
       OR EXISTS (SELECT 1 FROM master.card_issued WHERE order_ref = p_order) THEN
        RAISE EXCEPTION 'a purchase for order % is under way', p_order USING ERRCODE = 'KM409';
    END IF;
    SELECT array_agg(a.tenant_id ORDER BY e.line), array_agg(a.kind ORDER BY e.line),
           array_agg(a.owner ORDER BY e.line), array_agg(-e.amount_cents ORDER BY e.line)
        INTO v_tenants, v_kinds, v_owners, v_amounts
        FROM master.ledger_entries e JOIN master.ledger_accounts a ON a.id = e.account_id
        WHERE e.transfer_id = v_sale AND a.kind NOT IN ('card_stock', 'supplier_cost');
    SELECT replayed INTO v_replayed FROM master.ledger_post(
        me, 'reversal:' || p_order, 'reversal', p_order::text, v_tenants, v_kinds, v_owners, v_amounts, v_sale);
    RETURN v_replayed;
END $$;

REVOKE ALL ON FUNCTION master.quote, master.open_sale, master.claim_cards, master.claim_cards_late, master.post_card_cost,
    master.post_sale, master.reverse_sale, master.order_lock FROM PUBLIC;
GRANT EXECUTE ON FUNCTION master.quote, master.open_sale, master.claim_cards_late, master.post_card_cost,
    master.post_sale, master.reverse_sale TO @{tenants};
GRANT EXECUTE ON FUNCTION master.order_lock TO @{master};
