-- Money that the master collects for stations: channels it lends, what is held and released, what goes back, what is paid out;
-- and sums by day, so that a statement of a year does not read the year's entries.

-- `for_stations`: a station may offer this channel of the master's to its buyers, for `fee_rate` of what they pay.
ALTER TABLE master.payment_channels
    ADD COLUMN for_stations boolean NOT NULL DEFAULT false,
    ADD COLUMN position int NOT NULL DEFAULT 0,
    ADD COLUMN min_cents bigint NOT NULL DEFAULT 1 CHECK (min_cents >= 1),
    ADD COLUMN max_cents bigint NOT NULL DEFAULT 5000000,
    ADD COLUMN devices text NOT NULL DEFAULT 'all' CHECK (devices IN ('all', 'phone', 'desktop')),
    ADD CONSTRAINT payment_channels_range CHECK (min_cents <= max_cents);
ALTER TABLE master.payments
    ADD COLUMN fee_cents bigint NOT NULL DEFAULT 0 CHECK (fee_cents BETWEEN 0 AND amount_cents);   -- of a collected one: what we keep

-- Refunds of collected payments, asked for by a station and made by the master, whose merchant account it was.
CREATE TABLE master.collect_refunds (
    id uuid PRIMARY KEY,                -- the station's refund has the same
    tenant_id int NOT NULL,
    payment_no text NOT NULL,
    amount_cents bigint NOT NULL CHECK (amount_cents > 0),
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'unknown', 'done', 'failed')),
    detail text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    settled_at timestamptz
);
CREATE INDEX collect_refunds_open ON master.collect_refunds (created_at) WHERE state IN ('pending', 'unknown');
CREATE INDEX collect_refunds_tenant ON master.collect_refunds (tenant_id);

-- What is agreed about money held: row 0 is for everybody, a station's own row goes before it where it says something.
CREATE TABLE master.settlement_terms (
    tenant_id int PRIMARY KEY,
    hold_days int CHECK (hold_days BETWEEN 0 AND 180),
    least_cents bigint CHECK (least_cents >= 1),            -- of one withdrawal
    daily_cents bigint CHECK (daily_cents >= 1),            -- of all withdrawals asked for in one day
    fee_rate numeric(6, 5) CHECK (fee_rate >= 0 AND fee_rate < 1),
    fee_cents bigint CHECK (fee_cents >= 0),                -- of each withdrawal, beside the rate
    changed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT everybody_has_all CHECK (tenant_id <> 0 OR num_nulls(hold_days, least_cents, daily_cents, fee_rate, fee_cents) = 0)
);
INSERT INTO master.settlement_terms (tenant_id, hold_days, least_cents, daily_cents, fee_rate, fee_cents)
    VALUES (0, 7, 10000, 5000000, 0, 0);

-- Withdrawals. The money is in the station's account 'payout' while one is requested.
CREATE TABLE master.payouts (
    id uuid PRIMARY KEY,
    no text NOT NULL UNIQUE,
    tenant_id int NOT NULL,
    amount_cents bigint NOT NULL CHECK (amount_cents > 0),
    fee_cents bigint NOT NULL DEFAULT 0 CHECK (fee_cents >= 0 AND fee_cents < amount_cents),
    method text NOT NULL CHECK (method IN ('alipay', 'bank', 'usdt')),
    account bytea NOT NULL,             -- sealed under the master's key: payouts.account, <id>
    state text NOT NULL DEFAULT 'requested' CHECK (state IN ('requested', 'paid', 'declined', 'cancelled')),
    request_key text NOT NULL,
    asked_by text NOT NULL,
    note text NOT NULL DEFAULT '',      -- the station's
    decided_by text NOT NULL DEFAULT '',
    reference text NOT NULL DEFAULT '', -- of the transfer at the bank
    reason text NOT NULL DEFAULT '',    -- why it was declined
    created_at timestamptz NOT NULL DEFAULT now(),
    decided_at timestamptz,
    UNIQUE (tenant_id, request_key)
);
CREATE INDEX payouts_when ON master.payouts (created_at DESC);
CREATE INDEX payouts_tenant ON master.payouts (tenant_id, created_at DESC);
CREATE INDEX payouts_waiting ON master.payouts (created_at) WHERE state = 'requested';

