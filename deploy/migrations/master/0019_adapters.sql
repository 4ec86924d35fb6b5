-- Suppliers that call back, whose keys are changed while they are asked, and whose balance is watched; and the person who
-- is a supplier.

ALTER TABLE master.suppliers
    -- part of the address that the supplier calls back; 244 random bits
    ADD COLUMN callback_token text NOT NULL
        DEFAULT replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''),
    ADD COLUMN secret_before bytea,     -- sealed; callbacks under it are heard for a day after the change
    ADD COLUMN secret_changed_at timestamptz,
    ADD COLUMN low_balance_cents bigint CHECK (low_balance_cents >= 0),     -- below it people are warned; NULL: never
    ADD COLUMN balance_cents bigint,    -- as the supplier said at balance_at; NULL: not told yet
    ADD COLUMN balance_at timestamptz;

-- The last purchases of a supplier.
CREATE INDEX purchases_of_supplier ON master.purchases (supplier_id, created_at DESC);

-- What a person has to deliver: the purchases of a supplier of the protocol `manual`.
CREATE TABLE master.manual_tasks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    supplier_id int NOT NULL REFERENCES master.suppliers,
    reference text NOT NULL UNIQUE,     -- of the purchase
    sku text NOT NULL,
    quantity int NOT NULL CHECK (quantity > 0),
    kind text NOT NULL DEFAULT 'cards' CHECK (kind IN ('cards', 'topup')),
    inputs jsonb NOT NULL DEFAULT '{}',
    max_unit_cost numeric(14, 4) NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'delivered', 'partial', 'failed')),
    claimed_by text NOT NULL DEFAULT '',
    claimed_at timestamptz,
    cards bytea[] NOT NULL DEFAULT '{}',        -- sealed under the master's key
    delivered_quantity int NOT NULL DEFAULT 0 CHECK (delivered_quantity BETWEEN 0 AND quantity),
    cost_cents bigint NOT NULL DEFAULT 0 CHECK (cost_cents >= 0),
    message text NOT NULL DEFAULT '',   -- for the buyer
    reason text NOT NULL DEFAULT '',    -- why it failed
    created_at timestamptz NOT NULL DEFAULT now(),
    settled_at timestamptz,
    settled_by text NOT NULL DEFAULT '',
    CHECK ((state = 'open') = (settled_at IS NULL)),
    CHECK (claimed_by = '' OR claimed_at IS NOT NULL)
);
CREATE INDEX manual_tasks_open ON master.manual_tasks (id) WHERE state = 'open';
CREATE INDEX manual_tasks_newest ON master.manual_tasks (state, id DESC);
GRANT SELECT, INSERT, UPDATE ON master.manual_tasks TO @{master};
