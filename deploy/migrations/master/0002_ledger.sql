-- The double-entry ledger. Positive is a credit. Every transfer sums to zero, which a deferred trigger proves at commit.
-- Lock order inside one transaction: card keys, and at the commit wallets, then deposits.
-- Tenant 0 is the master.

CREATE TABLE master.ledger_accounts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int NOT NULL,
    kind text NOT NULL CHECK (kind IN (
        'wallet', 'deposit', 'revenue', 'gateway',
        'master_revenue', 'master_bank', 'supplier_cost', 'supplier_wallet', 'card_stock')),
    owner text NOT NULL DEFAULT '',     -- a buyer, a payment channel, a supplier; opaque
    balance_cents bigint,               -- NULL: a hot account, entries only
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT balance_covers CHECK (balance_cents >= 0),
    UNIQUE (tenant_id, kind, owner)
) WITH (fillfactor = 70);

CREATE TABLE master.ledger_transfers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL UNIQUE,           -- idempotency: the same key is the same transfer
    tenant_id int NOT NULL,
    kind text NOT NULL,
    ref text NOT NULL,                  -- the order, payment or purchase it belongs to
    reverses bigint UNIQUE REFERENCES master.ledger_transfers,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ledger_transfers_ref ON master.ledger_transfers (ref);

-- No foreign keys: ledger_post alone writes here, neither transfers nor accounts are ever deleted, and a foreign key
-- would make every sale lock the row of the master's hot accounts, which is what having no balance there avoids.
CREATE TABLE master.ledger_entries (
    transfer_id bigint NOT NULL,
    line smallint NOT NULL CHECK (line > 0),
    account_id bigint NOT NULL,
    tenant_id int NOT NULL,             -- who may read it
    amount_cents bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (transfer_id, line)
);
CREATE INDEX ledger_entries_account ON master.ledger_entries (account_id, created_at);

CREATE TRIGGER ledger_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON master.ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION master.refuse_change();
CREATE TRIGGER ledger_transfers_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON master.ledger_transfers
    FOR EACH STATEMENT EXECUTE FUNCTION master.refuse_change();
CREATE TRIGGER ledger_accounts_stay BEFORE DELETE OR TRUNCATE ON master.ledger_accounts
    FOR EACH STATEMENT EXECUTE FUNCTION master.refuse_change();

-- Sum zero, in two halves. All lines of a transfer are written by one statement, so each transfer has a line 1 ...
CREATE FUNCTION master.ledger_written_once() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM written GROUP BY transfer_id HAVING min(line) <> 1) THEN
        RAISE EXCEPTION 'lines cannot be added to a transfer' USING ERRCODE = 'KM403';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_entries_written_once AFTER INSERT ON master.ledger_entries
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION master.ledger_written_once();
-- ... and the last thing before the commit, for each line 1, is the sum of its transfer, and then the balances that it
-- changes: checked and changed in one statement, wallets before deposits. All sales of a tenant meet at its deposit, and
-- so that row is locked for the length of a commit, not for the round trips of a transaction.
CREATE FUNCTION master.ledger_settle() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    v_difference bigint;
    v_line record;
BEGIN
    SELECT sum(amount_cents) INTO v_difference FROM master.ledger_entries WHERE transfer_id = NEW.transfer_id;
    IF v_difference <> 0 THEN
        RAISE EXCEPTION 'transfer % is out of balance by % cents', NEW.transfer_id, v_difference
            USING ERRCODE = 'KM500';
    END IF;
    FOR v_line IN
        SELECT a.id, a.kind, e.amount_cents FROM master.ledger_entries e
        JOIN master.ledger_accounts a ON a.id = e.account_id AND a.kind IN ('wallet', 'deposit')
        WHERE e.transfer_id = NEW.transfer_id ORDER BY a.kind DESC, a.id
    LOOP
        UPDATE master.ledger_accounts SET balance_cents = balance_cents + v_line.amount_cents
            WHERE id = v_line.id AND balance_cents + v_line.amount_cents >= 0;
        IF NOT FOUND THEN
            RAISE EXCEPTION '%', v_line.kind USING ERRCODE = 'KM402';
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER ledger_entries_sum_zero AFTER INSERT ON master.ledger_entries
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.line = 1) EXECUTE FUNCTION master.ledger_settle();

-- Posts one transfer. The four arrays are the lines: whose account (0: the master's), its kind, its owner, the amount.
-- Returns the transfer, and whether this key had been posted before, in which case nothing is changed. Raises KM411 when
-- the key belongs to another transfer. The commit raises KM402 with the account's kind when a wallet or a deposit does not
-- cover its line.
CREATE FUNCTION master.ledger_post(
    p_tenant int, p_key text, p_kind text, p_ref text,
    p_tenants int[], p_kinds text[], p_owners text[], p_amounts bigint[], p_reverses bigint DEFAULT NULL
) RETURNS TABLE (transfer bigint, replayed boolean)
LANGUAGE plpgsql AS $$
DECLARE
    v_accounts bigint[];
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
        RETURN NEXT;
        RETURN;
    END IF;
    v_accounts := master.ledger_accounts_of(p_tenants, p_kinds, p_owners);
    IF array_position(v_accounts, NULL) IS NOT NULL THEN
        INSERT INTO master.ledger_accounts (tenant_id, kind, owner, balance_cents)
            SELECT DISTINCT l.tenant, l.kind, l.owner, CASE WHEN l.kind IN ('wallet', 'deposit') THEN 0 END
            FROM unnest(p_tenants, p_kinds, p_owners) AS l (tenant, kind, owner)
            ON CONFLICT (tenant_id, kind, owner) DO NOTHING;
        v_accounts := master.ledger_accounts_of(p_tenants, p_kinds, p_owners);
    END IF;
    INSERT INTO master.ledger_entries (transfer_id, line, account_id, tenant_id, amount_cents)
        SELECT transfer, row_number() OVER (ORDER BY l.line), l.account, l.tenant, l.amount
        FROM unnest(v_accounts, p_tenants, p_amounts) WITH ORDINALITY AS l (account, tenant, amount, line)
        WHERE l.amount <> 0;
    RETURN NEXT;
END $$;

CREATE FUNCTION master.ledger_accounts_of(p_tenants int[], p_kinds text[], p_owners text[]) RETURNS bigint[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT (SELECT a.id FROM master.ledger_accounts a
                WHERE a.tenant_id = l.tenant AND a.kind = l.kind AND a.owner = l.owner)
        FROM unnest(p_tenants, p_kinds, p_owners) WITH ORDINALITY AS l (tenant, kind, owner, line) ORDER BY l.line);
END $$;

GRANT SELECT ON master.ledger_accounts, master.ledger_transfers, master.ledger_entries TO @{master}, @{tenants};
REVOKE ALL ON FUNCTION master.ledger_post, master.ledger_accounts_of FROM PUBLIC;
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
LANGUAGE plpgsql SECURITY DEFINER ROWS 1 AS $$
DECLARE
    me int := master.current_tenant();
BEGIN
    IF p_cents IS NULL OR p_cents <= 0 THEN
        RAISE EXCEPTION 'a top-up of % cents', p_cents USING ERRCODE = '22023';
    END IF;
    RETURN QUERY SELECT * FROM master.ledger_post(
        me, 'topup:' || me || ':' || p_payment, 'topup', p_payment,
        ARRAY[me, me], ARRAY['gateway', 'wallet'], ARRAY[p_channel, p_buyer], ARRAY[-p_cents, p_cents]);
END $$;
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
