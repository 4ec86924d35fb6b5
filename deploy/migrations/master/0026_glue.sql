-- What lay between the rooms: a card of the master's that a buyer chose, lookups in the log of reveals.

-- Takes the one card of the master's stock that a buyer chose by its label, for an order: `p_stock` says as in begin_sale
-- what is done with it ('look', 'claim', 'hold', or 'held': what was held for the order, else 'claim'). `is_taken` is false
-- when somebody else has it. Nobody waits here: a card that another sale has locked is as good as taken. Only labelled
-- cards of a good that this tenant may sell, and that the master delivers from its stock, can be chosen; one that is held
-- was chosen when that was so.
CREATE FUNCTION master.take_chosen_card(
    p_order uuid, p_good bigint, p_card uuid, p_stock text,
    OUT is_taken boolean, OUT card_ids uuid[], OUT card_secrets bytea[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me int := master.current_tenant();
    v_card master.card_pool;
BEGIN
    is_taken := false;
    IF (p_order IS NOT NULL AND p_stock IN ('look', 'claim', 'hold', 'held')) IS NOT TRUE THEN
        RAISE EXCEPTION 'a choice of % for % (%)', p_card, p_order, p_stock USING ERRCODE = '22023';
    END IF;
    IF p_stock = 'held' THEN
        WITH freed AS (
            DELETE FROM master.card_held h
            WHERE h.order_ref = p_order AND h.tenant_id = me AND h.item_id = p_good AND h.id = p_card RETURNING h.*
        ), issued AS (
            INSERT INTO master.card_issued AS i
                (id, item_id, secret, fingerprint, cost_cents, batch_id, label, tenant_id, order_ref)
            SELECT f.id, f.item_id, f.secret, f.fingerprint, f.cost_cents, f.batch_id, f.label, me, p_order FROM freed f
            RETURNING i.id, i.secret
        ) SELECT array_agg(i.id), array_agg(i.secret) INTO card_ids, card_secrets FROM issued i;
        IF card_ids IS NOT NULL THEN
            is_taken := true;
            RETURN;
        END IF;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM master.price_of(me, p_good) p WHERE p.sells)
        OR NOT EXISTS (SELECT 1 FROM master.offers o JOIN master.suppliers s ON s.id = o.supplier_id
                       WHERE o.good_id = p_good AND o.state = 'active' AND s.state = 'active'
                       AND s.protocol = 'stock') THEN
        RETURN;
    END IF;
    IF p_stock = 'look' THEN
        is_taken := EXISTS (SELECT 1 FROM master.card_pool c WHERE c.id = p_card AND c.item_id = p_good AND c.label <> '');
        RETURN;
    END IF;
    DELETE FROM master.card_pool c WHERE c.id = (
        SELECT p.id FROM master.card_pool p WHERE p.id = p_card AND p.item_id = p_good AND p.label <> ''
        FOR UPDATE SKIP LOCKED) RETURNING c.* INTO v_card;
    IF v_card.id IS NULL THEN
        RETURN;
    END IF;
    is_taken := true;
    IF p_stock = 'hold' THEN
        INSERT INTO master.card_held (id, item_id, secret, fingerprint, cost_cents, batch_id, label, tenant_id, order_ref)
            VALUES (v_card.id, v_card.item_id, v_card.secret, v_card.fingerprint, v_card.cost_cents, v_card.batch_id,
                    v_card.label, me, p_order);
        RETURN;
    END IF;
    INSERT INTO master.card_issued (id, item_id, secret, fingerprint, cost_cents, batch_id, label, tenant_id, order_ref)
        VALUES (v_card.id, v_card.item_id, v_card.secret, v_card.fingerprint, v_card.cost_cents, v_card.batch_id,
                v_card.label, me, p_order);
    card_ids := ARRAY[v_card.id];
    card_secrets := ARRAY[v_card.secret];
END $$;
REVOKE ALL ON FUNCTION master.take_chosen_card FROM PUBLIC;
GRANT EXECUTE ON FUNCTION master.take_chosen_card TO @{tenants};

-- As in the schemas of the stations (tenant/0017).
ALTER TABLE master.card_reveals
    DROP CONSTRAINT card_reveals_act_check,
    ADD CONSTRAINT card_reveals_act_check CHECK (act IN ('shown', 'file', 'lookup'));
