-- One sub-station. Runs with the search path on the tenant's own schema; names no other.

CREATE TABLE buyers (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('guest', 'member')),
    login text,
    name text NOT NULL DEFAULT '',
    contact text NOT NULL DEFAULT '',
    password_hash text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK (kind = 'guest' OR (login IS NOT NULL AND password_hash IS NOT NULL))
);
CREATE UNIQUE INDEX buyers_login ON buyers (lower(login));

CREATE TABLE products (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    good_id bigint NOT NULL,            -- the master's good; no foreign key leaves the schema
    name text NOT NULL CHECK (name <> ''),
    summary text NOT NULL DEFAULT '',
    description text NOT NULL DEFAULT '',
    usage_note text NOT NULL DEFAULT '',
    price numeric(14, 4) NOT NULL CHECK (price > 0),    -- yuan for one unit
    min_quantity int NOT NULL DEFAULT 1 CHECK (min_quantity >= 1),
    max_quantity int NOT NULL DEFAULT 10 CHECK (max_quantity BETWEEN min_quantity AND 1000),
    state text NOT NULL DEFAULT 'on_sale' CHECK (state IN ('on_sale', 'hidden')),
    position int NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX products_shown ON products (state, position, id);

CREATE TABLE orders (
    id uuid PRIMARY KEY,
    no text NOT NULL UNIQUE,
    buyer_id uuid NOT NULL,
    request_key text NOT NULL,          -- the same form sent twice is one order
    product_id bigint NOT NULL,
    good_id bigint NOT NULL,
    product_name text NOT NULL,
    usage_note text NOT NULL DEFAULT '',
    contact text NOT NULL DEFAULT '',
    quantity int NOT NULL CHECK (quantity > 0),
    unit_price numeric(14, 4) NOT NULL,
    total_cents bigint NOT NULL CHECK (total_cents > 0),
    wholesale_price numeric(14, 4) NOT NULL,
    wholesale_cents bigint NOT NULL CHECK (wholesale_cents > 0),
    pay_method text NOT NULL,           -- 'wallet' or a payment channel
    state text NOT NULL CHECK (state IN ('unpaid', 'paid', 'waiting', 'delivered', 'expired', 'refunded')),
    reason text NOT NULL DEFAULT '',    -- why it waits or ended
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    paid_at timestamptz,
    delivered_at timestamptz,
    CHECK ((state IN ('unpaid', 'expired')) = (paid_at IS NULL)),
    CHECK ((state = 'delivered') = (delivered_at IS NOT NULL)),
    UNIQUE (buyer_id, request_key)
);
CREATE INDEX orders_paid ON orders (paid_at) WHERE paid_at IS NOT NULL;
CREATE INDEX orders_open ON orders (state, created_at) WHERE state IN ('unpaid', 'paid', 'waiting');

CREATE TABLE order_events (
    order_id uuid NOT NULL,             -- written with the order or after it, by the same few statements
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    state text NOT NULL,
    note text NOT NULL DEFAULT ''
);
CREATE INDEX order_events_order ON order_events (order_id, at);

CREATE TABLE payment_channels (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider text NOT NULL,             -- a key of billing.payments.adapters
    name text NOT NULL,
    base_url text NOT NULL,
    merchant_id text NOT NULL,
    secret bytea NOT NULL,              -- sealed
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused'))
);

CREATE TABLE payments (
    id uuid PRIMARY KEY,
    no text NOT NULL UNIQUE,            -- out_trade_no at the gateway
    buyer_id uuid NOT NULL,
    channel_id int NOT NULL REFERENCES payment_channels,
    purpose text NOT NULL CHECK (purpose IN ('topup', 'order')),
    subject text NOT NULL DEFAULT '',   -- the order's number
    amount_cents bigint NOT NULL CHECK (amount_cents > 0),
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'paid')),
    provider_no text,
    created_at timestamptz NOT NULL DEFAULT now(),
    paid_at timestamptz,
    UNIQUE (channel_id, provider_no)
);
CREATE INDEX payments_pending ON payments (created_at) WHERE state = 'pending';
CREATE INDEX payments_subject ON payments (subject);

-- Every notice a gateway sent, believed or not.
CREATE TABLE payment_notices (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    payment_no text NOT NULL,
    outcome text NOT NULL,
    detail text NOT NULL DEFAULT '',
    address text NOT NULL DEFAULT ''
);
CREATE INDEX payment_notices_no ON payment_notices (payment_no);

CREATE TABLE card_pool (
    id uuid PRIMARY KEY,
    item_id bigint NOT NULL,
    secret bytea NOT NULL,
    fingerprint bytea NOT NULL,
    cost_cents bigint NOT NULL DEFAULT 0 CHECK (cost_cents >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (item_id, fingerprint)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
CREATE INDEX card_pool_item ON card_pool (item_id, id);
CREATE TABLE card_issued (
    id uuid PRIMARY KEY,
    item_id bigint NOT NULL,
    secret bytea NOT NULL,
    fingerprint bytea NOT NULL,
    cost_cents bigint NOT NULL DEFAULT 0,
    order_ref uuid NOT NULL,
    issued_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX card_issued_order ON card_issued (order_ref);

-- What the owner is told.
CREATE TABLE notices (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    subject text NOT NULL DEFAULT '',
    detail jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    read_at timestamptz
);
CREATE UNIQUE INDEX notices_once ON notices (kind, subject) WHERE read_at IS NULL;
