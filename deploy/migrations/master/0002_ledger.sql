-- The double-entry ledger. Positive is a credit. Every transfer sums to zero, which a deferred trigger proves at commit.
-- Lock order inside one transaction: card keys, then wallets, then deposits; ledger_post takes its lines in the order given.

CREATE TABLE master.ledger_accounts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int,                      -- NULL: an account of the master
    kind text NOT NULL CHECK (kind IN (
        'wallet', 'deposit', 'revenue', 'gateway',
        'master_revenue', 'master_bank', 'supplier_cost', 'supplier_wallet', 'card_stock')),
    owner text NOT NULL DEFAULT '',     -- a buyer, a payment channel, a supplier; opaque
    balance_cents bigint,               -- NULL: a hot account, entries only
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT balance_covers CHECK (balance_cents >= 0),
    UNIQUE NULLS NOT DISTINCT (tenant_id, kind, owner)
) WITH (fillfactor = 70);

CREATE TABLE master.ledger_transfers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL UNIQUE,           -- idempotency: the same key is the same transfer
    tenant_id int,                      -- NULL: between accounts of the master
    kind text NOT NULL,
    ref text NOT NULL,                  -- the order, payment or purchase it belongs to
    reverses bigint UNIQUE REFERENCES master.ledger_transfers,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ledger_transfers_ref ON master.ledger_transfers (ref);

