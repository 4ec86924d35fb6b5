-- What a sale costs (ADR 0032). The functions of 0015 and 0016 with the same names, rights and outcomes, so that processes
-- of both versions sell; only how PostgreSQL comes to them is another.
--
-- Two things made them dear. The oldest card of a good was looked for as `item_id = $1 ORDER BY id`, and where one good has
-- most of the pool, the planner reads the primary key from its beginning and passes over the cards of all other goods. A
-- range of one good, in the order of (item_id, id), can be read from that index only. And statements over arrays were
-- planned anew by each sale, since their plan for any array looks dearer than one for this array: a generic plan is forced.

-- The lines of a transfer that was just written; how many. Accounts that are not there yet are made.
CREATE FUNCTION master.ledger_lines(
    p_transfer bigint, p_tenants int[], p_kinds text[], p_owners text[], p_amounts bigint[]
) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_accounts bigint[] := master.ledger_accounts_of(p_tenants, p_kinds, p_owners);
    v_lines int;
BEGIN
    IF array_position(v_accounts, NULL) IS NOT NULL THEN
        INSERT INTO master.ledger_accounts (tenant_id, kind, owner, balance_cents)
            SELECT DISTINCT l.tenant, l.kind, l.owner,
                   CASE WHEN l.kind IN ('wallet', 'deposit', 'collected', 'earnings', 'payout') THEN 0 END
            FROM unnest(p_tenants, p_kinds, p_owners) AS l (tenant, kind, owner)
            ON CONFLICT (tenant_id, kind, owner) DO NOTHING;
        v_accounts := master.ledger_accounts_of(p_tenants, p_kinds, p_owners);
    END IF;
    INSERT INTO master.ledger_entries (transfer_id, line, account_id, tenant_id, amount_cents)
        SELECT p_transfer, row_number() OVER (ORDER BY l.line), l.account, l.tenant, l.amount
        FROM unnest(v_accounts, p_tenants, p_amounts) WITH ORDINALITY AS l (account, tenant, amount, line)
        WHERE l.amount <> 0;
    GET DIAGNOSTICS v_lines = ROW_COUNT;
    RETURN v_lines;
END $$;
REVOKE ALL ON FUNCTION master.ledger_lines FROM PUBLIC;

