-- Keys of the machines that buy.

-- A downstream shop buys as one of the station's buyers, from his wallet, with a key that signs its requests.
CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    buyer_id uuid NOT NULL REFERENCES buyers,
    name text NOT NULL CHECK (name <> ''),
    key text NOT NULL UNIQUE,
    secret bytea NOT NULL,              -- sealed: a signature can only be checked with the secret itself
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at timestamptz,                -- to the minute
    revoked_at timestamptz
);
CREATE INDEX api_keys_buyer ON api_keys (buyer_id);

-- The protocol numbers orders with integers; ours have none.
CREATE TABLE api_orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key_id uuid NOT NULL REFERENCES api_keys,
    order_no text NOT NULL,
    downstream_no text NOT NULL,        -- empty: the caller gave none
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX api_orders_downstream ON api_orders (key_id, downstream_no) WHERE downstream_no <> '';
CREATE UNIQUE INDEX api_orders_order ON api_orders (key_id, order_no);
