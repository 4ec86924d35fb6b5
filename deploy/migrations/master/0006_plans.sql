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