-- Sums of entries by day, of one kind of account of one tenant: `day` is a day in China for everybody, so that all add up.
-- Days before `ledger_rolled.until` are in it; the rest is read from the entries.
CREATE FUNCTION master.business_day(p_at timestamptz) RETURNS date
LANGUAGE sql IMMUTABLE AS $$ SELECT (p_at AT TIME ZONE 'Asia/Shanghai')::date $$;
CREATE FUNCTION master.day_begins(p_day date) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$ SELECT p_day::timestamp AT TIME ZONE 'Asia/Shanghai' $$;
CREATE TABLE master.ledger_daily (
    tenant_id int NOT NULL,
    account text NOT NULL,
    day date NOT NULL,
    transfer text NOT NULL,
    credit_cents bigint NOT NULL,
    debit_cents bigint NOT NULL,        -- positive
    entries int NOT NULL,
    PRIMARY KEY (tenant_id, account, day, transfer)
);
CREATE TABLE master.ledger_rolled (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    until date NOT NULL
);
INSERT INTO master.ledger_rolled (until)
    SELECT master.business_day(coalesce((SELECT min(created_at) FROM master.ledger_transfers), now()));
-- Entries stand in the order of time, so a few pages of summaries find a day; an insert does not touch them.
CREATE INDEX ledger_entries_when ON master.ledger_entries USING brin (created_at) WITH (pages_per_range = 32);
CREATE INDEX ledger_accounts_collected ON master.ledger_accounts (tenant_id) WHERE kind = 'collected';

