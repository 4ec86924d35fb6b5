-- Money that the master collects for stations, part deliveries, top-ups, cards held and set aside.

-- 'collected': what the master took from buyers for a station, and is not the station's to have yet; 'earnings': what it may
-- have; 'payout': what is on its way to it. These three keep a balance, as wallets and deposits do.
ALTER TABLE master.ledger_accounts
    DROP CONSTRAINT ledger_accounts_kind_check,
    ADD CONSTRAINT ledger_accounts_kind_check CHECK (kind IN (
        'wallet', 'deposit', 'revenue', 'gateway', 'collected', 'earnings', 'payout', 'applicant',
        'master_revenue', 'master_bank', 'supplier_cost', 'supplier_wallet', 'card_stock'));

-- As in 0002, with those three. One order for all: wallet, payout, earnings, deposit, collected.
CREATE OR REPLACE FUNCTION master.ledger_settle() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
        JOIN master.ledger_accounts a ON a.id = e.account_id AND a.balance_cents IS NOT NULL
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

REVOKE ALL ON FUNCTION master.ledger_settle FROM PUBLIC;

-- As in 0002; accounts of those kinds begin with a balance.
CREATE OR REPLACE FUNCTION master.ledger_post(
    p_tenant int, p_key text, p_kind text, p_ref text,
    p_tenants int[], p_kinds text[], p_owners text[], p_amounts bigint[], p_reverses bigint DEFAULT NULL
) RETURNS TABLE (transfer bigint, replayed boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
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
            SELECT DISTINCT l.tenant, l.kind, l.owner,
                   CASE WHEN l.kind IN ('wallet', 'deposit', 'collected', 'earnings', 'payout') THEN 0 END
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

-- As in the schemas of the stations; `collect`: for a station, whose payment of the same subject waits for it.
ALTER TABLE master.payment_channels
    ADD COLUMN settlement text NOT NULL DEFAULT 'own' CHECK (settlement IN ('own', 'master')),
    ADD COLUMN master_channel_id int,
    ADD COLUMN fee_rate numeric(6, 5) NOT NULL DEFAULT 0 CHECK (fee_rate >= 0 AND fee_rate < 1);
ALTER TABLE master.payments
    DROP CONSTRAINT payments_purpose_check,
    ADD CONSTRAINT payments_purpose_check CHECK (purpose IN ('deposit', 'opening', 'collect')),
    ADD COLUMN refunded_cents bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT payments_refunded CHECK (refunded_cents BETWEEN 0 AND amount_cents);

-- A good is a card key, or a thing that the supplier does for an account that the buyer names (`fields` asks for it).
ALTER TABLE master.goods
    ADD COLUMN kind text NOT NULL DEFAULT 'cards' CHECK (kind IN ('cards', 'topup')),
    ADD COLUMN category text NOT NULL DEFAULT '',           -- 'games/steam': levels with a stroke between
    ADD COLUMN labels text[] NOT NULL DEFAULT '{}',
    ADD COLUMN fields jsonb NOT NULL DEFAULT '[]';          -- as in a station's products

-- `partial`: the supplier has delivered some and will deliver no more; what is missing may be bought elsewhere.
ALTER TABLE master.purchases
    ADD COLUMN kind text NOT NULL DEFAULT 'cards' CHECK (kind IN ('cards', 'topup')),
    ADD COLUMN inputs jsonb NOT NULL DEFAULT '{}',          -- for the supplier: which account, which area
    ADD COLUMN message text NOT NULL DEFAULT '',            -- what was delivered besides cards
    ADD COLUMN delivered_quantity int NOT NULL DEFAULT 0 CHECK (delivered_quantity BETWEEN 0 AND quantity),
    DROP CONSTRAINT purchases_state_check,
    ADD CONSTRAINT purchases_state_check CHECK (state IN ('submitted', 'unknown', 'delivered', 'partial', 'failed'));
UPDATE master.purchases SET delivered_quantity = quantity WHERE state = 'delivered';
DROP INDEX master.purchases_one_alive;
CREATE UNIQUE INDEX purchases_one_alive ON master.purchases (order_ref) WHERE state NOT IN ('failed', 'partial');
CREATE INDEX purchases_when ON master.purchases (created_at DESC);

-- Cards: as in the schemas of the stations.
CREATE TABLE master.card_batches (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    item_id bigint NOT NULL,
    supplier text NOT NULL DEFAULT '',
    cost_cents bigint NOT NULL DEFAULT 0 CHECK (cost_cents >= 0),
    note text NOT NULL DEFAULT '',
    made_by text NOT NULL DEFAULT '',
    added int NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX card_batches_item ON master.card_batches (item_id, id);
ALTER TABLE master.card_pool
    ADD COLUMN batch_id bigint,
    ADD COLUMN label text NOT NULL DEFAULT '';
CREATE INDEX card_pool_batch ON master.card_pool (batch_id) WHERE batch_id IS NOT NULL;
ALTER TABLE master.card_issued
    ADD COLUMN batch_id bigint,
    ADD COLUMN label text NOT NULL DEFAULT '',
    ADD COLUMN refunded_at timestamptz;
CREATE TABLE master.card_held (
    id uuid PRIMARY KEY,
    item_id bigint NOT NULL,
    secret bytea NOT NULL,
    fingerprint bytea NOT NULL,
    cost_cents bigint NOT NULL DEFAULT 0,
    batch_id bigint,
    label text NOT NULL DEFAULT '',
    tenant_id int NOT NULL,
    order_ref uuid NOT NULL,
    held_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (item_id, fingerprint)
);
CREATE INDEX card_held_order ON master.card_held (order_ref);
CREATE INDEX card_held_tenant ON master.card_held (tenant_id);
CREATE TABLE master.card_aside (
    id uuid PRIMARY KEY,
    item_id bigint NOT NULL,
    secret bytea NOT NULL,
    fingerprint bytea NOT NULL,
    cost_cents bigint NOT NULL DEFAULT 0,
    batch_id bigint,
    label text NOT NULL DEFAULT '',
    state text NOT NULL CHECK (state IN ('frozen', 'recycled')),
    reason text NOT NULL DEFAULT '',
    made_by text NOT NULL DEFAULT '',
    since timestamptz NOT NULL DEFAULT now(),
    UNIQUE (item_id, fingerprint)
);
CREATE INDEX card_aside_item ON master.card_aside (item_id, state, id);
GRANT SELECT, INSERT, UPDATE, DELETE ON master.card_batches, master.card_aside TO @{master};
GRANT SELECT, DELETE ON master.card_held TO @{master};
