-- Plans, what they cost and allow, and applications to open a station.

-- What a station pays for being hosted, and what it may use. NULL limits are none.
CREATE TABLE master.plans (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> ''),
    price_cents bigint NOT NULL CHECK (price_cents >= 0),           -- for one period, charged to the deposit
    period_months int NOT NULL DEFAULT 1 CHECK (period_months BETWEEN 1 AND 36),
    trial_days int NOT NULL DEFAULT 0 CHECK (trial_days BETWEEN 0 AND 365),
    opening_fee_cents bigint NOT NULL DEFAULT 0 CHECK (opening_fee_cents >= 0),
    max_products int CHECK (max_products > 0),
    max_staff int CHECK (max_staff > 0),
    max_orders_month int CHECK (max_orders_month > 0),
    is_offered boolean NOT NULL DEFAULT false,                      -- visitors of the master's site may apply for it
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'retired')),
    created_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, UPDATE, DELETE ON master.plans TO @{master};

-- A station without a plan has no limits and is never overdue.
ALTER TABLE master.tenants
    ADD COLUMN plan_id int REFERENCES master.plans,
    ADD COLUMN paid_until timestamptz;                              -- end of the trial, or of the period that is paid
ALTER TABLE master.tenants
    ADD COLUMN next_plan_id int REFERENCES master.plans,            -- takes the plan's place when the period ends
    ADD COLUMN plan_reminded int,                                   -- days before the end of the newest reminder
    ADD COLUMN orders_used_up boolean NOT NULL DEFAULT false,       -- the month's orders: no new ones until the next
    ADD CONSTRAINT plan_has_an_end CHECK ((plan_id IS NULL) = (paid_until IS NULL));
CREATE INDEX tenants_paid_until ON master.tenants (paid_until) WHERE state IN ('trial', 'active', 'overdue');
CREATE INDEX tenants_plan ON master.tenants (plan_id);

-- What was charged, for which time. One row for each period, so a period is charged once. Its end is `months` calendar
-- months after `anchor`: ends are counted from there and not from each other, so 31 January, 28 February, 31 March.
CREATE TABLE master.plan_periods (
    tenant_id int NOT NULL REFERENCES master.tenants,
    began timestamptz NOT NULL,
    until timestamptz NOT NULL CHECK (until >= began),
    plan_id int NOT NULL REFERENCES master.plans,
    price_cents bigint NOT NULL CHECK (price_cents >= 0),
    credited_cents bigint NOT NULL DEFAULT 0 CHECK (credited_cents BETWEEN 0 AND price_cents),  -- it ended early
    anchor timestamptz NOT NULL,
    months int NOT NULL CHECK (months > 0),
    charged_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, began)
);

-- The orders of this month, as last counted.
CREATE TABLE master.plan_usage (
    tenant_id int PRIMARY KEY REFERENCES master.tenants,
    month date NOT NULL,                -- its first day, by the station's own calendar
    orders int NOT NULL,
    told int NOT NULL DEFAULT 0,        -- per cent that the owner was told of: 0, 80, 100
    counted_at timestamptz NOT NULL DEFAULT now(),
    next_at timestamptz NOT NULL        -- when it is counted again
);
GRANT SELECT, INSERT, UPDATE, DELETE ON master.plan_periods, master.plan_usage TO @{master};

-- What the asking tenant's plan allows; no row without a plan.
CREATE FUNCTION master.my_limits() RETURNS TABLE (max_products int, max_staff int, max_orders_month int)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 1 AS $$
    SELECT p.max_products, p.max_staff, p.max_orders_month
    FROM master.tenants t JOIN master.plans p ON p.id = t.plan_id WHERE t.id = master.current_tenant()
$$;
REVOKE ALL ON FUNCTION master.my_limits FROM PUBLIC;
GRANT EXECUTE ON FUNCTION master.my_limits TO @{tenants};

-- What applicants have paid and the master has not earned yet.
ALTER TABLE master.ledger_accounts
    DROP CONSTRAINT ledger_accounts_kind_check,
    ADD CONSTRAINT ledger_accounts_kind_check CHECK (kind IN (
        'wallet', 'deposit', 'revenue', 'gateway', 'applicant',
        'master_revenue', 'master_bank', 'supplier_cost', 'supplier_wallet', 'card_stock'));