-- Sums up one day again, whatever was summed up of it before.
CREATE FUNCTION master.roll_up_ledger(p_day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM 1 FROM master.ledger_rolled FOR UPDATE;
    DELETE FROM master.ledger_daily WHERE day = p_day;
    INSERT INTO master.ledger_daily (tenant_id, account, day, transfer, credit_cents, debit_cents, entries)
        SELECT a.tenant_id, a.kind, p_day, t.kind, coalesce(sum(e.amount_cents) FILTER (WHERE e.amount_cents > 0), 0),
               coalesce(-sum(e.amount_cents) FILTER (WHERE e.amount_cents < 0), 0), count(*)
        FROM master.ledger_entries e
        JOIN master.ledger_accounts a ON a.id = e.account_id
        JOIN master.ledger_transfers t ON t.id = e.transfer_id
        WHERE e.created_at >= master.day_begins(p_day) AND e.created_at < master.day_begins(p_day + 1)
        GROUP BY a.tenant_id, a.kind, t.kind;
    UPDATE master.ledger_rolled SET until = greatest(until, p_day + 1);
END $$;

-- The master's channels that a station may offer.
CREATE FUNCTION master.lent_channels() RETURNS TABLE (
    id int, name text, fee_rate numeric, min_cents bigint, max_cents bigint)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 5 SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.id, c.name, c.fee_rate, c.min_cents, c.max_cents FROM master.payment_channels c
    WHERE c.for_stations AND c.state = 'active' ORDER BY c.position, c.id
$$;

-- The master's half of a payment that it is to collect: the gateway knows it by the same number. NULL: not lent, or not for
-- this amount; else the fee in cents, which stands from now on, and its rate.
CREATE FUNCTION master.open_collect(
    p_id uuid, p_no text, p_channel int, p_buyer uuid, p_cents bigint, OUT fee_cents bigint, OUT fee_rate numeric)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me int := master.current_tenant();
BEGIN
    INSERT INTO master.payments AS p (id, no, buyer_id, channel_id, purpose, subject, amount_cents, fee_cents)
        SELECT p_id, p_no, p_buyer, c.id, 'collect', me || ':' || p_no, p_cents, round(p_cents * c.fee_rate)
        FROM master.payment_channels c
        WHERE c.id = p_channel AND c.for_stations AND c.state = 'active' AND p_cents BETWEEN c.min_cents AND c.max_cents
        RETURNING p.fee_cents, (SELECT c.fee_rate FROM master.payment_channels c WHERE c.id = p.channel_id)
        INTO fee_cents, fee_rate;
END $$;

-- Credits a payment that the master has collected: the buyer's wallet, and the station's money at the master. Only what the
-- master's own row says is paid, to the buyer for whom it was opened, once. Raises KM404.
CREATE FUNCTION master.post_collected(p_no text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me int := master.current_tenant();
    v_paid master.payments;
    v_replayed boolean;
BEGIN
    SELECT * INTO v_paid FROM master.payments
        WHERE no = p_no AND purpose = 'collect' AND subject = me || ':' || p_no AND state = 'paid';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the master has not collected %', p_no USING ERRCODE = 'KM404';
    END IF;
    SELECT replayed INTO v_replayed FROM master.ledger_post(
        me, 'collect:' || p_no, 'collect', p_no,
        ARRAY[0, 0, me, me, me],
        ARRAY['master_bank', 'master_revenue', 'collected', 'gateway', 'wallet'],
        ARRAY[v_paid.channel_id::text, 'collecting', '', 'master:' || v_paid.channel_id, v_paid.buyer_id::text],
        ARRAY[-v_paid.amount_cents, v_paid.fee_cents, v_paid.amount_cents - v_paid.fee_cents,
              -v_paid.amount_cents, v_paid.amount_cents]);
    RETURN v_replayed;
END $$;

-- What may still be given back for an order: its revenue on the ledger, less all that went back before.
CREATE FUNCTION master.refundable(p_tenant int, p_order uuid) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(sum(e.amount_cents), 0)::bigint
    FROM master.ledger_transfers t JOIN master.ledger_entries e ON e.transfer_id = t.id
    JOIN master.ledger_accounts a ON a.id = e.account_id AND a.tenant_id = p_tenant AND a.kind = 'revenue'
    WHERE t.ref = p_order::text AND t.tenant_id = p_tenant
$$;

-- Gives back some of what a delivered order cost. To the wallet (`p_channel` and `p_payment` NULL), to the station's own
-- gateway (`p_channel`), or by the master's, which then takes it from what it holds for the station: collected first, then
-- earnings, then the deposit. KM404: beyond what was charged; KM402: the station's money at the master does not cover it.
CREATE FUNCTION master.post_refund(p_refund uuid, p_order uuid, p_cents bigint, p_channel text, p_payment text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me int := master.current_tenant();
    v_buyer text;
    v_channel int;
    v_collected bigint; v_earnings bigint; v_deposit bigint;
    v_replayed boolean;
BEGIN
    IF (p_cents >= 1) IS NOT TRUE OR p_refund IS NULL THEN
        RAISE EXCEPTION 'a refund of % cents', p_cents USING ERRCODE = '22023';
    END IF;
    PERFORM master.order_lock(p_order);
    IF master.refundable(me, p_order) < p_cents THEN
        RAISE EXCEPTION 'order % was not charged that much', p_order USING ERRCODE = 'KM404';
    END IF;
    IF p_channel IS NULL AND p_payment IS NULL THEN
        SELECT a.owner INTO v_buyer FROM master.ledger_transfers t
            JOIN master.ledger_entries e ON e.transfer_id = t.id
            JOIN master.ledger_accounts a ON a.id = e.account_id AND a.kind = 'wallet'
            WHERE t.key = 'sale:' || p_order AND t.tenant_id = me;
        SELECT replayed INTO v_replayed FROM master.ledger_post(
            me, 'refund:' || p_refund, 'refund', p_order::text,
            ARRAY[me, me], ARRAY['revenue', 'wallet'], ARRAY['', v_buyer], ARRAY[-p_cents, p_cents]);
    ELSIF p_payment IS NULL THEN
        SELECT replayed INTO v_replayed FROM master.ledger_post(
            me, 'refund:' || p_refund, 'refund', p_order::text,
            ARRAY[me, me], ARRAY['revenue', 'gateway'], ARRAY['', p_channel], ARRAY[-p_cents, p_cents]);
    ELSE
        UPDATE master.payments SET refunded_cents = refunded_cents + p_cents
            WHERE no = p_payment AND purpose = 'collect' AND subject = me || ':' || p_payment AND state = 'paid'
              AND refunded_cents + p_cents <= amount_cents
            RETURNING channel_id INTO v_channel;
        IF v_channel IS NULL THEN
            RAISE EXCEPTION 'payment % does not hold that much', p_payment USING ERRCODE = 'KM404';
        END IF;
        SELECT coalesce(sum(balance_cents) FILTER (WHERE kind = 'collected'), 0),
               coalesce(sum(balance_cents) FILTER (WHERE kind = 'earnings'), 0),
               coalesce(sum(balance_cents) FILTER (WHERE kind = 'deposit'), 0)
            INTO v_collected, v_earnings, v_deposit
            FROM master.ledger_accounts
            WHERE tenant_id = me AND kind IN ('collected', 'earnings', 'deposit') AND owner = '';
        IF v_collected + v_earnings + v_deposit < p_cents THEN
            RAISE EXCEPTION 'collected' USING ERRCODE = 'KM402';
        END IF;
        v_collected := least(p_cents, v_collected);
        v_earnings := least(p_cents - v_collected, v_earnings);
        SELECT replayed INTO v_replayed FROM master.ledger_post(
            me, 'refund:' || p_refund, 'refund', p_order::text,
            ARRAY[me, me, me, me, me, 0],
            ARRAY['revenue', 'gateway', 'collected', 'earnings', 'deposit', 'master_bank'],
            ARRAY['', 'master:' || v_channel, '', '', '', v_channel::text],
            ARRAY[-p_cents, p_cents, -v_collected, -v_earnings, -(p_cents - v_collected - v_earnings), p_cents]);
        INSERT INTO master.collect_refunds (id, tenant_id, payment_no, amount_cents)
            VALUES (p_refund, me, p_payment, p_cents);
    END IF;
    IF v_replayed THEN
        RAISE EXCEPTION 'refund % has been made before', p_refund USING ERRCODE = 'KM411';
    END IF;
END $$;

-- Takes back the booking of a refund that a gateway has refused. By the master's channel: only if the master says so. What is
-- in a wallet stays there. Raises KM404.
CREATE FUNCTION master.undo_refund(p_refund uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me int := master.current_tenant();
    v_done master.ledger_transfers;
    v_asked master.collect_refunds;
    v_replayed boolean;
    v_tenants int[]; v_kinds text[]; v_owners text[]; v_amounts bigint[];
BEGIN
    SELECT * INTO v_done FROM master.ledger_transfers WHERE key = 'refund:' || p_refund AND tenant_id = me;
    SELECT * INTO v_asked FROM master.collect_refunds WHERE id = p_refund;
    SELECT array_agg(a.tenant_id ORDER BY e.line), array_agg(a.kind ORDER BY e.line),
           array_agg(a.owner ORDER BY e.line), array_agg(-e.amount_cents ORDER BY e.line)
        INTO v_tenants, v_kinds, v_owners, v_amounts
        FROM master.ledger_entries e JOIN master.ledger_accounts a ON a.id = e.account_id
        WHERE e.transfer_id = v_done.id;
    IF ('gateway' = ANY (v_kinds)) IS NOT TRUE OR v_asked.state <> 'failed' THEN
        RAISE EXCEPTION 'refund % stands', p_refund USING ERRCODE = 'KM404';
    END IF;
    SELECT replayed INTO v_replayed FROM master.ledger_post(
        me, 'refund_undo:' || p_refund, 'refund_undo', v_done.ref, v_tenants, v_kinds, v_owners, v_amounts, v_done.id);
    IF NOT v_replayed AND v_asked.id IS NOT NULL THEN
        UPDATE master.payments SET refunded_cents = refunded_cents - v_asked.amount_cents WHERE no = v_asked.payment_no;
    END IF;
    RETURN v_replayed;
END $$;

-- How the master's half of a refund stands.
CREATE FUNCTION master.own_collect_refund(p_refund uuid, OUT state text, OUT detail text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.state, r.detail FROM master.collect_refunds r WHERE r.id = p_refund AND r.tenant_id = master.current_tenant()
$$;

-- The master agrees to bear the wholesale of an order, or some of it. Raises KM404 beyond what it took.
CREATE FUNCTION master.give_back_wholesale(p_tenant int, p_order uuid, p_key text, p_cents bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_taken bigint;
    v_replayed boolean;
BEGIN
    IF (p_cents >= 1) IS NOT TRUE THEN
        RAISE EXCEPTION 'wholesale of % cents', p_cents USING ERRCODE = '22023';
    END IF;
    PERFORM master.order_lock(p_order);
    SELECT coalesce(sum(e.amount_cents), 0) INTO v_taken
        FROM master.ledger_transfers t JOIN master.ledger_entries e ON e.transfer_id = t.id
        JOIN master.ledger_accounts a ON a.id = e.account_id AND a.kind = 'master_revenue'
        WHERE t.ref = p_order::text AND t.tenant_id = p_tenant;
    IF v_taken < p_cents AND NOT EXISTS (SELECT 1 FROM master.ledger_transfers WHERE key = 'wholesale_back:' || p_key) THEN
        RAISE EXCEPTION 'order % did not bring that much', p_order USING ERRCODE = 'KM404';
    END IF;
    SELECT replayed INTO v_replayed FROM master.ledger_post(
        p_tenant, 'wholesale_back:' || p_key, 'wholesale_back', p_order::text,
        ARRAY[0, p_tenant], ARRAY['master_revenue', 'deposit'], ARRAY['', ''], ARRAY[-p_cents, p_cents]);
    RETURN v_replayed;
END $$;

-- What of a station's collected money is ripe: what flowed in and out of it by sales before `p_day`, less what left it since by
-- other ways. Never more than is there. In cents; needs the days before `p_day` to be rolled up, else NULL.
CREATE FUNCTION master.ripe_cents(p_tenant int, p_day date) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH parted (kinds) AS (VALUES (ARRAY['release', 'refund', 'refund_undo'])),
    summed AS (
        SELECT d.credit_cents - d.debit_cents AS cents FROM master.ledger_daily d, parted
        WHERE d.tenant_id = p_tenant AND d.account = 'collected' AND (d.day < p_day OR d.transfer = ANY (parted.kinds))
    ), fresh AS (
        SELECT e.amount_cents AS cents FROM parted, master.ledger_rolled r, master.ledger_accounts a
        JOIN master.ledger_entries e ON e.account_id = a.id
        JOIN master.ledger_transfers t ON t.id = e.transfer_id
        WHERE a.tenant_id = p_tenant AND a.kind = 'collected' AND a.owner = ''
          AND e.created_at >= master.day_begins(r.until) AND t.kind = ANY (parted.kinds)
    )
    SELECT greatest(0, least(
        (SELECT coalesce(sum(cents), 0) FROM (SELECT cents FROM summed UNION ALL SELECT cents FROM fresh) AS ripe),
        (SELECT coalesce(sum(a.balance_cents), 0) FROM master.ledger_accounts a
         WHERE a.tenant_id = p_tenant AND a.kind = 'collected' AND a.owner = '')))::bigint
    FROM master.ledger_rolled WHERE until >= p_day
$$;

-- Releases what is ripe, once for each day. In cents.
CREATE FUNCTION master.release_collected(p_tenant int, p_day date) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_ripe bigint;
    v_replayed boolean;
BEGIN
    IF EXISTS (SELECT 1 FROM master.ledger_transfers WHERE key = 'release:' || p_tenant || ':' || p_day) THEN
        RETURN 0;
    END IF;
    v_ripe := master.ripe_cents(p_tenant, p_day);
    IF coalesce(v_ripe, 0) = 0 THEN
        RETURN 0;
    END IF;
    SELECT replayed INTO v_replayed FROM master.ledger_post(
        p_tenant, 'release:' || p_tenant || ':' || p_day, 'release', p_day::text,
        ARRAY[p_tenant, p_tenant], ARRAY['collected', 'earnings'], ARRAY['', ''], ARRAY[-v_ripe, v_ripe]);
    RETURN CASE WHEN v_replayed THEN 0 ELSE v_ripe END;
END $$;

CREATE FUNCTION master.terms_of(
    p_tenant int, OUT hold_days int, OUT least_cents bigint, OUT daily_cents bigint, OUT fee_rate numeric, OUT fee_cents bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(o.hold_days, d.hold_days), coalesce(o.least_cents, d.least_cents),
           coalesce(o.daily_cents, d.daily_cents), coalesce(o.fee_rate, d.fee_rate), coalesce(o.fee_cents, d.fee_cents)
    FROM master.settlement_terms d LEFT JOIN master.settlement_terms o ON o.tenant_id = p_tenant
    WHERE d.tenant_id = 0
$$;
CREATE FUNCTION master.own_terms(
    OUT hold_days int, OUT least_cents bigint, OUT daily_cents bigint, OUT fee_rate numeric, OUT fee_cents bigint,
    OUT asked_today_cents bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.*, (SELECT coalesce(sum(p.amount_cents), 0)::bigint FROM master.payouts p
                 WHERE p.tenant_id = master.current_tenant() AND p.state IN ('requested', 'paid')
                   AND p.created_at >= master.day_begins(master.business_day(now())))
    FROM master.terms_of(master.current_tenant()) t
$$;

-- A withdrawal is asked for: earnings wait in 'payout'. False when this form was sent before. Raises KM412 with `least`,
-- `daily` or `fee`; the commit raises KM402.
CREATE FUNCTION master.ask_payout(
    p_id uuid, p_no text, p_cents bigint, p_method text, p_account bytea, p_key text, p_by text, p_note text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me int := master.current_tenant();
    v_terms record;
    v_fee bigint;
    v_broken text;
BEGIN
    IF p_cents IS NULL THEN
        RAISE EXCEPTION 'a withdrawal of nothing' USING ERRCODE = '22023';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('payouts:' || me, 7));
    IF EXISTS (SELECT 1 FROM master.payouts WHERE tenant_id = me AND request_key = p_key) THEN
        RETURN false;
    END IF;
    SELECT * INTO v_terms FROM master.own_terms();
    v_fee := round(p_cents * v_terms.fee_rate) + v_terms.fee_cents;
    v_broken := CASE WHEN p_cents < v_terms.least_cents THEN 'least'
                     WHEN p_cents + v_terms.asked_today_cents > v_terms.daily_cents THEN 'daily'
                     WHEN v_fee >= p_cents THEN 'fee' END;
    IF v_broken IS NOT NULL THEN
        RAISE EXCEPTION '%', v_broken USING ERRCODE = 'KM412';
    END IF;
    INSERT INTO master.payouts (id, no, tenant_id, amount_cents, fee_cents, method, account, request_key, asked_by, note)
        VALUES (p_id, p_no, me, p_cents, v_fee, p_method, p_account, p_key, p_by, p_note);
    PERFORM master.ledger_post(
        me, 'payout:' || p_id, 'payout', p_no,
        ARRAY[me, me], ARRAY['earnings', 'payout'], ARRAY['', ''], ARRAY[-p_cents, p_cents]);
    RETURN true;
END $$;

-- Ends a withdrawal that waits without paying it, and gives the money back to the earnings: for whoever has checked whose it is.
CREATE FUNCTION master.end_payout(p_id uuid, p_tenant int, p_state text, p_by text, p_reason text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_ended master.payouts;
BEGIN
    UPDATE master.payouts SET state = p_state, decided_by = p_by, reason = p_reason, decided_at = now()
        WHERE id = p_id AND tenant_id = p_tenant AND state = 'requested' RETURNING * INTO v_ended;
    IF v_ended.id IS NULL THEN
        RETURN false;
    END IF;
    PERFORM master.ledger_post(
        p_tenant, 'payout_back:' || p_id, 'payout_back', v_ended.no,
        ARRAY[p_tenant, p_tenant], ARRAY['payout', 'earnings'], ARRAY['', ''],
        ARRAY[-v_ended.amount_cents, v_ended.amount_cents]);
    RETURN true;
END $$;
CREATE FUNCTION master.cancel_payout(p_id uuid, p_by text) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT master.end_payout(p_id, master.current_tenant(), 'cancelled', p_by, '')
$$;
CREATE FUNCTION master.decline_payout(p_id uuid, p_tenant int, p_by text, p_reason text) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT master.end_payout(p_id, p_tenant, 'declined', p_by, p_reason)
$$;

-- Earnings pay in to the deposit. False when this form was sent before; the commit raises KM402.
CREATE FUNCTION master.earnings_to_deposit(p_key text, p_cents bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me int := master.current_tenant();
    v_replayed boolean;
BEGIN
    IF (p_cents >= 1) IS NOT TRUE THEN
        RAISE EXCEPTION 'a payment of % cents', p_cents USING ERRCODE = '22023';
    END IF;
    SELECT replayed INTO v_replayed FROM master.ledger_post(
        me, 'to_deposit:' || me || ':' || p_key, 'to_deposit', p_key,
        ARRAY[me, me], ARRAY['earnings', 'deposit'], ARRAY['', ''], ARRAY[-p_cents, p_cents]);
    RETURN NOT v_replayed;
END $$;

GRANT SELECT, INSERT, UPDATE, DELETE ON master.settlement_terms TO @{master};
GRANT SELECT, UPDATE ON master.collect_refunds, master.payouts TO @{master};
GRANT SELECT ON master.payouts, master.ledger_daily, master.ledger_rolled TO @{master}, @{tenants};
REVOKE ALL ON FUNCTION master.roll_up_ledger, master.lent_channels, master.open_collect, master.post_collected,
    master.refundable, master.post_refund, master.undo_refund, master.own_collect_refund, master.give_back_wholesale,
    master.ripe_cents, master.release_collected, master.terms_of, master.own_terms, master.ask_payout, master.end_payout,
    master.cancel_payout, master.decline_payout, master.earnings_to_deposit FROM PUBLIC;
GRANT EXECUTE ON FUNCTION master.roll_up_ledger, master.give_back_wholesale, master.ripe_cents, master.release_collected,
    master.terms_of, master.decline_payout TO @{master};
GRANT EXECUTE ON FUNCTION master.lent_channels, master.open_collect, master.post_collected, master.post_refund,
    master.undo_refund, master.own_collect_refund, master.own_terms, master.ask_payout, master.cancel_payout,
    master.earnings_to_deposit TO @{tenants};

ALTER TABLE master.ledger_daily ENABLE ROW LEVEL SECURITY;
ALTER TABLE master.payouts ENABLE ROW LEVEL SECURITY;
CREATE POLICY master_all ON master.ledger_daily TO @{master} USING (true);
CREATE POLICY master_all ON master.payouts TO @{master} USING (true);
CREATE POLICY own_rows ON master.ledger_daily TO @{tenants} USING (tenant_id = master.current_tenant());
CREATE POLICY own_rows ON master.payouts TO @{tenants} USING (tenant_id = master.current_tenant());
