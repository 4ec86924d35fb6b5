-- The sale anew: cards held for unpaid orders, the last cards of a pool sold exactly, whose account is charged, part
-- deliveries given back, and when each open order is looked at again. The functions of before stay as they are for
-- processes of the version before.

-- When an order that is not final is looked at: the sweepers of all stations ask here, and nowhere else.
CREATE TABLE master.order_deadlines (
    order_ref uuid PRIMARY KEY,
    tenant_id int NOT NULL DEFAULT master.current_tenant(),
    state text NOT NULL CHECK (state IN ('unpaid', 'paid', 'waiting')),
    due_at timestamptz NOT NULL,        -- when it is given up, as on the order
    look_at timestamptz NOT NULL        -- when somebody looks whether it is on its way
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
CREATE INDEX order_deadlines_look ON master.order_deadlines (state, look_at);
CREATE INDEX order_deadlines_tenant ON master.order_deadlines (tenant_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON master.order_deadlines TO @{master}, @{tenants};
ALTER TABLE master.order_deadlines ENABLE ROW LEVEL SECURITY;
CREATE POLICY master_all ON master.order_deadlines TO @{master} USING (true) WITH CHECK (true);
CREATE POLICY own_rows ON master.order_deadlines TO @{tenants}
    USING (tenant_id = master.current_tenant()) WITH CHECK (tenant_id = master.current_tenant());
GRANT UPDATE ON master.card_held TO @{master};     -- a sweeper locks what it frees

-- What was sold and not in stock: of which good how many units the master owes an order. The station's own row may say
-- anything; this one was written with the money. `elsewhere`: units that the station has delivered by hand since, which
-- nobody buys or takes from the stock any more.
CREATE TABLE master.sold_ahead (
    order_ref uuid PRIMARY KEY,
    tenant_id int NOT NULL,
    good_id bigint NOT NULL,
    quantity int NOT NULL CHECK (quantity > 0),
    elsewhere int NOT NULL DEFAULT 0 CHECK (elsewhere BETWEEN 0 AND quantity)
);
CREATE INDEX sold_ahead_tenant ON master.sold_ahead (tenant_id);
INSERT INTO master.sold_ahead (order_ref, tenant_id, good_id, quantity)
    SELECT order_ref, min(tenant_id), min(good_id), max(quantity) FROM master.purchases GROUP BY order_ref;
GRANT SELECT ON master.sold_ahead TO @{master};

-- Locks `p_quantity` cards of the master's pool for this transaction; an empty array when there are not so many.
--
-- Rows that another sale has locked are passed over, so nobody waits for anybody while there is enough. Few enough to
-- matter, they may yet come back: another sale holds them and fails. Whoever then finds too few lets go of what it has
-- and looks at the pool in a fixed order, one sale after the other, waiting for what the others hold (`pick_last_cards`).
-- So a buyer hears "sold out" only when the cards are sold or promised. Nobody waits there with cards of this pool in
-- hand, and baskets take their pools in one order: no circle.
CREATE FUNCTION master.pick_cards(p_good bigint, p_quantity int) RETURNS uuid[]
LANGUAGE plpgsql AS $$
DECLARE
    v_held uuid[];
BEGIN
    IF p_quantity IS NULL OR p_quantity < 1 THEN  -- LIMIT NULL would be the whole pool
        RAISE EXCEPTION 'a claim of % cards', p_quantity USING ERRCODE = '22023';
    END IF;
    IF p_quantity = 1 THEN
        v_held := ARRAY(SELECT c.id FROM master.card_pool c WHERE c.item_id = p_good ORDER BY c.id
                        LIMIT 1 FOR UPDATE SKIP LOCKED);
        IF cardinality(v_held) = 1 THEN
            RETURN v_held;
        END IF;
    ELSE
        BEGIN
            v_held := ARRAY(SELECT c.id FROM master.card_pool c WHERE c.item_id = p_good ORDER BY c.id
                            LIMIT p_quantity FOR UPDATE SKIP LOCKED);
            IF cardinality(v_held) < p_quantity THEN
                RAISE EXCEPTION 'too few' USING ERRCODE = 'KM001';
            END IF;
            RETURN v_held;
        EXCEPTION WHEN SQLSTATE 'KM001' THEN
            NULL;  -- the locks are gone with the block
        END;
    END IF;
    RETURN master.pick_last_cards(p_good, p_quantity);
END $$;

CREATE FUNCTION master.pick_last_cards(p_good bigint, p_quantity int) RETURNS uuid[]
LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE
    v_held uuid[];
BEGIN
    FOR attempt IN 1..3 LOOP
        -- What others have taken and not committed is counted here.
        IF NOT EXISTS (SELECT 1 FROM master.card_pool c WHERE c.item_id = p_good OFFSET p_quantity - 1) THEN
            RETURN '{}';
        END IF;
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtextextended('card_pool', p_good));
            v_held := ARRAY(SELECT c.id FROM master.card_pool c WHERE c.item_id = p_good ORDER BY c.id
                            LIMIT p_quantity FOR UPDATE);
            IF cardinality(v_held) = p_quantity THEN
                RETURN v_held;
            END IF;
            RAISE EXCEPTION 'too few' USING ERRCODE = 'KM001';
        EXCEPTION
            WHEN SQLSTATE 'KM001' THEN NULL;
            WHEN lock_not_available OR deadlock_detected THEN RETURN '{}';
        END;
    END LOOP;
    RETURN '{}';
END $$;

-- As in 0003, and exact; what is known of a card goes with it.
CREATE OR REPLACE FUNCTION master.claim_cards(p_order uuid, p_good bigint, p_quantity int)
RETURNS TABLE (id uuid, secret bytea)
LANGUAGE plpgsql SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_picked uuid[] := master.pick_cards(p_good, p_quantity);
BEGIN
    RETURN QUERY
        WITH taken AS (DELETE FROM master.card_pool c WHERE c.id = ANY (v_picked) RETURNING c.*)
        INSERT INTO master.card_issued AS issued
            (id, item_id, secret, fingerprint, cost_cents, batch_id, label, tenant_id, order_ref)
        SELECT t.id, t.item_id, t.secret, t.fingerprint, t.cost_cents, t.batch_id, t.label, master.current_tenant(), p_order
        FROM taken t
        RETURNING issued.id, issued.secret;
END $$;

-- Keeps cards of the master's stock for an unpaid order. False: there are not so many.
CREATE FUNCTION master.hold_cards(p_order uuid, p_good bigint, p_quantity int) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_picked uuid[] := master.pick_cards(p_good, p_quantity);
BEGIN
    WITH taken AS (DELETE FROM master.card_pool c WHERE c.id = ANY (v_picked) RETURNING c.*)
    INSERT INTO master.card_held (id, item_id, secret, fingerprint, cost_cents, batch_id, label, tenant_id, order_ref)
    SELECT t.id, t.item_id, t.secret, t.fingerprint, t.cost_cents, t.batch_id, t.label, master.current_tenant(), p_order
    FROM taken t;
    RETURN cardinality(v_picked) > 0;
END $$;

-- Puts back what an order holds. A card that was imported again meanwhile is in the pool already. How many were held.
CREATE FUNCTION master.release_held(p_order uuid) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_count int;
BEGIN
    WITH freed AS (
        DELETE FROM master.card_held h WHERE h.order_ref = p_order AND h.tenant_id = master.current_tenant() RETURNING h.*
    ), back AS (
        INSERT INTO master.card_pool (id, item_id, secret, fingerprint, cost_cents, batch_id, label)
        SELECT f.id, f.item_id, f.secret, f.fingerprint, f.cost_cents, f.batch_id, f.label FROM freed f
        ON CONFLICT (item_id, fingerprint) DO NOTHING
    ) SELECT count(*) INTO v_count FROM freed;
    RETURN v_count;
END $$;

-- All that one sale needs of the master, in one call: the wholesale price, the balances, whether a supplier can deliver,
-- and the cards themselves if the master's stock has them. `p_stock` says what is done with them: 'look', 'claim', 'hold'
-- for an order that is to be paid, or 'held': what was held for it, else 'claim'. Without a good it is a sale of the
-- station's own. No price means that the good is not for this tenant, or that it may not sell now.
CREATE FUNCTION master.begin_sale(
    p_order uuid, p_good bigint, p_quantity int, p_buyer text, p_stock text,
    OUT wholesale_price numeric, OUT in_pool boolean, OUT upstream boolean,
    OUT wallet_cents bigint, OUT deposit_cents bigint, OUT collected_cents bigint,
    OUT card_ids uuid[], OUT card_secrets bytea[], OUT min_resale numeric, OUT basis text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me int := master.current_tenant();
BEGIN
    SELECT coalesce(sum(balance_cents) FILTER (WHERE kind = 'wallet'), 0),
           coalesce(sum(balance_cents) FILTER (WHERE kind = 'deposit'), 0),
           coalesce(sum(balance_cents) FILTER (WHERE kind = 'collected'), 0)
        INTO wallet_cents, deposit_cents, collected_cents
        FROM master.ledger_accounts
        WHERE tenant_id = me AND (kind = 'wallet' AND owner = p_buyer OR kind IN ('deposit', 'collected') AND owner = '');
    IF p_good IS NULL THEN
        SELECT CASE WHEN t.state IN ('trial', 'active') THEN 0 END, false, false, ''
            INTO wholesale_price, in_pool, upstream, basis FROM master.tenants t WHERE t.id = me;
        RETURN;
    END IF;
    SELECT p.price, p.min_resale, p.basis,
           coalesce(bool_or(s.protocol = 'stock'), false),
           coalesce(bool_or(s.protocol <> 'stock' AND (o.stock IS NULL OR o.stock >= p_quantity)), false)
        INTO wholesale_price, min_resale, basis, in_pool, upstream
        FROM master.price_of(me, p_good) p
        LEFT JOIN (master.offers o JOIN master.suppliers s ON s.id = o.supplier_id AND s.state = 'active')
            ON o.good_id = p_good AND o.state = 'active'
        WHERE p.sells GROUP BY p.price, p.min_resale, p.basis;
    IF p_stock = 'held' THEN
        WITH freed AS (
            DELETE FROM master.card_held h WHERE h.order_ref = p_order AND h.tenant_id = me AND h.item_id = p_good
            RETURNING h.*
        ), issued AS (
            INSERT INTO master.card_issued AS i
                (id, item_id, secret, fingerprint, cost_cents, batch_id, label, tenant_id, order_ref)
            SELECT f.id, f.item_id, f.secret, f.fingerprint, f.cost_cents, f.batch_id, f.label, me, p_order FROM freed f
            RETURNING i.id, i.secret
        ) SELECT array_agg(i.id), array_agg(i.secret) INTO card_ids, card_secrets FROM issued i;
        IF card_ids IS NOT NULL THEN
            in_pool := true;
            RETURN;
        END IF;
    END IF;
    IF NOT in_pool THEN
        RETURN;
    ELSIF p_stock = 'look' THEN
        in_pool := EXISTS (SELECT 1 FROM master.card_pool c WHERE c.item_id = p_good OFFSET p_quantity - 1);
    ELSIF p_stock = 'hold' THEN
        in_pool := master.hold_cards(p_order, p_good, p_quantity);
    ELSE
        SELECT array_agg(c.id), array_agg(c.secret) INTO card_ids, card_secrets
            FROM master.claim_cards(p_order, p_good, p_quantity) c;
        in_pool := card_ids IS NOT NULL;
    END IF;
END $$;

-- Charges one sale, in one transfer: the buyer's wallet the retail price, and the wholesale price to the tenant's deposit,
-- or, where the master has taken the buyer's money (`p_settlement` 'master'), to what it has collected for the tenant. A
-- sale of the station's own has no good and no wholesale price. Else as post_sale in 0010.
CREATE FUNCTION master.charge_sale(
    p_order uuid, p_buyer text, p_good bigint, p_quantity int, p_retail_cents bigint, p_wholesale_cents bigint,
    p_settlement text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me int := master.current_tenant();
    v_price numeric;
    v_cost bigint := 0;
    v_cards int;
    v_fitting int;
    v_replayed boolean;
BEGIN
    -- Written so that a NULL is refused too: every comparison below would let it pass.
    IF (p_quantity >= 1 AND p_retail_cents >= 0 AND p_wholesale_cents >= 0
        AND p_settlement IN ('own', 'master')) IS NOT TRUE THEN
        RAISE EXCEPTION 'a sale of % for % and % cents (%)', p_quantity, p_retail_cents, p_wholesale_cents, p_settlement
            USING ERRCODE = '22023';
    END IF;
    SELECT coalesce(sum(cost_cents), 0), count(*), count(*) FILTER (WHERE item_id = p_good AND tenant_id = me)
        INTO v_cost, v_cards, v_fitting FROM master.card_issued WHERE order_ref = p_order;
    IF p_good IS NULL THEN
        IF p_wholesale_cents <> 0 OR v_cards <> 0 THEN
            RAISE EXCEPTION 'order % is the station''s own and takes from the master', p_order USING ERRCODE = '22023';
        END IF;
    ELSE
        SELECT p.price INTO v_price FROM master.price_of(me, p_good) p;
        IF v_price IS NULL OR round(v_price * p_quantity * 100) <> p_wholesale_cents THEN
            RAISE EXCEPTION 'the wholesale price has changed' USING ERRCODE = 'KM410';
        END IF;
        IF v_cards NOT IN (0, p_quantity) OR v_fitting <> v_cards THEN
            RAISE EXCEPTION 'order % holds other cards than are paid for', p_order USING ERRCODE = '22023';
        END IF;
    END IF;
    SELECT replayed INTO v_replayed FROM master.ledger_post(
        me, 'sale:' || p_order, 'sale', p_order::text,
        ARRAY[me, me, 0, 0, 0, me],
        ARRAY['wallet', 'revenue', 'card_stock', 'supplier_cost', 'master_revenue',
              CASE WHEN p_settlement = 'master' THEN 'collected' ELSE 'deposit' END],
        ARRAY[p_buyer, '', '', '', '', ''],
        ARRAY[-p_retail_cents, p_retail_cents, -v_cost, v_cost, p_wholesale_cents, -p_wholesale_cents]);
    IF v_replayed THEN
        RAISE EXCEPTION 'order % has been charged before', p_order USING ERRCODE = 'KM411';
    END IF;
    IF p_good IS NOT NULL AND v_cards = 0 THEN
        INSERT INTO master.sold_ahead (order_ref, tenant_id, good_id, quantity) VALUES (p_order, me, p_good, p_quantity);
    END IF;
END $$;

-- How many units of a good the master owes this tenant's order; 0 for an order that it was never charged for. A sale of
-- the version before is not written down: there it is as many as its wholesale price buys now.
CREATE FUNCTION master.owed_units(p_order uuid, p_good bigint) RETURNS int
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me int := master.current_tenant();
    v_units int;
BEGIN
    SELECT CASE WHEN a.good_id = p_good AND a.tenant_id = me THEN a.quantity - a.elsewhere ELSE 0 END
        INTO v_units FROM master.sold_ahead a WHERE a.order_ref = p_order;
    IF v_units IS NULL THEN
        SELECT floor(-sum(e.amount_cents) / (SELECT nullif(p.price, 0) * 100 FROM master.price_of(me, p_good) p))
            INTO v_units
            FROM master.ledger_transfers t JOIN master.ledger_entries e ON e.transfer_id = t.id
            JOIN master.ledger_accounts a ON a.id = e.account_id AND a.kind IN ('deposit', 'collected')
            WHERE t.key = 'sale:' || p_order AND t.tenant_id = me;
    END IF;
    RETURN coalesce(v_units, 0);
END $$;

-- As in 0003; of the good that was sold, and with what suppliers have brought never more than was sold.
CREATE OR REPLACE FUNCTION master.claim_cards_late(p_order uuid, p_good bigint, p_quantity int)
RETURNS TABLE (id uuid, secret bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_issued int;
BEGIN
    PERFORM master.order_lock(p_order);
    SELECT count(*) INTO v_issued FROM master.card_issued c WHERE c.order_ref = p_order;
    IF (v_issued + p_quantity <= master.owed_units(p_order, p_good)) IS NOT TRUE
       OR EXISTS (SELECT 1 FROM master.purchases p WHERE p.order_ref = p_order AND p.state NOT IN ('failed', 'partial'))
       OR EXISTS (SELECT 1 FROM master.ledger_transfers t WHERE t.key IN ('reversal:' || p_order, 'part:' || p_order))
       OR NOT EXISTS (SELECT 1 FROM master.offers o JOIN master.suppliers s ON s.id = o.supplier_id
                      WHERE o.good_id = p_good AND o.state = 'active' AND s.state = 'active' AND s.protocol = 'stock')
    THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT c.id, c.secret FROM master.claim_cards(p_order, p_good, p_quantity) c;
END $$;

-- The station delivers some units of an order by hand: from here on they are not bought, nor taken from the stock. Raises
-- KM409 while a supplier may still deliver, or has delivered what these units would be.
CREATE FUNCTION master.deliver_elsewhere(p_order uuid, p_units int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_brought int;
BEGIN
    IF (p_units >= 1) IS NOT TRUE THEN
        RAISE EXCEPTION '% units by hand', p_units USING ERRCODE = '22023';
    END IF;
    PERFORM master.order_lock(p_order);
    IF EXISTS (SELECT 1 FROM master.purchases WHERE order_ref = p_order AND state IN ('submitted', 'unknown')) THEN
        RAISE EXCEPTION 'a purchase for order % is under way', p_order USING ERRCODE = 'KM409';
    END IF;
    SELECT greatest(coalesce(sum(p.delivered_quantity), 0),
                    (SELECT count(*) FROM master.card_issued c WHERE c.order_ref = p_order))
        INTO v_brought FROM master.purchases p WHERE p.order_ref = p_order AND p.state IN ('delivered', 'partial');
    UPDATE master.sold_ahead SET elsewhere = elsewhere + p_units
        WHERE order_ref = p_order AND tenant_id = master.current_tenant()
          AND v_brought + elsewhere + p_units <= quantity;
    IF NOT FOUND AND EXISTS (SELECT 1 FROM master.sold_ahead WHERE order_ref = p_order) THEN
        RAISE EXCEPTION 'order % is not owed that much', p_order USING ERRCODE = 'KM409';
    END IF;
END $$;

-- As in 0003: gives back a whole sale, once; not one of which the master has delivered anything, nor one of which a part
-- was given back. It goes to where it came from.
CREATE OR REPLACE FUNCTION master.reverse_sale(p_order uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
       OR EXISTS (SELECT 1 FROM master.card_issued WHERE order_ref = p_order)
       OR EXISTS (SELECT 1 FROM master.ledger_transfers WHERE key = 'part:' || p_order) THEN
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

-- Gives back what is missing of a sale, once. How much of the retail price that is, the station says: `p_delivered` of
-- `p_quantity` units are with the buyer, whoever delivered them. How much of the wholesale price, the master sees for
-- itself: the share of the units that neither its stock nor its suppliers delivered, and all of it when they delivered
-- none. Each is rounded once and the rest is what is given back, so nothing is lost. Raises KM404 for an order that was
-- never charged, KM409 while a supplier may still deliver, KM411 when money of it went back before.
CREATE FUNCTION master.reverse_part(
    p_order uuid, p_quantity int, p_delivered int, OUT retail_cents bigint, OUT wholesale_cents bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me int := master.current_tenant();
    v_sale bigint;
    v_units int;
    v_quantity int;
    v_tenants int[]; v_kinds text[]; v_owners text[]; v_amounts bigint[];
BEGIN
    IF (p_quantity >= 1 AND p_delivered BETWEEN 0 AND p_quantity) IS NOT TRUE THEN
        RAISE EXCEPTION 'a part of % of %', p_delivered, p_quantity USING ERRCODE = '22023';
    END IF;
    PERFORM master.order_lock(p_order);
    SELECT id INTO v_sale FROM master.ledger_transfers WHERE key = 'sale:' || p_order AND tenant_id = me;
    IF v_sale IS NULL THEN
        RAISE EXCEPTION 'order % was never charged', p_order USING ERRCODE = 'KM404';
    END IF;
    IF EXISTS (SELECT 1 FROM master.purchases WHERE order_ref = p_order AND state IN ('submitted', 'unknown')) THEN
        RAISE EXCEPTION 'a purchase for order % is under way', p_order USING ERRCODE = 'KM409';
    END IF;
    IF EXISTS (SELECT 1 FROM master.ledger_transfers WHERE reverses = v_sale) THEN
        RAISE EXCEPTION 'order % was given back before', p_order USING ERRCODE = 'KM411';
    END IF;
    SELECT greatest(coalesce(sum(delivered_quantity), 0),
                    (SELECT count(*) FROM master.card_issued c WHERE c.order_ref = p_order)),
           coalesce(max(quantity), 0)
        INTO v_units, v_quantity FROM master.purchases WHERE order_ref = p_order AND state IN ('delivered', 'partial');
    v_quantity := greatest(coalesce((SELECT a.quantity FROM master.sold_ahead a WHERE a.order_ref = p_order), v_quantity),
                           v_units, 1);
    SELECT array_agg(given.tenant_id ORDER BY given.line), array_agg(given.kind ORDER BY given.line),
           array_agg(given.owner ORDER BY given.line), array_agg(given.cents ORDER BY given.line)
        INTO v_tenants, v_kinds, v_owners, v_amounts
        FROM (SELECT e.line, a.tenant_id, a.kind, a.owner,
                     CASE WHEN a.kind IN ('wallet', 'revenue')
                          THEN round(e.amount_cents::numeric * p_delivered / p_quantity)
                          ELSE round(e.amount_cents::numeric * v_units / v_quantity) END::bigint - e.amount_cents AS cents
              FROM master.ledger_entries e JOIN master.ledger_accounts a ON a.id = e.account_id
              WHERE e.transfer_id = v_sale AND a.kind NOT IN ('card_stock', 'supplier_cost')) AS given;
    PERFORM master.ledger_post(
        me, 'part:' || p_order, 'part', p_order::text, v_tenants, v_kinds, v_owners, v_amounts, v_sale);
    SELECT coalesce(sum(cents) FILTER (WHERE kind = 'wallet'), 0),
           coalesce(sum(cents) FILTER (WHERE kind IN ('deposit', 'collected')), 0)
        INTO retail_cents, wholesale_cents FROM unnest(v_kinds, v_amounts) AS given (kind, cents);
END $$;

-- Cards of the station's own pool, for an order: `p_random` takes them in the order of their fingerprints, which are an
-- HMAC, so nobody knows it; `p_card` is one that the buyer chose. Issued, or with `p_hold` held. They stay sealed as they
-- are. How many were taken, all or none, and what they cost. It runs with the rights and in the schema of the caller:
-- the names below are the station's own tables. Exact as pick_cards is.
CREATE FUNCTION master.take_own_cards(
    p_order uuid, p_item bigint, p_quantity int, p_random boolean, p_card uuid, p_hold boolean,
    OUT units int, OUT cost_cents bigint)
LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE
    v_picked uuid[] := '{}';
BEGIN
    units := 0;
    cost_cents := 0;
    IF p_quantity IS NULL OR p_quantity < 1 THEN
        RAISE EXCEPTION 'a claim of % cards', p_quantity USING ERRCODE = '22023';
    END IF;
    IF p_card IS NOT NULL THEN
        v_picked := ARRAY(SELECT c.id FROM card_pool c WHERE c.id = p_card AND c.item_id = p_item FOR UPDATE SKIP LOCKED);
    ELSE
        FOR attempt IN 1..4 LOOP
            IF NOT EXISTS (SELECT 1 FROM card_pool c WHERE c.item_id = p_item OFFSET p_quantity - 1) THEN
                RETURN;
            END IF;
            BEGIN
                IF attempt > 1 THEN
                    PERFORM pg_advisory_xact_lock(hashtextextended('card_pool:' || current_schema(), p_item));
                    v_picked := ARRAY(SELECT c.id FROM card_pool c WHERE c.item_id = p_item ORDER BY c.id
                                      LIMIT p_quantity FOR UPDATE);
                ELSIF p_random THEN
                    v_picked := ARRAY(SELECT c.id FROM card_pool c WHERE c.item_id = p_item ORDER BY c.fingerprint
                                      LIMIT p_quantity FOR UPDATE SKIP LOCKED);
                ELSE
                    v_picked := ARRAY(SELECT c.id FROM card_pool c WHERE c.item_id = p_item ORDER BY c.id
                                      LIMIT p_quantity FOR UPDATE SKIP LOCKED);
                END IF;
                IF cardinality(v_picked) < p_quantity THEN
                    RAISE EXCEPTION 'too few' USING ERRCODE = 'KM001';
                END IF;
                EXIT;
            EXCEPTION
                WHEN SQLSTATE 'KM001' THEN v_picked := '{}';
                WHEN lock_not_available OR deadlock_detected THEN RETURN;
            END;
        END LOOP;
    END IF;
    IF cardinality(v_picked) < p_quantity THEN
        RETURN;
    END IF;
    IF p_hold THEN
        WITH taken AS (DELETE FROM card_pool c WHERE c.id = ANY (v_picked) RETURNING c.*), held AS (
            INSERT INTO card_held (id, item_id, secret, fingerprint, cost_cents, batch_id, label, order_ref)
            SELECT t.id, t.item_id, t.secret, t.fingerprint, t.cost_cents, t.batch_id, t.label, p_order FROM taken t
        ) SELECT count(*), sum(t.cost_cents) INTO units, cost_cents FROM taken t;
    ELSE
        WITH taken AS (DELETE FROM card_pool c WHERE c.id = ANY (v_picked) RETURNING c.*), issued AS (
            INSERT INTO card_issued (id, item_id, secret, fingerprint, cost_cents, batch_id, label, order_ref)
            SELECT t.id, t.item_id, t.secret, t.fingerprint, t.cost_cents, t.batch_id, t.label, p_order FROM taken t
        ) SELECT count(*), sum(t.cost_cents) INTO units, cost_cents FROM taken t;
    END IF;
END $$;

REVOKE ALL ON FUNCTION master.pick_cards, master.pick_last_cards, master.claim_cards, master.hold_cards,
    master.release_held, master.begin_sale, master.charge_sale, master.owed_units, master.claim_cards_late,
    master.deliver_elsewhere, master.reverse_sale, master.reverse_part, master.take_own_cards FROM PUBLIC;
GRANT EXECUTE ON FUNCTION master.release_held, master.begin_sale, master.charge_sale, master.owed_units,
    master.claim_cards_late, master.deliver_elsewhere, master.reverse_sale, master.reverse_part, master.take_own_cards
    TO @{tenants};