-- Payments to the master: the tables of a tenant once more (tenant/0001_shop.sql), so that the same code serves both.
CREATE TABLE master.payment_channels (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider text NOT NULL,
    name text NOT NULL,
    base_url text NOT NULL,
    merchant_id text NOT NULL,
    secret bytea NOT NULL,              -- sealed under the master's key
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused'))
);
CREATE TABLE master.payments (
    id uuid PRIMARY KEY,
    no text NOT NULL UNIQUE,
    buyer_id uuid NOT NULL,             -- the application, or whoever of the station's staff pays in
    channel_id int NOT NULL REFERENCES master.payment_channels,
    purpose text NOT NULL CHECK (purpose IN ('opening', 'deposit')),
    subject text NOT NULL,              -- the application; the station's number
    amount_cents bigint NOT NULL CHECK (amount_cents > 0),
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'paid')),
    provider_no text,
    created_at timestamptz NOT NULL DEFAULT now(),
    paid_at timestamptz,
    UNIQUE (channel_id, provider_no)
);
CREATE INDEX payments_pending ON master.payments (created_at) WHERE state = 'pending';
CREATE INDEX payments_subject ON master.payments (subject);
CREATE TABLE master.payment_notices (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    payment_no text NOT NULL,
    outcome text NOT NULL,
    detail text NOT NULL DEFAULT '',
    address text NOT NULL DEFAULT ''
);
CREATE INDEX payment_notices_no ON master.payment_notices (payment_no);

-- How visitors may become owners: not at all, after somebody has looked at it, or at once.
CREATE TABLE master.application_settings (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    mode text NOT NULL DEFAULT 'closed' CHECK (mode IN ('closed', 'review', 'automatic')),
    tier_id int REFERENCES master.tiers,    -- what their stations pay for goods
    changed_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT open_needs_a_tier CHECK (mode = 'closed' OR tier_id IS NOT NULL)
);
INSERT INTO master.application_settings DEFAULT VALUES;

-- unpaid: the fee is to come. review: somebody decides. opening: the station is being made. blocked: it cannot be, the
-- applicant is asked for something else. open, declined, expired: over; money that comes to an expired one revives it.
CREATE TABLE master.applications (
    id uuid PRIMARY KEY,
    code text NOT NULL UNIQUE,          -- the secret of the applicant's own page
    slug text NOT NULL,
    name text NOT NULL CHECK (name <> ''),
    email text NOT NULL,
    owner_login text NOT NULL,
    owner_name text NOT NULL,
    password_hash text NOT NULL,
    plan_id int NOT NULL REFERENCES master.plans,
    fee_cents bigint NOT NULL CHECK (fee_cents >= 0),
    paid_cents bigint NOT NULL DEFAULT 0 CHECK (paid_cents >= 0),
    refunded_cents bigint NOT NULL DEFAULT 0 CHECK (refunded_cents BETWEEN 0 AND paid_cents),
    state text NOT NULL CHECK (state IN ('unpaid', 'review', 'opening', 'blocked', 'open', 'declined', 'expired')),
    reason text NOT NULL DEFAULT '',    -- blocked: a code; declined: the operator's words
    approved_by text NOT NULL DEFAULT '',
    tenant_id int UNIQUE REFERENCES master.tenants,
    address text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    state_since timestamptz NOT NULL DEFAULT now(),
    CHECK ((state = 'open') = (tenant_id IS NOT NULL))
);
CREATE INDEX applications_unpaid ON master.applications (created_at) WHERE state = 'unpaid';
CREATE INDEX applications_state ON master.applications (state, id DESC);
-- Whoever has paid, or need not, keeps the short name until it is decided.
CREATE UNIQUE INDEX applications_slug ON master.applications (slug) WHERE state IN ('review', 'opening');

GRANT SELECT, INSERT, UPDATE, DELETE ON master.payment_channels, master.payments, master.payment_notices,
    master.application_settings, master.applications TO @{master};