-- As in 0015.
CREATE OR REPLACE FUNCTION master.ledger_post(
    p_tenant int, p_key text, p_kind text, p_ref text,
    p_tenants int[], p_kinds text[], p_owners text[], p_amounts bigint[], p_reverses bigint DEFAULT NULL
) RETURNS TABLE (transfer bigint, replayed boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_lines int;
BEGIN
    INSERT INTO master.ledger_transfers (key, tenant_id, kind, ref, reverses)
        VALUES (p_key, p_tenant, p_kind, p_ref, p_reverses)
        ON CONFLICT (key) DO NOTHING RETURNING id INTO transfer;
    replayed := transfer IS NULL;
    IF replayed THEN
        SELECT id INTO transfer FROM master.ledger_transfers
            WHERE key = p_key AND tenant_id = p_tenant AND kind = p_kind AND ref = p_ref;
        IF transfer IS NULL THEN
            RAISE EXCEPTION 'key % belongs to another transfer', p_key USING ERRCODE = 'KM411';
        END IF;
    ELSE
        v_lines := master.ledger_lines(transfer, p_tenants, p_kinds, p_owners, p_amounts);
    END IF;
    RETURN NEXT;
END $$;

-- As in 0015, in one reading of the lines.
CREATE OR REPLACE FUNCTION master.ledger_settle() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_difference bigint := 0;
    v_line record;
BEGIN
    FOR v_line IN
        SELECT a.id, a.kind, e.amount_cents, a.balance_cents IS NOT NULL AS keeps_balance
        FROM master.ledger_entries e LEFT JOIN master.ledger_accounts a ON a.id = e.account_id
        WHERE e.transfer_id = NEW.transfer_id ORDER BY a.kind DESC, a.id
    LOOP
        v_difference := v_difference + v_line.amount_cents;
        IF v_line.keeps_balance THEN
            UPDATE master.ledger_accounts SET balance_cents = balance_cents + v_line.amount_cents
                WHERE id = v_line.id AND balance_cents + v_line.amount_cents >= 0;
            IF NOT FOUND THEN
                RAISE EXCEPTION '%', v_line.kind USING ERRCODE = 'KM402';
            END IF;
        END IF;
    END LOOP;
    IF v_difference <> 0 THEN
        RAISE EXCEPTION 'transfer % is out of balance by % cents', NEW.transfer_id, v_difference
            USING ERRCODE = 'KM500';
    END IF;
    RETURN NULL;
END $$;

-- The four of 0016.
CREATE OR REPLACE FUNCTION master.pick_cards(p_good bigint, p_quantity int) RETURNS uuid[]
LANGUAGE plpgsql AS $$
DECLARE
    v_held uuid[];
BEGIN
    IF p_quantity IS NULL OR p_quantity < 1 THEN  -- LIMIT NULL would be the whole pool
        RAISE EXCEPTION 'a claim of % cards', p_quantity USING ERRCODE = '22023';
    END IF;
    IF p_quantity = 1 THEN
        v_held := ARRAY(SELECT c.id FROM master.card_pool c WHERE c.item_id BETWEEN p_good AND p_good
                        ORDER BY c.item_id, c.id LIMIT 1 FOR UPDATE SKIP LOCKED);
        IF cardinality(v_held) = 1 THEN
            RETURN v_held;
        END IF;
    ELSE
        BEGIN
            v_held := ARRAY(SELECT c.id FROM master.card_pool c WHERE c.item_id BETWEEN p_good AND p_good
                            ORDER BY c.item_id, c.id LIMIT p_quantity FOR UPDATE SKIP LOCKED);
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

CREATE OR REPLACE FUNCTION master.pick_last_cards(p_good bigint, p_quantity int) RETURNS uuid[]
LANGUAGE plpgsql SET lock_timeout = '2s' AS $$
DECLARE
    v_held uuid[];
BEGIN
    FOR attempt IN 1..3 LOOP
        -- What others have taken and not committed is counted here.
        IF NOT EXISTS (SELECT 1 FROM master.card_pool c WHERE c.item_id BETWEEN p_good AND p_good
                       ORDER BY c.item_id, c.id OFFSET p_quantity - 1) THEN
            RETURN '{}';
        END IF;
        BEGIN
            PERFORM pg_advisory_xact_lock(hashtextextended('card_pool', p_good));
            v_held := ARRAY(SELECT c.id FROM master.card_pool c WHERE c.item_id BETWEEN p_good AND p_good
                            ORDER BY c.item_id, c.id LIMIT p_quantity FOR UPDATE);
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

CREATE OR REPLACE FUNCTION master.take_own_cards(
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
            IF NOT EXISTS (SELECT 1 FROM card_pool c WHERE c.item_id BETWEEN p_item AND p_item
                           ORDER BY c.item_id, c.id OFFSET p_quantity - 1) THEN
                RETURN;
            END IF;
            BEGIN
                IF attempt > 1 THEN
                    PERFORM pg_advisory_xact_lock(hashtextextended('card_pool:' || current_schema(), p_item));
                    v_picked := ARRAY(SELECT c.id FROM card_pool c WHERE c.item_id BETWEEN p_item AND p_item
                                      ORDER BY c.item_id, c.id LIMIT p_quantity FOR UPDATE);
                ELSIF p_random THEN
                    v_picked := ARRAY(SELECT c.id FROM card_pool c WHERE c.item_id = p_item ORDER BY c.fingerprint
                                      LIMIT p_quantity FOR UPDATE SKIP LOCKED);
                ELSE
                    v_picked := ARRAY(SELECT c.id FROM card_pool c WHERE c.item_id BETWEEN p_item AND p_item
                                      ORDER BY c.item_id, c.id LIMIT p_quantity FOR UPDATE SKIP LOCKED);
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

CREATE OR REPLACE FUNCTION master.begin_sale(
    p_order uuid, p_good bigint, p_quantity int, p_buyer text, p_stock text,
    OUT wholesale_price numeric, OUT in_pool boolean, OUT upstream boolean,
    OUT wallet_cents bigint, OUT deposit_cents bigint, OUT collected_cents bigint,
    OUT card_ids uuid[], OUT card_secrets bytea[], OUT min_resale numeric, OUT basis text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan AS $$
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
        in_pool := EXISTS (SELECT 1 FROM master.card_pool c WHERE c.item_id BETWEEN p_good AND p_good
                          ORDER BY c.item_id, c.id OFFSET p_quantity - 1);
    ELSIF p_stock = 'hold' THEN
        in_pool := master.hold_cards(p_order, p_good, p_quantity);
    ELSE
        IF p_quantity = 1 THEN  -- nearly every sale: one statement, with nothing to let go of
            WITH taken AS (
                DELETE FROM master.card_pool c WHERE c.id = (
                    SELECT o.id FROM master.card_pool o WHERE o.item_id BETWEEN p_good AND p_good
                    ORDER BY o.item_id, o.id LIMIT 1 FOR UPDATE SKIP LOCKED)
                RETURNING c.*
            ) INSERT INTO master.card_issued AS i
                (id, item_id, secret, fingerprint, cost_cents, batch_id, label, tenant_id, order_ref)
            SELECT t.id, t.item_id, t.secret, t.fingerprint, t.cost_cents, t.batch_id, t.label, me, p_order FROM taken t
            RETURNING ARRAY[i.id], ARRAY[i.secret] INTO card_ids, card_secrets;
        END IF;
        IF card_ids IS NULL THEN
            SELECT array_agg(c.id), array_agg(c.secret) INTO card_ids, card_secrets
                FROM master.claim_cards(p_order, p_good, p_quantity) c;
        END IF;
        in_pool := card_ids IS NOT NULL;
    END IF;
END $$;

-- As in 0016.
CREATE OR REPLACE FUNCTION master.charge_sale(
    p_order uuid, p_buyer text, p_good bigint, p_quantity int, p_retail_cents bigint, p_wholesale_cents bigint,
    p_settlement text
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    me int := master.current_tenant();
    v_price numeric;
    v_cost bigint := 0;
    v_cards int;
    v_fitting int;
    v_transfer bigint;
    v_lines int;
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
    INSERT INTO master.ledger_transfers (key, tenant_id, kind, ref) VALUES ('sale:' || p_order, me, 'sale', p_order::text)
        ON CONFLICT (key) DO NOTHING RETURNING id INTO v_transfer;
    IF v_transfer IS NULL THEN
        RAISE EXCEPTION 'order % has been charged before', p_order USING ERRCODE = 'KM411';
    END IF;
    v_lines := master.ledger_lines(
        v_transfer,
        ARRAY[me, me, 0, 0, 0, me],
        ARRAY['wallet', 'revenue', 'card_stock', 'supplier_cost', 'master_revenue',
              CASE WHEN p_settlement = 'master' THEN 'collected' ELSE 'deposit' END],
        ARRAY[p_buyer, '', '', '', '', ''],
        ARRAY[-p_retail_cents, p_retail_cents, -v_cost, v_cost, p_wholesale_cents, -p_wholesale_cents]);
    IF p_good IS NOT NULL AND v_cards = 0 THEN
        INSERT INTO master.sold_ahead (order_ref, tenant_id, good_id, quantity) VALUES (p_order, me, p_good, p_quantity);
    END IF;
END $$;