CREATE TABLE master.ledger_entries (
    transfer_id bigint NOT NULL REFERENCES master.ledger_transfers,
    line smallint NOT NULL,
    account_id bigint NOT NULL REFERENCES master.ledger_accounts,
    tenant_id int,                      -- who may read it; NULL: the master only
    amount_cents bigint NOT NULL CHECK (amount_cents <> 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (transfer_id, line)
);
CREATE INDEX ledger_entries_account ON master.ledger_entries (account_id, created_at);

CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON master.ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION master.refuse_change();
CREATE TRIGGER ledger_transfers_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON master.ledger_transfers
    FOR EACH STATEMENT EXECUTE FUNCTION master.refuse_change();

CREATE FUNCTION master.ledger_check() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    difference bigint;
BEGIN
    SELECT sum(amount_cents) INTO difference FROM master.ledger_entries WHERE transfer_id = NEW.transfer_id;
    IF difference <> 0 THEN
        RAISE EXCEPTION 'transfer % is out of balance by % cents', NEW.transfer_id, difference
            USING ERRCODE = 'KM500';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_entries_sum_zero AFTER INSERT ON master.ledger_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION master.ledger_check();

-- Posts one transfer. The four arrays are the lines: whose account (NULL: the master's), its kind, its owner, the amount.
-- Wallets and deposits keep a balance, checked and changed in one statement. Returns the transfer, and whether this key
-- had been posted before, in which case nothing is changed. Raises KM402 with the account's kind when a balance does not cover its line.
CREATE FUNCTION master.ledger_post(
    p_tenant int, p_key text, p_kind text, p_ref text,
    p_tenants int[], p_kinds text[], p_owners text[], p_amounts bigint[], p_reverses bigint DEFAULT NULL
) RETURNS TABLE (transfer bigint, replayed boolean)
LANGUAGE plpgsql AS $$
DECLARE
    v_account bigint;
    v_keeps boolean;
BEGIN
    INSERT INTO master.ledger_transfers (key, tenant_id, kind, ref, reverses)
        VALUES (p_key, p_tenant, p_kind, p_ref, p_reverses)
        ON CONFLICT (key) DO NOTHING RETURNING id INTO transfer;
    IF transfer IS NULL THEN
        SELECT id, true INTO transfer, replayed FROM master.ledger_transfers
            WHERE key = p_key AND tenant_id IS NOT DISTINCT FROM p_tenant AND kind = p_kind AND ref = p_ref;
        IF transfer IS NULL THEN
            RAISE EXCEPTION 'key % belongs to another transfer', p_key USING ERRCODE = 'KM411';
        END IF;
        RETURN NEXT;
        RETURN;
    END IF;
    replayed := false;
    FOR i IN 1 .. cardinality(p_amounts) LOOP
        CONTINUE WHEN p_amounts[i] = 0;
        v_account := NULL;
        SELECT id, balance_cents IS NOT NULL INTO v_account, v_keeps FROM master.ledger_accounts
            WHERE tenant_id IS NOT DISTINCT FROM p_tenants[i] AND kind = p_kinds[i] AND owner = p_owners[i];
        IF v_account IS NULL THEN
            v_keeps := p_kinds[i] IN ('wallet', 'deposit');
            INSERT INTO master.ledger_accounts (tenant_id, kind, owner, balance_cents)
                VALUES (p_tenants[i], p_kinds[i], p_owners[i], CASE WHEN v_keeps THEN 0 END)
                ON CONFLICT (tenant_id, kind, owner) DO UPDATE SET owner = excluded.owner
                RETURNING id INTO v_account;
        END IF;
        IF v_keeps THEN
            UPDATE master.ledger_accounts SET balance_cents = balance_cents + p_amounts[i]
                WHERE id = v_account AND balance_cents + p_amounts[i] >= 0;
            IF NOT FOUND THEN
                RAISE EXCEPTION '%', p_kinds[i] USING ERRCODE = 'KM402';
            END IF;
        END IF;
        INSERT INTO master.ledger_entries (transfer_id, line, account_id, tenant_id, amount_cents)
            VALUES (transfer, i, v_account, p_tenants[i], p_amounts[i]);
    END LOOP;
    RETURN NEXT;
END $$;

GRANT SELECT ON master.ledger_accounts, master.ledger_transfers, master.ledger_entries TO @{master}, @{tenants};
REVOKE ALL ON FUNCTION master.ledger_post FROM PUBLIC;
-- The master posts through the same function, with the owner's rights.
CREATE FUNCTION master.master_post(
    p_tenant int, p_key text, p_kind text, p_ref text,
    p_tenants int[], p_kinds text[], p_owners text[], p_amounts bigint[]
) RETURNS TABLE (transfer bigint, replayed boolean)
LANGUAGE sql SECURITY DEFINER AS $$
    SELECT * FROM master.ledger_post(p_tenant, p_key, p_kind, p_ref, p_tenants, p_kinds, p_owners, p_amounts)
$$;
REVOKE ALL ON FUNCTION master.master_post FROM PUBLIC;
GRANT EXECUTE ON FUNCTION master.master_post TO @{master};

-- Money that a payment gateway has collected for a buyer goes to the buyer's wallet.
CREATE FUNCTION master.post_topup(p_payment text, p_channel text, p_buyer text, p_cents bigint)
RETURNS TABLE (transfer bigint, replayed boolean)
LANGUAGE sql SECURITY DEFINER AS $$
    SELECT * FROM master.ledger_post(
        master.current_tenant(), 'topup:' || master.current_tenant() || ':' || p_payment, 'topup', p_payment,
        ARRAY[master.current_tenant(), master.current_tenant()], ARRAY['gateway', 'wallet'],
        ARRAY[p_channel, p_buyer], ARRAY[-abs(p_cents), abs(p_cents)])
$$;
REVOKE ALL ON FUNCTION master.post_topup FROM PUBLIC;
GRANT EXECUTE ON FUNCTION master.post_topup TO @{tenants};

ALTER TABLE master.ledger_accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE master.ledger_transfers ENABLE ROW LEVEL SECURITY;
ALTER TABLE master.ledger_entries ENABLE ROW LEVEL SECURITY;
CREATE POLICY master_all ON master.ledger_accounts TO @{master} USING (true);
CREATE POLICY master_all ON master.ledger_transfers TO @{master} USING (true);
CREATE POLICY master_all ON master.ledger_entries TO @{master} USING (true);
CREATE POLICY own_rows ON master.ledger_accounts TO @{tenants} USING (tenant_id = master.current_tenant());
CREATE POLICY own_rows ON master.ledger_transfers TO @{tenants} USING (tenant_id = master.current_tenant());
CREATE POLICY own_rows ON master.ledger_entries TO @{tenants} USING (tenant_id = master.current_tenant());
