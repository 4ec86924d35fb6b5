-- Payment channels as owners arrange them, and refunds.

-- Of settlement 'master' the channel is the master's: no address, merchant or key is kept here.
ALTER TABLE payment_channels
    ADD COLUMN position int NOT NULL DEFAULT 0,
    ADD COLUMN min_cents bigint NOT NULL DEFAULT 1 CHECK (min_cents >= 1),
    ADD COLUMN max_cents bigint NOT NULL DEFAULT 5000000,
    ADD COLUMN devices text NOT NULL DEFAULT 'all' CHECK (devices IN ('all', 'phone', 'desktop')),
    ADD CONSTRAINT payment_channels_range CHECK (min_cents <= max_cents),
    ADD CONSTRAINT payment_channels_of_master CHECK ((settlement = 'master') = (master_channel_id IS NOT NULL));

-- Money given back for an order that was delivered. `pending`: the gateway is to be asked; `unknown`: it was, and nobody knows
-- what came of it. What the order says of its money counts these as given back until they have failed.
CREATE TABLE refunds (
    id uuid PRIMARY KEY,
    order_id uuid NOT NULL,
    order_no text NOT NULL,
    amount_cents bigint NOT NULL CHECK (amount_cents > 0),
    destination text NOT NULL CHECK (destination IN ('wallet', 'channel')),
    payment_no text NOT NULL DEFAULT '',        -- by which it goes back
    settlement text NOT NULL DEFAULT 'own' CHECK (settlement IN ('own', 'master')),
    reason text NOT NULL DEFAULT '',
    state text NOT NULL CHECK (state IN ('pending', 'unknown', 'done', 'failed')),
    detail text NOT NULL DEFAULT '',            -- what the gateway said
    request_key text NOT NULL UNIQUE,
    made_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    settled_at timestamptz,
    CHECK (destination = 'wallet' OR payment_no <> '')
);
CREATE INDEX refunds_order ON refunds (order_id, created_at);
CREATE INDEX refunds_when ON refunds (created_at DESC);
CREATE INDEX refunds_open ON refunds (created_at) WHERE state IN ('pending', 'unknown');
